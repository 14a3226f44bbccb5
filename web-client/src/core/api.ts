import {
  ERRORS,
  REASONS,
  decodeCharacter,
  decodeCharacterList,
  decodeConnectResult,
  decodeDevToken,
  decodeHttpError,
  decodeLeaveResult,
  decodeMuteResult,
  decodeQueueStatus,
  decodeSignIn,
  decodeVersionInfo,
} from './protocol';
import type {
  Character,
  ConnectRequest,
  ConnectResult,
  DevToken,
  KickRequest,
  LeaveRequest,
  MuteRequest,
  QueueStatus,
  SignIn,
} from './protocol';

/** A little longer than the 10 s that the server gives itself. */
const HTTP_TIMEOUT_MS = 12_000;

/** Why an HTTP call did not do what was asked; the client decides by `transient`. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly transient: boolean,
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }
}

export function asRefusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal('INTERNAL', String(error), false);
}

/** How a connect ended, when it was not refused. */
export type Outcome =
  | { readonly kind: 'admitted'; readonly ticket: string }
  | {
      readonly kind: 'queued';
      readonly reconnectToken: string;
      readonly position: number | undefined;
      readonly etaSeconds: number | undefined;
    }
  | { readonly kind: 'replacement'; readonly replaceToken: string };

export type Wish = ConnectRequest & { readonly characterId: string };

export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

interface Call<T> {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly token?: string;
  readonly body?: object;
  /** It is to arrive even if the page is closed meanwhile. */
  readonly keepalive?: boolean;
  readonly decode: (value: unknown) => T;
}

/** The HTTP half of the protocol. The token travels in a header only, never in an address. */
export class Api {
  constructor(
    private readonly fetch: Fetch,
    readonly instance: string,
  ) {}

  async version(): Promise<string> {
    return (await this.call({ method: 'GET', path: '/api/version', decode: decodeVersionInfo })).build;
  }

  /** How a person gets a token here. */
  async signIn(): Promise<SignIn> {
    return this.call({ method: 'GET', path: '/api/sign-in', decode: decodeSignIn });
  }

  /** The insecure sign-in of a server that runs with --dev. */
  async devToken(name: string): Promise<DevToken> {
    return this.call({ method: 'POST', path: '/dev/token', body: { name }, decode: decodeDevToken });
  }

  /** The active character, or the first, or a new one with this name. */
  async character(token: string, name: string): Promise<Character> {
    const path = '/api/characters';
    const { characters } = await this.call({ method: 'GET', path, token, decode: decodeCharacterList });
    const found = characters.find((character) => character.active) ?? characters[0];
    return found ?? this.call({ method: 'POST', path, token, body: { name }, decode: decodeCharacter });
  }

  /** Lets the server compare the builds before anything else is asked of it. */
  async bootstrap(token: string, build: string): Promise<void> {
    const decode = (): void => {};
    await this.call({ method: 'POST', path: '/api/session/bootstrap', token, body: { build }, decode });
  }

  /** Asks for a seat, or for one's own back. Anything but the three outcomes is thrown as a Refusal. */
  async connect(token: string, wish: Wish): Promise<Outcome> {
    const path = this.path('connect');
    return outcomeOf(await this.call({ method: 'POST', path, token, body: wish, decode: decodeConnectResult }));
  }

  /** Where a character of the bearer stands in the queue. */
  async queueStatus(token: string, characterId: string): Promise<QueueStatus> {
    const path = `${this.path('queue/status')}?characterId=${encodeURIComponent(characterId)}`;
    return this.call({ method: 'GET', path, token, decode: decodeQueueStatus });
  }

  /** Ends whatever the character has here; with a replaceToken only the wish to replace it. */
  async leave(token: string, body: LeaveRequest): Promise<void> {
    const decode = decodeLeaveResult;
    await this.call({ method: 'POST', path: this.path('leave'), token, body, keepalive: true, decode });
  }

  /** For moderators; false: there was no such session. */
  async kick(token: string, body: KickRequest): Promise<boolean> {
    const path = this.path('kick');
    return (await this.call({ method: 'POST', path, token, body, decode: decodeLeaveResult })).left;
  }

  /** For moderators. */
  async mute(token: string, body: MuteRequest): Promise<void> {
    await this.call({ method: 'POST', path: this.path('mute'), token, body, decode: decodeMuteResult });
  }

  private path(what: string): string {
    return `/instances/${encodeURIComponent(this.instance)}/${what}`;
  }

  private async call<T>({ method, path, token, body, keepalive, decode }: Call<T>): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (token !== undefined) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const init: RequestInit = { method, headers, cache: 'no-store', signal: AbortSignal.timeout(HTTP_TIMEOUT_MS) };
    if (body !== undefined) init.body = JSON.stringify(body);
    if (keepalive === true) init.keepalive = true;
    let response: Response;
    let answer: unknown;
    try {
      response = await this.fetch(path, init);
      answer = await response.json().catch(() => undefined);
    } catch {
      throw new Refusal('UNREACHABLE', 'the server does not answer', true);
    }
    if (!response.ok) throw refusalFromError(response, answer);
    try {
      return decode(answer);
    } catch {
      throw new Refusal('UNREADABLE', 'the answer of the server is not readable', true);
    }
  }
}

/** What answered may be a proxy that knows nothing of the error contract: then the status has to do. */
function refusalFromError(response: Response, answer: unknown): Refusal {
  const retryAfterMs = (Number(response.headers.get('Retry-After')) || 0) * 1000;
  try {
    const error = decodeHttpError(answer);
    return new Refusal(error.code, error.message, error.transient, error.retryAfterMs ?? retryAfterMs);
  } catch {
    const transient = response.status >= 500 || response.status === 429;
    const text = `the server answered with status ${response.status}`;
    return new Refusal(`HTTP_${response.status}`, text, transient, retryAfterMs);
  }
}

function outcomeOf(result: ConnectResult): Outcome {
  const { outcome, ticket, reconnectToken, replaceToken, reason } = result;
  if (outcome === 'admitted' && ticket !== undefined) return { kind: 'admitted', ticket };
  if (outcome === 'queued' && reconnectToken !== undefined) {
    return { kind: 'queued', reconnectToken, position: result.position, etaSeconds: result.etaSeconds };
  }
  if (reason === 'REPLACEMENT_REQUIRED' && replaceToken !== undefined) return { kind: 'replacement', replaceToken };
  const retryAfterMs = (result.retryAfterSeconds ?? 0) * 1000;
  if (reason === undefined) throw new Refusal('TIMEOUT', ERRORS.TIMEOUT.text, true, retryAfterMs);
  const { text, transient } = REASONS[reason];
  throw new Refusal(reason, result.message ?? text, transient, retryAfterMs);
}
