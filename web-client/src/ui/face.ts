import type { ConnectionState, ConnectionStep } from '../core/state';
import { byId, make } from './dom';

export interface FaceActions {
  signIn(name: string): void;
  retryNow(): void;
  signOut(): void;
  reload(): void;
}

const NAME_MAX = 32;
const STEPS: Readonly<Record<ConnectionStep, string>> = {
  signing_in: 'Saying hello…',
  asking_for_a_seat: 'Asking for a place…',
  entering: 'Stepping onto the plaza…',
};

/** What stands before the plaza as long as one is not on it: a face for every state. */
export class Face {
  private readonly box = byId('face', HTMLElement as unknown as new () => HTMLElement);
  private countdown: HTMLSpanElement | undefined;
  private retryAt: number | undefined;

  constructor(private readonly actions: FaceActions) {}

  show(state: ConnectionState, lastName: string): void {
    this.countdown = undefined;
    this.retryAt = 'retryAt' in state ? state.retryAt : undefined;
    const card = this.cardOf(state, lastName);
    this.box.replaceChildren(...(card === undefined ? [] : [card]));
    this.box.querySelector('input')?.focus();
  }

  /** Keeps the countdown to the next try true. */
  tick(now: number): void {
    if (this.countdown === undefined || this.retryAt === undefined) return;
    const text = `${Math.max(0, Math.ceil((this.retryAt - now) / 1000))} s`;
    if (this.countdown.textContent !== text) this.countdown.textContent = text;
  }

  private cardOf(state: ConnectionState, lastName: string): HTMLElement | undefined {
    switch (state.name) {
      case 'active':
        return undefined;
      case 'idle':
        return this.signIn(state.notice, lastName);
      case 'connecting':
        return card('One moment', STEPS[state.step]);
      case 'reconnecting':
        return this.ribbon(state);
      case 'unavailable':
        return this.unavailable(state);
      case 'failed':
        return this.failed(state.code, state.text);
      case 'update_required':
        return this.update(state.serverBuild);
    }
  }

  private signIn(notice: string | undefined, lastName: string): HTMLElement {
    const input = make('input', { id: 'name', name: 'name', required: true, maxLength: NAME_MAX });
    input.autocomplete = 'username';
    input.value = lastName;
    const form = make(
      'form',
      { id: 'sign-in' },
      make('label', { htmlFor: 'name', textContent: 'What shall the others call you?' }),
      input,
      make('button', { type: 'submit', textContent: 'Step onto the plaza' }),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name !== '') this.actions.signIn(name);
    });
    const face = card('Come in, the plaza is open', 'A small square, some things lying about, and whoever else is here.');
    if (notice !== undefined) face.append(make('p', { className: 'notice', textContent: notice }));
    face.append(form);
    face.append(make('p', { className: 'hint', textContent: 'Developer sign-in: no password, anybody can be anybody. Not for a server on the internet.' }));
    return face;
  }

  private ribbon(state: Extract<ConnectionState, { name: 'reconnecting' }>): HTMLElement {
    const ribbon = make('section', { className: 'card ribbon' }, make('strong', { textContent: 'Coming back…' }), make('span', { textContent: sentence(state.cause) }));
    if (state.retryAt !== undefined) ribbon.append(this.nextTry(), this.button('Try now', () => this.actions.retryNow()));
    return ribbon;
  }

  private unavailable(state: Extract<ConnectionState, { name: 'unavailable' }>): HTMLElement {
    const face = card('The gate is shut just now', sentence(state.cause));
    const row = make('div', { className: 'row' });
    if (state.retryAt === undefined) row.append(make('span', { textContent: 'Trying again…' }));
    else row.append(this.nextTry(), this.button('Try now', () => this.actions.retryNow()));
    row.append(this.button('Back', () => this.actions.signOut(), 'quiet'));
    face.append(row);
    return face;
  }

  private failed(code: string, text: string): HTMLElement {
    const face = card('That did not work', sentence(text));
    face.append(make('p', { className: 'hint', textContent: code }));
    face.append(this.button('Back to the sign-in', () => this.actions.signOut()));
    return face;
  }

  private update(serverBuild: string | undefined): HTMLElement {
    const which = serverBuild === undefined ? '' : ` (${serverBuild})`;
    const face = card('The plaza has been rebuilt', `The server runs another build${which} than this page. Reload to get the new one.`);
    face.append(this.button('Reload', () => this.actions.reload()));
    return face;
  }

  private nextTry(): HTMLElement {
    this.countdown = make('span');
    const line = make('span', {}, 'next try in ', this.countdown);
    line.ariaHidden = 'true';
    return line;
  }

  private button(text: string, run: () => void, className = ''): HTMLButtonElement {
    const button = make('button', { type: 'button', textContent: text, className });
    button.addEventListener('click', run);
    return button;
  }
}

function card(title: string, text: string): HTMLElement {
  return make('section', { className: 'card' }, make('h2', { textContent: title }), make('p', { textContent: text }));
}

/** Texts of the schemas begin small and have no full stop. */
export function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/u.test(whole) ? whole : `${whole}.`;
}
