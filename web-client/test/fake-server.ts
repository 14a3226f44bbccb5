import { Api } from '../src/core/api';
import { Client } from '../src/core/client';
import type { Hooks, Socket, Surroundings } from '../src/core/client';
import { SignedIn } from '../src/core/identity';
import { OwnBuild } from '../src/core/own-build';
import type { EventAck, EventError, EventStateDelta, EventWelcome, Intent, Limits } from '../src/core/protocol';
import type { ConnectionState } from '../src/core/state';

export const limits: Limits = {
  width: 1000,
  height: 1000,
  speed: 250,
  reach: 60,
  movesPerSecond: 20,
  chatsPerSecond: 5,
  chatMax: 280,
};

const TRACE = '0'.repeat(32);

/** A clock that moves when told to; each timer fires at its own time. */
export class FakeClock {
  now = 1000;
  private readonly timers = new Map<number, { at: number; run: () => void }>();
  private lastId = 0;

  after(ms: number, run: () => void): () => void {
    const id = ++this.lastId;
    this.timers.set(id, { at: this.now + ms, run });
    return () => this.timers.delete(id);
  }

  async advance(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (due === undefined) break;
      this.timers.delete(due[0]);
      this.now = due[1].at;
      due[1].run();
      await settle();
    }
    this.now = end;
  }
}

/** Lets everything that is already answered be dealt with. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await Promise.resolve();
}

export class FakeSocket implements Socket {
  onopen: Socket['onopen'] = null;
  onmessage: Socket['onmessage'] = null;
  onclose: Socket['onclose'] = null;
  closed = false;
  readonly sent: Record<string, unknown>[] = [];
  /** Messages of each frame. */
  readonly frames: number[] = [];

  send(data: string): void {
    const value = JSON.parse(data) as Record<string, unknown> | Record<string, unknown>[];
    const messages = Array.isArray(value) ? value : [value];
    this.frames.push(messages.length);
    this.sent.push(...messages);
  }

  close(): void {
    this.closed = true;
  }

  say(...messages: object[]): void {
    this.onmessage?.({ data: JSON.stringify(messages) } as MessageEvent);
  }

  drop(code = 1006): void {
    this.onclose?.({ code } as CloseEvent);
  }

  intents(): Record<string, unknown>[] {
    return this.sent.filter((message) => String(message.type).startsWith('intent.'));
  }
}

export interface Answer {
  status: number;
  body: unknown;
}

/** A server of few words: HTTP answers from a table, sockets that the test speaks through. */
export class FakeServer {
  readonly clock = new FakeClock();
  readonly sockets: FakeSocket[] = [];
  readonly calls: { method: string; path: string; token: string | null; body: unknown }[] = [];
  readonly states: ConnectionState[] = [];
  readonly acks: { intent: Intent; tookMs: number; ack: EventAck }[] = [];
  readonly errors: { error: EventError; intent: Intent | undefined }[] = [];
  readonly deltas: EventStateDelta[] = [];
  readonly answers = new Map<string, Answer | 'away'>([
    ['GET /api/version', { status: 200, body: { build: 'b1' } }],
    ['POST /dev/token', { status: 200, body: { accessToken: 'token-1', tokenType: 'Bearer', expiresIn: 3600 } }],
    ['GET /api/characters', { status: 200, body: { characters: [character('c1')] } }],
    ['POST /api/characters', { status: 201, body: character('c2') }],
    ['POST /api/session/bootstrap', { status: 200, body: {} }],
    ['POST /instances/plaza/connect', { status: 200, body: { outcome: 'admitted', ticket: 't'.repeat(43) } }],
  ]);
  readonly kept = new Map<string, string>();
  chance = 0.5;

  client(build = 'b1'): Client {
    const api = new Api((input, init) => this.answer(input, init), 'plaza');
    const keep = {
      getItem: (key: string): string | null => this.kept.get(key) ?? null,
      setItem: (key: string, value: string): void => void this.kept.set(key, value),
      removeItem: (key: string): void => void this.kept.delete(key),
    };
    const signedIn = new SignedIn(api, keep, () => this.clock.now);
    return new Client(api, signedIn, this.surroundings(), this.hooks(), new OwnBuild(build, api));
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('no socket was opened');
    return socket;
  }

  paths(): string[] {
    return this.calls.map((call) => `${call.method} ${call.path}`);
  }

  /** Opens the last socket and lets the client in. */
  async welcome(lastActionId = 0): Promise<void> {
    await settle();
    this.socket.onopen?.({} as Event);
    this.socket.say(welcome(lastActionId));
    await settle();
  }

  private surroundings(): Surroundings {
    return {
      openSocket: () => {
        const socket = new FakeSocket();
        this.sockets.push(socket);
        return socket;
      },
      now: () => this.clock.now,
      random: () => this.chance,
      after: (ms, run) => this.clock.after(ms, run),
    };
  }

  private hooks(): Hooks {
    return {
      onState: (state) => this.states.push(state),
      onWelcome: () => {},
      onDelta: (delta) => this.deltas.push(delta),
      onAck: (ack, intent, tookMs) => this.acks.push({ ack, intent, tookMs }),
      onError: (error, intent) => this.errors.push({ error, intent }),
    };
  }

  private async answer(path: string, init: RequestInit): Promise<Response> {
    const method = init.method ?? 'GET';
    const token = new Headers(init.headers).get('Authorization');
    this.calls.push({ method, path, token, body: init.body === undefined ? undefined : JSON.parse(String(init.body)) });
    const answer = this.answers.get(`${method} ${path}`);
    if (answer === undefined || answer === 'away') throw new TypeError('network');
    // Only what the client reads of a Response; a real one reads its body in tasks that a fake clock does not see.
    return { ok: answer.status < 300, status: answer.status, json: async () => answer.body } as Response;
  }
}

export function character(id: string): object {
  return { id, name: 'Ada', active: true, suspended: false };
}

export function httpError(status: number, code: string, transient: boolean, retryAfterMs?: number): Answer {
  const after = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { status, body: { code, message: `it is ${code}`, transient, traceId: TRACE, ...after } };
}

export function refused(actionId: number, code: string, transient: boolean): object {
  return { type: 'event.error', code, message: code, transient, actionId, traceId: TRACE };
}

export function welcome(lastActionId: number): EventWelcome {
  return {
    type: 'event.welcome',
    sessionId: 's1',
    characterId: 'c1',
    name: 'Ada',
    room: 'plaza/main',
    build: 'b1',
    sequence: 0,
    lastActionId,
    roomVersion: 1,
    snapshot: { members: [{ characterId: 'c1', name: 'Ada', x: 1, y: 1 }], items: [] },
    limits,
  };
}

export function ack(actionId: number): object {
  return { type: 'event.ack', actionId, sequence: actionId, roomVersion: actionId + 1 };
}
