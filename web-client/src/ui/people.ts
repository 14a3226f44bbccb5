import type { MemberView } from '../core/protocol';
import type { World } from '../core/world';
import { heldBy } from '../core/world';
import { clothOf } from '../scene/people';
import { byId, make } from './dom';

export interface PeopleActions {
  kick(member: MemberView): void;
  mute(member: MemberView): void;
}

/** Who is here, as a list: the plaza for those who cannot see the canvas; and where moderators find whom they mean. */
export class People {
  private readonly list = byId('people', HTMLUListElement);
  private readonly count = byId('people-count', HTMLSpanElement);
  private readonly rows = new Map<string, HTMLLIElement>();
  private shown: World | undefined;

  constructor(private readonly actions: PeopleActions) {}

  show(world: World): void {
    if (world === this.shown) return;
    if (this.shown?.role !== world.role || this.shown.selfId !== world.selfId) this.clear();
    const order = this.shown?.members !== world.members;
    this.shown = world;
    this.count.textContent = String(world.members.size);
    for (const [id, row] of this.rows) {
      if (world.members.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    for (const member of world.members.values()) this.update(world, member);
    if (order) this.sort(world);
  }

  private update(world: World, member: MemberView): void {
    const row = this.rows.get(member.characterId) ?? this.add(world, member);
    const [x, y] = [String(Math.round(member.x)), String(Math.round(member.y))];
    const held = heldBy(world, member.characterId).map((item) => item.kind).sort().join(', ');
    if (row.dataset.x === x && row.dataset.y === y && row.dataset.held === held) return;
    Object.assign(row.dataset, { x, y, held });
    const place = row.querySelector('.place');
    if (place === null) return;
    place.textContent = held === '' ? `${x}, ${y}` : `${held} · ${x}, ${y}`;
  }

  private add(world: World, member: MemberView): HTMLLIElement {
    const cloth = make('span', { className: 'cloth' });
    cloth.style.background = clothOf(member.characterId);
    const self = member.characterId === world.selfId;
    const row = make('li', {}, cloth, make('span', { className: 'name', textContent: member.name }));
    if (self) row.append(make('span', { className: 'you', textContent: 'you' }));
    row.append(make('span', { className: 'place' }));
    if (!self && maySilence(world)) row.append(this.reins(member));
    Object.assign(row.dataset, { characterId: member.characterId, name: member.name, self: String(self) });
    this.rows.set(member.characterId, row);
    this.list.append(row);
    return row;
  }

  private reins(member: MemberView): HTMLElement {
    const mute = make('button', { type: 'button', className: 'quiet', textContent: 'Mute' });
    mute.ariaLabel = `Mute ${member.name}`;
    mute.addEventListener('click', () => this.actions.mute(member));
    const kick = make('button', { type: 'button', className: 'quiet', textContent: 'Kick' });
    kick.ariaLabel = `Kick ${member.name}`;
    kick.addEventListener('click', () => this.actions.kick(member));
    return make('span', { className: 'reins' }, mute, kick);
  }

  /** Another role, or somebody else: every row is made anew. */
  private clear(): void {
    this.list.replaceChildren();
    this.rows.clear();
  }

  /** Oneself first, the others by name; rows that stand right are left alone. */
  private sort(world: World): void {
    const rank = (member: MemberView): string => (member.characterId === world.selfId ? ' ' : member.name);
    const members = [...world.members.values()].sort((a, b) => rank(a).localeCompare(rank(b)));
    for (const [index, member] of members.entries()) {
      const row = this.rows.get(member.characterId);
      const there = this.list.children.item(index);
      if (row !== undefined && row !== there) this.list.insertBefore(row, there);
    }
  }
}

const maySilence = ({ role }: World): boolean => role === 'moderator' || role === 'admin';
