// Random schedules of joins, leaves, moves, hand-overs, chats, drops and returns over real sockets: once traffic stops,
// what every client sees is what the server and the store have, nobody sees who has left, and each chat was delivered
// once, or declared lost.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildOf, firstCharacter, rejoin, signIn, type Api } from "./lib/api.ts";
import { Client, Refused } from "./lib/client.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import type { Server } from "./lib/server.ts";
import { query } from "./lib/store.ts";
import { startOn, stores } from "./lib/stores.ts";
import { eventually, holds } from "./lib/wait.ts";
import { here, step } from "./lib/walk.ts";

const SCHEDULES = 30;
const STEPS = 25;

interface Place {
  id: string;
  x: number;
  y: number;
}

/** What was acknowledged, and in which round. */
interface Said {
  round: number;
  text: string;
}

class Participant {
  client: Client | undefined;
  /** Out of the room for a moment, with a token to come back. */
  dropped: Client | undefined;
  /** The round from which on it has to hear everything. */
  since = 0;
  private said = 0;

  constructor(
    readonly api: Api,
    readonly characterId: string,
  ) {}

  async step(random: Random, build: string, round: number): Promise<string | undefined> {
    if (this.dropped !== undefined) {
      await this.comeBack(build, random.next() < 0.8, round);
    } else if (this.client === undefined) {
      this.since = round;
      this.client = await rejoin(this.api, this.characterId, random.next() < 0.5 ? "json" : "msgpack");
    } else {
      return this.act(this.client, random);
    }
    return undefined;
  }

  /** In the room at the end, whatever it was doing. */
  async finish(build: string): Promise<void> {
    if (this.dropped !== undefined) {
      await this.comeBack(build, true, STEPS);
    }
  }

  private async comeBack(build: string, withState: boolean, round: number): Promise<void> {
    const before = this.dropped ?? assert.fail();
    const client = await Client.open(this.api.server, before.format);
    await client.resume(before.reconnectToken ?? assert.fail("it has a token"), build, withState ? before : undefined);
    if (!withState || client.world.losses + client.world.fulls > 0) {
      this.since = round; // it did not say what it had, or was told that something is lost
    }
    this.client = client;
    this.dropped = undefined;
  }

  private async act(client: Client, random: Random): Promise<string | undefined> {
    const chance = random.next();
    if (chance < 0.1) {
      this.dropped = client;
      this.client = undefined;
      await client.cut();
    } else if (chance < 0.15) {
      this.client = undefined;
      await client.leave();
    } else if (chance < 0.35) {
      const text = `Grüße! ${this.characterId} says ${++this.said}`; // a mark that no log may have
      return (await this.tried(client.chat(text))) ? text : undefined;
    } else if (chance < 0.55) {
      await this.tried(this.handle(client, random));
    } else {
      const goal = { x: random.between(400, 600), y: random.between(400, 600) };
      await this.tried(client.move(...this.towards(client, goal)));
    }
    return undefined;
  }

  private towards(client: Client, goal: { x: number; y: number }): [number, number] {
    const next = step(here(client), goal, 5);
    return [next.x, next.y];
  }

  private handle(client: Client, random: Random): Promise<unknown> {
    const items = [...client.world.items.values()];
    const held = random.pick(items.filter(({ holder }) => holder === this.characterId));
    const target = random.pick([...client.world.members.keys()].filter((id) => id !== this.characterId));
    if (held !== undefined && target !== undefined && random.next() < 0.5) {
      return client.intent({ type: "intent.action", action: "give", itemId: held.itemId, targetId: target });
    }
    const itemId = (held ?? random.pick(items))?.itemId ?? assert.fail("there are items");
    return client.intent({ type: "intent.action", action: held === undefined ? "pickup" : "drop", itemId });
  }

  /** Was it accepted? The rules may say no. */
  private tried(asked: Promise<unknown>): Promise<boolean> {
    return asked.then(
      () => true,
      (error: unknown) => {
        assert.ok(error instanceof Refused, String(error));
        return false;
      },
    );
  }
}

interface Holder {
  id: string;
  holder: string | null;
}

async function expectOneTruth(server: Server, participants: readonly Participant[]): Promise<void> {
  const playing = participants.filter(({ client }) => client !== undefined);
  const [first, ...others] = playing.map(({ client }) => client?.world ?? assert.fail());
  if (first === undefined) {
    return;
  }
  others.forEach((world) => assert.equal(world.version, first.version, "every client has the same version"));
  others.forEach((world) => assert.deepEqual(world.picture(), first.picture(), "every client sees the same"));
  const { members, items } = first.picture();
  const present = playing.map(({ characterId }) => characterId).sort();
  assert.deepEqual(members.map(({ characterId }) => characterId).sort(), present, "who is there, and nobody else");
  const rows = await query<Place>(server, "SELECT id, x, y FROM character WHERE room IS NOT NULL");
  const places = new Map(rows.map((row) => [row.id, row]));
  for (const { characterId, x, y } of members) {
    const stored = places.get(characterId) ?? { x, y }; // who never acted has no place yet
    assert.deepEqual([x, y], [stored.x, stored.y], `${characterId} stands where the store says`);
  }
  const holders = new Map((await query<Holder>(server, "SELECT id, holder FROM item")).map((row) => [row.id, row.holder]));
  items.forEach(({ itemId, holder }) => assert.equal(holder ?? null, holders.get(itemId), `who has ${itemId}`));
}

/** Whoever was in the room, or came back with what it had, has heard each chat once, each speaker's in order. */
async function expectChats(participants: readonly Participant[], said: readonly Said[]): Promise<void> {
  for (const { client, characterId, since } of participants.filter(({ client: one }) => one !== undefined)) {
    const heard = (): string[] => client?.world.chats.map(({ text }) => text) ?? [];
    const due = said.filter(({ round }) => round > since).map(({ text }) => text);
    await eventually(() => due.every((text) => heard().includes(text)), `${characterId} hears all of ${due.join(", ")}`);
    assert.equal(new Set(heard()).size, heard().length, `${characterId} heard nothing twice`);
    const counts = new Map<string, number>();
    for (const text of heard()) {
      const [speaker = "", count = 0] = text.split(" says ");
      assert.ok(Number(count) > (counts.get(speaker) ?? 0), `${speaker} is heard in order`);
      counts.set(speaker, Number(count));
    }
  }
}

describe("convergence", { concurrency: stores.length }, () => {
  for (const form of stores) {
    test(`random comings and goings end in one truth (${form})`, async (t) => {
      const random = new Random(seedOfThisRun());
      const args = ["--gateway.moves_per_second", "1000", "--gateway.chats_per_second", "1000"];
      const server = await startOn(form, { owner: t, args });
      const build = await buildOf(server);
      const everybody: Participant[] = [];
      for (let n = 0; n < 20; n++) {
        const api = await signIn(server, `Player ${n}`);
        everybody.push(new Participant(api, (await firstCharacter(api, `Player ${n}`)).id));
      }
      let resumes = 0;
      for (let schedule = 0; schedule < SCHEDULES; schedule++) {
        const participants = everybody.slice(0, 2 + Math.floor(random.between(0, everybody.length - 1)));
        const said: Said[] = [];
        for (let round = 0; round < STEPS; round++) {
          const acts = participants.filter(() => random.next() < 0.5).map((one) => one.step(random, build, round));
          const texts = (await Promise.all(acts)).filter((text) => text !== undefined);
          said.push(...texts.map((text) => ({ round, text })));
        }
        await Promise.all(participants.map((one) => one.finish(build)));
        await holds(() => expectOneTruth(server, participants)); // the last delta may be on its way
        await expectChats(participants, said);
        resumes += participants.reduce((all, { client }) => all + (client?.world.resumes ?? 0), 0);
        await Promise.all(everybody.map(async (one) => {
          await one.client?.leave();
          one.client = undefined;
        }));
      }
      t.diagnostic(`${SCHEDULES} schedules, ${resumes} returns by what had changed`);
      assert.ok(resumes > 0, "somebody came back by what had changed");
    });
  }
});
