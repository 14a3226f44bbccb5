import type { Changes, ChatLine, EventStateDelta, EventWelcome, ItemView, Limits, MemberView, Role } from './protocol';

/** What the page knows of the room. Never changed in place. */
export interface World {
  readonly version: number;
  readonly room: string;
  readonly selfId: string;
  /** What the own session may do. */
  readonly role: Role;
  readonly limits: Limits;
  readonly members: ReadonlyMap<string, MemberView>;
  readonly items: ReadonlyMap<string, ItemView>;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The room after a welcome; undefined when it brings changes to something else than `before`. */
export function worldFromWelcome(welcome: EventWelcome, before?: World): World | undefined {
  const { roomVersion: version, characterId: selfId, role = 'player', room, limits, snapshot, changes } = welcome;
  const about = { version, room, selfId, role, limits };
  if (snapshot !== undefined) return { ...about, ...changed(undefined, snapshot) };
  if (changes === undefined || before === undefined) return undefined;
  if (before.room !== room || before.selfId !== selfId || before.version !== changes.since) return undefined;
  return { ...about, ...changed(before, changes) };
}

/** A delta that is not newer than the world changes nothing; a full one replaces all. */
export function applyDelta(world: World, delta: EventStateDelta): World {
  const full = delta.full === true;
  if (delta.roomVersion <= world.version && !full) return world;
  return { ...world, version: delta.roomVersion, ...changed(full ? undefined : world, delta) };
}

/** Whoever is new or changed comes whole; who has left is named. */
function changed(
  before: Pick<World, 'members' | 'items'> | undefined,
  { members, items, left }: Partial<Omit<Changes, 'since'>>,
): Pick<World, 'members' | 'items'> {
  const here = byKey(before?.members ?? [], members ?? [], (member) => member.characterId);
  for (const id of left ?? []) here.delete(id);
  return { members: here, items: byKey(before?.items ?? [], items ?? [], (item) => item.itemId) };
}

/** Chat lines are delivered once and are no state: they count whatever the version. */
export function chatsOf({ chats }: EventStateDelta | EventWelcome): readonly ChatLine[] {
  return chats ?? [];
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
