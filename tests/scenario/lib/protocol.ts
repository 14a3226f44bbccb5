// The messages of /ws, as the generator writes them from schemas/ into the release build.
export type {
  Character,
  ChatLine,
  ClientMessage,
  ConnectResult,
  EventAck as Ack,
  EventError as Refusal,
  EventStateDelta as Delta,
  EventWelcome as Welcome,
  IntentAction,
  IntentChat,
  IntentMove,
  ItemView,
  Limits,
  MemberView,
  ServerMessage,
} from "../../../build/release/gen/messages.ts";
export { decodeClientMessage, decodeMessages, decodeServerMessage } from "../../../build/release/gen/messages.ts";

import type { IntentAction, IntentChat, IntentMove, ServerMessage } from "../../../build/release/gen/messages.ts";

export type Format = "json" | "msgpack";
export type Intent = IntentMove | IntentChat | IntentAction;
export type MessageOf<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;
