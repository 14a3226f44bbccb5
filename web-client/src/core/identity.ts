import { Refusal } from './api';

const STORAGE_KEY = 'playhouse.identity';
/** A token this near its end is not worth starting with. */
const LEAST_LEFT_MS = 30_000;

/** The code of a Refusal: only the person can get a token now. */
export const SIGN_IN_NEEDED = 'SIGN_IN_NEEDED';

export interface Person {
  /** Tells one person from another. */
  readonly user: string;
  /** What a first character is called. */
  readonly name: string;
}

export interface Grant {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
}

/** Where tokens come from; the page has one for each way to sign in. */
export interface TokenSource {
  /** Another token for whoever has signed in. A Refusal with SIGN_IN_NEEDED: not without them. */
  renew(person: Person): Promise<Grant>;
  /** They have signed out: nothing that was given is needed any more. */
  end(): void;
}

/** sessionStorage, or something like it in a test. */
export interface Keep {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

interface Identity extends Person {
  readonly accessToken: string;
  readonly expiresAt: number;
}

/** Who is signed in in this tab, and the token for it. */
export class SignedIn {
  private identity: Identity | undefined;
  /** Who asks while a token is on its way waits for the same one: what it is got with may be good only once. */
  private renewing: Promise<string> | undefined;

  constructor(
    private readonly source: TokenSource,
    private readonly keep: Keep,
    private readonly now: () => number,
  ) {
    this.identity = read(keep);
  }

  get person(): Person | undefined {
    return this.identity;
  }

  /** Without a grant the source is asked for one when it is needed. */
  start({ user, name }: Person, grant?: Grant): void {
    if (grant === undefined && this.identity?.user === user) return;
    this.renewing = undefined;
    this.identity = { user, name, accessToken: '', expiresAt: 0 };
    if (grant !== undefined) this.put(this.identity, grant);
  }

  /** A token that is good for at least so long, if there is any that is. */
  async token(leastLeftMs = LEAST_LEFT_MS): Promise<string> {
    const { identity } = this;
    if (identity === undefined) throw new Refusal('UNAUTHENTICATED', 'nobody is signed in', false);
    if (identity.accessToken !== '' && identity.expiresAt - this.now() > leastLeftMs) return identity.accessToken;
    const renewing = this.renewing ?? this.renew(identity);
    this.renewing = renewing;
    try {
      return await renewing;
    } finally {
      if (this.renewing === renewing) this.renewing = undefined;
    }
  }

  /** The server does not take this token any more: get another next time. */
  spoil(): void {
    if (this.identity !== undefined) this.identity = { ...this.identity, accessToken: '', expiresAt: 0 };
  }

  end(): void {
    if (this.identity !== undefined) this.source.end();
    this.identity = undefined;
    this.renewing = undefined;
    this.keep.removeItem(STORAGE_KEY);
  }

  private async renew(identity: Identity): Promise<string> {
    const grant = await this.source.renew(identity);
    // Somebody else may have signed in, or out, while the answer was on its way.
    if (this.identity?.user !== identity.user) throw new Refusal('UNAUTHENTICATED', 'signed out', false);
    this.put(identity, grant);
    return grant.accessToken;
  }

  private put({ user, name }: Person, { accessToken, expiresInSeconds }: Grant): void {
    this.identity = { user, name, accessToken, expiresAt: this.now() + expiresInSeconds * 1000 };
    this.keep.setItem(STORAGE_KEY, JSON.stringify(this.identity));
  }
}

function read(keep: Keep): Identity | undefined {
  const kept = keep.getItem(STORAGE_KEY);
  if (kept === null) return undefined;
  try {
    const { user, name, accessToken, expiresAt } = JSON.parse(kept) as Partial<Identity>;
    if (typeof user !== 'string' || typeof name !== 'string' || typeof accessToken !== 'string') return undefined;
    return { user, name, accessToken, expiresAt: Number(expiresAt) || 0 };
  } catch {
    return undefined;
  }
}
