import { Api } from '../src/core/api';
import { Client } from '../src/core/client';
import { Desk } from '../src/core/desk';
import { DevSource } from '../src/core/dev-source';
import { SignedIn } from '../src/core/identity';
import type { Keep, TokenSource } from '../src/core/identity';
import type { Socket } from '../src/core/link';
import { OwnBuild } from '../src/core/own-build';
import type { Hooks, Surroundings } from '../src/core/parts';
import { Passes } from '../src/core/pass';
import type { EventAck, EventError, EventStateDelta, EventWelcome, Intent, Limits } from '../src/core/protocol';
import type { ConnectionState } from '../src/core/state';
import type { World } from '../src/core/world';

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

  open(): void {
    this.onopen?.({} as Event);
  }

  say(...messages: object[]): void {
    this.onmessage?.({ data: JSON.stringify(messages) } as MessageEvent);
  }

  /** Before open() it is a socket that cannot be opened. */
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
  headers?: Record<string, string>;
}

export const CONNECT = 'POST /instances/plaza/connect';
export const LEAVE = 'POST /instances/plaza/leave';
export const STATUS = 'GET /instances/plaza/queue/status?characterId=c1';
export const GRACE_SECONDS = 60;

/** A secret as the schema wants it, told apart by its name. */
export const secret = (name: string): string => name.padEnd(43, '-');
export const TICKET = secret('ticket');

export const admitted = (ticket = TICKET): Answer => ({ status: 200, body: { outcome: 'admitted', ticket } });
export const failed = (reason: string, more: object = {}): Answer => ({
  status: 200,
  body: { outcome: 'failed', reason, ...more },
});
export const queued = (position: number, more: object = {}): Answer => ({
  status: 200,
  body: { outcome: 'queued', position, reconnectToken: secret('place'), ...more },
});
export const standing = (position: number, depth = position): Answer => ({ status: 200, body: { position, depth } });

/** A server of few words: HTTP answers from a table, sockets that the test speaks through. */
export class FakeServer {
  readonly clock = new FakeClock();
  readonly sockets: FakeSocket[] = [];
  readonly calls: { method: string; path: string; token: string | null; body: unknown }[] = [];
  readonly states: ConnectionState[] = [];
  readonly acks: { intent: Intent; tookMs: number; ack: EventAck }[] = [];
  readonly errors: { error: EventError; intent: Intent | undefined }[] = [];
  readonly deltas: EventStateDelta[] = [];
  readonly welcomed: EventWelcome[] = [];
  /** The room as the page has it. */
  world: World | undefined;
  readonly answers = new Map<string, Answer | 'away'>([
    ['GET /api/version', { status: 200, body: { build: 'b1' } }],
    ['POST /dev/token', { status: 200, body: { accessToken: 'token-1', tokenType: 'Bearer', expiresIn: 3600 } }],
    ['GET /api/characters', { status: 200, body: { characters: [character('c1')] } }],
    ['POST /api/characters', { status: 201, body: character('c2') }],
    ['POST /api/session/bootstrap', { status: 200, body: {} }],
    [CONNECT, admitted()],
    [LEAVE, { status: 200, body: { left: true } }],
  ]);
  readonly kept = new Map<string, string>();
  welcomes = 0;
  chance = 0.5;
  /** Answers over HTTP wait for it. */
  private gate: Promise<void> | undefined;

  /** A page in this tab; another call is the page after a reload. Without a source it signs in as developers do. */
  client(build = 'b1', source?: TokenSource): Client {
    const api = new Api((input, init) => this.answer(input, init), 'plaza');
    const keep = keepIn(this.kept);
    const signedIn = new SignedIn(source ?? new DevSource(api), keep, () => this.clock.now);
    return new Client({
      api,
      desk: new Desk(api, signedIn),
      signedIn,
      passes: new Passes(keep, 'plaza'),
      ownBuild: new OwnBuild(build, api),
      around: this.surroundings(),
      hooks: this.hooks(),
    });
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('no socket was opened');
    return socket;
  }

  paths(): string[] {
    return this.calls.map((call) => `${call.method} ${call.path}`);
  }

  /** The pass that the tab keeps. */
  pass(): Record<string, unknown> | undefined {
    const text = this.kept.get('playhouse.pass');
    return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown>);
  }

  bodies(call: string): unknown[] {
    return this.calls.filter(({ method, path }) => `${method} ${path}` === call).map(({ body }) => body);
  }

  /** Opens the last socket and lets the client in; each time with another token for the way back. */
  async welcome(lastActionId = 0): Promise<void> {
    await settle();
    if (this.socket.sent.length === 0) this.socket.open();
    this.welcomes += 1;
    this.socket.say(reconnectToken(`seat${this.welcomes}`), welcome(lastActionId));
    await settle();
  }

  /** Opens the last socket and answers a queue.watch. */
  async watched(position: number, depth = position): Promise<void> {
    await settle();
    this.socket.open();
    this.socket.say(reconnectToken('place2'), place(position, depth));
    await settle();
  }

  /** From now on nothing is answered over HTTP, until what this gives is called. */
  hold(): () => Promise<void> {
    let release = (): void => {};
    this.gate = new Promise((done) => (release = done));
    return async () => {
      this.gate = undefined;
      release();
      await settle();
    };
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
      onWelcome: (message, world) => {
        this.welcomed.push(message);
        this.world = world;
      },
      onDelta: (delta, world) => {
        this.deltas.push(delta);
        this.world = world;
      },
      onAck: (ack, intent, tookMs) => this.acks.push({ ack, intent, tookMs }),
      onError: (error, intent) => this.errors.push({ error, intent }),
    };
  }

  private async answer(path: string, init: RequestInit): Promise<Response> {
    const method = init.method ?? 'GET';
    const token = new Headers(init.headers).get('Authorization');
    this.calls.push({ method, path, token, body: init.body === undefined ? undefined : JSON.parse(String(init.body)) });
    if (this.gate !== undefined) await this.gate;
    const answer = this.answers.get(`${method} ${path}`);
    if (answer === undefined || answer === 'away') throw new TypeError('network');
    // Only what the client reads of a Response; a real one reads its body in tasks that a fake clock does not see.
    const headers = new Headers(answer.headers);
    return { ok: answer.status < 300, status: answer.status, headers, json: async () => answer.body } as Response;
  }
}

export function keepIn(kept: Map<string, string>): Keep {
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

export function reconnectToken(name: string, graceSeconds = GRACE_SECONDS): object {
  return { type: 'event.reconnect_token', reconnectToken: secret(name), graceSeconds };
}

export function place(position: number, depth = position, more: object = {}): object {
  return { type: 'event.queue_position', position, depth, ...more };
}

export function entryError(code: string, transient: boolean, more: object = {}): object {
  return { type: 'event.error', code, message: `it is ${code}`, transient, traceId: TRACE, ...more };
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
