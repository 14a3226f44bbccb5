import type { Api } from './api';
import { Refusal } from './api';

const STORAGE_KEY = 'playhouse.identity';
/** A token this near its end is not worth starting with. */
const LEAST_LEFT_MS = 30_000;

interface Identity {
  readonly name: string;
  readonly accessToken: string;
  readonly expiresAt: number;
}

/** sessionStorage, or something like it in a test. */
export interface Keep {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Who is signed in in this tab, and the token for it, renewed through the developer sign-in. */
export class SignedIn {
  private identity: Identity | undefined;

  constructor(
    private readonly api: Api,
    private readonly keep: Keep,
    private readonly now: () => number,
  ) {
    this.identity = read(keep);
  }

  get name(): string | undefined {
    return this.identity?.name;
  }

  start(name: string): void {
    if (this.identity?.name !== name) this.identity = { name, accessToken: '', expiresAt: 0 };
  }

  /** A token that is good for a while. */
  async token(): Promise<string> {
    const identity = this.identity;
    if (identity === undefined) throw new Refusal('UNAUTHENTICATED', 'nobody is signed in', false);
    if (identity.accessToken !== '' && identity.expiresAt - this.now() > LEAST_LEFT_MS) return identity.accessToken;
    const given = await this.api.devToken(identity.name);
    // Somebody else may have signed in, or out, while the answer was on its way.
    if (this.identity?.name !== identity.name) throw new Refusal('UNAUTHENTICATED', 'signed out', false);
    this.identity = { ...identity, accessToken: given.accessToken, expiresAt: this.now() + given.expiresIn * 1000 };
    this.keep.setItem(STORAGE_KEY, JSON.stringify(this.identity));
    return given.accessToken;
  }

  /** The server does not take this token any more: get another next time. */
  spoil(): void {
    if (this.identity !== undefined) this.identity = { ...this.identity, accessToken: '', expiresAt: 0 };
  }

  end(): void {
    this.identity = undefined;
    this.keep.removeItem(STORAGE_KEY);
  }
}

function read(keep: Keep): Identity | undefined {
  const kept = keep.getItem(STORAGE_KEY);
  if (kept === null) return undefined;
  try {
    const value = JSON.parse(kept) as Partial<Identity>;
    if (typeof value.name !== 'string' || typeof value.accessToken !== 'string') return undefined;
    return { name: value.name, accessToken: value.accessToken, expiresAt: Number(value.expiresAt) || 0 };
  } catch {
    return undefined;
  }
}
