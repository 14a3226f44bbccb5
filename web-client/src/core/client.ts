import { Refusal, asRefusal } from './api';
import type { Answer } from './desk';
import { Doubt, QUIET_MS } from './doubt';
import { SIGN_IN_NEEDED } from './identity';
import type { Grant, Person } from './identity';
import { Line } from './line';
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
import type { ConnectionEvent, ConnectionState } from './state';
import { Stay } from './stay';
import { Tries } from './tries';

export const WELCOME_TIMEOUT_MS = 10_000;

/** One character's way into the room, through the queue, and back into it. Every change is told to the hooks. */
export class Client {
  private state: ConnectionState = initialState;
  private characterId: string | undefined;
  private build = '';
  private readonly line: Line;
  private readonly stay: Stay;
  private readonly place: Place;
  private readonly doubt: Doubt;
  private readonly tries: Tries;
  /** Rises with each try, so that answers to an earlier one are recognised and ignored. */
  private attempt = 0;
  private replaceToken: string | undefined;
  /** The pass is shown over HTTP next time, together with the access token. */
  private viaDesk = false;
  private cancelRetry = (): void => {};

  constructor(private readonly parts: Parts) {
    const { around, desk } = parts;
    this.line = new Line(around);
    this.tries = new Tries(around);
    this.stay = new Stay(
      parts,
      () => this.lose('SILENT', 'the server does not answer any more'),
      (notices) => this.apply({ type: 'noticed', notices }),
    );
    const waits = (): boolean => this.state.name === 'queued';
    const onPlaceGone = (): void => this.onPassRefused('RECONNECT_EXPIRED', 'the place in the queue is gone');
    this.doubt = new Doubt(parts, this.line, {
      waits,
      onPlaceGone,
      onServerGone: () => this.lose('LOST', 'the connection was lost'),
      onNewsLate: () => this.onSilence(),
    });
    this.place = new Place(desk, around, {
      waits,
      onPlaceGone,
      onPlace: (status) => this.onPosition(status, false),
      onSeat: () => this.takeSeatAtDesk(),
      onRefusal: (refusal) => this.onRefusal(refusal),
      onSocketDue: () => this.showAgain(),
    });
  }

  get current(): ConnectionState {
    return this.state;
  }

  /** Begins with a name, or with whoever is still signed in in this tab, where that one was when there is a pass. */
  start(name?: string): void {
    if (name !== undefined) this.parts.signedIn.start({ user: name, name });
    this.begin();
  }

  /** Begins with who has just signed in: what is held for them is shown together with the new token. */
  startAs(person: Person, grant: Grant): void {
    this.parts.signedIn.start(person, grant);
    this.viaDesk = true;
    this.begin();
  }

  /** Ends the session, or gives the place in the queue up, and forgets who was signed in. */
  signOut(notice?: string): void {
    if (this.line.settled) this.line.link?.send({ type: 'session.leave' });
    else if (this.parts.passes.current !== undefined) this.leaveOverHttp();
    this.dropLink();
    this.attempt += 1;
    this.characterId = undefined;
    this.stay.forget();
    this.onAllWell();
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
    if (this.line.settled) await this.doubt.check(this.characterId ?? '');
  }

  /** Numbers and sends an intent; false when there is no session or too many wait for their ack. */
  send(draft: Draft): boolean {
    return this.state.name === 'active' && this.stay.send(draft);
  }

  private begin(): void {
    const { signedIn, passes } = this.parts;
    if (passes.holder?.user !== signedIn.person?.user) passes.forget();
    this.characterId = passes.holder?.characterId ?? this.characterId;
    const before = this.state;
    this.apply({ type: 'started', resuming: passes.current !== undefined });
    if (this.state !== before) void this.enter();
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
    if (this.characterId !== character.id) this.stay.forget();
    this.characterId = character.id;
    this.viaDesk = false;
    if (outcome.kind === 'replacement') {
      // What was done elsewhere meanwhile has taken the numbers of what waits here.
      this.stay.forget();
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
    } else if (code === SIGN_IN_NEEDED) {
      this.askToSignIn();
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
    this.tries.passesRefused += 1;
    if (this.tries.passesRefused > 1) {
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
    this.line.connect(this.greetingWith(pass), {
      onMessage: (message) => this.onMessage(message),
      onUnreadable: () => this.lose('UNREADABLE', 'the server sent something unreadable'),
      onClose: (code) => this.onClose(code),
    });
    this.line.watch(WELCOME_TIMEOUT_MS, () => this.onSilence());
  }

  private greetingWith(pass: Pass): ClientMessage {
    return greeting(pass, { instance: this.parts.api.instance, build: this.build }, this.stay.known);
  }

  private onMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'event.welcome':
        return this.onWelcome(message);
      case 'event.error':
        return this.onError(message);
      case 'event.reconnect_token':
        return this.onReconnectToken(message);
      case 'event.queue_position':
        return this.onPosition(message, true);
      case 'event.admitted':
        return this.onAdmitted(message);
      case 'event.session_replaced':
        return this.onReplaced(message.message);
      case 'event.version_mismatch':
        return this.onMismatch(message.build);
      default:
        return this.stay.hear(message);
    }
  }

  private onWelcome(welcome: EventWelcome): void {
    const world = this.stay.welcome(welcome);
    if (world === undefined) {
      this.lose('UNREADABLE', 'the server sent changes to something else than what is here');
      return;
    }
    this.line.quiet();
    this.line.settled = true;
    this.onAllWell();
    this.characterId = welcome.characterId;
    const { characterId, name: characterName, build } = welcome;
    const { notices } = this.stay;
    this.apply({ type: 'welcomed', characterId, characterName, role: world.role, build, notices });
    this.parts.hooks.onWelcome(welcome, world);
    if (this.line.link !== undefined) this.stay.resume(this.line.link, welcome);
  }

  /** To an intent, or to the first words of the connection. */
  private onError(error: EventError): void {
    if (this.state.name === 'active') {
      this.stay.onError(error);
    } else if (error.code === 'STILL_WAITING') {
      this.watchInstead();
    } else if (error.code === 'UNAUTHENTICATED') {
      this.onTokenOver(error.message);
    } else {
      this.onRefusal(new Refusal(error.code, error.message, error.transient, error.retryAfterMs));
    }
  }

  private onReconnectToken({ reconnectToken, graceSeconds }: EventReconnectToken): void {
    this.put({ kind: this.line.purpose === 'watch' ? 'place' : 'seat', secret: reconnectToken, graceSeconds });
  }

  private onPosition({ position, depth, etaSeconds }: EventQueuePosition | QueueStatus, pushed: boolean): void {
    this.line.settled = pushed;
    this.onAllWell();
    this.apply({ type: 'queued', position, depth, etaSeconds, pushed, notices: pushed ? this.stay.notices : allIsWell });
    if (pushed) this.line.watch(QUIET_MS, () => void this.check());
  }

  /** The turn has come; the same connection takes the seat. */
  private onAdmitted({ ticket, seconds }: EventAdmitted): void {
    const pass: Pass = { kind: 'ticket', secret: ticket, graceSeconds: seconds };
    this.put(pass);
    this.apply({ type: 'reached', step: 'entering' });
    this.line.reuse(this.greetingWith(pass));
    this.line.watch(WELCOME_TIMEOUT_MS, () => this.onSilence());
  }

  /** What was thought to be a seat is a place in the queue. */
  private watchInstead(): void {
    const pass = this.parts.passes.current;
    if (pass === undefined) return;
    const place: Pass = { ...pass, kind: 'place' };
    this.put(place);
    this.line.reuse(this.greetingWith(place));
  }

  private onReplaced(text: string): void {
    this.endHere();
    this.apply({ type: 'replaced', text });
  }

  private onClose(code: number): void {
    const opened = this.line.link?.opened === true;
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
      case 'INACTIVE':
        this.endHere();
        return this.refuse(name, text);
      case 'BAD_FRAME':
        return this.refuse(name, text);
      case 'LEFT':
        this.endHere();
        return this.signOut('You have left, from here or from another place.');
      case 'ROLE_CHANGED':
        this.endHere();
        return this.lose(name, text);
      case 'MAINTENANCE':
        this.forgetPass();
        return this.lose(name, this.stay.notices.maintenance?.message ?? text);
      case 'TICKET_INVALID':
      case 'RECONNECT_INVALID':
        return this.onPassRefused(name, text);
      case 'TOKEN_EXPIRED':
        return this.onTokenOver(text);
      default:
        if (!opened && this.line.purpose === 'watch') this.withoutSocket();
        else this.lose(name ?? 'LOST', text);
    }
  }

  /** The access token that the server knew has run out; what is held opens with another. */
  private onTokenOver(text: string): void {
    this.parts.signedIn.spoil();
    this.viaDesk = true;
    this.lose('TOKEN_EXPIRED', text);
  }

  /** Nothing of the session is left; whatever was not acknowledged is not sent again. */
  private endHere(): void {
    this.dropLink();
    this.forgetPass();
    this.stay.forget();
  }

  private onSilence(): void {
    if (this.line.link?.opened === false && this.line.purpose === 'watch') this.withoutSocket();
    else this.lose('SILENT', this.line.purpose === 'watch' ? 'the queue does not answer' : 'the room does not answer');
  }

  private onMismatch(serverBuild?: string): void {
    this.dropLink();
    this.apply({ type: 'mismatched', serverBuild });
  }

  private refuse(code: string, text: string): void {
    this.dropLink();
    this.apply({ type: 'refused', code, text });
  }

  /** Whoever signs in again goes on with what is held. */
  private askToSignIn(): void {
    this.dropLink();
    this.viaDesk = true;
    const { held } = this.parts.passes;
    this.apply({ type: 'sign_in_needed', held, graceEndsAt: this.tries.graceEndsAt });
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

  /** The connection, or the try for one, is over; the next try is planned. */
  private lose(code: string, cause: string, floorMs = 0): void {
    this.dropLink();
    if (!isUnderWay(this.state)) return;
    const { current: pass, held } = this.parts.passes;
    const delay = this.tries.failed(pass, floorMs);
    const retryAt = this.parts.around.now() + delay;
    this.apply({ type: 'lost', code, cause, retryAt, held, graceEndsAt: this.tries.graceEndsAt });
    this.cancelRetry = this.parts.around.after(delay, () => this.retryNow());
  }

  /** Nothing is heard, asked or tried any more. */
  private dropLink(): void {
    this.cancelRetry();
    this.place.stop();
    this.stay.pause();
    this.line.drop();
  }

  /** Whatever was counted begins anew. */
  private onAllWell(): void {
    this.tries.begin();
    this.viaDesk = false;
    this.replaceToken = undefined;
  }

  private put(pass: Pass): void {
    const { passes, signedIn } = this.parts;
    this.tries.passChanged();
    passes.put(pass, { user: signedIn.person?.user ?? '', characterId: this.characterId ?? '' });
  }

  private forgetPass(): void {
    this.tries.passChanged();
    this.viaDesk = false;
    this.parts.passes.forget();
  }

  /** Nobody waits for the answer: if it does not arrive, time does the same. */
  private leaveOverHttp(replaceToken?: string): void {
    if (this.characterId === undefined) return;
    this.parts.desk.leave(this.characterId, replaceToken).catch(() => {});
  }

  private apply(event: ConnectionEvent): void {
    const next = reduce(this.state, event);
    if (next === this.state) return;
    this.state = next;
    this.parts.hooks.onState(next);
  }
}
