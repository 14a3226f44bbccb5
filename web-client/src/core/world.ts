import type { ChatLine, EventStateDelta, EventWelcome, ItemView, Limits, MemberView } from './protocol';

/** What the page knows of the room. Never changed in place. */
export interface World {
  readonly version: number;
  readonly selfId: string;
  readonly limits: Limits;
  readonly members: ReadonlyMap<string, MemberView>;
  readonly items: ReadonlyMap<string, ItemView>;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export function worldFromWelcome(welcome: EventWelcome): World {
  return {
    version: welcome.roomVersion,
    selfId: welcome.characterId,
    limits: welcome.limits,
    members: byKey([], welcome.snapshot.members, (member) => member.characterId),
    items: byKey([], welcome.snapshot.items, (item) => item.itemId),
  };
}

/** A delta that is not newer than the world changes nothing; a full one replaces all. */
export function applyDelta(world: World, delta: EventStateDelta): World {
  if (delta.roomVersion <= world.version && delta.full !== true) return world;
  const full = delta.full === true;
  const members = byKey(full ? [] : world.members, delta.members ?? [], (member) => member.characterId);
  const items = byKey(full ? [] : world.items, delta.items ?? [], (item) => item.itemId);
  for (const id of delta.left ?? []) members.delete(id);
  return { ...world, version: delta.roomVersion, members, items };
}

/** Chat lines are delivered once and are no state: they count whatever the delta's version. */
export function chatsOf(delta: EventStateDelta): readonly ChatLine[] {
  return delta.chats ?? [];
}

export function heldBy(world: World, characterId: string): ItemView[] {
  return [...world.items.values()].filter((item) => item.holder === characterId);
}

/** The nearest item that lies about within reach of `from`. */
export function nearestItem(world: World, from: Point): ItemView | undefined {
  const loose = [...world.items.values()].filter((item) => item.holder === undefined);
  return nearest(loose, from, world.limits.reach);
}

/** The nearest other character within reach of `from`. */
export function nearestMember(world: World, from: Point): MemberView | undefined {
  const others = [...world.members.values()].filter((member) => member.characterId !== world.selfId);
  return nearest(others, from, world.limits.reach);
}

function nearest<T extends Point>(candidates: readonly T[], from: Point, reach: number): T | undefined {
  let best: T | undefined;
  let bestDistance = reach;
  for (const candidate of candidates) {
    const distance = Math.hypot(candidate.x - from.x, candidate.y - from.y);
    if (distance > bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

function byKey<T>(before: Iterable<readonly [string, T]>, changed: readonly T[], key: (value: T) => string): Map<string, T> {
  const map = new Map(before);
  for (const value of changed) map.set(key(value), value);
  return map;
}
