import { asRefusal } from './api';
import type { Line } from './line';
import type { Parts } from './parts';

/** A queue that says nothing for so long is asked over HTTP whether it is still there. */
export const QUIET_MS = 30_000;
/** How long the news of a seat may be on its way when HTTP knows of it already. */
export const NEWS_MS = 3_000;

export interface DoubtEvents {
  /** One waits in the queue. */
  waits(): boolean;
  onServerGone(): void;
  onPlaceGone(): void;
  /** A seat is held, and the connection does not say so. */
  onNewsLate(): void;
}

/** A connection that says nothing: asks over HTTP whether there is anything at its other end. */
export class Doubt {
  constructor(
    private readonly parts: Pick<Parts, 'api' | 'desk'>,
    private readonly line: Line,
    private readonly events: DoubtEvents,
  ) {}

  async check(characterId: string): Promise<void> {
    const { link } = this.line;
    const waited = this.events.waits();
    try {
      const place = waited ? await this.parts.desk.whereInQueue(characterId) : undefined;
      if (!waited) await this.parts.api.version();
      if (link !== this.line.link || place === undefined || !this.events.waits()) return;
      if (place.position > 0) this.again(characterId);
      else this.line.watch(NEWS_MS, () => this.events.onNewsLate());
    } catch (error) {
      if (link === this.line.link) this.onRefusal(asRefusal(error).code, characterId);
    }
  }

  /** A server that answers at all, if only that it is busy, is there. */
  private onRefusal(code: string, characterId: string): void {
    if (code === 'UNREACHABLE') this.events.onServerGone();
    else if (!this.events.waits()) return;
    else if (code === 'NOT_FOUND') this.events.onPlaceGone();
    else this.again(characterId);
  }

  private again(characterId: string): void {
    this.line.watch(QUIET_MS, () => void this.check(characterId));
  }
}
