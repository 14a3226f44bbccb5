import { make } from './dom';
import { remaining } from './words';

/** Spans that count down to a time. They change many times, so a screen reader is spared them. */
export class Countdowns {
  private readonly running = new Map<HTMLSpanElement, number>();

  constructor(private readonly now: () => number) {}

  /** `at` is a time of its clock. */
  until(at: number, before: string, after = ''): HTMLSpanElement {
    const span = make('span', { className: 'countdown', textContent: remaining(at - this.now()) });
    this.running.set(span, at);
    const line = make('span', {}, before, span, after);
    line.ariaHidden = 'true';
    return line;
  }

  isOver(at: number): boolean {
    return at <= this.now();
  }

  /** Forgets those within. */
  drop(element: HTMLElement): void {
    for (const span of this.running.keys()) if (element.contains(span)) this.running.delete(span);
  }

  clear(): void {
    this.running.clear();
  }

  tick(): void {
    const now = this.now();
    for (const [span, at] of this.running) {
      const text = remaining(at - now);
      if (span.textContent !== text) span.textContent = text;
    }
  }
}
