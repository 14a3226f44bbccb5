import type { ConnectionState, Queued } from '../core/state';

/** What a card says; without a text of its own the server's. */
export interface Headline {
  readonly title: string;
  readonly text?: string;
}

const UNAVAILABLE: Readonly<Record<string, Headline>> = {
  DRAINING: {
    title: 'The gate is closed to newcomers',
    text: 'Whoever is inside may stay, and whoever waits is let in; nobody new for now.',
  },
  MAINTENANCE: { title: 'The plaza is being repaired' },
  QUEUE_FULL: { title: 'Even the queue is full', text: 'Every place is taken, and as many wait as may wait.' },
  ROOM_FULL: { title: 'There is no room left', text: 'Every place on the plaza is taken.' },
  RATE_LIMITED: { title: 'A little slower, please', text: 'Too many attempts have failed.' },
  ROLE_CHANGED: { title: 'What you may do here has changed', text: 'You come in again, with what you may do now.' },
  ALREADY_IN_SESSION: { title: 'You are on the plaza already', text: 'Leave there, and you are let in here.' },
};

const FAILED: Readonly<Record<string, Headline>> = {
  KICKED: { title: 'You were asked to leave', text: 'A moderator or an operator has ended this visit.' },
  INACTIVE: {
    title: 'You were away for a while',
    text: 'Nothing was done for so long that the visit has ended. Your things are kept for you.',
  },
  OFFER_EXPIRED: { title: 'Your turn has passed', text: 'A place was free for you, and nobody took it in time.' },
  CHARACTER_CHANGED: { title: 'You came as somebody else' },
};

/** Failures after which going in again at once is a sensible wish. */
const AGAIN: Readonly<Record<string, string>> = { OFFER_EXPIRED: 'Queue again', INACTIVE: 'Join again' };

export const whyUnavailable = (code: string): Headline => UNAVAILABLE[code] ?? { title: 'The gate is shut just now' };
export const whyFailed = (code: string): Headline => FAILED[code] ?? { title: 'That did not work' };
export const goAgain = (code: string): string | undefined => AGAIN[code];

/** Texts of the schemas begin small and have no full stop. */
export function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/u.test(whole) ? whole : `${whole}.`;
}

/** A wait as people say it. */
export function about(seconds: number): string {
  if (seconds < 50) return 'less than a minute';
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return minutes === 1 ? 'about a minute' : `about ${minutes} minutes`;
  return `about ${Math.round(minutes / 60)} hours`;
}

/** What is left until a time, counted down. */
export function remaining(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} min`;
}

/** How long it may take; never a guess where the server has none. */
export function wait({ etaSeconds }: Queued): string {
  return etaSeconds === undefined ? 'Nobody can say yet how long it takes.' : `It should take ${about(etaSeconds)}.`;
}

/** The line at the top, which is also what a screen reader says of each change. */
export function describe(state: ConnectionState): string {
  switch (state.name) {
    case 'idle':
      return 'Not signed in';
    case 'connecting':
      return 'Connecting';
    case 'replacement':
      return 'Playing in another place: take over or cancel?';
    case 'queued':
      return inQueue(state);
    case 'active':
      return state.role === 'spectator' ? `Watching as ${state.characterName}` : `Here as ${state.characterName}`;
    case 'reconnecting':
      return `Connection lost, coming back (try ${state.attempt})`;
    case 'unavailable':
      return `Not available, trying again (try ${state.attempt})`;
    case 'sign_in':
      return 'Sign in again to go on';
    case 'replaced':
      return 'Taken over from another place';
    case 'failed':
      return 'Refused';
    case 'update_required':
      return 'Update required';
  }
}

function inQueue({ position, depth }: Queued): string {
  if (position === undefined) return 'Waiting in the queue';
  return depth === undefined ? `Waiting, number ${position}` : `Waiting, number ${position} of ${depth}`;
}
