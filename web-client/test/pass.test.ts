import { describe, expect, it } from 'vitest';
import { Passes } from '../src/core/pass';
import type { Pass } from '../src/core/pass';
import { keepIn } from './fake-server';

const KEY = 'playhouse.pass';
const ada = { user: 'Ada', characterId: 'c1' };
const seat: Pass = { kind: 'seat', secret: 'abc', graceSeconds: 60 };

describe('a pass', () => {
  it('is there at once and after a reload, for its instance and whom it belongs to', () => {
    const kept = new Map<string, string>();
    const passes = new Passes(keepIn(kept), 'plaza');
    expect(passes.current).toBeUndefined();
    passes.put(seat, ada);
    for (const which of [passes, new Passes(keepIn(kept), 'plaza')]) {
      expect(which.current).toMatchObject(seat);
      expect(which.holder).toMatchObject(ada);
    }
    expect(new Passes(keepIn(kept), 'garden').current).toBeUndefined();
  });

  it('is the last one that was given', () => {
    const kept = new Map<string, string>();
    const passes = new Passes(keepIn(kept), 'plaza');
    passes.put({ kind: 'place', secret: 'first' }, ada);
    passes.put({ kind: 'ticket', secret: 'second' }, ada);
    expect(kept.size).toBe(1);
    const { current } = new Passes(keepIn(kept), 'plaza');
    expect(current).toMatchObject({ kind: 'ticket', secret: 'second', graceSeconds: undefined });
  });

  it('says what is held with it', () => {
    const passes = new Passes(keepIn(new Map()), 'plaza');
    expect(passes.held).toBeUndefined();
    for (const [kind, held] of [['ticket', 'seat'], ['seat', 'seat'], ['place', 'place']] as const) {
      passes.put({ kind, secret: 'x' }, ada);
      expect(passes.held).toBe(held);
    }
  });

  it('that was forgotten is nowhere any more', () => {
    const kept = new Map<string, string>();
    const passes = new Passes(keepIn(kept), 'plaza');
    passes.put(seat, ada);
    passes.forget();
    expect(passes.current).toBeUndefined();
    expect(kept.size).toBe(0);
  });

  it('that is not whole is none', () => {
    const whole = { ...seat, ...ada, instance: 'plaza' };
    const names = ['kind', 'secret', 'user', 'characterId', 'instance'];
    const wrong = names.map((name) => JSON.stringify({ ...whole, [name]: 7 }));
    for (const text of ['', '{', 'null', '1', ...wrong]) expect(new Passes(keepIn(new Map([[KEY, text]])), 'plaza').current).toBeUndefined();
    const odd = JSON.stringify({ ...whole, graceSeconds: 'long' });
    const { current } = new Passes(keepIn(new Map([[KEY, odd]])), 'plaza');
    expect(current).toMatchObject({ secret: 'abc', graceSeconds: undefined });
  });
});
