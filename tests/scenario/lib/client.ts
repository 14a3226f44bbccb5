// A WebSocket client of either format. It keeps what it hears, its view of the room, and answers to its intents.
import assert from "node:assert/strict";
import { once } from "node:events";
import { decode, encode } from "@msgpack/msgpack";
import WebSocket from "ws";
import {
  decodeMessages,
  type Ack,
  type Admitted,
  type ClientMessage,
  type Format,
  type Intent,
  type MessageOf,
  type Position,
  type Refusal,
  type ServerMessage,
  type Welcome,
} from "./protocol.ts";
import { remember } from "./secrets.ts";
import type { Server } from "./server.ts";
import { within } from "./wait.ts";
import { World } from "./world.ts";

const ANSWER_MSEC = 20_000;

export interface Closed {
  code: number;
  reason: string;
}

/** An intent was refused; the event.error says why. */
export class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(`${refusal.code}: ${refusal.message}`);
  }
}

export interface OpenOptions {
  origin?: string;
  protocols?: string[];
}

/** An intent as the tests write it; the client gives the actionId. */
type WithoutId<T> = T extends unknown ? Omit<T, "actionId"> & { actionId?: number } : never;
export type Wish = WithoutId<Intent>;

type Waiter = { matches: (message: ServerMessage) => boolean; give: (message: ServerMessage) => void };
type Pending = { resolve: (ack: Ack) => void; reject: (error: Error) => void };

export class Client {
  readonly world = new World();
  readonly closed: Promise<Closed>;
  /** Called for each message as it comes, before anything else happens with it. */
  onMessage: ((message: ServerMessage) => unknown) | undefined;
  welcome: Welcome | undefined;
  /** When a message came last, in ms. */
  lastHeard = performance.now();
  lastActionId = 0;
  /** Of the newest ack. */
  lastSequence = 0;
  /** What the connection before this one saw of the room. */
  private before: World | undefined;
  /** The newest one; it takes the session, or the place in the queue, up again. */
  reconnectToken: string | undefined;
  /** The newest place in the queue. */
  position: Position | undefined;
  private admitted: Admitted | undefined;
  private readonly heard: ServerMessage[] = [];
  private readonly waiters = new Set<Waiter>();
  private readonly watchers = new Set<() => void>();
  private readonly pending = new Map<number, Pending>();

  private constructor(
    readonly socket: WebSocket,
    readonly format: Format,
  ) {
    socket.binaryType = "nodebuffer";
    socket.on("message", (data: Buffer, binary: boolean) => this.receive(data, binary));
    socket.on("error", () => undefined); // always followed by close
    this.closed = new Promise((done) => {
      socket.on("close", (code, reason) => {
        this.pending.forEach(({ reject }) => reject(new Error(`closed with ${code} ${reason.toString()}`)));
        this.pending.clear();
        done({ code, reason: reason.toString() });
      });
    });
  }

  /** Opens /ws. Fails when the server refuses the upgrade. */
  static async open(server: Server, format: Format = "json", options: OpenOptions = {}): Promise<Client> {
    const protocols = options.protocols ?? [`playhouse.v1.${format}`];
    const headers = options.origin === undefined ? {} : { origin: options.origin };
    const socket = new WebSocket(server.wsUrl, protocols, { headers, perMessageDeflate: false });
    const client = new Client(socket, format);
    await within(once(socket, "open"), ANSWER_MSEC, "the WebSocket opens");
    return client;
  }

  get isOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  send(...messages: ClientMessage[]): void {
    const body = messages.length === 1 ? messages[0] : messages;
    this.raw(this.format === "json" ? JSON.stringify(body) : encode(body));
  }

  raw(data: string | Uint8Array): void {
    this.socket.send(data);
  }

  /** The first message of this type that matches and was not taken before; waits for it. Deltas are not kept. */
  async next<T extends ServerMessage["type"]>(
    type: T,
    where: (message: MessageOf<T>) => boolean = () => true,
  ): Promise<MessageOf<T>> {
    const matches = (message: ServerMessage): boolean => message.type === type && where(message as MessageOf<T>);
    return (await this.first(matches, type)) as MessageOf<T>;
  }

  /** Waits until what this client has heard makes it true; fails when the connection closes before. */
  async until(condition: () => boolean, what: string, ms = ANSWER_MSEC): Promise<void> {
    if (condition()) {
      return;
    }
    let watcher = (): void => undefined;
    const fulfilled = new Promise<void>((done) => {
      watcher = () => condition() && done();
      this.watchers.add(watcher);
    });
    try {
      await within(Promise.race([fulfilled, this.cutBefore(what)]), ms, what);
    } finally {
      this.watchers.delete(watcher);
    }
  }

  /** Turns a ticket into a session. */
  join(ticket: string, build: string): Promise<Welcome> {
    this.admitted = undefined;
    return this.enter({ type: "session.join", ticket, build });
  }

  /** Takes a session up again; with `before`, the connection it was on, it asks for what has changed since. */
  resume(reconnectToken: string, build: string, before?: Client): Promise<Welcome> {
    const had = before?.welcome === undefined ? undefined : before;
    this.before = had?.world;
    this.lastSequence = had?.lastSequence ?? 0;
    const known = had && { roomVersion: had.world.version, lastSequence: had.lastSequence };
    return this.enter({ type: "session.join", reconnectToken, build, ...known });
  }

  /** Waits in the queue on this connection: returns with the first news, a position or an offered seat. */
  async watch(queueToken: string, build: string): Promise<void> {
    this.send({ type: "queue.watch", queueToken, build });
    const news = new Set<string>(["event.queue_position", "event.admitted", "event.error"]);
    const answer = await this.first(({ type }) => news.has(type), "a place in the queue");
    if (answer.type === "event.error") {
      throw new Refused(answer);
    }
    assert.ok(this.reconnectToken !== undefined && this.reconnectToken !== queueToken, "the next token came first");
  }

  /** The seat that is offered to who waits on this connection. */
  async offer(ms = ANSWER_MSEC): Promise<Admitted> {
    await this.until(() => this.admitted !== undefined, "a seat is offered", ms);
    return this.admitted ?? assert.fail();
  }

  /** Sends an intent and waits for its answer: the ack, or a Refused error. */
  intent(wish: Wish): Promise<Ack> {
    const intent = this.number(wish);
    const answer = this.answer(intent.actionId);
    this.send(intent);
    return answer;
  }

  move(x: number, y: number): Promise<Ack> {
    return this.intent({ type: "intent.move", x, y });
  }

  chat(text: string): Promise<Ack> {
    return this.intent({ type: "intent.chat", text });
  }

  /** The same wish with the next actionId, unless it has one. */
  number(wish: Wish): Intent {
    const actionId = wish.actionId ?? this.lastActionId + 1;
    this.lastActionId = Math.max(this.lastActionId, actionId);
    return { ...wish, actionId } as Intent;
  }

  /** What the server will say to the intent with this actionId; ask before sending it. */
  answer(actionId: number): Promise<Ack> {
    assert.ok(!this.pending.has(actionId), `actionId ${actionId} waits for one answer`);
    if (!this.isOpen) {
      return Promise.reject(new Error("the connection is closed"));
    }
    const coming = new Promise<Ack>((resolve, reject) => this.pending.set(actionId, { resolve, reject }));
    return within(coming, ANSWER_MSEC, `an answer to actionId ${actionId}`);
  }

  /** Leaves as a client should and waits for the close. */
  async leave(): Promise<Closed> {
    this.send({ type: "session.leave" });
    return this.gone();
  }

  /** Waits for the server to close. */
  gone(ms = ANSWER_MSEC): Promise<Closed> {
    return within(this.closed, ms, "the connection closes");
  }

  /** Drops the connection without a word. */
  async cut(): Promise<void> {
    this.socket.terminate();
    await this.gone();
  }

  private async enter(join: ClientMessage): Promise<Welcome> {
    this.send(join);
    const answer = await this.first(({ type }) => type === "event.welcome" || type === "event.error", "a welcome");
    if (answer.type === "event.error") {
      throw new Refused(answer);
    }
    assert.ok(answer.type === "event.welcome");
    assert.ok(this.reconnectToken !== undefined, "the token to come back with came first");
    this.lastActionId = Math.max(this.lastActionId, answer.lastActionId);
    return answer;
  }

  private async first(matches: (message: ServerMessage) => boolean, what: string): Promise<ServerMessage> {
    const index = this.heard.findIndex(matches);
    const [kept] = index >= 0 ? this.heard.splice(index, 1) : [];
    if (kept !== undefined) {
      return kept;
    }
    const waiter: Waiter = { matches, give: () => undefined };
    const coming = new Promise<ServerMessage>((give) => {
      waiter.give = give;
      this.waiters.add(waiter);
    });
    try {
      return await within(Promise.race([coming, this.cutBefore(what)]), ANSWER_MSEC, `${what} comes`);
    } finally {
      this.waiters.delete(waiter);
    }
  }

  private async cutBefore(what: string): Promise<never> {
    const { code, reason } = await this.closed;
    throw new Error(`closed with ${code} ${reason} while waiting for ${what}`);
  }

  private receive(data: Buffer, binary: boolean): void {
    assert.equal(binary, this.format === "msgpack", "frames are of the kind that was agreed");
    this.lastHeard = performance.now();
    const body: unknown = binary ? decode(data) : JSON.parse(data.toString("utf8"));
    decodeMessages(body).forEach((message) => this.hear(message)); // throws at what the schema does not allow
  }

  private hear(message: ServerMessage): void {
    this.onMessage?.(message);
    this.see(message);
    const waiter = [...this.waiters].find(({ matches }) => matches(message));
    if (waiter !== undefined) {
      this.waiters.delete(waiter);
      waiter.give(message);
    } else if (!this.settle(message) && message.type !== "event.state_delta") {
      this.heard.push(message);
    }
    this.watchers.forEach((watcher) => watcher());
  }

  private see(message: ServerMessage): void {
    switch (message.type) {
      case "event.welcome":
        this.welcome = message;
        this.world.welcome(message, this.before);
        break;
      case "event.ack":
        this.lastSequence = Math.max(this.lastSequence, message.sequence);
        break;
      case "event.state_delta":
        this.world.delta(message);
        break;
      case "event.reconnect_token":
        this.reconnectToken = message.reconnectToken;
        remember(message.reconnectToken);
        break;
      case "event.queue_position":
        this.position = message;
        break;
      case "event.admitted":
        this.admitted = message;
        remember(message.ticket);
        break;
      default:
        break;
    }
  }

  private settle(message: ServerMessage): boolean {
    if ((message.type !== "event.ack" && message.type !== "event.error") || message.actionId === undefined) {
      return false;
    }
    const pending = this.pending.get(message.actionId);
    this.pending.delete(message.actionId);
    if (message.type === "event.ack") {
      pending?.resolve(message);
    } else {
      pending?.reject(new Refused(message));
    }
    return pending !== undefined;
  }
}

/** Expects the promise to be refused with this code, and gives the event.error. */
export async function refused(promise: Promise<unknown>, code: string): Promise<Refusal> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof Refused, String(error));
    assert.equal(error.refusal.code, code);
    return error.refusal;
  }
  assert.fail(`should be refused with ${code}`);
}
