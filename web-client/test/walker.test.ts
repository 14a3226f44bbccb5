import { describe, expect, it } from 'vitest';
import { Walker } from '../src/core/walker';
import { limits } from './fake-server';

/** Walks for a number of frames of 16 ms and collects what the server would be told. */
function walk(walker: Walker, frames: number, from = 0): { at: number; x: number; y: number }[] {
  const told = [];
  for (let frame = 1; frame <= frames; frame += 1) {
    const at = from + frame * 16;
    const place = walker.step(0.016, at);
    if (place !== undefined) told.push({ at, ...place });
  }
  return told;
}

describe('walker', () => {
  it('arrives, tells the last place, and then is silent', () => {
    const walker = new Walker({ x: 500, y: 500 }, limits);
    walker.walkTo({ x: 560, y: 500 });
    const told = walk(walker, 60);
    expect(told.at(-1)).toMatchObject({ x: 560, y: 500 });
    expect(walker.settled).toBe(true);
    expect(walk(walker, 60, 960)).toEqual([]);
  });

  it('tells at most ten places a second and never runs faster than is allowed', () => {
    const walker = new Walker({ x: 0, y: 0 }, limits);
    walker.walkTo({ x: 1000, y: 1000 });
    const told = walk(walker, 125);
    expect(told.length).toBeGreaterThan(12);
    for (const [index, place] of told.entries()) {
      const before = told[index - 1];
      if (before === undefined) continue;
      expect(place.at - before.at).toBeGreaterThanOrEqual(100);
      const speed = Math.hypot(place.x - before.x, place.y - before.y) / ((place.at - before.at) / 1000);
      expect(speed).toBeLessThan(limits.speed);
    }
  });

  it('keeps to a slower room', () => {
    const walker = new Walker({ x: 0, y: 0 }, { ...limits, movesPerSecond: 2 });
    walker.steer({ x: 1, y: 0 });
    expect(walk(walker, 125).length).toBeLessThanOrEqual(5);
  });

  it('stays on the plane', () => {
    const walker = new Walker({ x: 995, y: 5 }, limits);
    walker.steer({ x: 1, y: -1 });
    walk(walker, 60);
    expect(walker.at).toEqual({ x: 1000, y: 0 });
    walker.steer({ x: 0, y: 0 });
    walker.walkTo({ x: -50, y: 2000 });
    expect(walker.destination).toEqual({ x: 0, y: 1000 });
  });

  it('a frame that comes late is no leap', () => {
    const walker = new Walker({ x: 0, y: 0 }, limits);
    walker.steer({ x: 1, y: 0 });
    walker.step(30, 30_000);
    expect(walker.at.x).toBeLessThanOrEqual(limits.speed * 0.1);
  });

  it('tells a refused place again, after the time the server asks for', () => {
    const walker = new Walker({ x: 0, y: 0 }, limits);
    walker.walkTo({ x: 10, y: 0 });
    walk(walker, 60);
    walker.tellAgain(500, 960);
    const told = walk(walker, 60, 960);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ x: 10, y: 0 });
    expect(told[0]?.at).toBeGreaterThanOrEqual(1460);
  });
});
