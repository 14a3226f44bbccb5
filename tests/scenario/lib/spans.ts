// When each of many had a seat for certain, as seen from outside: from the answer that gave it to the moment of letting
// go of it. What the server counts is at least that.

export class Spans {
  private readonly changes: [number, number][] = [];

  /** From `from` to `to`, in ms. */
  add(from: number, to: number): void {
    this.changes.push([from, 1], [to, -1]);
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
