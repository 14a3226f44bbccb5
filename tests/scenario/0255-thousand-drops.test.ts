// A thousand drops at random moments, at two gateways: each session comes back each time. And of all the tickets and
// tokens that this took not one is in a log, a store or Redis.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { stands } from "./lib/admin.ts";
import { metric } from "./lib/api.ts";
import { Client } from "./lib/client.ts";
import { USER_PREFIX } from "./lib/crowd.ts";
import { forms, openHouse, patient, type House } from "./lib/house.ts";
import type { Player } from "./lib/player.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import { foundIn, someSecrets } from "./lib/secrets.ts";
import { here } from "./lib/walk.ts";

const PLAYERS = 40;
const DROPS = 25;
const LOOKED_FOR = 300;

/** Drops at some moment: as soon as it has its token, when it is welcome, or while it acts. Then it comes back. */
async function dropAndReturn(player: Player, house: House, random: Random): Promise<void> {
  const client = player.playing;
  const moment = random.next();
  if (moment < 0.5) {
    const { x, y } = here(client);
    client.send(client.number({ type: "intent.move", x, y }));
  }
  const token = client.reconnectToken ?? assert.fail("it has a token");
  client.socket.terminate();
  player.server = random.pick(house.servers) ?? house.server;
  const format = random.next() < 0.5 ? "json" : "msgpack";
  if (moment > 0.8) {
    const hasty = await Client.open(player.server, format);
    hasty.send({ type: "session.join", reconnectToken: token, build: house.build });
    await hasty.until(() => hasty.reconnectToken !== undefined, "it has the next token");
    hasty.socket.terminate(); // before it is welcome, or after
    await player.resume(format, hasty.reconnectToken);
  } else {
    await player.resume(format, token);
  }
}

const sum = async (house: House, name: string): Promise<number> =>
  (await Promise.all(house.servers.map((server) => metric(server, name)))).reduce((all, one) => all + one, 0);

/** Everything that was written down anywhere, by what it is. */
async function written(house: House): Promise<Map<string, Buffer>> {
  const all = new Map<string, Buffer>();
  for (const { store, logFiles } of house.servers) {
    for (const file of [store, `${store}-wal`, ...logFiles].filter((name) => existsSync(name))) {
      all.set(file, readFileSync(file));
    }
  }
  if (house.form === "redis") {
    all.set("redis", await house.redis.contents());
  }
  return all;
}

for (const form of forms) {
  test(`${form}: 1,000 drops within the grace, 1,000 sessions taken up again`, async (t) => {
    const random = new Random(seedOfThisRun());
    const house = await openHouse(form, { owner: t, args: patient, people: PLAYERS + 1, wide: true });
    const players = house.some(PLAYERS);
    await Promise.all(players.map((player) => player.enter()));
    const ids = players.map((player) => player.playing.welcome?.sessionId);
    await Promise.all(
      players.map(async (player) => {
        for (let drop = 0; drop < DROPS; drop++) {
          await dropAndReturn(player, house, random);
        }
      }),
    );
    assert.deepEqual(players.map((player) => player.playing.welcome?.sessionId), ids, "each has the session it had");
    await stands(house.server, { active: PLAYERS, grace: 0, connecting: 0 }, "all play");
    assert.ok((await sum(house, "playhouse_reconnects_total")) >= PLAYERS * DROPS);
    assert.equal(await sum(house, 'playhouse_sessions_ended_total{why="GRACE_EXPIRED"}'), 0);
    await Promise.all(players.map((player) => player.playing.chat("here again")));

    const [asking, waiting] = [players[0] ?? assert.fail(), house.player(PLAYERS)];
    await asking.connect(); // a replaceToken
    await waiting.connect(); // a ticket
    const secrets = someSecrets(LOOKED_FOR, random);
    assert.equal(secrets.length, LOOKED_FOR);
    for (const [what, bytes] of await written(house)) {
      assert.ok(bytes.length > 0, `there is something in ${what}`);
      assert.equal(foundIn(bytes, secrets).length, 0, `a ticket or token is in ${what}`);
      assert.ok(!what.endsWith(".log") || !bytes.includes(USER_PREFIX), `a user id is in ${what}`);
    }
  });
}
