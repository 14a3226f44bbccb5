import type { Api } from './api';
import { Refusal } from './api';
import { backoffDelay } from './backoff';
import type { SignedIn } from './identity';
import type { OwnBuild } from './own-build';
import { Pending } from './pending';
import { CLOSE_CODES, closeCodeOf, decodeFrame } from './protocol';
import type { Draft, EventAck, EventError, EventStateDelta, EventWelcome, Intent, ServerMessage } from './protocol';
import { initialState, isUnderWay, reduce } from './state';
import type { ConnectionEvent, ConnectionState } from './state';

export const SUBPROTOCOL = 'playhouse.v1.json';
/** Intents that may wait for their ack; more are refused before they are sent. */
export const PENDING_MAX = 32;
/** A connection that leaves an intent unanswered for so long is given up. */
export const ACK_TIMEOUT_MS = 8_000;
export const WELCOME_TIMEOUT_MS = 10_000;

/** The part of WebSocket that is used. */
export interface Socket {
  onopen: ((event: Event) => unknown) | null;
  onmessage: ((event: MessageEvent) => unknown) | null;
  onclose: ((event: CloseEvent) => unknown) | null;
  send(data: string): void;
  close(): void;
}

/** All that is not the client's own: network, clock, chance. A test gives its own. */
export interface Surroundings {
  openSocket(path: string, subprotocol: string): Socket;
  /** Milliseconds; only differences and `retryAt` come from it. */
  now(): number;
  random(): number;
  after(ms: number, run: () => void): () => void;
}

export interface Hooks {
  onState(state: ConnectionState): void;
  onWelcome(welcome: EventWelcome): void;
  onDelta(delta: EventStateDelta): void;
  onAck(ack: EventAck, intent: Intent, tookMs: number): void;
  onError(error: EventError, intent: Intent | undefined): void;
}

/** One character's way into the room and back into it. Every change is told to the hooks. */
export class Client {
  private state: ConnectionState = initialState;
  private socket: Socket | undefined;
  private characterId: string | undefined;
  private readonly pending = new Pending(PENDING_MAX);
  /** Rises with each try, so that answers to an earlier one are recognised and ignored. */
  private attempt = 0;
  private failures = 0;
  /** A new token was got for this try already. */
  private renewed = false;
  private cancelRetry = (): void => {};
  private cancelWatch = (): void => {};

  constructor(
    private readonly api: Api,
    private readonly signedIn: SignedIn,
    private readonly around: Surroundings,
    private readonly hooks: Hooks,
    private readonly ownBuild: OwnBuild,
  ) {}

  get current(): ConnectionState {
    return this.state;
  }

  /** Begins with a name, or with whoever is still signed in in this tab. */
  start(name?: string): void {
    if (name !== undefined) this.signedIn.start(name);
    this.apply({ type: 'started' });
    if (this.state.name === 'connecting') void this.enter();
  }

  /** Ends the session and forgets who was signed in. */
  signOut(notice?: string): void {
    if (this.state.name === 'active') this.socket?.send(JSON.stringify({ type: 'session.leave' }));
    this.dropSocket();
    this.attempt += 1;
    this.failures = 0;
    this.renewed = false;
    this.characterId = undefined;
    this.pending.clear();
    this.signedIn.end();
    this.apply(notice === undefined ? { type: 'signed_out' } : { type: 'signed_out', notice });
  }

  /** Does not wait for the rest of the back-off. */
  retryNow(): void {
    if (this.state.name !== 'reconnecting' && this.state.name !== 'unavailable') return;
    if (this.state.retryAt === undefined) return;
    this.cancelRetry();
    this.apply({ type: 'retrying' });
    void this.enter();
  }

  /** Numbers and sends an intent; false when there is no session or too many wait for their ack. */
  send(draft: Draft): boolean {
    if (this.state.name !== 'active' || this.socket === undefined || this.pending.full) return false;
    const intent = this.pending.add(draft, this.around.now());
    this.socket.send(JSON.stringify(intent));
    this.watchAcks();
    return true;
  }

  private async enter(): Promise<void> {
    this.attempt += 1;
    const attempt = this.attempt;
    try {
      const build = await this.ownBuild.get();
      const ticket = await this.takeSeat(attempt, build);
      if (attempt !== this.attempt) return;
      this.apply({ type: 'reached', step: 'entering' });
      this.join(ticket, build);
    } catch (error) {
      if (attempt !== this.attempt) return;
      await this.onRefusal(error instanceof Refusal ? error : new Refusal('INTERNAL', String(error), false));
    }
  }

  private async takeSeat(attempt: number, build: string): Promise<string> {
    const token = await this.signedIn.token();
    if (attempt === this.attempt) this.apply({ type: 'reached', step: 'asking_for_a_seat' });
    const character = await this.api.character(token, this.signedIn.name ?? '');
    if (this.characterId !== character.id) this.pending.clear();
    this.characterId = character.id;
    await this.api.bootstrap(token, build);
    return this.api.connect(token, build, character.id);
  }

  private async onRefusal(refusal: Refusal): Promise<void> {
    if (refusal.code === 'VERSION_MISMATCH') {
      this.onMismatch(undefined);
    } else if (refusal.code === 'UNAUTHENTICATED' && !this.renewed) {
      // The server may have new keys, or the token ran out: one more try with a new token.
      this.renewed = true;
      this.signedIn.spoil();
      await this.enter();
    } else if (refusal.transient) {
      this.lose(refusal.message, refusal.retryAfterMs);
    } else {
      this.dropSocket();
      this.apply({ type: 'refused', code: refusal.code, text: refusal.message });
    }
  }

  private join(ticket: string, build: string): void {
    const socket = this.around.openSocket('/ws', SUBPROTOCOL);
    this.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ type: 'session.join', ticket, build }));
    socket.onmessage = (event) => {
      if (socket === this.socket) this.onFrame(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.onClose(event.code);
    };
    this.cancelWatch();
    this.cancelWatch = this.around.after(WELCOME_TIMEOUT_MS, () => this.lose('the room does not answer'));
  }

  private onFrame(data: unknown): void {
    let messages: ServerMessage[];
    try {
      messages = decodeFrame(String(data));
    } catch {
      this.lose('the server sent something unreadable');
      return;
    }
    for (const message of messages) this.onMessage(message);
  }

  private onMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'event.welcome':
        this.onWelcome(message);
        return;
      case 'event.state_delta':
        if (this.state.name === 'active') this.hooks.onDelta(message);
        return;
      case 'event.ack': {
        const entry = this.pending.settle(message.actionId);
        if (entry !== undefined) this.hooks.onAck(message, entry.intent, this.around.now() - entry.sentAt);
        this.watchAcks();
        return;
      }
      case 'event.error': {
        const entry = message.actionId === undefined ? undefined : this.pending.settle(message.actionId);
        this.hooks.onError(message, entry?.intent);
        this.watchAcks();
        return;
      }
      case 'event.version_mismatch':
        this.onMismatch(message.build);
        return;
    }
  }

  private onWelcome(welcome: EventWelcome): void {
    this.failures = 0;
    this.renewed = false;
    this.pending.raise(welcome.lastActionId);
    this.apply({
      type: 'welcomed',
      characterId: welcome.characterId,
      characterName: welcome.name,
      build: welcome.build,
    });
    this.hooks.onWelcome(welcome);
    const unacknowledged = this.pending.resend(this.around.now());
    if (unacknowledged.length > 0) this.socket?.send(JSON.stringify(unacknowledged));
    this.watchAcks();
  }

  private onClose(code: number): void {
    this.socket = undefined;
    const name = closeCodeOf(code);
    if (name === 'VERSION_MISMATCH') {
      this.onMismatch(undefined);
      return;
    }
    if (name === 'BAD_FRAME') {
      this.dropSocket();
      this.apply({ type: 'refused', code: name, text: CLOSE_CODES[name].text });
      return;
    }
    if (name === 'TOKEN_EXPIRED') this.signedIn.spoil();
    this.lose(name === undefined ? 'the connection was lost' : CLOSE_CODES[name].text);
  }

  private onMismatch(serverBuild: string | undefined): void {
    this.dropSocket();
    this.apply(serverBuild === undefined ? { type: 'mismatched' } : { type: 'mismatched', serverBuild });
  }

  /** The connection, or the try for one, is over; the next try is planned. */
  private lose(cause: string, floorMs = 0): void {
    this.dropSocket();
    if (!isUnderWay(this.state)) return;
    this.failures += 1;
    const delay = backoffDelay(this.failures, this.around.random(), floorMs);
    this.apply({ type: 'lost', cause, retryAt: this.around.now() + delay });
    this.cancelRetry = this.around.after(delay, () => this.retryNow());
  }

  private dropSocket(): void {
    this.cancelRetry();
    this.cancelWatch();
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
  }

  /** Arms the watch for the oldest unacknowledged intent, or none. */
  private watchAcks(): void {
    this.cancelWatch();
    const since = this.pending.oldestSentAt;
    if (since === undefined || this.state.name !== 'active') return;
    const left = Math.max(0, since + ACK_TIMEOUT_MS - this.around.now());
    this.cancelWatch = this.around.after(left, () => this.lose('the server does not answer any more'));
  }

  private apply(event: ConnectionEvent): void {
    const next = reduce(this.state, event);
    if (next === this.state) return;
    this.state = next;
    this.hooks.onState(next);
  }
}
