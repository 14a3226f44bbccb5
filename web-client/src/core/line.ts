import { Link, SUBPROTOCOL } from './link';
import type { LinkEvents } from './link';
import type { Surroundings } from './parts';
import type { ClientMessage } from './protocol';

/** The one connection that there is, what it is for, and how long it may be silent. */
export class Line {
  /** What it was opened for, or is used for by now. */
  purpose: 'join' | 'watch' = 'join';
  /** The server has answered what it was opened for. */
  settled = false;
  private open: Link | undefined;
  private cancelWatch = (): void => {};

  constructor(private readonly around: Surroundings) {}

  get link(): Link | undefined {
    return this.open;
  }

  /** Connects anew and says this first. */
  connect(first: ClientMessage, events: LinkEvents): void {
    this.drop();
    this.purpose = first.type === 'queue.watch' ? 'watch' : 'join';
    this.open = new Link(this.around.openSocket('/ws', SUBPROTOCOL), first, events);
  }

  /** Uses the connection that is there for what this begins. */
  reuse(first: ClientMessage): void {
    this.purpose = first.type === 'queue.watch' ? 'watch' : 'join';
    this.settled = false;
    this.open?.send(first);
  }

  drop(): void {
    this.quiet();
    this.settled = false;
    const { open } = this;
    this.open = undefined;
    open?.close();
  }

  /** Runs it after so long, unless something else is watched for by then. */
  watch(ms: number, run: () => void): void {
    this.quiet();
    this.cancelWatch = this.around.after(ms, run);
  }

  quiet(): void {
    this.cancelWatch();
  }
}
