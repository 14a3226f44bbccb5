import { beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../src/core/client';
import type { Draft, EventWelcome, Role } from '../src/core/protocol';
import { worldFromWelcome } from '../src/core/world';
import type { World } from '../src/core/world';
import { Game } from '../src/game';
import { entryError, limits, welcome } from './fake-server';

let told: string[];
let sent: Draft[];
let role: Role;
let game: Game;

beforeEach(() => {
  told = [];
  sent = [];
  role = 'player';
  game = new Game(() => 0, {
    onWelcome: () => {},
    onChat: ({ name, text }) => told.push(`${name}: ${text}`),
    onArrival: (name, here) => told.push(here ? `${name} is here` : `${name} has left`),
    onChatsLost: () => told.push('missed'),
    onMuted: (leftMs) => told.push(`muted for ${leftMs}`),
    onRefused: (message) => told.push(message),
    onLatency: () => {},
  });
  const send = (draft: Draft): boolean => sent.push(draft) > 0;
  game.client = { get current() { return { name: 'active', role }; }, send } as unknown as Client;
});

function enter(message: EventWelcome, before?: World): World {
  const world = worldFromWelcome(message, before);
  if (world === undefined) throw new Error('the welcome makes no world');
  game.onWelcome(message, world);
  return world;
}

/** Ada comes back and finds that Bo has come. */
function back(since: World, more: Partial<EventWelcome> = {}): EventWelcome {
  const { snapshot: _, ...rest } = welcome(0);
  const members = [{ characterId: 'c2', name: 'Bo', x: 2, y: 2 }];
  return { ...rest, roomVersion: since.version + 3, changes: { since: since.version, members, left: [], items: [] }, ...more };
}

describe('coming back', () => {
  it('shows what was said meanwhile, and who has come, and goes on from where one was', () => {
    const world = enter(welcome(0));
    game.walkTo({ x: 500, y: 500 });
    game.step(0);
    game.step(100);
    const at = game.presenceOf(world.members.get('c1') ?? { characterId: '', name: '', x: 0, y: 0 }).at;
    expect(at.x).toBeGreaterThan(1);
    const chats = [{ characterId: 'c2', name: 'Bo', text: 'where were you?' }];
    enter(back(world, { chats }), world);
    expect(told).toEqual(['Bo is here', 'Bo: where were you?']);
    expect(game.bubbleOf('c2')?.text).toBe('where were you?');
    expect(game.presenceOf({ characterId: 'c1', name: 'Ada', x: 1, y: 1 }).at).toEqual(at);
    expect(game.destination).toEqual({ x: 500, y: 500 });
  });

  it('says in a line that something was said which nobody knows any more, before what is known', () => {
    const world = enter(welcome(0));
    const chats = [{ characterId: 'c2', name: 'Bo', text: 'still here' }];
    enter(back(world, { chats, chatsLost: true }), world);
    expect(told).toEqual(['missed', 'Bo is here', 'Bo: still here']);
  });

  it('by a snapshot stands where the server says, and greets nobody', () => {
    enter(welcome(0));
    game.walkTo({ x: 500, y: 500 });
    const members = [{ characterId: 'c1', name: 'Ada', x: 7, y: 7 }, { characterId: 'c2', name: 'Bo', x: 2, y: 2 }];
    enter({ ...welcome(0), snapshot: { members, items: [] } });
    expect(told).toEqual([]);
    expect(game.destination).toBeUndefined();
    expect(game.presenceOf({ characterId: 'c1', name: 'Ada', x: 7, y: 7 }).at).toEqual({ x: 7, y: 7 });
  });
});

describe('who is muted', () => {
  it('is told for how long, and what was said is not said again', () => {
    enter(welcome(0));
    expect(game.say('hello?')).toBe(true);
    const error = { ...entryError('MUTED', false, { retryAfterMs: 90_000 }), actionId: 1 };
    game.onError(error as never, { type: 'intent.chat', actionId: 1, text: 'hello?' });
    expect(told).toEqual(['muted for 90000']);
    expect(sent).toHaveLength(1);
  });
});

describe('who only watches', () => {
  it('walks nowhere, says nothing and touches nothing', () => {
    role = 'spectator';
    const items = [{ itemId: 'i1', kind: 'cup', x: 1, y: 1 }];
    enter({ ...welcome(0), role, snapshot: { members: [{ characterId: 'c1', name: 'Ada', x: 1, y: 1 }], items } });
    game.walkTo({ x: 9, y: 9 });
    game.steer({ x: 1, y: 0 });
    game.step(0);
    game.step(500);
    expect(game.say('hi')).toBe(false);
    expect(game.reach()).toEqual({ item: undefined, member: undefined, held: [] });
    game.act('pickup', 'i1');
    expect(sent).toEqual([]);
  });

  it('can still say that they are there', () => {
    role = 'spectator';
    enter({ ...welcome(0), role });
    game.stay();
    expect(sent).toEqual([{ type: 'intent.move', x: 1, y: 1 }]);
  });
});

describe('a sign of life', () => {
  it('is a move to where one stands', () => {
    enter({ ...welcome(0), limits: { ...limits } });
    game.stay();
    expect(sent).toEqual([{ type: 'intent.move', x: 1, y: 1 }]);
  });
});
