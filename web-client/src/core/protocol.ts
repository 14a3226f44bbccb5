/** The one place where the page touches what is generated from schemas/. */
export {
  CLOSE_CODES,
  ERRORS,
  REASONS,
  closeCodeOf,
  decodeCharacter,
  decodeCharacterList,
  decodeConnectResult,
  decodeDevToken,
  decodeFrame,
  decodeHttpError,
  decodeLeaveResult,
  decodeMuteResult,
  decodeQueueStatus,
  decodeSignIn,
  decodeVersionInfo,
} from '@gen/messages';
export type {
  ServerMessage,
  ClientMessage,
  EventWelcome,
  EventStateDelta,
  EventAck,
  EventError,
  IntentMove,
  IntentChat,
  IntentAction,
  MemberView,
  ItemView,
  ChatLine,
  Limits,
  Character,
  ItemAction,
  ConnectRequest,
  ConnectResult,
  DevToken,
  LeaveRequest,
  QueueStatus,
  EventAdmitted,
  EventDegraded,
  EventMaintenance,
  EventQueuePosition,
  EventReconnectToken,
  EventAuthExpiring,
  EventInactivityWarning,
  EventRefreshed,
  Changes,
  CloseCode,
  KickRequest,
  MuteRequest,
  Role,
  SignIn,
  SignInKind,
} from '@gen/messages';

import type { IntentAction, IntentChat, IntentMove } from '@gen/messages';

export type Intent = IntentMove | IntentChat | IntentAction;

/** Omit that keeps the members of a union apart. */
type WithoutId<T> = T extends unknown ? Omit<T, 'actionId'> : never;

/** An intent before the client has numbered it. */
export type Draft = WithoutId<Intent>;
