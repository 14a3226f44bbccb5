// The messages of /ws, as the generator writes them from schemas/ into the release build.
export type {
  Character,
  ChatLine,
  ClientMessage,
  ConnectRequest,
  ConnectResult,
  EventAck as Ack,
  EventAdmitted as Admitted,
  EventError as Refusal,
  EventQueuePosition as Position,
  EventStateDelta as Delta,
  EventWelcome as Welcome,
  Health,
  HttpError,
  InstanceChange,
  InstanceInfo,
  IntentAction,
  IntentChat,
  IntentMove,
  ItemView,
  KickRequest,
  LeaveRequest,
  Limits,
  MemberView,
  QueueStatus,
  Reason,
  ServerMessage,
  SessionView,
} from "../../../build/release/gen/messages.ts";
export { decodeClientMessage, decodeMessages, decodeServerMessage } from "../../../build/release/gen/messages.ts";

import type {
  ConnectRequest,
  IntentAction,
  IntentChat,
  IntentMove,
  ServerMessage,
} from "../../../build/release/gen/messages.ts";

export type Format = "json" | "msgpack";
export type Intent = IntentMove | IntentChat | IntentAction;
export type MessageOf<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

/** A connect as the tests write it: of the right build and at the default instance, unless said otherwise. */
export type ConnectWish = Partial<ConnectRequest> & { instance?: string };
