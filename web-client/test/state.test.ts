import { describe, expect, it } from 'vitest';
import { initialState, reduce } from '../src/core/state';
import type { ConnectionEvent, ConnectionState } from '../src/core/state';

const states: Record<ConnectionState['name'], ConnectionState> = {
  idle: { name: 'idle' },
  connecting: { name: 'connecting', step: 'signing_in' },
  active: { name: 'active', characterId: 'c', characterName: 'Ada', build: 'b' },
  reconnecting: { name: 'reconnecting', attempt: 2, cause: 'lost', retryAt: 5 },
  unavailable: { name: 'unavailable', attempt: 2, cause: 'full', retryAt: 5 },
  failed: { name: 'failed', code: 'SUSPENDED', text: 'no' },
  update_required: { name: 'update_required' },
};

const events: Record<ConnectionEvent['type'], ConnectionEvent> = {
  started: { type: 'started' },
  reached: { type: 'reached', step: 'entering' },
  welcomed: { type: 'welcomed', characterId: 'd', characterName: 'Bo', build: 'b' },
  lost: { type: 'lost', cause: 'gone', retryAt: 9 },
  retrying: { type: 'retrying' },
  refused: { type: 'refused', code: 'NOT_OWNER', text: 'not yours' },
  mismatched: { type: 'mismatched', serverBuild: 'new' },
  signed_out: { type: 'signed_out' },
};

/** Every state with every event: where it goes; '-' where the event changes nothing. */
const table: Record<ConnectionState['name'], Record<ConnectionEvent['type'], ConnectionState['name'] | '-'>> = {
  idle: { started: 'connecting', reached: '-', welcomed: '-', lost: '-', retrying: '-', refused: '-', mismatched: '-', signed_out: 'idle' },
  connecting: { started: '-', reached: 'connecting', welcomed: 'active', lost: 'unavailable', retrying: '-', refused: 'failed', mismatched: 'update_required', signed_out: 'idle' },
  active: { started: '-', reached: '-', welcomed: 'active', lost: 'reconnecting', retrying: '-', refused: 'failed', mismatched: 'update_required', signed_out: 'idle' },
  reconnecting: { started: '-', reached: '-', welcomed: 'active', lost: 'reconnecting', retrying: 'reconnecting', refused: 'failed', mismatched: 'update_required', signed_out: 'idle' },
  unavailable: { started: '-', reached: '-', welcomed: 'active', lost: 'unavailable', retrying: 'unavailable', refused: 'failed', mismatched: 'update_required', signed_out: 'idle' },
  failed: { started: 'connecting', reached: '-', welcomed: '-', lost: '-', retrying: '-', refused: '-', mismatched: '-', signed_out: 'idle' },
  update_required: { started: '-', reached: '-', welcomed: '-', lost: '-', retrying: '-', refused: '-', mismatched: '-', signed_out: 'idle' },
};

describe('reduce', () => {
  it('starts idle', () => {
    expect(initialState).toEqual({ name: 'idle' });
  });

  for (const [from, row] of Object.entries(table)) {
    for (const [type, to] of Object.entries(row)) {
      it(`${from} + ${type} -> ${to}`, () => {
        const state = states[from as ConnectionState['name']];
        const next = reduce(state, events[type as ConnectionEvent['type']]);
        if (to === '-') expect(next).toBe(state);
        else expect(next).toMatchObject({ name: to });
      });
    }
  }

  it('counts the tries and says when the next one is', () => {
    expect(reduce(states.active, events.lost)).toEqual({ name: 'reconnecting', attempt: 1, cause: 'gone', retryAt: 9 });
    expect(reduce(states.reconnecting, events.lost)).toMatchObject({ attempt: 3, retryAt: 9 });
    expect(reduce(states.unavailable, events.lost)).toMatchObject({ attempt: 3, retryAt: 9 });
  });

  it('has no countdown while it is trying', () => {
    expect(reduce(states.reconnecting, events.retrying)).not.toHaveProperty('retryAt');
    expect(reduce(states.unavailable, events.retrying)).not.toHaveProperty('retryAt');
  });
});
