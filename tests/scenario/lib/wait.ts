// Waiting for conditions, with bounds. Nothing here waits for a length of time and hopes. A bound is one of time that this
// machine ran: when it was taken from us for a while, everything we wait for stood still too.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

/** Into so many parts a bound is cut; one part is what time that was lost at once may cost of it. */
const PARTS = 20;

/** A length of time, in ms, that is over after `ms` in which this process ran. */
class Bound {
  private left: number;
  private seen = performance.now();

  constructor(private readonly ms: number) {
    this.left = ms;
  }

  get part(): number {
    return this.ms / PARTS;
  }

  /** To be asked at least once in a part. */
  isOver(): boolean {
    const now = performance.now();
    this.left -= Math.min(now - this.seen, 2 * this.part);
    this.seen = now;
    return this.left <= 0;
  }
}

/** Resolves as `promise` does, or fails after `ms`, saying what did not happen. */
export async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  const bound = new Bound(ms);
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    const late = (): unknown => reject(new Error(`did not happen in ${ms} ms: ${what}`));
    timer = setInterval(() => bound.isOver() && late(), bound.part);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearInterval(timer);
  }
}

/** Asks again and again until the answer is neither undefined nor false; fails after `ms`, saying what did not come. */
export async function eventually<T>(
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  ms = 15_000,
): Promise<T> {
  const bound = new Bound(ms);
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) {
      return answer;
    }
    if (bound.isOver()) {
      throw new Error(`did not happen in ${ms} ms: ${what}`);
    }
    await pause(10);
  }
}

/** Looks again and again until nothing fails; after `ms` it fails as it did last. */
export async function holds<T>(look: () => Promise<T>, ms = 15_000): Promise<T> {
  const bound = new Bound(ms);
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (!(error instanceof assert.AssertionError) || bound.isOver()) {
        throw error;
      }
    }
    await pause(10);
  }
}
