import { describe, expect, it } from 'vitest';
import type { EventStateDelta, EventWelcome, ItemView, MemberView } from '../src/core/protocol';
import { seeded } from '../src/scene/palette';
import { applyDelta, chatsOf, heldBy, nearestItem, nearestMember, worldFromWelcome } from '../src/core/world';
import type { World } from '../src/core/world';
import { limits } from './fake-server';

const member = (characterId: string, x = 0, y = 0): MemberView => ({ characterId, name: characterId, x, y });
const item = (itemId: string, x = 0, y = 0, holder?: string): ItemView =>
  holder === undefined ? { itemId, kind: 'cup', x, y } : { itemId, kind: 'cup', x, y, holder };

function welcome(members: MemberView[], items: ItemView[], roomVersion = 10): EventWelcome {
  return {
    type: 'event.welcome',
    sessionId: 's',
    characterId: 'me',
    name: 'me',
    room: 'plaza/main',
    build: 'b',
    sequence: 0,
    lastActionId: 0,
    roomVersion,
    snapshot: { members, items },
    limits,
  };
}

function whole(message: EventWelcome, before?: World): World {
  const world = worldFromWelcome(message, before);
  if (world === undefined) throw new Error('the welcome makes no world');
  return world;
}

const delta = (roomVersion: number, change: Partial<EventStateDelta>): EventStateDelta => ({
  type: 'event.state_delta',
  roomVersion,
  ...change,
});

const ids = (world: World): string[] => [...world.members.keys()].sort();

describe('world', () => {
  const start = whole(welcome([member('me'), member('b', 5, 5)], [item('i1', 3, 4), item('i2', 1, 1, 'b')]));

  it('takes whoever is new or changed, and lets the leavers go', () => {
    const next = applyDelta(start, delta(11, { members: [member('c'), member('me', 7, 8)], left: ['b'] }));
    expect(ids(next)).toEqual(['c', 'me']);
    expect(next.members.get('me')).toMatchObject({ x: 7, y: 8 });
    expect(next.version).toBe(11);
    expect(ids(start)).toEqual(['b', 'me']);
  });

  it('ignores what is not newer, but not what was said', () => {
    const old = delta(10, { left: ['b'], chats: [{ characterId: 'b', name: 'b', text: 'hi' }] });
    expect(applyDelta(start, old)).toBe(start);
    expect(chatsOf(old)).toHaveLength(1);
  });

  it('forgets everything at a full delta', () => {
    const next = applyDelta(start, delta(12, { full: true, members: [member('me')], items: [item('i9')] }));
    expect(ids(next)).toEqual(['me']);
    expect([...next.items.keys()]).toEqual(['i9']);
  });

  it('lets go of an item whose holder is absent in the newer view', () => {
    const next = applyDelta(start, delta(11, { items: [item('i2', 9, 9)] }));
    expect(heldBy(start, 'b').map((held) => held.itemId)).toEqual(['i2']);
    expect(heldBy(next, 'b')).toEqual([]);
  });

  it('finds the nearest within reach, and never what is held, oneself, or too far', () => {
    expect(nearestItem(start, { x: 0, y: 0 })?.itemId).toBe('i1');
    expect(nearestItem(start, { x: 900, y: 900 })).toBeUndefined();
    expect(nearestMember(start, { x: 0, y: 0 })?.characterId).toBe('b');
    const edge = whole(welcome([member('me'), member('b', limits.reach, 0)], []));
    expect(nearestMember(edge, { x: 0, y: 0 })?.characterId).toBe('b');
    expect(nearestMember(edge, { x: -0.001, y: 0 })).toBeUndefined();
  });
});

/** A room that changes by chance, and the deltas it would send. */
class Room {
  version = 1;
  readonly members = new Map<string, MemberView>();
  readonly items = new Map<string, ItemView>();

  constructor(private readonly chance: () => number) {}

  change(): EventStateDelta {
    this.version += 1;
    const id = `c${Math.floor(this.chance() * 12)}`;
    if (this.chance() < 0.25 && this.members.delete(id)) return delta(this.version, { left: [id] });
    const changed = member(id, this.chance() * 1000, this.chance() * 1000);
    this.members.set(id, changed);
    const thing = this.chance() < 0.5 ? item('i1', 1, 1, id) : item(`i${Math.floor(this.chance() * 5)}`, this.chance() * 9, 0);
    this.items.set(thing.itemId, thing);
    return delta(this.version, { members: [changed], items: [thing] });
  }

  whole(): EventStateDelta {
    return delta(this.version, { full: true, members: [...this.members.values()], items: [...this.items.values()] });
  }
}

describe('convergence', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    it(`a client with repeats and a gap that a full delta closes ends where the room is (seed ${seed})`, () => {
      const chance = seeded(seed);
      const room = new Room(chance);
      let world = whole(welcome([], [], 1));
      for (let turn = 0; turn < 200; turn += 1) {
        const next = room.change();
        const fate = chance();
        if (fate < 0.1) {
          room.change();
          world = applyDelta(world, room.whole());
          continue;
        }
        world = applyDelta(world, next);
        if (fate > 0.8) world = applyDelta(world, next);
      }
      expect(new Map(world.members)).toEqual(room.members);
      expect(new Map(world.items)).toEqual(room.items);
      expect(world.version).toBe(room.version);
    });
  }
});
