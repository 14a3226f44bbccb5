import type { ChatLine } from '../core/protocol';
import { clothOf } from '../scene/people';
import { Countdowns } from './countdowns';
import { byId, make } from './dom';

const LINES_MAX = 200;

/** The log of what was said, and the field to say something. */
export class Chat {
  private readonly log = byId('chat-log', HTMLOListElement);
  private readonly form = byId('chat-form', HTMLFormElement);
  private readonly input = byId('chat-input', HTMLInputElement);
  private readonly muted = byId('muted', HTMLParagraphElement);
  private readonly countdowns: Countdowns;
  private mutedUntil = 0;
  private max = 280;

  /** `say` answers whether the text was taken; if not it stays in the field. */
  constructor(
    say: (text: string) => boolean,
    private readonly now: () => number,
  ) {
    this.countdowns = new Countdowns(now);
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = this.input.value.trim();
      if (text !== '' && say(text)) this.input.value = '';
    });
    this.input.addEventListener('input', () => {
      const letters = [...this.input.value];
      if (letters.length > this.max) this.input.value = letters.slice(0, this.max).join('');
    });
  }

  /** `max` counts code points. */
  limit(max: number): void {
    this.max = max;
  }

  focus(): void {
    this.input.focus();
  }

  add(line: ChatLine): void {
    const who = make('span', { className: 'who', textContent: line.name });
    who.style.setProperty('--cloth', clothOf(line.characterId));
    this.append(make('li', {}, who, ` ${line.text}`));
  }

  /** What was said was not heard, and nothing is for so long yet. */
  mute(leftMs: number): void {
    this.mutedUntil = this.now() + leftMs;
    this.countdowns.clear();
    const left = this.countdowns.until(this.mutedUntil, ' You can speak again in ', '.');
    this.muted.replaceChildren('A moderator has muted you: that was not said.', ...(leftMs > 0 ? [left] : []));
    this.muted.hidden = false;
  }

  tick(): void {
    this.countdowns.tick();
    if (!this.muted.hidden && this.mutedUntil <= this.now()) this.unmute();
  }

  /** One may speak, as far as is known. */
  unmute(): void {
    this.countdowns.clear();
    this.muted.hidden = true;
  }

  note(text: string): void {
    this.append(make('li', { className: 'note', textContent: text }));
  }

  clear(): void {
    this.unmute();
    this.log.replaceChildren();
  }

  private append(entry: HTMLLIElement): void {
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40;
    this.log.append(entry);
    while (this.log.childElementCount > LINES_MAX) this.log.firstElementChild?.remove();
    if (atEnd) this.log.scrollTop = this.log.scrollHeight;
  }
}
