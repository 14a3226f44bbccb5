/** Where the page stands with the server: one union, one pure reducer. */
import type { Role } from './protocol';

export type ConnectionStep = 'signing_in' | 'resuming' | 'asking_for_a_seat' | 'entering';

/** What the server keeps for who is not connected just now: a seat, or a place in the queue. */
export type Held = 'seat' | 'place';

export interface Maintenance {
  /** When sessions end; absent: not said. Of the same clock as all times here. */
  readonly endsAt?: number | undefined;
  readonly message?: string | undefined;
}

/** Something that happens by itself then, unless the person does something. Of the same clock. */
export interface Deadline {
  readonly endsAt: number;
}

/** What those are let know who are in, or wait. */
export interface Notices {
  readonly degraded: boolean;
  readonly maintenance?: Maintenance | undefined;
  /** The session ends for want of anything done. */
  readonly inactivity?: Deadline | undefined;
  /** The sign-in runs out, and cannot be renewed without the person. */
  readonly signIn?: Deadline | undefined;
}

export const allIsWell: Notices = { degraded: false };

export type ConnectionState =
  | { readonly name: 'idle'; readonly notice?: string | undefined }
  | { readonly name: 'connecting'; readonly step: ConnectionStep }
  | Replacement
  | Queued
  | Active
  | Reconnecting
  | Unavailable
  | SignInNeeded
  | { readonly name: 'replaced'; readonly text: string }
  | { readonly name: 'failed'; readonly code: string; readonly text: string }
  | { readonly name: 'update_required'; readonly serverBuild?: string | undefined };

/** The character plays elsewhere; nothing happens before the person has decided. */
export interface Replacement {
  readonly name: 'replacement';
  readonly characterName: string;
  /** It was confirmed before, too late. */
  readonly again: boolean;
}

export interface Queued {
  readonly name: 'queued';
  /** 1 is next. */
  readonly position?: number | undefined;
  readonly depth?: number | undefined;
  readonly etaSeconds?: number | undefined;
  /** False: there is no socket, and the position is asked for every few seconds. */
  readonly pushed: boolean;
  readonly notices: Notices;
}

export interface Active {
  readonly name: 'active';
  readonly characterId: string;
  readonly characterName: string;
  readonly role: Role;
  readonly build: string;
  readonly notices: Notices;
}

/** The connection is gone and something is held; without retryAt a try is under way. */
export interface Reconnecting {
  readonly name: 'reconnecting';
  readonly held: Held;
  readonly attempt: number;
  readonly cause: string;
  readonly retryAt?: number | undefined;
  /** Until when it is held, as far as the page can tell; the server has the last word. */
  readonly graceEndsAt?: number | undefined;
}

/** The sign-in has run out and only the person can renew it; then it goes on with what is held. */
export interface SignInNeeded {
  readonly name: 'sign_in';
  readonly held?: Held | undefined;
  readonly graceEndsAt?: number | undefined;
}

/** Not in, and nothing is held; without retryAt a try is under way. */
export interface Unavailable {
  readonly name: 'unavailable';
  readonly attempt: number;
  readonly code: string;
  readonly cause: string;
  readonly retryAt?: number | undefined;
}

export type ConnectionEvent =
  | { readonly type: 'started'; readonly resuming: boolean }
  | { readonly type: 'reached'; readonly step: ConnectionStep }
  | ({ readonly type: 'asked' } & Omit<Replacement, 'name'>)
  | ({ readonly type: 'queued' } & Omit<Queued, 'name'>)
  | ({ readonly type: 'welcomed' } & Omit<Active, 'name'>)
  | { readonly type: 'noticed'; readonly notices: Notices }
  | Lost
  | { readonly type: 'retrying' }
  | ({ readonly type: 'sign_in_needed' } & Omit<SignInNeeded, 'name'>)
  | { readonly type: 'anew' }
  | { readonly type: 'replaced'; readonly text: string }
  | { readonly type: 'refused'; readonly code: string; readonly text: string }
  | { readonly type: 'mismatched'; readonly serverBuild?: string | undefined }
  | { readonly type: 'signed_out'; readonly notice?: string | undefined };

/** The connection, or the try for one, is over; the next try is planned. */
interface Lost {
  readonly type: 'lost';
  readonly code: string;
  readonly cause: string;
  readonly retryAt: number;
  /** Absent: nothing is held. */
  readonly held?: Held | undefined;
  readonly graceEndsAt?: number | undefined;
}

export const initialState: ConnectionState = { name: 'idle' };

/** An event that a state does not know leaves it as it is. */
export function reduce(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  switch (event.type) {
    case 'started':
      return onStarted(state, event.resuming);
    case 'reached':
      return onReached(state, event.step);
    case 'asked':
      if (!isSeeking(state)) return state;
      return { name: 'replacement', characterName: event.characterName, again: event.again };
    case 'queued':
      return onQueued(state, event);
    case 'welcomed':
      return onWelcomed(state, event);
    case 'noticed':
      return state.name === 'active' || state.name === 'queued' ? { ...state, notices: event.notices } : state;
    case 'lost':
      return onLost(state, event);
    case 'retrying':
      return onRetrying(state);
    case 'sign_in_needed':
      return isUnderWay(state) ? { name: 'sign_in', held: event.held, graceEndsAt: event.graceEndsAt } : state;
    case 'anew':
      if (!isSeeking(state) || state.name === 'unavailable') return state;
      return { name: 'connecting', step: 'asking_for_a_seat' };
    case 'replaced':
      return isUnderWay(state) ? { name: 'replaced', text: event.text } : state;
    case 'refused':
      return isUnderWay(state) ? { name: 'failed', code: event.code, text: event.text } : state;
    case 'mismatched':
      return isUnderWay(state) ? { name: 'update_required', serverBuild: event.serverBuild } : state;
    case 'signed_out':
      return { name: 'idle', notice: event.notice };
  }
}

/** True while the client itself is doing or waiting for something, and not the person. */
export function isUnderWay(state: ConnectionState): boolean {
  return isSeeking(state) || state.name === 'active';
}

/** Under way, and not in the room yet or any more. */
function isSeeking(state: ConnectionState): boolean {
  return ['connecting', 'queued', 'reconnecting', 'unavailable'].includes(state.name);
}

function onStarted(state: ConnectionState, resuming: boolean): ConnectionState {
  if (!['idle', 'failed', 'replaced', 'sign_in'].includes(state.name)) return state;
  return { name: 'connecting', step: resuming ? 'resuming' : 'signing_in' };
}

/** Who comes back, or tries again and again, sees that until it has worked. */
function onReached(state: ConnectionState, step: ConnectionStep): ConnectionState {
  const shown = state.name === 'connecting' || state.name === 'queued' || state.name === 'replacement';
  return shown ? { name: 'connecting', step } : state;
}

function onQueued(state: ConnectionState, event: Omit<Queued, 'name'>): ConnectionState {
  if (!isSeeking(state)) return state;
  const { position, depth, etaSeconds, pushed, notices } = event;
  return { name: 'queued', position, depth, etaSeconds, pushed, notices };
}

function onWelcomed(state: ConnectionState, event: Omit<Active, 'name'>): ConnectionState {
  if (!isUnderWay(state)) return state;
  const { characterId, characterName, role, build, notices } = event;
  return { name: 'active', characterId, characterName, role, build, notices };
}

/** Whoever has something held comes back to it; whoever has not is told that there is no way in just now. */
function onLost(state: ConnectionState, event: Lost): ConnectionState {
  if (!isUnderWay(state)) return state;
  const { held, code, cause, retryAt, graceEndsAt } = event;
  const attempt = state.name === 'reconnecting' || state.name === 'unavailable' ? state.attempt + 1 : 1;
  if (held !== undefined) return { name: 'reconnecting', held, attempt, cause, retryAt, graceEndsAt };
  return { name: 'unavailable', attempt, code, cause, retryAt };
}

function onRetrying(state: ConnectionState): ConnectionState {
  if (state.name !== 'reconnecting' && state.name !== 'unavailable') return state;
  return { ...state, retryAt: undefined };
}
