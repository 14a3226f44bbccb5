// Waiting for conditions, with bounds. Nothing here waits for a length of time and hopes.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

/** Resolves as `promise` does, or fails after `within` ms, saying what did not happen. */
export async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not happen in ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again and again until the answer is neither undefined nor false; fails after `ms`, saying what did not come. */
export async function eventually<T>(
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  ms = 15_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) {
      return answer;
    }
    if (performance.now() > deadline) {
      throw new Error(`did not happen in ${ms} ms: ${what}`);
    }
    await pause(10);
  }
}

/** Looks again and again until nothing fails; after `ms` it fails as it did last. */
export async function holds<T>(look: () => Promise<T>, ms = 15_000): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (!(error instanceof assert.AssertionError) || performance.now() > deadline) {
        throw error;
      }
    }
    await pause(10);
  }
}
