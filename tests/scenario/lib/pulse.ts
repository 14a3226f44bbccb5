// How much time was taken from this machine: a beat that comes late tells of it. For what is said of lengths of time.
import type { Owner } from "./process.ts";

const BEAT_MSEC = 20;
/** Less than this is the usual unpunctuality. */
const LATE_MSEC = 30;

export class Pulse {
  /** Spans of time that were lost, in ms of performance.now. */
  private readonly lost: { readonly from: number; readonly to: number }[] = [];
  private last = performance.now();

  constructor(owner: Owner) {
    const timer = setInterval(() => this.beat(), BEAT_MSEC);
    owner.after(async () => clearInterval(timer));
  }

  /** How much of that span this machine ran, in ms. */
  between(from: number, to: number): number {
    this.beat(); // one may be late just now
    const lost = this.lost.map((span) => Math.min(to, span.to) - Math.max(from, span.from));
    return to - from - lost.reduce((sum, ms) => sum + Math.max(0, ms), 0);
  }

  private beat(): void {
    const now = performance.now();
    const due = this.last + BEAT_MSEC;
    if (now - due > LATE_MSEC) {
      this.lost.push({ from: due, to: now });
    }
    this.last = now;
  }
}
