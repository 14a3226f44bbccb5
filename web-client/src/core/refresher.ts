import { asRefusal } from './api';
import type { SignedIn } from './identity';
import type { Link } from './link';
import type { Surroundings } from './parts';
import type { EventError } from './protocol';

/** Between two tries to get a token, or to have it taken. */
export const REFRESH_AGAIN_MS = 5_000;
/** So much longer than the one that runs out a token has to last, or it may be the same: clocks and seconds are rounded. */
const LONGER_MS = 10_000;

/** Shows the server a newer access token before the one it knows runs out. */
export class Refresher {
  private link: Link | undefined;
  private endsAt = 0;
  private lastAt = Number.NEGATIVE_INFINITY;
  /** A token was sent and not answered yet. */
  private asked = false;
  private cancel = (): void => {};

  constructor(
    private readonly signedIn: SignedIn,
    private readonly around: Surroundings,
    /** Until when the person has to sign in; undefined: there is no need any more. */
    private readonly onNeed: (endsAt: number | undefined) => void,
  ) {}

  /** The token that the server knows runs out in so many seconds. */
  expiring(link: Link, seconds: number): void {
    this.link = link;
    this.endsAt = this.around.now() + seconds * 1000;
    this.tryAfter(Math.max(0, this.lastAt + REFRESH_AGAIN_MS - this.around.now()));
  }

  refreshed(): void {
    this.stop();
    this.onNeed(undefined);
  }

  /** Answers whether that was about the token. Errors name no message, but a token is the only one that is asked about. */
  refused({ actionId, code, transient, retryAfterMs }: EventError): boolean {
    if (!this.asked || actionId !== undefined) return false;
    this.asked = false;
    if (transient) {
      this.tryAfter(Math.max(REFRESH_AGAIN_MS, retryAfterMs ?? 0));
    } else {
      if (code === 'UNAUTHENTICATED') this.signedIn.spoil();
      this.onNeed(this.endsAt);
    }
    return true;
  }

  /** The connection is gone. */
  stop(): void {
    this.cancel();
    this.link = undefined;
    this.asked = false;
  }

  private tryAfter(ms: number): void {
    this.cancel();
    this.cancel = this.around.after(ms, () => void this.send());
  }

  private async send(): Promise<void> {
    const { link } = this;
    this.lastAt = this.around.now();
    try {
      const accessToken = await this.signedIn.token(this.endsAt - this.lastAt + LONGER_MS);
      if (link === undefined || link !== this.link) return;
      this.asked = true;
      link.send({ type: 'session.refresh', accessToken });
    } catch (error) {
      if (link === undefined || link !== this.link) return;
      if (asRefusal(error).transient) this.tryAfter(REFRESH_AGAIN_MS);
      else this.onNeed(this.endsAt);
    }
  }
}
