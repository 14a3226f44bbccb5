// A drop is not an end: for the grace the seat, or the place in the queue, is held for who has the token, at whatever
// gateway they come back. Each token is good once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { instance, sessionOf, stands } from "./lib/admin.ts";
import { metric } from "./lib/api.ts";
import { Client, refused } from "./lib/client.ts";
import { bothForms, patient, type House } from "./lib/house.ts";
import type { Player } from "./lib/player.ts";
import { expectReason } from "./lib/reasons.ts";
import { query, text } from "./lib/store.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const GRACE_SECONDS = 2;
const CAPACITY = 3;

/** Which gateway holds its connection, as the store of some process knows it. */
async function holderOf(house: House, { characterId }: Player): Promise<string> {
  const sql = `SELECT holder, version FROM session WHERE character_id = ${text(characterId)} AND state <> 'ended'`;
  const rows = (await Promise.all(house.servers.map((server) => query<{ holder: string; version: number }>(server, sql)))).flat();
  return rows.sort((a, b) => b.version - a.version)[0]?.holder ?? assert.fail("it is stored");
}

const args = [
  ...patient,
  ...["--admission.capacity", String(CAPACITY), "--admission.grace_seconds", String(GRACE_SECONDS)],
];
await bothForms({ args, people: 20, wide: true }, (house) => {
  const { server, build } = house;

  const elsewhere = (player: Player): void => {
    player.server = player.server === server ? house.other : server;
  };

  test("who drops comes back into the same session, also at the other gateway", async () => {
    const player = house.player(0);
    const first = await player.enter();
    assert.match(first.reconnectToken ?? "", /^[A-Za-z0-9_-]{43}$/);
    const { sessionId } = first.welcome ?? assert.fail();
    const before = await holderOf(house, player);
    const tokens = new Set([first.reconnectToken]);
    let { x, y } = here(first);
    await first.move(x, y);
    for (let tries = 0; tries === 0 || (await holderOf(house, player)) === before; tries++) {
      assert.ok(tries < 64, "some connection meets the other gateway");
      await player.drop();
      elsewhere(player);
      const client = await player.resume(tries % 2 === 0 ? "msgpack" : "json");
      assert.equal(client.welcome?.sessionId, sessionId);
      if (house.form === "memory") {
        assert.deepEqual([here(client).x, here(client).y], [x, y], "it stands where it stood"); // the other has a store of its own
      }
      x += 0.25;
      await client.move(x, y);
      tokens.add(client.reconnectToken);
      assert.equal(tokens.size, tries + 2, "each time there is a new token");
    }
    await player.playing.leave();
  });

  test("the seat is held for the grace, and by HTTP the token gives a ticket", async () => {
    const player = house.player(1);
    const { welcome } = await player.enter();
    await player.drop();
    await stands(server, { grace: 1, active: 0 }, "it is in its grace");
    assert.equal((await sessionOf(server, player.characterId))?.state, "grace");
    elsewhere(player);
    const result = await player.connect({ reconnectToken: player.reconnectToken });
    assert.deepEqual([result.outcome, result.sessionId], ["admitted", welcome?.sessionId]);
    const client = await player.join(result.ticket);
    assert.equal(client.welcome?.sessionId, welcome?.sessionId);
    await client.leave();
  });

  test("a place in the queue is held as well, and is the same", async () => {
    const seated = house.some(CAPACITY, 2);
    await Promise.all(seated.map((player) => player.enter()));
    const queue = house.some(3, 5);
    for (const player of queue) {
      await player.wait();
    }
    const middle = queue[1] ?? assert.fail();
    const before = await sessionOf(server, middle.characterId);
    await middle.drop();
    elsewhere(middle);
    await middle.watch("msgpack");
    assert.equal(middle.playing.position?.position, 2);
    await middle.drop();
    const result = await middle.connect({ reconnectToken: middle.reconnectToken });
    assert.deepEqual([result.outcome, result.position, result.sessionId], ["queued", 2, before?.sessionId]);
    const last = await Client.open(server);
    await last.watch(result.reconnectToken ?? "", build);
    assert.equal(last.position?.position, 2);
    await Promise.all([...seated, ...queue].map((player) => player.leave()));
    await stands(server, { seats: 0, waiting: 0 }, "all have left");
  });

  test("after the grace the seat is free and the token is RECONNECT_EXPIRED, over HTTP and /ws", async () => {
    const player = house.player(8);
    await player.enter();
    await player.drop();
    const dropped = performance.now();
    await stands(server, { seats: 0 }, "the seat is free");
    const took = (performance.now() - dropped) / 1000;
    assert.ok(took > GRACE_SECONDS - 0.5, `free ${took} s after the drop`);
    const client = await Client.open(server);
    await refused(client.resume(player.reconnectToken, build), "RECONNECT_EXPIRED");
    assert.equal((await client.gone()).code, 4014);
    expectReason(await player.connect({ reconnectToken: player.reconnectToken }), "RECONNECT_EXPIRED");
    assert.equal((await player.connect()).outcome, "admitted", "a fresh connect is possible");
    await player.leave();
  });

  test("a place is lost after the grace", async () => {
    await Promise.all(house.some(CAPACITY, 2).map((player) => player.enter()));
    const [dropping, other] = [house.player(9), house.player(10)];
    await dropping.wait();
    await other.wait();
    await dropping.drop();
    await other.playing.until(() => other.playing.position?.position === 1, "the next one moves up");
    const client = await Client.open(server);
    await refused(client.watch(dropping.reconnectToken, build), "RECONNECT_EXPIRED");
    await Promise.all([...house.some(CAPACITY, 2), other].map((player) => player.leave()));
  });

  test("a spent token is refused, counted and logged, and the session that went on is not harmed", async () => {
    const player = house.player(11);
    const first = await player.enter();
    const spent = first.reconnectToken ?? "";
    await player.drop();
    const client = await player.resume();
    const counted = async (): Promise<number> => {
      const label = 'playhouse_secrets_refused_total{fault="SPENT"}';
      return (await Promise.all(house.servers.map((one) => metric(one, label)))).reduce((sum, one) => sum + one, 0);
    };
    const before = await counted();
    const replay = await Client.open(server);
    await refused(replay.resume(spent, build), "RECONNECT_INVALID");
    assert.equal((await replay.gone()).code, 4014);
    expectReason(await player.connect({ reconnectToken: spent }), "RECONNECT_INVALID");
    assert.equal(await counted(), before + 2, "counted");
    const lines = (): unknown[] => house.servers.flatMap(({ log }) => log.filter((line) => /spent|reuse/.test(line.event)));
    await eventually(() => lines().length >= 2, "a line in the log for each");
    await client.chat("not harmed");
    await client.leave();
  });

  test("a token is of no use to somebody else, and is not spent by trying", async () => {
    const player = house.player(12);
    await player.enter();
    await player.drop();
    expectReason(await house.player(13).connect({ reconnectToken: player.reconnectToken }), "RECONNECT_INVALID");
    const client = await player.resume();
    assert.equal((await instance(server)).active, 1);
    await client.leave();
  });
});
