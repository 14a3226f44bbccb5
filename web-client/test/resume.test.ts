import { beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../src/core/client';
import { CLOSE_CODES } from '../src/core/protocol';
import type { ChatLine, EventWelcome, ItemView, MemberView } from '../src/core/protocol';
import { seeded } from '../src/scene/palette';
import { FakeServer, ack, entryError, reconnectToken, secret, settle, welcome } from './fake-server';

let server: FakeServer;
let client: Client;

beforeEach(() => {
  server = new FakeServer();
  client = server.client();
});

const ada: MemberView = { characterId: 'c1', name: 'Ada', x: 1, y: 1 };
const bo: MemberView = { characterId: 'c2', name: 'Bo', x: 2, y: 2 };
const line = (text: string): ChatLine => ({ characterId: 'c2', name: 'Bo', text });

/** A welcome with what has changed since, instead of all there is. */
function changesSince(since: number, roomVersion: number, more: Partial<EventWelcome['changes']> = {}): EventWelcome {
  const { snapshot: _, ...rest } = welcome(0);
  return { ...rest, roomVersion, changes: { since, members: [], left: [], items: [], ...more } };
}

async function play(): Promise<void> {
  client.start('Ada');
  await server.welcome();
  expect(client.current.name).toBe('active');
}

/** Drops the connection and opens the next one, which has said its first words when this returns. */
async function comeBack(): Promise<Record<string, unknown> | undefined> {
  server.socket.drop();
  await server.clock.advance(400);
  await settle();
  server.socket.open();
  return server.socket.sent[0];
}

async function hear(...messages: object[]): Promise<void> {
  server.socket.say(...messages);
  await settle();
}

describe('coming back to a room that is still known', () => {
  it('says which version of it is here, and the last sequence that was acknowledged', async () => {
    await play();
    client.send({ type: 'intent.chat', text: 'hi' });
    await hear({ ...ack(1), sequence: 17 }, { type: 'event.state_delta', roomVersion: 8, members: [bo] });
    const join = { type: 'session.join', reconnectToken: secret('seat1'), instance: 'plaza', build: 'b1' };
    expect(await comeBack()).toEqual({ ...join, roomVersion: 8, lastSequence: 17 });
  });

  it('takes the changes to what is here: who is new, who moved, who has left', async () => {
    await play();
    await hear({ type: 'event.state_delta', roomVersion: 2, members: [bo] });
    await comeBack();
    const cy: MemberView = { characterId: 'c3', name: 'Cy', x: 3, y: 3 };
    await hear(reconnectToken('seat2'), changesSince(2, 9, { members: [{ ...ada, x: 5 }, cy], left: ['c2'] }));
    expect([...(server.world?.members.values() ?? [])]).toEqual([{ ...ada, x: 5 }, cy]);
    expect(client.current.name).toBe('active');
    await hear({ type: 'event.state_delta', roomVersion: 10, left: ['c3'] });
    expect([...(server.world?.members.keys() ?? [])]).toEqual(['c1']);
    expect(await comeBack()).toMatchObject({ roomVersion: 10 });
  });

  it('takes a snapshot instead, and nobody who is not in it stays', async () => {
    await play();
    await hear({ type: 'event.state_delta', roomVersion: 2, members: [bo] });
    await comeBack();
    await hear(reconnectToken('seat2'), { ...welcome(0), roomVersion: 9 });
    expect([...(server.world?.members.keys() ?? [])]).toEqual(['c1']);
  });

  for (const [what, wrong] of [
    ['changes since another version', changesSince(3, 9)],
    ['changes in another room', { ...changesSince(1, 9), room: 'plaza/attic' }],
    ['changes as seen by somebody else', { ...changesSince(1, 9), characterId: 'c9' }],
  ] as const) {
    it(`gives a connection up that brings ${what}, and asks for the whole on the next`, async () => {
      await play();
      await comeBack();
      await hear(reconnectToken('seat2'), wrong);
      expect(client.current).toMatchObject({ name: 'reconnecting' });
      await server.clock.advance(800);
      server.socket.open();
      expect(server.socket.sent[0]).toMatchObject({ reconnectToken: secret('seat2') });
      expect(server.socket.sent[0]).not.toHaveProperty('roomVersion');
      await server.welcome();
      expect(client.current.name).toBe('active');
    });
  }

  it('says nothing of a room after a reload of the page, which knows none', async () => {
    await play();
    client = server.client();
    client.start();
    await settle();
    server.socket.open();
    expect(server.socket.sent[0]).toMatchObject({ reconnectToken: secret('seat1') });
    expect(server.socket.sent[0]).not.toHaveProperty('roomVersion');
    expect(server.socket.sent[0]).not.toHaveProperty('lastSequence');
  });

  it('gives changes no welcome to a page that knows no room', async () => {
    client.start('Ada');
    await settle();
    server.socket.open();
    await hear(reconnectToken('seat1'), changesSince(1, 9));
    expect(client.current).toMatchObject({ name: 'reconnecting' });
  });

  it('says nothing of it with a ticket, and nothing once the visit is over', async () => {
    await play();
    await comeBack();
    await hear(entryError('RECONNECT_EXPIRED', false));
    server.socket.open();
    expect(server.socket.sent[0]).toMatchObject({ type: 'session.join' });
    expect(server.socket.sent[0]).not.toHaveProperty('roomVersion');
    await server.welcome();
    server.socket.drop(CLOSE_CODES.KICKED.code);
    client.start();
    await server.welcome();
    expect(server.socket.sent[0]).not.toHaveProperty('roomVersion');
  });
});

describe('what was wanted before the drop', () => {
  it('is sent again after changes too, even if the welcome says that it was accepted: the ack comes again', async () => {
    await play();
    client.send({ type: 'intent.chat', text: 'did you hear that?' });
    const first = server.socket.intents();
    await comeBack();
    await hear(reconnectToken('seat2'), { ...changesSince(1, 3), sequence: 1, lastActionId: 1 });
    expect(server.socket.intents()).toEqual(first);
    await hear(ack(1));
    expect(server.acks.map((one) => one.intent)).toEqual(first);
    client.send({ type: 'intent.chat', text: 'and that?' });
    expect(server.socket.intents().at(-1)).toMatchObject({ actionId: 2 });
  });
});

/** A room as the server keeps it: versions of everything, and bounded memories of who left and what was said. */
class Room {
  version = 1;
  readonly members = new Map<string, { view: MemberView; version: number }>();
  readonly items = new Map<string, { view: ItemView; version: number }>();
  readonly said: { line: ChatLine; version: number }[] = [];
  private leavers: { id: string; version: number }[] = [];
  /** Older than this the memory of leavers, and of chats, does not reach. */
  private leaversSince = 1;
  chatsSince = 1;

  constructor(private readonly chance: () => number) {
    this.put(ada);
  }

  /** Something happens; answers the delta of it. */
  change(): object {
    this.version += 1;
    const { version } = this;
    const id = `c${2 + Math.floor(this.chance() * 10)}`;
    const what = this.chance();
    const delta = { type: 'event.state_delta', roomVersion: version };
    if (what < 0.25) {
      const text = `line ${version}`;
      this.said.push({ line: line(text), version });
      if (this.said.length > 6) this.chatsSince = this.said.at(-7)?.version ?? 1;
      return { ...delta, chats: [line(text)] };
    }
    if (what < 0.45 && this.members.delete(id)) {
      this.leavers.push({ id, version });
      if (this.leavers.length > 5) this.leaversSince = this.leavers.shift()?.version ?? 1;
      return { ...delta, left: [id] };
    }
    const view = this.put({ characterId: id, name: id, x: this.random(), y: this.random() });
    const itemId = `i${Math.floor(this.chance() * 6)}`;
    const item: ItemView = { itemId, kind: 'cup', x: this.random(), y: 0, ...(this.chance() < 0.5 ? { holder: id } : {}) };
    this.items.set(itemId, { view: item, version });
    return { ...delta, members: [view], items: [item] };
  }

  whole(): { members: MemberView[]; items: ItemView[] } {
    return { members: this.since(this.members, -1), items: this.since(this.items, -1) };
  }

  /** As a join with that version is answered; undefined: it has none. */
  welcome(since: number | undefined, snapshot: boolean): EventWelcome {
    const { snapshot: _, ...rest } = welcome(0);
    const about = { ...rest, roomVersion: this.version, ...this.chats(since) };
    if (since === undefined || snapshot || since < this.leaversSince) return { ...about, snapshot: this.whole() };
    const left = this.leavers.filter(({ id, version }) => version > since && !this.members.has(id)).map(({ id }) => id);
    const changes = { since, members: this.since(this.members, since), left: [...new Set(left)], items: this.since(this.items, since) };
    return { ...about, changes };
  }

  private chats(since: number | undefined): Pick<EventWelcome, 'chats' | 'chatsLost'> {
    if (since === undefined) return {};
    const known = this.said.filter(({ version }) => version > since && version > this.chatsSince);
    return { chats: known.map((one) => one.line), ...(since < this.chatsSince ? { chatsLost: true } : {}) };
  }

  private put(view: MemberView): MemberView {
    this.members.set(view.characterId, { view, version: this.version });
    return view;
  }

  private since<T>(all: Map<string, { view: T; version: number }>, since: number): T[] {
    return [...all.values()].filter(({ version }) => version > since).map(({ view }) => view);
  }

  private random(): number {
    return Math.round(this.chance() * 1000);
  }
}

describe('convergence', () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    it(`whatever happens while one is away, one sees what the server sees, and hears each line once (seed ${seed})`, async () => {
      const chance = seeded(seed);
      const room = new Room(chance);
      const heard: string[] = [];
      let lost = false;
      const listen = (chats: readonly ChatLine[] | undefined): void => {
        for (const { text } of chats ?? []) heard.push(text);
      };
      const check = (): void => {
        const world = server.world;
        const { members, items } = room.whole();
        const byId = (a: [string, unknown], b: [string, unknown]): number => a[0].localeCompare(b[0]);
        expect([...(world?.members ?? [])].sort(byId)).toEqual(members.map((one) => [one.characterId, one]).sort(byId as never));
        expect([...(world?.items ?? [])].sort(byId)).toEqual(items.map((one) => [one.itemId, one]).sort(byId as never));
        expect(world?.version).toBe(room.version);
      };
      client.start('Ada');
      await settle();
      server.socket.open();
      await hear(reconnectToken('seat'), room.welcome(undefined, true));
      for (let visit = 0; visit < 12; visit += 1) {
        for (let turn = chance() * 12; turn > 0; turn -= 1) await hear(room.change());
        check();
        // What the server sends from here on is lost with the connection.
        for (let turn = chance() * 14; turn > 0; turn -= 1) room.change();
        const join = await comeBack();
        for (let turn = chance() * 3; turn > 0; turn -= 1) room.change();
        const answer = room.welcome(join?.roomVersion as number | undefined, chance() < 0.2);
        lost ||= answer.chatsLost === true;
        await hear(reconnectToken('seat'), answer);
        expect(client.current.name).toBe('active');
        check();
      }
      for (const message of server.welcomed) expect(message.changes === undefined || message.snapshot === undefined).toBe(true);
      listenInOrder(server, listen);
      const all = room.said.map(({ line: { text } }) => text);
      expect(new Set(heard).size).toBe(heard.length);
      if (lost) expect(heard).toEqual(all.filter((text) => heard.includes(text)));
      else expect(heard).toEqual(all);
    });
  }

  /** All that was told to the page, in the order of the room's versions. */
  function listenInOrder({ welcomed, deltas }: FakeServer, listen: (chats: readonly ChatLine[] | undefined) => void): void {
    const all = [...welcomed, ...deltas].sort((a, b) => a.roomVersion - b.roomVersion);
    for (const message of all) listen(message.chats);
  }
});
