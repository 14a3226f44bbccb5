import { asRefusal } from './api';
import type { Refusal } from './api';
import type { Desk } from './desk';
import type { Surroundings } from './parts';
import type { QueueStatus } from './protocol';

/** How often the place in the queue is asked for when there is no socket. */
export const POLL_MS = 5_000;
/** After so many polls a socket is tried again. */
export const POLLS_PER_SOCKET = 3;

export interface PlaceEvents {
  /** One waits in the queue already. */
  waits(): boolean;
  onPlaceGone(): void;
  /** Where one stands; 1 is next. */
  onPlace(status: QueueStatus): void;
  /** A seat is held: the token of the place is good for it. */
  onSeat(): void;
  /** It is not asked again before it is started anew. */
  onRefusal(refusal: Refusal): void;
  onSocketDue(): void;
}

/** The place in the queue for who has no socket: asked for over HTTP, again and again. */
export class Place {
  /** Rises when it stops, so that an answer that comes later is ignored. */
  private turn = 0;
  private polls = 0;
  private cancel = (): void => {};

  constructor(
    private readonly desk: Desk,
    private readonly around: Surroundings,
    private readonly events: PlaceEvents,
  ) {}

  /** Asks after `ms`, and from then on every POLL_MS. */
  askAfter(ms: number, characterId: string): void {
    this.cancel();
    this.cancel = this.around.after(ms, () => void this.ask(characterId));
  }

  stop(): void {
    this.cancel();
    this.turn += 1;
  }

  async ask(characterId: string): Promise<void> {
    const turn = this.turn;
    try {
      const status = await this.desk.whereInQueue(characterId);
      if (turn === this.turn) this.onStatus(status, characterId);
    } catch (error) {
      if (turn === this.turn) this.onRefusal(asRefusal(error), characterId);
    }
  }

  private onRefusal(refusal: Refusal, characterId: string): void {
    if (refusal.code === 'NOT_FOUND') this.events.onPlaceGone();
    else if (this.events.waits() && refusal.transient && refusal.code !== 'UNREACHABLE') this.askAfter(POLL_MS, characterId);
    else this.events.onRefusal(refusal);
  }

  private onStatus(status: QueueStatus, characterId: string): void {
    if (status.position === 0) {
      this.events.onSeat();
      return;
    }
    this.events.onPlace(status);
    this.polls += 1;
    if (this.polls % POLLS_PER_SOCKET === 0) this.events.onSocketDue();
    else this.askAfter(POLL_MS, characterId);
  }
}
