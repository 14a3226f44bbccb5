import { Refusal, asRefusal } from './api';
import { backoffDelay, withinGrace } from './backoff';
import type { Answer } from './desk';
import { Intents } from './intents';
import { Link, SUBPROTOCOL } from './link';
import { heed } from './notices';
import type { Parts } from './parts';
import { greeting, tokenOf } from './pass';
import type { Pass } from './pass';
import { POLL_MS, Place } from './place';
import { CLOSE_CODES, closeCodeOf } from './protocol';
import type {
  ClientMessage,
  Draft,
  EventAdmitted,
  EventError,
  EventQueuePosition,
  EventReconnectToken,
  EventWelcome,
  QueueStatus,
  ServerMessage,
} from './protocol';
import { allIsWell, initialState, isUnderWay, reduce } from './state';
import type { ConnectionEvent, ConnectionState, Notices } from './state';

export const WELCOME_TIMEOUT_MS = 10_000;
/** A queue that says nothing for so long is asked over HTTP whether it is still there. */
export const QUIET_MS = 30_000;
/** How long the news of a seat may be on its way when HTTP knows of it already. */
export const NEWS_MS = 3_000;

/** One character's way into the room, through the queue, and back into it. Every change is told to the hooks. */
export class Client {
  private state: ConnectionState = initialState;
  private link: Link | undefined;
  /** What the link was opened for, or is used for by now. */
  private purpose: 'join' | 'watch' = 'join';
  /** The server has answered what the link was opened for. */
  private settled = false;
  private notices: Notices = allIsWell;
  private characterId: string | undefined;
  private build = '';
  private readonly intents: Intents;
  private readonly place: Place;
  /** Rises with each try, so that answers to an earlier one are recognised and ignored. */
  private attempt = 0;
  private failures = 0;
  /** Passes that were refused since one was good: the first is replaced at once, more with back-off. */
  private passesRefused = 0;
  private graceEndsAt: number | undefined;
  private replaceToken: string | undefined;
  /** The pass is shown over HTTP next time, together with the access token. */
  private viaDesk = false;
  private cancelRetry = (): void => {};
  private cancelWatch = (): void => {};

  constructor(private readonly parts: Parts) {
    const { around, desk, hooks } = parts;
    this.intents = new Intents(around, hooks, () => this.lose('SILENT', 'the server does not answer any more'));
    this.place = new Place(desk, around, {
      onPlace: (status) => this.onPosition(status, false),
      onSeat: () => this.takeSeatAtDesk(),
      onRefusal: (refusal) => this.onPlaceRefusal(refusal),
      onSocketDue: () => this.showAgain(),
    });
  }

  get current(): ConnectionState {
    return this.state;
  }

  /** Begins with a name, or with whoever is still signed in in this tab, where that one was when there is a pass. */
  start(name?: string): void {
    const { signedIn, passes } = this.parts;
    if (name !== undefined) signedIn.start(name);
    if (passes.holder?.user !== signedIn.name) passes.forget();
    this.characterId = passes.holder?.characterId ?? this.characterId;
    const before = this.state;
    this.apply({ type: 'started', resuming: passes.current !== undefined });
    if (this.state !== before) void this.enter();
  }

  /** Ends the session, or gives the place in the queue up, and forgets who was signed in. */
  signOut(notice?: string): void {
    if (this.settled && this.link !== undefined) this.link.send({ type: 'session.leave' });
    else if (this.parts.passes.current !== undefined) this.leaveOverHttp();
    this.dropLink();
    this.attempt += 1;
    this.characterId = undefined;
    this.intents.forget();
    this.begin();
    this.forgetPass();
    this.parts.signedIn.end();
    this.apply({ type: 'signed_out', notice });
  }

  /** Yes: the session that the character has elsewhere is to end. */
  takeOver(): void {
    if (this.state.name !== 'replacement') return;
    this.apply({ type: 'reached', step: 'asking_for_a_seat' });
    void this.enter(this.replaceToken);
  }

  /** No: the other session stays as it is. */
  leaveItThere(notice: string): void {
    if (this.state.name !== 'replacement') return;
    this.leaveOverHttp(this.replaceToken);
    this.signOut(notice);
  }

  /** Does not wait for the rest of the back-off. */
  retryNow(): void {
    if (this.state.name !== 'reconnecting' && this.state.name !== 'unavailable') return;
    if (this.state.retryAt === undefined) return;
    this.cancelRetry();
    this.apply({ type: 'retrying' });
    void this.enter();
  }

  /** The network has changed, or nothing was heard for long: asks over HTTP whether the server is there at all. */
  async check(): Promise<void> {
    const link = this.link;
    if (link === undefined || !this.settled) return;
    const queued = this.state.name === 'queued';
    try {
      const place = queued ? await this.parts.desk.whereInQueue(this.characterId ?? '') : undefined;
      if (!queued) await this.parts.api.version();
      if (link !== this.link || place === undefined || this.state.name !== 'queued') return;
      if (place.position > 0) this.watch(QUIET_MS, () => void this.check());
      else this.watch(NEWS_MS, () => this.onSilence());
    } catch (error) {
      if (link === this.link) this.onDoubt(asRefusal(error));
    }
  }

  /** Numbers and sends an intent; false when there is no session or too many wait for their ack. */
  send(draft: Draft): boolean {
    return this.state.name === 'active' && this.intents.send(draft);
  }

  /** With a pass at once over a socket; else, or with a replaceToken, over HTTP first. */
  private async enter(replaceToken?: string): Promise<void> {
    this.attempt += 1;
    const attempt = this.attempt;
    try {
      this.build = await this.parts.ownBuild.get();
      if (attempt !== this.attempt) return;
      const pass = this.parts.passes.current;
      if (pass !== undefined && !this.viaDesk) {
        this.show(pass);
        return;
      }
      const secrets = replaceToken === undefined ? tokenOf(pass) : { replaceToken };
      const wish = { build: this.build, ...secrets };
      const answer = await this.parts.desk.askForSeat(wish, () => this.reach(attempt));
      if (attempt === this.attempt) this.onAnswer(answer, replaceToken !== undefined);
      else if (this.state.name === 'idle') await answer.undo();
    } catch (error) {
      if (attempt === this.attempt) this.onRefusal(asRefusal(error));
    }
  }

  private reach(attempt: number): void {
    if (attempt === this.attempt) this.apply({ type: 'reached', step: 'asking_for_a_seat' });
  }

  private onAnswer({ character, outcome }: Answer, confirmed: boolean): void {
    if (this.characterId !== character.id) this.intents.forget();
    this.characterId = character.id;
    this.viaDesk = false;
    if (outcome.kind === 'replacement') {
      // What was done elsewhere meanwhile has taken the numbers of what waits here.
      this.intents.forget();
      this.forgetPass();
      this.replaceToken = outcome.replaceToken;
      this.apply({ type: 'asked', characterName: character.name, again: confirmed });
    } else if (outcome.kind === 'queued') {
      const { position, etaSeconds } = outcome;
      this.put({ kind: 'place', secret: outcome.reconnectToken });
      this.apply({ type: 'queued', position, etaSeconds, pushed: true, notices: allIsWell });
      this.showAgain();
    } else {
      this.put({ kind: 'ticket', secret: outcome.ticket });
      this.apply({ type: 'reached', step: 'entering' });
      this.showAgain();
    }
  }

  private onRefusal(refusal: Refusal): void {
    const { code, message, transient, retryAfterMs } = refusal;
    if (code === 'VERSION_MISMATCH') {
      this.onMismatch();
    } else if (code === 'RECONNECT_EXPIRED' || code === 'RECONNECT_INVALID' || code === 'TICKET_INVALID') {
      this.onPassRefused(code, message);
    } else if (transient) {
      this.lose(code, message, retryAfterMs);
    } else {
      this.refuse(code, message);
    }
  }

  /** The pass opens nothing any more: there is a way in without it. */
  private onPassRefused(code: string, cause: string): void {
    this.dropLink();
    this.forgetPass();
    this.passesRefused += 1;
    if (this.passesRefused > 1) {
      this.lose(code, cause);
    } else if (isUnderWay(this.state)) {
      this.apply({ type: 'anew' });
      void this.enter();
    }
  }

  private showAgain(): void {
    const pass = this.parts.passes.current;
    if (pass !== undefined) this.show(pass);
  }

  /** Opens a connection and shows the pass on it: to take a seat, or to hear of a place in the queue. */
  private show(pass: Pass): void {
    this.dropLink();
    this.purpose = pass.kind === 'place' ? 'watch' : 'join';
    this.notices = allIsWell;
    this.link = new Link(this.parts.around.openSocket('/ws', SUBPROTOCOL), this.greetingWith(pass), {
      onMessage: (message) => this.onMessage(message),
      onUnreadable: () => this.lose('UNREADABLE', 'the server sent something unreadable'),
      onClose: (code) => this.onClose(code),
    });
    this.watch(WELCOME_TIMEOUT_MS, () => this.onSilence());
  }

  private greetingWith(pass: Pass): ClientMessage {
    return greeting(pass, { instance: this.parts.api.instance, build: this.build });
  }

  private onMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'event.welcome':
        return this.onWelcome(message);
      case 'event.state_delta':
        if (this.state.name === 'active') this.parts.hooks.onDelta(message);
        return;
      case 'event.ack':
        return this.intents.onAck(message);
      case 'event.error':
        return this.onError(message);
      case 'event.reconnect_token':
        return this.onReconnectToken(message);
      case 'event.queue_position':
        return this.onPosition(message, true);
      case 'event.admitted':
        return this.onAdmitted(message);
      case 'event.degraded':
      case 'event.maintenance':
        this.notices = heed(this.notices, message, this.parts.around.now());
        return this.apply({ type: 'noticed', notices: this.notices });
      case 'event.session_replaced':
        return this.onReplaced(message.message);
      case 'event.version_mismatch':
        return this.onMismatch(message.build);
    }
  }

  private onWelcome(welcome: EventWelcome): void {
    this.cancelWatch();
    this.settled = true;
    this.begin();
    this.characterId = welcome.characterId;
    const { characterId, name: characterName, build } = welcome;
    this.apply({ type: 'welcomed', characterId, characterName, build, notices: this.notices });
    this.parts.hooks.onWelcome(welcome);
    if (this.link !== undefined) this.intents.resume(this.link, welcome.lastActionId);
  }

  /** To an intent, or to the first words of the connection. */
  private onError(error: EventError): void {
    if (this.state.name === 'active') {
      this.intents.onError(error);
    } else if (error.code === 'STILL_WAITING') {
      this.watchInstead();
    } else {
      this.onRefusal(new Refusal(error.code, error.message, error.transient, error.retryAfterMs));
    }
  }

  private onReconnectToken({ reconnectToken, graceSeconds }: EventReconnectToken): void {
    this.put({ kind: this.purpose === 'watch' ? 'place' : 'seat', secret: reconnectToken, graceSeconds });
  }

  private onPosition({ position, depth, etaSeconds }: EventQueuePosition | QueueStatus, pushed: boolean): void {
    this.settled = pushed;
    this.begin();
    this.apply({ type: 'queued', position, depth, etaSeconds, pushed, notices: pushed ? this.notices : allIsWell });
    if (pushed) this.watch(QUIET_MS, () => void this.check());
  }

  /** The turn has come; the same connection takes the seat. */
  private onAdmitted({ ticket, seconds }: EventAdmitted): void {
    const pass: Pass = { kind: 'ticket', secret: ticket, graceSeconds: seconds };
    this.put(pass);
    this.purpose = 'join';
    this.settled = false;
    this.apply({ type: 'reached', step: 'entering' });
    this.link?.send(this.greetingWith(pass));
    this.watch(WELCOME_TIMEOUT_MS, () => this.onSilence());
  }

  /** What was thought to be a seat is a place in the queue. */
  private watchInstead(): void {
    const pass = this.parts.passes.current;
    if (pass === undefined) return;
    const place: Pass = { ...pass, kind: 'place' };
    this.put(place);
    this.purpose = 'watch';
    this.link?.send(this.greetingWith(place));
  }

  private onReplaced(text: string): void {
    this.endHere();
    this.apply({ type: 'replaced', text });
  }

  private onClose(code: number): void {
    const opened = this.link?.opened === true;
    const name = closeCodeOf(code);
    const text = name === undefined ? 'the connection was lost' : CLOSE_CODES[name].text;
    switch (name) {
      case 'VERSION_MISMATCH':
        return this.onMismatch();
      case 'REPLACED':
        return this.onReplaced(text);
      case 'KICKED':
      case 'OFFER_EXPIRED':
      case 'CHARACTER_CHANGED':
        this.endHere();
        return this.refuse(name, text);
      case 'BAD_FRAME':
        return this.refuse(name, text);
      case 'LEFT':
        this.endHere();
        return this.signOut('You have left, from here or from another place.');
      case 'MAINTENANCE':
        this.forgetPass();
        return this.lose(name, this.notices.maintenance?.message ?? text);
      case 'TICKET_INVALID':
      case 'RECONNECT_INVALID':
        return this.onPassRefused(name, text);
      case 'TOKEN_EXPIRED':
        this.parts.signedIn.spoil();
        this.viaDesk = true;
        return this.lose(name, text);
      default:
        if (!opened && this.purpose === 'watch') this.withoutSocket();
        else this.lose(name ?? 'LOST', text);
    }
  }

  /** Nothing of the session is left; whatever was not acknowledged is not sent again. */
  private endHere(): void {
    this.dropLink();
    this.forgetPass();
    this.intents.forget();
  }

  private onSilence(): void {
    if (this.link?.opened === false && this.purpose === 'watch') this.withoutSocket();
    else this.lose('SILENT', this.purpose === 'watch' ? 'the queue does not answer' : 'the room does not answer');
  }

  private onMismatch(serverBuild?: string): void {
    this.dropLink();
    this.apply({ type: 'mismatched', serverBuild });
  }

  private refuse(code: string, text: string): void {
    this.dropLink();
    this.apply({ type: 'refused', code, text });
  }

  /** Waits in the queue without being told of it. */
  private withoutSocket(): void {
    this.dropLink();
    const characterId = this.characterId ?? '';
    if (this.state.name === 'queued') {
      this.apply({ ...this.state, type: 'queued', pushed: false });
      this.place.askAfter(POLL_MS, characterId);
    } else {
      void this.place.ask(characterId);
    }
  }

  private takeSeatAtDesk(): void {
    this.viaDesk = true;
    void this.enter();
  }

  private onPlaceRefusal(refusal: Refusal): void {
    if (refusal.code === 'NOT_FOUND') {
      this.onPassRefused('RECONNECT_EXPIRED', 'the place in the queue is gone');
    } else if (this.state.name === 'queued' && refusal.transient && refusal.code !== 'UNREACHABLE') {
      this.place.askAfter(POLL_MS, this.characterId ?? '');
    } else {
      this.onRefusal(refusal);
    }
  }

  /** What a check has found. A server that answers at all, if only that it is busy, is there. */
  private onDoubt(refusal: Refusal): void {
    if (refusal.code === 'UNREACHABLE') this.lose('LOST', 'the connection was lost');
    else if (this.state.name !== 'queued') return;
    else if (refusal.code === 'NOT_FOUND') this.onPlaceRefusal(refusal);
    else this.watch(QUIET_MS, () => void this.check());
  }

  /** The connection, or the try for one, is over; the next try is planned. */
  private lose(code: string, cause: string, floorMs = 0): void {
    this.dropLink();
    if (!isUnderWay(this.state)) return;
    const now = this.parts.around.now();
    const { current: pass, held } = this.parts.passes;
    if (pass?.graceSeconds !== undefined) this.graceEndsAt ??= now + pass.graceSeconds * 1000;
    this.failures += 1;
    const jittered = backoffDelay(this.failures, this.parts.around.random(), floorMs);
    const delay = withinGrace(jittered, (this.graceEndsAt ?? 0) - now, floorMs);
    this.apply({ type: 'lost', code, cause, retryAt: now + delay, held, graceEndsAt: this.graceEndsAt });
    this.cancelRetry = this.parts.around.after(delay, () => this.retryNow());
  }

  /** Nothing is heard, asked or tried any more. */
  private dropLink(): void {
    this.cancelRetry();
    this.cancelWatch();
    this.place.stop();
    this.intents.pause();
    this.settled = false;
    const link = this.link;
    this.link = undefined;
    link?.close();
  }

  /** All is well again: whatever was counted begins anew. */
  private begin(): void {
    this.failures = 0;
    this.passesRefused = 0;
    this.viaDesk = false;
    this.graceEndsAt = undefined;
    this.replaceToken = undefined;
  }

  private put(pass: Pass): void {
    const { passes, signedIn } = this.parts;
    this.graceEndsAt = undefined;
    passes.put(pass, { user: signedIn.name ?? '', characterId: this.characterId ?? '' });
  }

  private forgetPass(): void {
    this.graceEndsAt = undefined;
    this.viaDesk = false;
    this.parts.passes.forget();
  }

  /** Nobody waits for the answer: if it does not arrive, time does the same. */
  private leaveOverHttp(replaceToken?: string): void {
    if (this.characterId === undefined) return;
    this.parts.desk.leave(this.characterId, replaceToken).catch(() => {});
  }

  private watch(ms: number, run: () => void): void {
    this.cancelWatch();
    this.cancelWatch = this.parts.around.after(ms, run);
  }

  private apply(event: ConnectionEvent): void {
    const next = reduce(this.state, event);
    if (next === this.state) return;
    this.state = next;
    this.parts.hooks.onState(next);
  }
}
