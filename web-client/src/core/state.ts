/** Where the page stands with the server: one union, one pure reducer. */
export type ConnectionStep = 'signing_in' | 'asking_for_a_seat' | 'entering';

export type ConnectionState =
  | { readonly name: 'idle'; readonly notice?: string }
  | { readonly name: 'connecting'; readonly step: ConnectionStep }
  | { readonly name: 'active'; readonly characterId: string; readonly characterName: string; readonly build: string }
  | { readonly name: 'reconnecting'; readonly attempt: number; readonly cause: string; readonly retryAt?: number }
  | { readonly name: 'unavailable'; readonly attempt: number; readonly cause: string; readonly retryAt?: number }
  | { readonly name: 'failed'; readonly code: string; readonly text: string }
  | { readonly name: 'update_required'; readonly serverBuild?: string };

export type ConnectionEvent =
  | { readonly type: 'started' }
  | { readonly type: 'reached'; readonly step: ConnectionStep }
  | { readonly type: 'welcomed'; readonly characterId: string; readonly characterName: string; readonly build: string }
  | { readonly type: 'lost'; readonly cause: string; readonly retryAt: number }
  | { readonly type: 'retrying' }
  | { readonly type: 'refused'; readonly code: string; readonly text: string }
  | { readonly type: 'mismatched'; readonly serverBuild?: string }
  | { readonly type: 'signed_out'; readonly notice?: string };

export const initialState: ConnectionState = { name: 'idle' };

/** An event that a state does not know leaves it as it is. */
export function reduce(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  switch (event.type) {
    case 'started':
      return state.name === 'idle' || state.name === 'failed' ? { name: 'connecting', step: 'signing_in' } : state;
    case 'reached':
      return state.name === 'connecting' ? { name: 'connecting', step: event.step } : state;
    case 'welcomed':
      return onWelcomed(state, event);
    case 'lost':
      return onLost(state, event.cause, event.retryAt);
    case 'retrying':
      return onRetrying(state);
    case 'refused':
      return isUnderWay(state) ? { name: 'failed', code: event.code, text: event.text } : state;
    case 'mismatched':
      if (!isUnderWay(state)) return state;
      return { name: 'update_required', ...(event.serverBuild === undefined ? {} : { serverBuild: event.serverBuild }) };
    case 'signed_out':
      return { name: 'idle', ...(event.notice === undefined ? {} : { notice: event.notice }) };
  }
}

/** True while the client itself is doing or waiting for something. */
export function isUnderWay(state: ConnectionState): boolean {
  return state.name !== 'idle' && state.name !== 'failed' && state.name !== 'update_required';
}

function onWelcomed(
  state: ConnectionState,
  event: Extract<ConnectionEvent, { type: 'welcomed' }>,
): ConnectionState {
  if (!isUnderWay(state)) return state;
  return { name: 'active', characterId: event.characterId, characterName: event.characterName, build: event.build };
}

/** Who was in the room reconnects to it; who never was is told that the server is not available. */
function onLost(state: ConnectionState, cause: string, retryAt: number): ConnectionState {
  switch (state.name) {
    case 'active':
      return { name: 'reconnecting', attempt: 1, cause, retryAt };
    case 'reconnecting':
      return { name: 'reconnecting', attempt: state.attempt + 1, cause, retryAt };
    case 'connecting':
      return { name: 'unavailable', attempt: 1, cause, retryAt };
    case 'unavailable':
      return { name: 'unavailable', attempt: state.attempt + 1, cause, retryAt };
    default:
      return state;
  }
}

function onRetrying(state: ConnectionState): ConnectionState {
  if (state.name !== 'reconnecting' && state.name !== 'unavailable') return state;
  return { name: state.name, attempt: state.attempt, cause: state.cause };
}
