import { byId, make } from './dom';

const LASTS_MS = 4000;
const AT_ONCE_MAX = 3;

/** Short notices. The same text twice at once is one notice. */
export class Toasts {
  private readonly box = byId('toasts', HTMLDivElement);

  show(text: string): void {
    if ([...this.box.children].some((toast) => toast.textContent === text)) return;
    while (this.box.childElementCount >= AT_ONCE_MAX) this.box.firstElementChild?.remove();
    const toast = make('p', { className: 'toast', textContent: text });
    this.box.append(toast);
    setTimeout(() => toast.remove(), LASTS_MS);
  }
}
