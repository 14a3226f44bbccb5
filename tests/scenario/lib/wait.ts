// Waiting for conditions, with bounds. Nothing here waits for a length of time and hopes. A bound is one of time that this
// machine ran: when it was taken from us for a while, everything we wait for stood still too.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

/** Into so many parts a bound is cut; one part is what time that was lost at once may cost of it. */
const PARTS = 20;

/** A length of time, in ms, that is over after `ms` in which this process ran: an interval that is late comes once. */
class Bound {
  private left = PARTS;
  private readonly timer: NodeJS.Timeout;

  constructor(ms: number, late: () => void = () => undefined) {
    this.timer = setInterval(() => --this.left === 0 && late(), ms / PARTS);
  }

  get isOver(): boolean {
    return this.left <= 0;
  }

  end(): void {
    clearInterval(this.timer);
  }
}

/** Resolves as `promise` does, or fails after `ms`, saying what did not happen. */
export async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let bound: Bound | undefined;
  const late = new Promise<never>((_, reject) => {
    bound = new Bound(ms, () => reject(new Error(`did not happen in ${ms} ms: ${what}`)));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    bound?.end();
  }
}

/** Asks again and again until the answer is neither undefined nor false; fails after `ms`, saying what did not come. */
export async function eventually<T>(
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  ms = 15_000,
): Promise<T> {
  const bound = new Bound(ms);
  try {
    for (;;) {
      const answer = await ask();
      if (answer !== undefined && answer !== false) {
        return answer;
      }
      if (bound.isOver) {
        throw new Error(`did not happen in ${ms} ms: ${what}`);
      }
      await pause(10);
    }
  } finally {
    bound.end();
  }
}

/** Looks again and again until nothing fails; after `ms` it fails as it did last. */
export async function holds<T>(look: () => Promise<T>, ms = 15_000): Promise<T> {
  const bound = new Bound(ms);
  try {
    for (;;) {
      try {
        return await look();
      } catch (error) {
        if (!(error instanceof assert.AssertionError) || bound.isOver) {
          throw error;
        }
      }
      await pause(10);
    }
  } finally {
    bound.end();
  }
}
