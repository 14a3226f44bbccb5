// When each of many had a seat for certain, as seen from outside: from the answer that gave it to the moment of letting
// go of it. What the server counts is at least that.

export class Spans {
  private readonly changes: [number, number][] = [];
  private readonly spans: { who: string; from: number; to: number }[] = [];

  /** From `from` to `to`, in ms. */
  add(from: number, to: number, who = "somebody"): void {
    this.changes.push([from, 1], [to, -1]);
    this.spans.push({ who, from, to });
  }

  /** Who had one when there were more than so many, since and until when: to find out what went wrong. */
  over(limit: number): string {
    let now = 0;
    const [at] = this.changes.sort(([a, x], [b, y]) => a - b || x - y).find(([, by]) => (now += by) > limit) ?? [0];
    const there = this.spans.filter(({ from, to }) => from <= at && to > at).sort((a, b) => a.to - b.to);
    return there.map(({ who, from, to }) => `${who} from ${(from - at).toFixed()} to ${(to - at).toFixed()}`).join(", ");
  }

  /** How many there were at once, at most. */
  most(): number {
    let [now, most] = [0, 0];
    for (const [, by] of this.changes.sort(([a, x], [b, y]) => a - b || x - y)) {
      now += by;
      most = Math.max(most, now);
    }
    return most;
  }
}
