/** Rolling percentiles over the last acks. */
export const LATENCY_WINDOW = 200;

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly count: number;
}

export class Latency {
  private readonly samples: number[] = [];
  private next = 0;

  add(ms: number): void {
    this.samples[this.next] = ms;
    this.next = (this.next + 1) % LATENCY_WINDOW;
  }

  /** Undefined until there is something to measure from. */
  read(): Percentiles | undefined {
    if (this.samples.length === 0) return undefined;
    const sorted = this.samples.toSorted((a, b) => a - b);
    return { p50: rank(sorted, 0.5), p95: rank(sorted, 0.95), count: sorted.length };
  }
}

/** Nearest rank: the smallest sample that at least `share` of all samples do not exceed. */
function rank(sorted: readonly number[], share: number): number {
  const index = Math.max(0, Math.ceil(share * sorted.length) - 1);
  return sorted[index] ?? 0;
}
