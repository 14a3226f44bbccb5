import type {
  ConnectionState,
  ConnectionStep,
  Held,
  Queued,
  Reconnecting,
  Replacement,
  SignInNeeded,
  Unavailable,
} from '../core/state';
import type { Doorway } from '../sign-in/door';
import { Countdowns } from './countdowns';
import { byId, card, make } from './dom';
import { signInCard } from './sign-in';
import { goAgain, sentence, wait, whyFailed, whyUnavailable } from './words';

export interface FaceActions {
  /** With a name where that is all it takes. */
  signIn(name: string): void;
  /** Off to the identity provider; `other`: as somebody else than it remembers. */
  goToProvider(other: boolean): void;
  goAgain(): void;
  retryNow(): void;
  takeOver(): void;
  leaveItThere(): void;
  signOut(): void;
  reload(): void;
}

const TOO_LATE = 'That answer came too late: the question is open again.';
const PUSHED = 'You hear of it the moment you move up.';
const POLLED = 'There is no live connection: asking every few seconds.';
const FULL = 'When it is your turn you are let in, and need not do anything. Keep this page open.';
const STEPS: Readonly<Record<ConnectionStep, string>> = {
  signing_in: 'Saying hello…',
  resuming: 'Finding the way back…',
  asking_for_a_seat: 'Asking for a place…',
  entering: 'Stepping onto the plaza…',
};

/** What stands before the plaza as long as one is not on it: a face for every state. */
export class Face {
  private readonly box = byId('face', HTMLElement as unknown as new () => HTMLElement);
  private readonly countdowns: Countdowns;
  private shown: ConnectionState['name'] | undefined;
  /** Brings a face that is there already up to date, without touching what has the focus. */
  private update: ((state: Queued) => void) | undefined;

  constructor(
    private readonly actions: FaceActions,
    now: () => number,
  ) {
    this.countdowns = new Countdowns(now);
  }

  show(state: ConnectionState, doorway: Doorway, lastName: string): void {
    if (state.name === 'queued' && this.update !== undefined) {
      this.update(state);
      return;
    }
    this.countdowns.clear();
    this.update = undefined;
    const focused = this.box.contains(document.activeElement) ? document.activeElement?.textContent : undefined;
    const face = this.cardOf(state, doorway, lastName);
    face?.classList.toggle('steady', state.name === this.shown);
    this.box.replaceChildren(...(face === undefined ? [] : [face]));
    this.focus(state, focused);
    this.shown = state.name;
  }

  /** Keeps the countdowns true. */
  tick(): void {
    this.countdowns.tick();
  }

  /** A new card is where reading and the keyboard go on; the ribbon disturbs nobody; a button keeps the focus. */
  private focus(state: ConnectionState, focused: string | null | undefined): void {
    if (state.name === this.shown || state.name === 'reconnecting') {
      const again = [...this.box.querySelectorAll('button')].find((button) => button.textContent === focused);
      if (focused !== undefined) (again ?? this.box.querySelector('button'))?.focus();
      return;
    }
    (this.box.querySelector('input') ?? this.box.querySelector('h2'))?.focus();
  }

  private cardOf(state: ConnectionState, doorway: Doorway, lastName: string): HTMLElement | undefined {
    switch (state.name) {
      case 'active':
        return undefined;
      case 'idle':
        return signInCard(doorway, { lastName, notice: state.notice }, this.actions);
      case 'sign_in':
        return this.signInAgain(state, doorway);
      case 'connecting':
        return card('One moment', STEPS[state.step]);
      case 'replacement':
        return this.replacement(state);
      case 'queued':
        return this.queued(state);
      case 'reconnecting':
        return state.held === 'seat' ? this.ribbon(state) : this.heldPlace(state);
      case 'unavailable':
        return this.unavailable(state);
      case 'replaced':
        return this.replaced(state.text);
      case 'failed':
        return this.failed(state.code, state.text);
      case 'update_required':
        return this.updateRequired(state.serverBuild);
    }
  }

  /** The way back to what is held leads through the sign-in. */
  private signInAgain({ held, graceEndsAt }: SignInNeeded, { way, notice }: Doorway): HTMLElement {
    const face = card('Please sign in again', 'Your sign-in has run out. Afterwards you are back where you were.');
    if (notice !== undefined) face.append(make('p', { className: 'notice', textContent: sentence(notice) }));
    const row = make('div', { className: 'row' });
    if (held !== undefined && graceEndsAt !== undefined) row.append(this.grace(held, graceEndsAt));
    const again = way === 'oidc' ? () => this.actions.goToProvider(false) : () => this.actions.goAgain();
    const button = this.button('Sign in', again);
    button.disabled = way === 'leaving';
    row.append(button, this.button('Leave', () => this.actions.signOut(), 'quiet'));
    face.append(row);
    return face;
  }

  /** The answer changes what happens to somebody, so it is a dialogue, and Escape is no. */
  private replacement({ characterName, again }: Replacement): HTMLElement {
    const where = `${characterName} is playing in another window or on another device.`;
    const face = card('You are on the plaza already', `${where} If you take over, it ends there and goes on here.`);
    face.role = 'alertdialog';
    face.ariaModal = 'true';
    face.ariaLabel = 'This character is playing elsewhere';
    face.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.actions.leaveItThere();
    });
    if (again) face.append(make('p', { className: 'notice', textContent: TOO_LATE }));
    const row = make('div', { className: 'row' });
    row.append(this.button('Take over', () => this.actions.takeOver()));
    row.append(this.button('Cancel', () => this.actions.leaveItThere(), 'quiet'));
    face.append(row);
    return face;
  }

  private queued(state: Queued): HTMLElement {
    const face = card('The plaza is full just now', FULL);
    const number = make('b', { id: 'queue-position' });
    const depth = make('span', { id: 'queue-depth' });
    const eta = make('p', { id: 'queue-eta' });
    const how = make('p', { className: 'hint' });
    this.update = (now) => {
      number.textContent = now.position === undefined ? '…' : String(now.position);
      depth.textContent = `your place in the queue${now.depth === undefined ? '' : `, of ${now.depth}`}`;
      eta.textContent = wait(now);
      how.textContent = now.pushed ? PUSHED : POLLED;
      face.dataset.pushed = String(now.pushed);
    };
    this.update(state);
    face.append(make('p', { className: 'position' }, number, depth), eta, how, this.giveUp());
    return face;
  }

  private heldPlace(state: Reconnecting): HTMLElement {
    const face = card('Your place in the queue is kept', `${sentence(state.cause)} Coming back…`);
    face.append(this.nextTry(state), this.giveUp());
    return face;
  }

  private ribbon(state: Reconnecting): HTMLElement {
    const ribbon = make('section', { className: 'card ribbon' }, make('strong', { textContent: 'Coming back…' }));
    ribbon.append(make('span', { textContent: sentence(state.cause) }), this.nextTry(state));
    return ribbon;
  }

  private unavailable(state: Unavailable): HTMLElement {
    const { title, text } = whyUnavailable(state.code);
    const face = card(title, text ?? sentence(state.cause));
    face.append(this.nextTry(state), this.button('Back', () => this.actions.signOut(), 'quiet'));
    return face;
  }

  private replaced(text: string): HTMLElement {
    const face = card('You went on in another place', sentence(text));
    const row = make('div', { className: 'row' });
    row.append(this.button('Take it back', () => this.actions.goAgain()));
    row.append(this.button('Back to the sign-in', () => this.actions.signOut(), 'quiet'));
    face.append(row);
    return face;
  }

  private failed(code: string, text: string): HTMLElement {
    const { title, text: more } = whyFailed(code);
    const face = card(title, more ?? sentence(text));
    const row = make('div', { className: 'row' });
    const again = goAgain(code);
    if (again !== undefined) row.append(this.button(again, () => this.actions.goAgain()));
    row.append(this.button('Back to the sign-in', () => this.actions.signOut(), again === undefined ? '' : 'quiet'));
    face.append(row, make('p', { className: 'hint', textContent: code }));
    return face;
  }

  private updateRequired(serverBuild: string | undefined): HTMLElement {
    const which = serverBuild === undefined ? '' : ` (${serverBuild})`;
    const text = `The server runs another build${which} than this page. Reload to get the new one.`;
    const face = card('The plaza has been rebuilt', text);
    face.append(this.button('Reload', () => this.actions.reload()));
    return face;
  }

  /** When the next try is, until when something is held, and a button for who does not want to wait. */
  private nextTry(state: Reconnecting | Unavailable): HTMLElement {
    const row = make('div', { className: 'row tries' });
    if (state.name === 'reconnecting' && state.graceEndsAt !== undefined) {
      row.append(this.grace(state.held, state.graceEndsAt));
    }
    if (state.retryAt === undefined) {
      row.append(make('span', { textContent: 'Trying…' }));
    } else {
      row.append(this.countdowns.until(state.retryAt, 'Next try in '));
      row.append(this.button('Try now', () => this.actions.retryNow()));
    }
    return row;
  }

  /** The server has the last word on it, so after the end it is only a guess. */
  private grace(held: Held, endsAt: number): HTMLElement {
    const what = held === 'seat' ? 'Your seat' : 'Your place';
    const over = make('span', { textContent: `${what} may be gone by now` });
    const line = this.countdowns.isOver(endsAt) ? over : this.countdowns.until(endsAt, `${what} is kept for `);
    line.classList.add('grace');
    return line;
  }

  private giveUp(): HTMLButtonElement {
    return this.button('Leave the queue', () => this.actions.signOut(), 'quiet');
  }

  private button(text: string, run: () => void, className = ''): HTMLButtonElement {
    const button = make('button', { type: 'button', textContent: text, className });
    button.addEventListener('click', run);
    return button;
  }
}
