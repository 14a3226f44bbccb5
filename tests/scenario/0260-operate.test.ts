// What an operator switches while people are in: drain, maintenance, capacity. It is in force at once, in every
// process, and survives a restart.
import assert from "node:assert/strict";
import { test } from "node:test";
import { adminPost, change, instance, kick, sessionOf, stands } from "./lib/admin.ts";
import { metric } from "./lib/api.ts";
import { bothForms, patient } from "./lib/house.ts";
import type { ServerMessage } from "./lib/protocol.ts";
import { expectReason } from "./lib/reasons.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const CAPACITY = 10;
const WAITING = 5;

const args = [...patient, "--admission.capacity", String(CAPACITY)];
await bothForms({ args, people: 40, wide: true }, (house) => {
  const { server, other } = house;

  test("drain: nobody new, but those who wait have their turn and those who drop come back", async () => {
    const seated = house.some(CAPACITY);
    const queue = house.some(WAITING, CAPACITY);
    await Promise.all(seated.map((player) => player.enter()));
    for (const player of queue) {
      await player.wait();
    }
    const info = await change(server, { drain: true });
    assert.deepEqual([info.drain, info.active, info.waiting], [true, CAPACITY, WAITING]);
    for (const player of house.some(2, 20)) {
      expectReason(await player.connect(), "DRAINING");
    }
    const [dropping, leaving] = seated;
    await dropping?.drop();
    await dropping?.resume();
    await leaving?.playing.leave();
    await queue[0]?.take();
    expectReason(await house.player(20).connect(), "DRAINING");
    await stands(server, { active: CAPACITY, waiting: WAITING - 1 }, "the first of the queue has the seat");

    await change(server, { drain: false });
    const result = await house.player(20).connect();
    assert.deepEqual([result.outcome, result.position], ["queued", WAITING]);
  });

  test("maintenance is announced, counted down, and ends the sessions", async () => {
    const players = house.some(4);
    players.forEach((player) => (player.server = server));
    await Promise.all(players.map((player) => player.enter()));
    const told: number[] = [];
    const witness = players[0]?.playing ?? assert.fail();
    witness.onMessage = (message: ServerMessage) => {
      if (message.type === "event.maintenance" && message.on) {
        told.push(message.endsInSeconds ?? assert.fail("it says when"));
      }
    };
    const begun = performance.now();
    await change(server, { maintenance: true, endsInSeconds: 3, message: "new stairs" });
    for (const player of players) {
      const news = await player.playing.next("event.maintenance");
      assert.deepEqual([news.on, news.message], [true, "new stairs"]);
      expectReason(await house.player(20).connect(), "MAINTENANCE");
    }
    await witness.move(here(witness).x, here(witness).y);
    for (const player of players) {
      assert.equal((await player.playing.gone()).code, 4012, "MAINTENANCE");
    }
    const took = (performance.now() - begun) / 1000;
    assert.ok(took > 2, `the sessions ended after ${took} s`);
    assert.ok(told.length >= 2, `counted down: ${told}`);
    assert.deepEqual(told, told.toSorted((a, b) => b - a));
    assert.ok((told[0] ?? 9) <= 3);
    await stands(server, { seats: 0 }, "all seats are free");
    expectReason(await house.player(1).connect(), "MAINTENANCE");
    await change(server, { maintenance: false });
    assert.equal((await house.player(1).connect()).outcome, "admitted");
  });

  test("maintenance that is called off ends nothing", async () => {
    const player = house.player(0);
    player.server = server;
    const client = await player.enter();
    await change(server, { maintenance: true, endsInSeconds: 60 });
    assert.equal((await client.next("event.maintenance")).on, true);
    await change(server, { maintenance: false });
    await client.next("event.maintenance", ({ on }) => !on);
    await client.chat("nothing ended");
    assert.equal((await instance(server)).endsInSeconds, undefined);
  });

  test("who comes while it counts down, by a reconnect, hears of it too", async () => {
    const player = house.player(0);
    await player.enter();
    await change(server, { maintenance: true, endsInSeconds: 60, message: "soon" });
    await player.playing.next("event.maintenance");
    await player.drop();
    const client = await player.resume();
    assert.equal((await client.next("event.maintenance")).message, "soon");
    await change(server, { maintenance: false });
  });

  test("a lower capacity ends nobody's session, and nobody comes in until there is room below it", async () => {
    const players = house.some(4);
    await Promise.all(players.map((player) => player.enter()));
    assert.equal((await change(server, { capacity: 2 })).capacity, 2);
    const waiting = house.player(4);
    await waiting.wait();
    for (const left of [3, 2]) {
      await players[left]?.playing.leave();
      await stands(server, { active: left, waiting: 1 }, "one fewer plays, and nobody was promoted");
    }
    await Promise.all(players.slice(0, 2).map((player) => player.playing.chat("still here")));
    await players[1]?.playing.leave();
    await waiting.take();

    const more = house.some(3, 5);
    for (const player of more) {
      await player.wait();
    }
    await change(server, { capacity: 4 });
    await more[0]?.take();
    await more[1]?.take();
    await stands(server, { active: 4, waiting: 1 }, "a higher one lets more in at once");
    await change(server, { capacity: CAPACITY });
    await more[2]?.take();
  });

  test("kick ends one session and says so", async () => {
    const [one, two] = house.some(2);
    assert.ok(one !== undefined && two !== undefined);
    await one.enter();
    await two.enter();
    assert.equal(await kick(server, { characterId: one.characterId }), true);
    assert.equal((await one.playing.gone()).code, 4013, "KICKED");
    const { sessionId } = (await sessionOf(server, two.characterId)) ?? assert.fail();
    assert.equal(await kick(server, { sessionId }), true);
    assert.equal((await two.playing.gone()).code, 4013);
    assert.equal(await kick(server, { sessionId }), false, "there is nothing any more");
    await stands(server, { seats: 0 }, "both seats are free");
  });

  test("an instance that is not there, and what makes no sense, is refused", async () => {
    assert.equal((await adminPost(server, "/instances/nowhere", { drain: true })).status, 404);
    for (const wish of [{ capacity: 0 }, { drain: "yes" }, { unknown: 1 }, { endsInSeconds: -1 }]) {
      assert.equal((await adminPost(server, "/instances/plaza", wish)).status, 400, JSON.stringify(wish));
    }
    assert.equal((await adminPost(server, "/instances/plaza/kick", {})).status, 400);
  });

  test("all processes see a switch, and it survives a restart", async () => {
    await change(server, { drain: true, capacity: 7 });
    const far = house.player(21);
    far.server = other;
    expectReason(await far.connect(), "DRAINING");
    const shown = async (): Promise<boolean> => (await instance(other)).drain && (await instance(other)).capacity === 7;
    await eventually(shown, "the other process shows it");
    await server.stop();
    await server.start();
    const info = await instance(server);
    assert.deepEqual([info.drain, info.maintenance, info.capacity], [true, false, 7]);
    far.server = server;
    expectReason(await far.connect(), "DRAINING");
    await change(server, { drain: false, maintenance: true, message: "closed" });
    await server.kill9();
    await server.start();
    expectReason(await far.connect(), "MAINTENANCE");
    const later = await instance(server);
    assert.deepEqual([later.drain, later.maintenance, later.message], [false, true, "closed"]);
    assert.ok((await metric(server, 'playhouse_connect_refusals_total{reason="MAINTENANCE"}')) >= 1);
    await change(server, { maintenance: false });
    assert.equal((await far.connect()).outcome, "admitted");
  });
});
