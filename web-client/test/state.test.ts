import { describe, expect, it } from 'vitest';
import { allIsWell, initialState, isUnderWay, reduce } from '../src/core/state';
import type { ConnectionEvent, ConnectionState } from '../src/core/state';

type Name = ConnectionState['name'];
type Type = ConnectionEvent['type'];

const states: Record<Name, ConnectionState> = {
  idle: { name: 'idle' },
  connecting: { name: 'connecting', step: 'signing_in' },
  replacement: { name: 'replacement', characterName: 'Ada', again: false },
  queued: { name: 'queued', position: 3, depth: 4, etaSeconds: 9, pushed: true, notices: allIsWell },
  active: { name: 'active', characterId: 'c', characterName: 'Ada', role: 'player', build: 'b', notices: allIsWell },
  reconnecting: { name: 'reconnecting', held: 'seat', attempt: 2, cause: 'lost', retryAt: 5, graceEndsAt: 60 },
  unavailable: { name: 'unavailable', attempt: 2, code: 'QUEUE_FULL', cause: 'full', retryAt: 5 },
  sign_in: { name: 'sign_in', held: 'seat', graceEndsAt: 60 },
  replaced: { name: 'replaced', text: 'taken over' },
  failed: { name: 'failed', code: 'SUSPENDED', text: 'no' },
  update_required: { name: 'update_required' },
};

const events = {
  started: { type: 'started', resuming: false },
  reached: { type: 'reached', step: 'entering' },
  asked: { type: 'asked', characterName: 'Bo', again: true },
  queued: { type: 'queued', position: 2, depth: 5, pushed: false, notices: allIsWell },
  welcomed: { type: 'welcomed', characterId: 'd', characterName: 'Bo', role: 'spectator', build: 'b', notices: allIsWell },
  noticed: { type: 'noticed', notices: { degraded: true } },
  lost: { type: 'lost', code: 'DRAINING', cause: 'gone', retryAt: 9 },
  retrying: { type: 'retrying' },
  sign_in_needed: { type: 'sign_in_needed', held: 'place', graceEndsAt: 70 },
  anew: { type: 'anew' },
  replaced: { type: 'replaced', text: 'taken over' },
  refused: { type: 'refused', code: 'NOT_OWNER', text: 'not yours' },
  mismatched: { type: 'mismatched', serverBuild: 'new' },
  signed_out: { type: 'signed_out' },
} as const satisfies Record<Type, ConnectionEvent>;

/** Every state with every event: where it goes; '-' where the event changes nothing. */
const table: Record<Name, Record<Type, Name | '-'>> = {
  idle: {
    started: 'connecting', reached: '-', asked: '-', queued: '-', welcomed: '-', noticed: '-', lost: '-', retrying: '-',
    sign_in_needed: '-', anew: '-', replaced: '-', refused: '-', mismatched: '-', signed_out: 'idle',
  },
  connecting: {
    started: '-', reached: 'connecting', asked: 'replacement', queued: 'queued', welcomed: 'active', noticed: '-',
    lost: 'unavailable', retrying: '-', sign_in_needed: 'sign_in', anew: 'connecting', replaced: 'replaced', refused: 'failed',
    mismatched: 'update_required', signed_out: 'idle',
  },
  replacement: {
    started: '-', reached: 'connecting', asked: '-', queued: '-', welcomed: '-', noticed: '-', lost: '-', retrying: '-',
    sign_in_needed: '-', anew: '-', replaced: '-', refused: '-', mismatched: '-', signed_out: 'idle',
  },
  queued: {
    started: '-', reached: 'connecting', asked: 'replacement', queued: 'queued', welcomed: 'active', noticed: 'queued',
    lost: 'unavailable', retrying: '-', sign_in_needed: 'sign_in', anew: 'connecting', replaced: 'replaced', refused: 'failed',
    mismatched: 'update_required', signed_out: 'idle',
  },
  active: {
    started: '-', reached: '-', asked: '-', queued: '-', welcomed: 'active', noticed: 'active', lost: 'unavailable',
    retrying: '-', sign_in_needed: 'sign_in', anew: '-', replaced: 'replaced', refused: 'failed', mismatched: 'update_required', signed_out: 'idle',
  },
  reconnecting: {
    started: '-', reached: '-', asked: 'replacement', queued: 'queued', welcomed: 'active', noticed: '-',
    lost: 'unavailable', retrying: 'reconnecting', sign_in_needed: 'sign_in', anew: 'connecting', replaced: 'replaced', refused: 'failed',
    mismatched: 'update_required', signed_out: 'idle',
  },
  unavailable: {
    started: '-', reached: '-', asked: 'replacement', queued: 'queued', welcomed: 'active', noticed: '-',
    lost: 'unavailable', retrying: 'unavailable', sign_in_needed: 'sign_in', anew: '-', replaced: 'replaced', refused: 'failed',
    mismatched: 'update_required', signed_out: 'idle',
  },
  sign_in: {
    started: 'connecting', reached: '-', asked: '-', queued: '-', welcomed: '-', noticed: '-', lost: '-', retrying: '-',
    sign_in_needed: '-', anew: '-', replaced: '-', refused: '-', mismatched: '-', signed_out: 'idle',
  },
  replaced: {
    started: 'connecting', reached: '-', asked: '-', queued: '-', welcomed: '-', noticed: '-', lost: '-', retrying: '-',
    sign_in_needed: '-', anew: '-', replaced: '-', refused: '-', mismatched: '-', signed_out: 'idle',
  },
  failed: {
    started: 'connecting', reached: '-', asked: '-', queued: '-', welcomed: '-', noticed: '-', lost: '-', retrying: '-',
    sign_in_needed: '-', anew: '-', replaced: '-', refused: '-', mismatched: '-', signed_out: 'idle',
  },
  update_required: {
    started: '-', reached: '-', asked: '-', queued: '-', welcomed: '-', noticed: '-', lost: '-', retrying: '-',
    sign_in_needed: '-', anew: '-', replaced: '-', refused: '-', mismatched: '-', signed_out: 'idle',
  },
};

describe('reduce', () => {
  it('starts idle', () => {
    expect(initialState).toEqual({ name: 'idle' });
  });

  for (const [from, row] of Object.entries(table)) {
    for (const [type, to] of Object.entries(row)) {
      it(`${from} + ${type} -> ${to}`, () => {
        const state = states[from as Name];
        const next = reduce(state, events[type as Type]);
        if (to === '-') expect(next).toBe(state);
        else expect(next).toMatchObject({ name: to });
      });
    }
  }

  for (const state of Object.values(states).filter(isUnderWay)) {
    for (const held of ['seat', 'place'] as const) {
      it(`${state.name} + lost -> reconnecting, when a ${held} is held`, () => {
        const attempt = state.name === 'reconnecting' || state.name === 'unavailable' ? 3 : 1;
        const lost = { ...events.lost, held, graceEndsAt: 70 };
        const next = { name: 'reconnecting', held, attempt, cause: 'gone', retryAt: 9, graceEndsAt: 70 };
        expect(reduce(state, lost)).toEqual(next);
      });
    }
  }

  it('counts the tries and says when the next one is, and why', () => {
    const next = { name: 'unavailable', attempt: 1, code: 'DRAINING', cause: 'gone', retryAt: 9 };
    expect(reduce(states.connecting, events.lost)).toEqual(next);
    expect(reduce(states.reconnecting, events.lost)).toEqual({ ...next, attempt: 3 });
    expect(reduce(states.unavailable, events.lost)).toEqual({ ...next, attempt: 3 });
  });

  it('has no countdown to a try while it is trying, and still the one to the end of the grace', () => {
    const next = { name: 'reconnecting', held: 'seat', attempt: 2, cause: 'lost', graceEndsAt: 60 };
    expect(reduce(states.reconnecting, events.retrying)).toEqual(next);
    expect(reduce(states.unavailable, events.retrying)).toMatchObject({ attempt: 2, retryAt: undefined });
  });

  it('takes over what a queue says, and forgets what it does not say any more', () => {
    const next = { name: 'queued', position: 2, depth: 5, pushed: false, notices: allIsWell };
    expect(reduce(states.queued, events.queued)).toEqual(next);
  });

  it('keeps notices beside what is there, in the room and in the queue', () => {
    expect(reduce(states.active, events.noticed)).toEqual({ ...states.active, notices: { degraded: true } });
    expect(reduce(states.queued, events.noticed)).toEqual({ ...states.queued, notices: { degraded: true } });
  });

  it('knows who comes back from who begins', () => {
    expect(reduce(states.idle, { type: 'started', resuming: true })).toEqual({ name: 'connecting', step: 'resuming' });
    expect(reduce(states.reconnecting, events.anew)).toEqual({ name: 'connecting', step: 'asking_for_a_seat' });
  });
});
