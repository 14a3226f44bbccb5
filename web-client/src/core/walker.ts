import type { Limits } from './protocol';
import type { Point } from './world';

/** Intents per second the page sends at most, whatever more the room allows. */
const SENDS_PER_SECOND = 10;
/** Share of the allowed speed that is used: network jitter must not look like speeding. */
const SPEED_SHARE = 0.92;
const STEP_MAX_SECONDS = 0.1;

/** The own character's walk: predicted at once, told to the server a few times a second. */
export class Walker {
  private position: Point;
  private target: Point | undefined;
  private heading: Point = { x: 0, y: 0 };
  private told: Point;
  private toldAt = Number.NEGATIVE_INFINITY;

  constructor(
    start: Point,
    private readonly limits: Limits,
  ) {
    this.position = start;
    this.told = start;
  }

  get at(): Point {
    return this.position;
  }

  get destination(): Point | undefined {
    return this.target;
  }

  get walking(): boolean {
    return this.target !== undefined || this.heading.x !== 0 || this.heading.y !== 0;
  }

  walkTo(point: Point): void {
    this.target = this.inside(point);
  }

  /** Direction of the keys held down, each part -1, 0 or 1; it overrules a destination. */
  steer(heading: Point): void {
    this.heading = heading;
    if (heading.x !== 0 || heading.y !== 0) this.target = undefined;
  }

  /** The server says otherwise: go on from where it says. */
  correct(point: Point): void {
    this.position = point;
    this.told = point;
  }

  /** Stands still, and the server was told where. */
  get settled(): boolean {
    return !this.walking && same(this.position, this.told);
  }

  /** The server refused the last place without saying that it is wrong: tell it again after a while. */
  tellAgain(afterMs: number, now: number): void {
    this.told = { x: Number.NaN, y: Number.NaN };
    this.toldAt = now + afterMs;
  }

  /** The place, when the server does not know it yet: for what depends on where one stands. */
  tellNow(now: number): Point | undefined {
    if (same(this.position, this.told)) return undefined;
    this.told = this.position;
    this.toldAt = now;
    return this.position;
  }

  /** Moves on; answers the place to tell the server when it is time to tell one. */
  step(seconds: number, now: number): Point | undefined {
    this.advance(Math.min(seconds, STEP_MAX_SECONDS));
    const interval = 1000 / Math.min(SENDS_PER_SECOND, this.limits.movesPerSecond);
    return now - this.toldAt < interval ? undefined : this.tellNow(now);
  }

  private advance(seconds: number): void {
    const reach = this.limits.speed * SPEED_SHARE * seconds;
    if (this.heading.x !== 0 || this.heading.y !== 0) {
      const length = Math.hypot(this.heading.x, this.heading.y);
      this.position = this.inside({
        x: this.position.x + (this.heading.x / length) * reach,
        y: this.position.y + (this.heading.y / length) * reach,
      });
      return;
    }
    if (this.target === undefined) return;
    const dx = this.target.x - this.position.x;
    const dy = this.target.y - this.position.y;
    const distance = Math.hypot(dx, dy);
    if (distance <= reach) {
      this.position = this.target;
      this.target = undefined;
      return;
    }
    this.position = { x: this.position.x + (dx / distance) * reach, y: this.position.y + (dy / distance) * reach };
  }

  private inside(point: Point): Point {
    const clamp = (value: number, max: number): number => Math.round(Math.min(max, Math.max(0, value)) * 100) / 100;
    return { x: clamp(point.x, this.limits.width), y: clamp(point.y, this.limits.height) };
  }
}

function same(a: Point, b: Point): boolean {
  return a.x === b.x && a.y === b.y;
}
