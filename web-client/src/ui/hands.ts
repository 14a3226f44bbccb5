import type { ItemView, MemberView } from '../core/protocol';
import { drawItem } from '../scene/items';
import { byId, make } from './dom';

/** Empty places are shown up to this many; who holds more sees more. */
const SLOTS_SHOWN = 4;

export interface Reach {
  readonly held: readonly ItemView[];
  readonly item: ItemView | undefined;
  readonly member: MemberView | undefined;
}

export interface HandActions {
  pickUp(): void;
  drop(): void;
  give(): void;
}

/** What one holds, which of it is chosen, and what can be done now. */
export class Hands {
  private readonly list = byId('inventory', HTMLUListElement);
  private readonly buttons = {
    pickup: byId('pickup', HTMLButtonElement),
    drop: byId('drop', HTMLButtonElement),
    give: byId('give', HTMLButtonElement),
  };
  private chosenId: string | undefined;
  private shown = '';

  constructor(actions: HandActions) {
    this.buttons.pickup.addEventListener('click', () => actions.pickUp());
    this.buttons.drop.addEventListener('click', () => actions.drop());
    this.buttons.give.addEventListener('click', () => actions.give());
  }

  /** The item that drop and give are about. */
  chosen(held: readonly ItemView[]): ItemView | undefined {
    return held.find((item) => item.itemId === this.chosenId) ?? held[0];
  }

  choose(itemId: string): void {
    this.chosenId = itemId;
  }

  show(reach: Reach): void {
    const chosen = this.chosen(reach.held);
    const ids = reach.held.map((item) => item.itemId).join(' ');
    const key = `${ids}|${chosen?.itemId}|${reach.item?.itemId}|${reach.member?.characterId}`;
    if (key === this.shown) return;
    this.shown = key;
    this.list.replaceChildren(...this.slots(reach.held, chosen));
    label(this.buttons.pickup, reach.item !== undefined, reach.item === undefined ? 'Pick up' : `Take ${reach.item.kind}`);
    label(this.buttons.drop, chosen !== undefined, chosen === undefined ? 'Drop' : `Drop ${chosen.kind}`);
    const canGive = chosen !== undefined && reach.member !== undefined;
    label(this.buttons.give, canGive, reach.member === undefined || chosen === undefined ? 'Give' : `Give to ${reach.member.name}`);
  }

  private slots(held: readonly ItemView[], chosen: ItemView | undefined): HTMLLIElement[] {
    const slots = held.map((item) => make('li', { role: 'presentation' }, this.slot(item, item === chosen)));
    while (slots.length < SLOTS_SHOWN) slots.push(make('li', { className: 'slot', role: 'presentation' }));
    return slots;
  }

  private slot(item: ItemView, chosen: boolean): HTMLButtonElement {
    const button = make('button', { type: 'button', className: 'slot', role: 'option', title: item.kind }, icon(item.kind));
    button.ariaSelected = String(chosen);
    button.ariaLabel = item.kind;
    button.dataset.itemId = item.itemId;
    button.addEventListener('click', () => this.choose(item.itemId));
    return button;
  }
}

function label(button: HTMLButtonElement, enabled: boolean, text: string): void {
  button.disabled = !enabled;
  const span = button.querySelector('span');
  if (span !== null) span.textContent = text;
  button.title = text;
}

function icon(kind: string): HTMLCanvasElement {
  const canvas = make('canvas', { width: 68, height: 68 });
  const pen = canvas.getContext('2d');
  if (pen === null) return canvas;
  pen.translate(34, 34);
  pen.scale(2.3, 2.3);
  drawItem(pen, kind);
  return canvas;
}
