import type { ConnectionState, Maintenance, Notices } from '../core/state';
import { Countdowns } from './countdowns';
import { byId, make } from './dom';
import { sentence } from './words';

/** What everybody here has to know: above the plaza, below the bar, and in nobody's way. */
export class Banner {
  private readonly box = byId('banner', HTMLDivElement);
  private readonly countdowns: Countdowns;
  private shown: Notices | undefined;

  constructor(now: () => number) {
    this.countdowns = new Countdowns(now);
  }

  show(state: ConnectionState): void {
    const notices = state.name === 'active' || state.name === 'queued' ? state.notices : undefined;
    if (notices === this.shown) return;
    this.shown = notices;
    this.countdowns.clear();
    const lines = notices === undefined ? [] : this.linesOf(notices);
    document.body.dataset.degraded = String(notices?.degraded === true);
    document.body.dataset.maintenance = String(notices?.maintenance !== undefined);
    this.box.replaceChildren(...lines);
  }

  tick(): void {
    this.countdowns.tick();
  }

  private linesOf({ degraded, maintenance }: Notices): HTMLElement[] {
    const lines: HTMLElement[] = [];
    if (maintenance !== undefined) lines.push(this.maintenance(maintenance));
    if (degraded) {
      const text = 'A part of the server is away. You can go on; getting in and queueing are limited until it is back.';
      lines.push(make('p', { id: 'degraded', textContent: text }));
    }
    return lines;
  }

  private maintenance({ endsAt, message }: Maintenance): HTMLElement {
    const line = make('p', { id: 'maintenance' }, make('strong', { textContent: 'Maintenance' }));
    line.append(` ${message === undefined ? 'Nobody new is let in.' : sentence(message)}`);
    if (endsAt !== undefined) line.append(' ', this.countdowns.until(endsAt, 'This visit ends in ', '.'));
    return line;
  }
}
