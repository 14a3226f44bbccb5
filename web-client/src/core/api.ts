import {
  ERRORS,
  REASONS,
  decodeCharacter,
  decodeCharacterList,
  decodeConnectResult,
  decodeDevToken,
  decodeHttpError,
  decodeVersionInfo,
} from './protocol';
import type { Character, ConnectResult, DevToken } from './protocol';

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

export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

interface Call<T> {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly token?: string;
  readonly body?: object;
  readonly decode: (value: unknown) => T;
}

/** The HTTP half of the protocol. The token travels in a header only, never in an address. */
export class Api {
  constructor(
    private readonly fetch: Fetch,
    private readonly instance: string,
  ) {}

  async version(): Promise<string> {
    return (await this.call({ method: 'GET', path: '/api/version', decode: decodeVersionInfo })).build;
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

  /** Asks for a seat and answers its ticket; anything but an admission is thrown as a Refusal. */
  async connect(token: string, build: string, characterId: string): Promise<string> {
    const path = `/instances/${encodeURIComponent(this.instance)}/connect`;
    const body = { build, characterId };
    const result = await this.call({ method: 'POST', path, token, body, decode: decodeConnectResult });
    if (result.outcome === 'admitted' && result.ticket !== undefined) return result.ticket;
    throw refusalFromResult(result);
  }

  private async call<T>({ method, path, token, body, decode }: Call<T>): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (token !== undefined) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const init: RequestInit = { method, headers, cache: 'no-store', signal: AbortSignal.timeout(HTTP_TIMEOUT_MS) };
    if (body !== undefined) init.body = JSON.stringify(body);
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
  try {
    const error = decodeHttpError(answer);
    return new Refusal(error.code, error.message, error.transient, error.retryAfterMs ?? 0);
  } catch {
    const transient = response.status >= 500 || response.status === 429;
    return new Refusal(`HTTP_${response.status}`, `the server answered with status ${response.status}`, transient);
  }
}

function refusalFromResult(result: ConnectResult): Refusal {
  const retryAfterMs = (result.retryAfterSeconds ?? 0) * 1000;
  if (result.reason !== undefined) {
    const { text, transient } = REASONS[result.reason];
    return new Refusal(result.reason, text, transient, retryAfterMs);
  }
  if (result.outcome === 'queued') return new Refusal('QUEUED', 'every place is taken', true, retryAfterMs);
  return new Refusal('TIMEOUT', ERRORS.TIMEOUT.text, true, retryAfterMs);
}
