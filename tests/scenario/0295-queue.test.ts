// Waiting for a seat: where one stands is told, by push and by asking; an offer is for a while; a place is kept by any
// sign of life and given up by leaving.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { sessionOf, sessions, stands } from "./lib/admin.ts";
import { metric } from "./lib/api.ts";
import { Client, refused } from "./lib/client.ts";
import { bothForms, patient, type House } from "./lib/house.ts";
import type { Player } from "./lib/player.ts";
import type { Position } from "./lib/protocol.ts";
import { expectReason } from "./lib/reasons.ts";
import { eventually } from "./lib/wait.ts";

const CAPACITY = 2;
const OFFER_SECONDS = 2;
const GRACE_SECONDS = 2;

const args = [
  ...patient,
  ...["--admission.capacity", String(CAPACITY), "--admission.queue_max", "50"],
  ...["--admission.offer_seconds", String(OFFER_SECONDS), "--admission.grace_seconds", String(GRACE_SECONDS)],
  ...["--admission.ticket_seconds", "3"],
];

interface Scene {
  seated: [Player, Player];
  queue: Player[];
}

/** Two play, and so many wait, in this order. */
async function full(house: House, waiting: number, from = 0): Promise<Scene> {
  const [one, two] = house.some(CAPACITY, from);
  assert.ok(one !== undefined && two !== undefined);
  await Promise.all([one.enter(), two.enter()]);
  const queue = house.some(waiting, from + CAPACITY);
  for (const [n, player] of queue.entries()) {
    const { position } = await player.queue();
    assert.equal(position, n + 1);
  }
  return { seated: [one, two], queue };
}

await bothForms({ args, people: 60 }, (house) => {
  const { server, build } = house;

  async function allLeave({ seated, queue }: Scene): Promise<void> {
    await Promise.all([...queue, ...seated].map((player) => player.leave()));
    await stands(server, { seats: 0, waiting: 0 }, "all have left");
  }

  test("before anybody was promoted there is no estimate; afterwards there is one", async () => {
    const scene = await full(house, 3);
    const [first, second, third] = scene.queue;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    assert.deepEqual(await third.status(), { position: 3, depth: 3 });
    await Promise.all(scene.queue.map((player) => player.watch()));
    assert.deepEqual(third.playing.position, { type: "event.queue_position", position: 3, depth: 3 });
    expectReason(await third.connect(), "REPLACEMENT_REQUIRED");

    await scene.seated[0].playing.leave();
    await first.take();
    await third.playing.until(() => third.playing.position?.position === 2, "it moves up");
    await scene.seated[1].playing.leave();
    await second.take();
    await eventually(async () => (await third.status()).etaSeconds !== undefined, "measured from two promotions");
    await third.playing.until(() => third.playing.position?.etaSeconds !== undefined, "and pushed");
    assert.ok((await metric(server, "playhouse_queue_promotions_total")) >= 2);
    assert.ok((await metric(server, "playhouse_queue_wait_seconds_count")) >= 2);
    await allLeave(scene);
  });

  test("positions are pushed when they change, and at most once a second", async () => {
    const scene = await full(house, 12);
    const last = scene.queue.at(-1) ?? assert.fail();
    const pushes: { at: number; message: Position }[] = [];
    const client = await Client.open(server);
    client.onMessage = (message) => {
      if (message.type === "event.queue_position") {
        pushes.push({ at: performance.now(), message });
      }
    };
    await client.watch(last.reconnectToken, build);
    for (const player of scene.queue.slice(0, -1)) {
      await player.leave();
    }
    await client.until(() => client.position?.position === 1, "it is the next one");
    assert.deepEqual(pushes[0]?.message.position, 12);
    assert.ok(pushes.length <= 4, `${pushes.length} pushes for eleven changes in a moment`);
    for (const [n, { at, message }] of pushes.entries()) {
      const before = pushes[n - 1];
      assert.ok(before === undefined || at - before.at > 900, `${at - (before?.at ?? 0)} ms after the one before`);
      assert.ok(before === undefined || message.position < before.message.position, "it is another one");
      assert.ok(message.position <= message.depth);
    }
    const told = pushes.length;
    await Promise.all([1, 2].map(() => last.status())); // time passes and nothing changes
    assert.equal(pushes.length, told);
    await allLeave(scene);
    assert.equal((await client.gone()).code, 4000);
  });

  test("an offer that is not taken ends the place, and the next one has the seat", async () => {
    const scene = await full(house, 2);
    const [lazy, next] = scene.queue;
    assert.ok(lazy !== undefined && next !== undefined);
    await lazy.watch();
    await next.watch();
    await scene.seated[0].playing.leave();
    const { ticket, seconds } = await lazy.playing.offer();
    assert.ok(seconds <= OFFER_SECONDS);
    assert.equal((await lazy.playing.gone()).code, 4015, "OFFER_EXPIRED");
    await next.take();
    const client = await Client.open(server);
    await refused(client.join(ticket, build), "TICKET_INVALID");
    assert.equal((await lazy.api.queueStatus(lazy.characterId)).status, 404);
    await allLeave(scene);
  });

  test("who asks keeps the place, and takes the seat with a connect; who says nothing loses it", async () => {
    const scene = await full(house, 2);
    const [silent, asking] = scene.queue;
    assert.ok(silent !== undefined && asking !== undefined);
    const begun = performance.now();
    await eventually(async () => {
      await asking.status();
      return performance.now() - begun > GRACE_SECONDS * 2000;
    }, "twice the grace has passed", 10_000);
    assert.equal(await sessionOf(server, silent.characterId), undefined, "the silent one is gone");
    expectReason(await silent.connect({ reconnectToken: silent.reconnectToken }), "RECONNECT_EXPIRED");
    assert.deepEqual([(await asking.status()).position, (await asking.status()).depth], [1, 1]);
    await scene.seated[0].playing.leave();
    await eventually(async () => (await asking.status()).position === 0, "a seat is held for it");
    const result = await asking.connect({ reconnectToken: asking.reconnectToken });
    assert.equal(result.outcome, "admitted");
    await asking.join(result.ticket);
    await allLeave(scene);
  });

  test("only the owner may ask where a character stands", async () => {
    const scene = await full(house, 1);
    const { characterId } = scene.queue[0] ?? assert.fail();
    const stranger = house.player(30);
    for (const who of [characterId, "nobody", stranger.characterId]) {
      const { status, body } = await stranger.api.queueStatus(who);
      assert.deepEqual([status, (body as { code?: string }).code], [404, "NOT_FOUND"], who);
    }
    assert.equal((await scene.seated[0].api.queueStatus(scene.seated[0].characterId)).status, 404, "it does not wait");
    await allLeave(scene);
  });

  test("leaving gives the place up, by HTTP and on the connection", async () => {
    const scene = await full(house, 4);
    const [one, two, three, four] = scene.queue;
    assert.ok(one !== undefined && two !== undefined && three !== undefined && four !== undefined);
    await Promise.all([two, three, four].map((player) => player.watch())); // who says nothing would lose its place
    assert.equal(await one.leave(), true);
    assert.equal(await one.leave(), false, "there is nothing any more");
    two.playing.send({ type: "session.leave" });
    assert.equal((await two.playing.gone()).code, 4000);
    await four.playing.until(() => four.playing.position?.position === 2, "it moves up by two");
    assert.equal((await one.queue()).position, 3, "who comes again is the last");
    await allLeave(scene);
  });

  test("one who waits is told so when it shows its token for a seat", async () => {
    const scene = await full(house, 1);
    const waiting = scene.queue[0] ?? assert.fail();
    const client = await Client.open(server);
    const error = await refused(client.resume(waiting.reconnectToken, build), "STILL_WAITING");
    assert.equal(error.transient, true);
    await waiting.watch();
    assert.equal(waiting.playing.position?.position, 1, "and its token is good still");
    await allLeave(scene);
  });

  test("the seat can be taken on another connection than the one that was told", async () => {
    const scene = await full(house, 1);
    const waiting = scene.queue[0] ?? assert.fail();
    await waiting.watch("msgpack");
    await scene.seated[1].playing.leave();
    const { ticket } = await waiting.playing.offer();
    await waiting.join(ticket, "json");
    await waiting.playing.chat("here I am");
    await allLeave(scene);
  });

  test("who hangs up during a connect leaks neither a seat nor a place", async () => {
    const { hostname, port } = new URL(server.url);
    const players = house.some(20, 35);
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        players.map(async ({ person, characterId }) => {
          const socket = connect(Number(port), hostname);
          await once(socket, "connect");
          const body = JSON.stringify({ characterId, build });
          const head = ["POST /instances/plaza/connect HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"];
          head.push(`authorization: Bearer ${person.accessToken}`, `content-length: ${body.length}`);
          socket.write(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.resetAndDestroy());
          await once(socket, "close");
        }),
      );
    }
    // Whoever was not heard to hang up in time has a ticket or an offer that runs out, or a place that does.
    let alone = Infinity;
    await eventually(async () => {
      alone = (await sessions(server)).length > 0 ? Infinity : Math.min(alone, performance.now());
      return performance.now() - alone > 1000;
    }, "nothing is left, for a second", 15_000);
    await stands(server, { seats: 0, waiting: 0 }, "and nothing is counted");
  });
});
