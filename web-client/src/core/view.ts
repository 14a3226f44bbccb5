import type { EventStateDelta, EventWelcome } from './protocol';
import { applyDelta, worldFromWelcome } from './world';
import type { World } from './world';

/** What a join says of what its client still has, so that only the rest need be sent. */
export interface Known {
  readonly roomVersion: number;
  readonly lastSequence: number;
}

/** The room as far as this page has been told; it outlives a drop of the connection, and not the page. */
export class View {
  private world: World | undefined;
  private lastSequence = 0;

  get known(): Known | undefined {
    return this.world && { roomVersion: this.world.version, lastSequence: this.lastSequence };
  }

  /** The room as it is now; undefined, and nothing is known any more, when the welcome does not fit what was known. */
  welcome(welcome: EventWelcome): World | undefined {
    this.world = worldFromWelcome(welcome, this.world);
    this.lastSequence = welcome.sequence;
    return this.world;
  }

  /** The room after it; undefined when there is none. */
  delta(delta: EventStateDelta): World | undefined {
    this.world = this.world && applyDelta(this.world, delta);
    return this.world;
  }

  acknowledged(sequence: number): void {
    this.lastSequence = Math.max(this.lastSequence, sequence);
  }

  forget(): void {
    this.world = undefined;
    this.lastSequence = 0;
  }
}
