import type { ConnectionState, Notices } from '../core/state';
import { Countdowns } from './countdowns';
import { byId, make } from './dom';
import { sentence } from './words';

export interface BannerActions {
  /** Says that one is still there. */
  stay(): void;
  signIn(): void;
}

type Kind = keyof Notices;

const QUIET: Notices = { degraded: false };
const KINDS = ['maintenance', 'signIn', 'inactivity', 'degraded'] as const satisfies readonly Kind[];
const DEGRADED = 'A part of the server is away. You can go on; getting in and queueing are limited until it is back.';

/** A line that wants something done in time. */
interface Question {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly label: string;
}

const INACTIVE: Question = {
  id: 'inactivity',
  title: 'Are you still there?',
  text: 'Without a sign of you this visit ends',
  label: 'I am here',
};
const EXPIRING: Question = {
  id: 'expiring',
  title: 'Please sign in again.',
  text: 'Your sign-in runs out',
  label: 'Sign in',
};

/** What everybody here has to know: above the plaza, below the bar, and in nobody's way. */
export class Banner {
  private readonly box = byId('banner', HTMLDivElement);
  private readonly countdowns: Countdowns;
  private readonly lines = new Map<Kind, HTMLElement>();
  private shown = QUIET;

  constructor(
    private readonly actions: BannerActions,
    now: () => number,
  ) {
    this.countdowns = new Countdowns(now);
  }

  show(state: ConnectionState): void {
    const notices = state.name === 'active' || state.name === 'queued' ? state.notices : QUIET;
    // A line that says what it said stays where it is: its button may have the focus.
    for (const kind of KINDS) if (notices[kind] !== this.shown[kind]) this.change(kind, notices);
    this.shown = notices;
    document.body.dataset.degraded = String(notices.degraded);
    document.body.dataset.maintenance = String(notices.maintenance !== undefined);
  }

  tick(): void {
    this.countdowns.tick();
  }

  private change(kind: Kind, notices: Notices): void {
    const old = this.lines.get(kind);
    if (old?.contains(document.activeElement) === true) byId('plaza', HTMLCanvasElement).focus();
    if (old !== undefined) this.countdowns.drop(old);
    old?.remove();
    this.lines.delete(kind);
    const line = this.lineOf(kind, notices);
    if (line === undefined) return;
    this.lines.set(kind, line);
    this.box.append(line);
  }

  private lineOf(kind: Kind, { degraded, maintenance, inactivity, signIn }: Notices): HTMLElement | undefined {
    switch (kind) {
      case 'degraded':
        return degraded ? make('p', { id: 'degraded', textContent: DEGRADED }) : undefined;
      case 'maintenance':
        return maintenance && this.maintenance(maintenance);
      case 'inactivity':
        return inactivity && this.asking(INACTIVE, inactivity.endsAt, () => this.actions.stay());
      case 'signIn':
        return signIn && this.asking(EXPIRING, signIn.endsAt, () => this.actions.signIn());
    }
  }

  private maintenance({ endsAt, message }: NonNullable<Notices['maintenance']>): HTMLElement {
    const line = make('p', { id: 'maintenance' }, make('strong', { textContent: 'Maintenance' }));
    line.append(` ${message === undefined ? 'Nobody new is let in.' : sentence(message)}`);
    if (endsAt !== undefined) line.append(' ', this.countdowns.until(endsAt, 'This visit ends in ', '.'));
    return line;
  }

  private asking({ id, title, text, label }: Question, endsAt: number, run: () => void): HTMLElement {
    const button = make('button', { type: 'button', textContent: label });
    button.addEventListener('click', run);
    const words = make('span', {}, make('strong', { textContent: title }), ` ${text}`, this.countdowns.until(endsAt, ' in ', '.'));
    return make('p', { id, className: 'asks' }, words, button);
  }
}
