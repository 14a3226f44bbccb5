import type { Keep } from './identity';
import type { ClientMessage } from './protocol';
import type { Held } from './state';
import type { Known } from './view';

const STORAGE_KEY = 'playhouse.pass';

/**
 * The one secret that opens what this page has at the server: the ticket of an admission, the reconnect token of a
 * session (seat) or that of a place in the queue. Each is good once; showing it brings the next.
 */
export interface Pass {
  readonly kind: 'ticket' | 'seat' | 'place';
  readonly secret: string;
  /** How long a drop is forgiven; absent: the server has not said it yet. */
  readonly graceSeconds?: number | undefined;
}

/** For whom it is good. */
export interface Holder {
  readonly user: string;
  readonly characterId: string;
}

type Kept = Pass & Holder & { readonly instance: string };

/** The first words of a connection: takes the seat, or asks to be told of the place. Who comes back says what it has. */
export function greeting(pass: Pass, where: { instance: string; build: string }, known?: Known): ClientMessage {
  const { kind, secret } = pass;
  if (kind === 'place') return { type: 'queue.watch', queueToken: secret, ...where };
  if (kind === 'seat') return { type: 'session.join', reconnectToken: secret, ...where, ...known };
  return { type: 'session.join', ticket: secret, ...where };
}

/** To have one's own back over HTTP. */
export function tokenOf(pass: Pass | undefined): { reconnectToken?: string } {
  return pass === undefined ? {} : { reconnectToken: pass.secret };
}

/** The pass, in memory and in the tab's storage, so that it outlives a reload of the page and not the tab. */
export class Passes {
  private kept: Kept | undefined;

  constructor(
    private readonly keep: Keep,
    private readonly instance: string,
  ) {
    this.kept = read(keep, instance);
  }

  get current(): Pass | undefined {
    return this.kept;
  }

  get holder(): Holder | undefined {
    return this.kept;
  }

  /** What the server holds for whoever has the pass. */
  get held(): Held | undefined {
    if (this.kept === undefined) return undefined;
    return this.kept.kind === 'place' ? 'place' : 'seat';
  }

  put(pass: Pass, holder: Holder): void {
    const { kind, secret, graceSeconds } = pass;
    const { user, characterId } = holder;
    this.kept = { kind, secret, graceSeconds, user, characterId, instance: this.instance };
    this.keep.setItem(STORAGE_KEY, JSON.stringify(this.kept));
  }

  forget(): void {
    this.kept = undefined;
    this.keep.removeItem(STORAGE_KEY);
  }
}

/** What is not whole, or for another instance, is as good as nothing. */
function read(keep: Keep, instance: string): Kept | undefined {
  const text = keep.getItem(STORAGE_KEY);
  if (text === null) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Kept>;
    const { kind, secret, user, characterId, graceSeconds } = value;
    if (kind !== 'ticket' && kind !== 'seat' && kind !== 'place') return undefined;
    if (typeof secret !== 'string' || typeof user !== 'string' || typeof characterId !== 'string') return undefined;
    if (value.instance !== instance) return undefined;
    return { kind, secret, user, characterId, instance, graceSeconds: Number(graceSeconds) || undefined };
  } catch {
    return undefined;
  }
}
