// Random numbers under a seed (mulberry32), so that a failing run can be repeated with PLAYHOUSE_SEED.
export class Random {
  private state: number;

  constructor(readonly seed: number) {
    this.state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.next() * list.length)];
  }
}

/** PLAYHOUSE_SEED, or a new one; printed either way. */
export function seedOfThisRun(): number {
  const given = process.env["PLAYHOUSE_SEED"];
  const seed = given === undefined ? Math.floor(Math.random() * 0xffffffff) : Number(given);
  console.log(`seed ${seed} (repeat with PLAYHOUSE_SEED=${seed})`);
  return seed;
}
