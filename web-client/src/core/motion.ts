import type { Point } from './world';

const STEP_MIN_MS = 60;
const STEP_MAX_MS = 260;
/** Farther than this in one update is a jump (a new session, a correction), not a walk. */
const JUMP_UNITS = 160;

interface Track {
  from: Point;
  to: Point;
  startedAt: number;
  lastsMs: number;
}

/** Where to draw the others between two deltas: a straight walk that takes as long as the last delta took to come. */
export class Motion {
  private readonly tracks = new Map<string, Track>();

  /** Says where `id` is now known to be. */
  aim(id: string, to: Point, now: number): void {
    const track = this.tracks.get(id);
    if (track === undefined) {
      this.tracks.set(id, { from: to, to, startedAt: now, lastsMs: 0 });
      return;
    }
    if (track.to.x === to.x && track.to.y === to.y) return;
    const from = this.at(id, now) ?? to;
    const jump = Math.hypot(to.x - from.x, to.y - from.y) > JUMP_UNITS;
    const lastsMs = Math.min(STEP_MAX_MS, Math.max(STEP_MIN_MS, (now - track.startedAt) * 1.1));
    this.tracks.set(id, { from: jump ? to : from, to, startedAt: now, lastsMs });
  }

  at(id: string, now: number): Point | undefined {
    const track = this.tracks.get(id);
    if (track === undefined) return undefined;
    const share = track.lastsMs > 0 ? Math.min(1, Math.max(0, (now - track.startedAt) / track.lastsMs)) : 1;
    return {
      x: track.from.x + (track.to.x - track.from.x) * share,
      y: track.from.y + (track.to.y - track.from.y) * share,
    };
  }

  walking(id: string, now: number): boolean {
    const track = this.tracks.get(id);
    if (track === undefined) return false;
    return now < track.startedAt + track.lastsMs && (track.from.x !== track.to.x || track.from.y !== track.to.y);
  }

  /** Forgets all who are not in `ids`. */
  keepOnly(ids: { has(id: string): boolean }): void {
    for (const id of this.tracks.keys()) {
      if (!ids.has(id)) this.tracks.delete(id);
    }
  }
}
