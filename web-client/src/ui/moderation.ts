import { asRefusal } from '../core/api';
import type { MemberView } from '../core/protocol';
import { byId, make } from './dom';
import { sentence } from './words';

export interface ModerationActions {
  /** Answers whether there was a visit to end. */
  kick(characterId: string): Promise<boolean>;
  /** 0 gives the voice back. */
  mute(characterId: string, seconds: number): Promise<void>;
  /** What came of it. */
  tell(text: string): void;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DURATIONS: readonly (readonly [string, number])[] = [
  ['for 10 minutes', 10 * MINUTE],
  ['for an hour', HOUR],
  ['for a day', 24 * HOUR],
  ['not any more', 0],
];

/** The question before somebody is sent away or silenced. Escape and Cancel change nothing. */
export class Moderation {
  private readonly dialog = byId('moderate', HTMLDialogElement);

  constructor(private readonly actions: ModerationActions) {}

  kick({ characterId, name }: MemberView): void {
    const text = `The visit of ${name} ends at once, and ${name} is told that somebody has ended it.`;
    this.ask(`Ask ${name} to leave?`, [make('p', { textContent: text })], 'Kick', async () => {
      const ended = await this.actions.kick(characterId);
      return ended ? `${name} was asked to leave.` : `${name} had left already.`;
    });
  }

  mute({ characterId, name }: MemberView): void {
    const select = make('select', { id: 'mute-for' });
    for (const [label, seconds] of DURATIONS) select.append(make('option', { textContent: label, value: String(seconds) }));
    const label = make('label', { htmlFor: 'mute-for', textContent: `Nobody hears what ${name} says` });
    this.ask(`Mute ${name}?`, [label, select], 'Mute', async () => {
      const seconds = Number(select.value);
      await this.actions.mute(characterId, seconds);
      const length = select.selectedOptions.item(0)?.textContent ?? '';
      return seconds === 0 ? `${name} may speak again.` : `${name} is muted ${length}.`;
    });
  }

  close(): void {
    if (this.dialog.open) this.dialog.close();
  }

  private ask(title: string, body: readonly HTMLElement[], yes: string, run: () => Promise<string>): void {
    const confirm = make('button', { type: 'button', textContent: yes });
    const cancel = make('button', { type: 'button', className: 'quiet', textContent: 'Cancel' });
    confirm.addEventListener('click', () => {
      this.close();
      void this.tellOf(run);
    });
    cancel.addEventListener('click', () => this.close());
    const heading = make('h2', { id: 'moderate-title', textContent: title });
    this.dialog.replaceChildren(heading, ...body, make('div', { className: 'row pair' }, cancel, confirm));
    this.dialog.showModal();
  }

  private async tellOf(run: () => Promise<string>): Promise<void> {
    try {
      this.actions.tell(await run());
    } catch (error) {
      this.actions.tell(sentence(asRefusal(error).message));
    }
  }
}
