import { describe, expect, it } from 'vitest';
import { BACKOFF_CAP_MS, LAST_TRY_MS, backoffDelay, withinGrace } from '../src/core/backoff';
import { LATENCY_WINDOW, Latency } from '../src/core/latency';
import { Motion } from '../src/core/motion';
import { Camera } from '../src/scene/camera';
import { wrapText } from '../src/scene/labels';
import { about, describe as say, remaining, sentence, wait } from '../src/ui/words';

describe('latency', () => {
  it('says nothing before there is a measurement', () => {
    expect(new Latency().read()).toBeUndefined();
  });

  it('gives nearest ranks', () => {
    const latency = new Latency();
    for (let ms = 100; ms >= 1; ms -= 1) latency.add(ms);
    expect(latency.read()).toEqual({ p50: 50, p95: 95, count: 100 });
  });

  it('forgets what is older than its window', () => {
    const latency = new Latency();
    latency.add(9999);
    for (let n = 0; n < LATENCY_WINDOW; n += 1) latency.add(3);
    expect(latency.read()).toEqual({ p50: 3, p95: 3, count: LATENCY_WINDOW });
  });
});

describe('back-off', () => {
  it('has full jitter below a ceiling that doubles up to the cap', () => {
    expect(backoffDelay(1, 0)).toBe(0);
    expect(backoffDelay(1, 0.5)).toBe(400);
    expect(backoffDelay(3, 0.5)).toBe(1600);
    expect(backoffDelay(50, 1)).toBe(BACKOFF_CAP_MS);
  });

  it('never comes before the server asked', () => {
    expect(backoffDelay(1, 0, 5000)).toBe(5000);
  });

  it('does not sleep through the end of the grace', () => {
    expect(withinGrace(9000, 60_000)).toBe(9000);
    expect(withinGrace(9000, 8000)).toBe(8000 - LAST_TRY_MS);
    expect(withinGrace(9000, LAST_TRY_MS)).toBe(9000);
    expect(withinGrace(9000, -5000)).toBe(9000);
    expect(withinGrace(9000, 8000, 7000)).toBe(7000);
  });
});

describe('motion', () => {
  it('walks straight from one known place to the next', () => {
    const motion = new Motion();
    motion.aim('a', { x: 0, y: 0 }, 0);
    motion.aim('a', { x: 10, y: 20 }, 100);
    expect(motion.at('a', 100)).toEqual({ x: 0, y: 0 });
    expect(motion.at('a', 155)?.x).toBeCloseTo(5);
    expect(motion.at('a', 155)?.y).toBeCloseTo(10);
    expect(motion.walking('a', 155)).toBe(true);
    expect(motion.at('a', 400)).toEqual({ x: 10, y: 20 });
    expect(motion.walking('a', 400)).toBe(false);
  });

  it('jumps where nobody can have walked, and forgets who has left', () => {
    const motion = new Motion();
    motion.aim('a', { x: 0, y: 0 }, 0);
    motion.aim('a', { x: 900, y: 0 }, 50);
    expect(motion.at('a', 51)).toEqual({ x: 900, y: 0 });
    motion.keepOnly(new Set());
    expect(motion.at('a', 60)).toBeUndefined();
  });
});

describe('camera', () => {
  const none = { top: 0, right: 0, bottom: 0, left: 0 };
  const plane = { width: 1000, height: 1000 };

  it('shows the whole plane in the free part of a large screen, and maps there and back', () => {
    const camera = new Camera({ width: 1400, height: 900 }, plane, { ...none, right: 400 }, { x: 0, y: 0 });
    expect(camera.scale).toBe(0.9);
    expect(camera.toScreen({ x: 500, y: 500 })).toEqual({ x: 500, y: 450 });
    const back = camera.toPlane(camera.toScreen({ x: 123, y: 456 }));
    expect(back.x).toBeCloseTo(123);
    expect(back.y).toBeCloseTo(456);
  });

  it('follows on a small screen and stops at the edge', () => {
    const middle = new Camera({ width: 300, height: 300 }, plane, none, { x: 500, y: 500 });
    expect(middle.toScreen({ x: 500, y: 500 })).toEqual({ x: 150, y: 150 });
    const corner = new Camera({ width: 300, height: 300 }, plane, none, { x: 0, y: 0 });
    expect(corner.toScreen({ x: 0, y: 0 }).x).toBeLessThan(60);
  });
});

describe('texts', () => {
  const measure = (part: string): number => part.length;

  it('wraps at blanks and within words that are too long', () => {
    expect(wrapText('one two three', 8, 4, measure)).toEqual(['one two', 'three']);
    expect(wrapText('abcdefghij', 4, 4, measure)).toEqual(['abcd', 'efgh', 'ij']);
  });

  it('ends in an ellipsis what has too many lines', () => {
    expect(wrapText('a b c d', 1, 2, measure)).toEqual(['a', 'b…']);
  });

  it('makes sentences of the texts of the schemas', () => {
    expect(sentence('the server is too busy')).toBe('The server is too busy.');
  });

  it('says how long it takes as people do, and nothing where nobody knows', () => {
    expect([10, 60, 125, 5400, 9000].map(about)).toEqual([
      'less than a minute',
      'about a minute',
      'about 2 minutes',
      'about 2 hours',
      'about 3 hours',
    ]);
    const queued = { name: 'queued', pushed: true, notices: { degraded: false } } as const;
    expect(wait(queued)).toBe('Nobody can say yet how long it takes.');
    expect(wait({ ...queued, etaSeconds: 0 })).toBe('It should take less than a minute.');
    expect(say(queued)).toBe('Waiting in the queue');
    expect(say({ ...queued, position: 3, depth: 7 })).toBe('Waiting, number 3 of 7');
  });

  it('counts down', () => {
    expect([-1, 0, 1, 99_000, 100_000, 125_000].map(remaining)).toEqual(['0 s', '0 s', '1 s', '99 s', '1:40 min', '2:05 min']);
  });
});
