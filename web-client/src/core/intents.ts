import type { Link } from './link';
import type { Hooks, Surroundings } from './parts';
import { Pending } from './pending';
import type { Draft, EventAck, EventError } from './protocol';

/** Intents that may wait for their ack; more are refused before they are sent. */
export const PENDING_MAX = 32;
/** A connection that leaves an intent unanswered for so long is given up. */
export const ACK_TIMEOUT_MS = 8_000;

/** What was wanted and is not acknowledged yet, over one connection and the next. */
export class Intents {
  private readonly pending = new Pending(PENDING_MAX);
  private link: Link | undefined;
  private cancelWatch = (): void => {};

  constructor(
    private readonly around: Surroundings,
    private readonly hooks: Pick<Hooks, 'onAck' | 'onError'>,
    /** The server does not answer any more. */
    private readonly onSilence: () => void,
  ) {}

  /** In the room: what was not acknowledged is sent again, in order, in one frame, under the same numbers. */
  resume(link: Link, lastActionId: number): void {
    this.link = link;
    this.pending.raise(lastActionId);
    const unacknowledged = this.pending.resend(this.around.now());
    if (unacknowledged.length > 0) link.send(...unacknowledged);
    this.watch();
  }

  /** The connection is gone. */
  pause(): void {
    this.cancelWatch();
    this.link = undefined;
  }

  /** Nothing of it is sent again. */
  forget(): void {
    this.pending.clear();
  }

  /** Numbers and sends; false when there is no session or too many wait for their ack. */
  send(draft: Draft): boolean {
    if (this.link === undefined || this.pending.full) return false;
    this.link.send(this.pending.add(draft, this.around.now()));
    this.watch();
    return true;
  }

  onAck(ack: EventAck): void {
    const entry = this.pending.settle(ack.actionId);
    if (entry !== undefined) this.hooks.onAck(ack, entry.intent, this.around.now() - entry.sentAt);
    this.watch();
  }

  onError(error: EventError): void {
    const entry = error.actionId === undefined ? undefined : this.pending.settle(error.actionId);
    this.hooks.onError(error, entry?.intent);
    this.watch();
  }

  /** Waits for the oldest unacknowledged one, if there is one. */
  private watch(): void {
    this.cancelWatch();
    const since = this.pending.oldestSentAt;
    if (since === undefined || this.link === undefined) return;
    const left = Math.max(0, since + ACK_TIMEOUT_MS - this.around.now());
    this.cancelWatch = this.around.after(left, this.onSilence);
  }
}
