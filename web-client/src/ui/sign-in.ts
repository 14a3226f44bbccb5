import type { Doorway } from '../sign-in/door';
import { card, make } from './dom';
import { sentence } from './words';

const NAME_MAX = 32;
const DEVELOPER = 'Developer sign-in: no password, anybody can be anybody. Not for a server on the internet.';
const PROVIDER = 'You sign in at your identity provider; this page never sees a password.';
const OPEN = { title: 'Come in, the plaza is open', text: 'A small square, some things lying about, and whoever else is here.' };

export interface SignInActions {
  signIn(name: string): void;
  goToProvider(other: boolean): void;
}

/** What is written on the card besides how one gets in. */
export interface SignInWords {
  readonly lastName: string;
  readonly notice: string | undefined;
}

/** The gate, as it is for who is not signed in. */
export function signInCard(doorway: Doorway, words: SignInWords, actions: SignInActions): HTMLElement {
  const face = cardOf(doorway, words.lastName, actions);
  const notice = doorway.notice ?? words.notice;
  if (notice !== undefined) {
    face.querySelector('p')?.after(make('p', { className: 'notice', role: 'status', textContent: sentence(notice) }));
  }
  return face;
}

function cardOf({ way }: Doorway, lastName: string, actions: SignInActions): HTMLElement {
  switch (way) {
    case 'dev':
      return withName(lastName, actions);
    case 'oidc':
      return withProvider(actions);
    case 'none':
      return card('There is no door here', 'This server lets people in only who bring a token of their own; the page has no way to get one.');
    case 'asking':
      return card('One moment', 'Asking how one gets in…');
    case 'away':
      return card('The plaza does not answer', 'The server is away just now. Trying again every few seconds…');
    case 'leaving':
      return card('One moment', 'On the way to the sign-in…');
    case 'returning':
      return card('One moment', 'Welcome back. Saying hello…');
  }
}

function withName(lastName: string, actions: SignInActions): HTMLElement {
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
    if (name !== '') actions.signIn(name);
  });
  const face = card(OPEN.title, OPEN.text);
  face.append(form, make('p', { className: 'hint', textContent: DEVELOPER }));
  return face;
}

function withProvider(actions: SignInActions): HTMLElement {
  const face = card(OPEN.title, OPEN.text);
  const row = make('div', { className: 'row', id: 'sign-in' });
  const enter = make('button', { type: 'button', textContent: 'Sign in' });
  enter.addEventListener('click', () => actions.goToProvider(false));
  const other = make('button', { type: 'button', className: 'quiet', textContent: 'Use another account' });
  other.addEventListener('click', () => actions.goToProvider(true));
  row.append(enter, other);
  face.append(row, make('p', { className: 'hint', textContent: PROVIDER }));
  return face;
}
