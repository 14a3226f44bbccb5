// Redis dies while people play: play goes on, and the store decides who comes in. It comes back empty, or loses part of
// what it knew: seats, places and one session per character are what they were.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";
import { sessions, stands } from "./lib/admin.ts";
import { health, metric } from "./lib/api.ts";
import type { Client } from "./lib/client.ts";
import { openHouse, patient, type House } from "./lib/house.ts";
import { expectNoDoubles, Load } from "./lib/load.ts";
import type { Player } from "./lib/player.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import { expectReason, failsFor } from "./lib/reasons.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";
import { Watchman } from "./lib/watchman.ts";

const CAPACITY = 20;
const VISITORS = 60;

const quick = [...patient, "--registry.timeout_ms", "200", "--registry.rebuild_ms", "500"];

/** Moves all the time, each time as soon as the last move is acknowledged. */
class Walker {
  acks = 0;
  private walking = true;
  private readonly work: Promise<void>;

  constructor(private readonly client: Client) {
    this.work = this.walk();
    this.work.catch(() => undefined); // told by stop
  }

  stop(): Promise<void> {
    this.walking = false;
    return this.work;
  }

  private async walk(): Promise<void> {
    while (this.walking) {
      const { x, y } = here(this.client);
      await this.client.move(x, y);
      this.acks++;
      await pause(60); // within the rate of moves
    }
  }
}

async function isDegraded(house: House, wanted: boolean): Promise<void> {
  await stands(house.server, { degraded: wanted }, wanted ? "it is degraded" : "it is no longer degraded", 15_000);
  const { status, body } = await health(house.server);
  assert.deepEqual([status, body.ready, body.degraded], [200, true, wanted]);
}

async function everybodyHears(players: readonly Player[], on: boolean): Promise<void> {
  await Promise.all(players.map(({ playing }) => playing.next("event.degraded", (message) => message.on === on)));
}

const places = async (house: House): Promise<unknown[]> =>
  (await sessions(house.server)).map(({ sessionId, characterId, number }) => [sessionId, characterId, number]);

test("play goes on, the store lets in as many as there are seats, and Redis is taken back by itself", async (t) => {
  const house = await openHouse("redis", { owner: t, args: [...quick, "--admission.capacity", "10"], people: 20 });
  const players = house.some(8);
  await Promise.all(players.map((player) => player.enter()));
  const walkers = players.map((player) => new Walker(player.playing));

  await house.redis.kill();
  await everybodyHears(players, true);
  await isDegraded(house, true);
  assert.equal(await metric(house.server, "playhouse_degraded"), 1);
  const acks = walkers.map((walker) => walker.acks);
  await eventually(() => walkers.every((walker, n) => walker.acks > (acks[n] ?? 0) + 3), "moves are acknowledged");

  await Promise.all(house.some(2, 8).map((player) => player.enter()));
  const more = house.player(10);
  const result = await failsFor(house.server, "DEPENDENCY_UNAVAILABLE", () => more.connect());
  assert.ok((result.retryAfterSeconds ?? 0) >= 1, "it says when to come again");
  expectReason(await house.player(0).connect(), "REPLACEMENT_REQUIRED");
  await house.player(8).drop();
  await house.player(8).resume();
  await house.player(9).playing.leave();
  await more.enter();
  const before = await places(house);

  await house.redis.start();
  await everybodyHears(players, false);
  await isDegraded(house, false);
  assert.deepEqual(await places(house), before, "the same sessions");
  await Promise.all(walkers.map((walker) => walker.stop()));
  assert.equal((await house.player(11).connect()).outcome, "queued", "and the queue is open again");
  await players[0]?.drop();
  await players[0]?.resume();
  assert.ok((await metric(house.server, "playhouse_degraded_seconds_total")) >= 1);
  assert.ok(house.server.log.some(({ event }) => /degraded/.test(event)), "the operator is told");
});

test("the queue keeps its order while Redis is away, and nobody new overtakes it", async (t) => {
  const house = await openHouse("redis", { owner: t, args: [...quick, "--admission.capacity", "2"], people: 10 });
  const seated = house.some(2);
  await Promise.all(seated.map((player) => player.enter()));
  const queue = house.some(4, 2);
  for (const player of queue) {
    await player.wait();
  }
  const before = await places(house);
  await house.redis.kill();
  await everybodyHears(seated, true);
  expectReason(await house.player(6).connect(), "DEPENDENCY_UNAVAILABLE");
  await queue[1]?.drop();
  await seated[0]?.playing.leave();
  const late = await house.player(7).connect();
  assert.notEqual(late.outcome, "admitted", "the seat is not for somebody new");
  await house.redis.start();
  await isDegraded(house, false);
  await queue[0]?.take();
  const now = await places(house);
  assert.deepEqual(now, before.filter((one) => !isOf(one, seated[0])), "the same places, in the same order");
  await queue[1]?.watch();
  assert.equal(queue[1]?.playing.position?.position, 1);
  await queue[2]?.playing.until(() => queue[2]?.playing.position?.position === 2, "the next one is behind it");
  await seated[1]?.playing.leave();
  await queue[1]?.take();
});

const isOf = (row: unknown, player: Player | undefined): boolean =>
  Array.isArray(row) && row[1] === player?.characterId;

for (const [what, damage] of [
  ["is emptied", (house: House) => house.redis.flush()],
  ["is killed and comes back empty", async (house: House) => {
    await house.redis.kill();
    await house.redis.start();
  }],
] as const) {
  test(`Redis ${what} while nobody does anything: everything is known again`, async (t) => {
    const house = await openHouse("redis", { owner: t, args: [...quick, "--admission.capacity", "3"], people: 10 });
    const players = house.some(3);
    await Promise.all(players.map((player) => player.enter()));
    await players[2]?.drop();
    const queue = house.some(2, 3);
    for (const player of queue) {
      await player.wait();
    }
    const before = await places(house);
    await damage(house);
    await eventually(async () => (await places(house)).length === before.length, "they are known again", 15_000);
    assert.deepEqual(await places(house), before);
    await stands(house.server, { active: 2, grace: 1, waiting: 2, degraded: false }, "and stand as they stood", 15_000);
    await players[2]?.resume();
    assert.equal((await house.player(5).connect()).outcome, "queued");
    await players[0]?.playing.leave();
    await queue[0]?.take();
  });
}

/** While somebody plays, a second connect of the same character gets anything but a seat. */
async function askAsDoubles(load: Load, random: Random): Promise<void> {
  const playing = load.visitors.filter(({ state }) => state === "playing");
  const one = random.pick(playing);
  const session = one?.player.playing.welcome?.sessionId;
  if (one === undefined) {
    return;
  }
  const result = await one.player.connect();
  const same = one.state === "playing" && one.player.client?.welcome?.sessionId === session;
  assert.ok(!same || result.outcome === "failed", `a second session: ${JSON.stringify(result)}`);
}

/** One after the other, under load. */
const losses: [string, (house: House, random: Random) => Promise<unknown>][] = [
  ["part of its keys", (house, random) => house.redis.loseKeys(random.between(0.1, 0.5), random)],
  ["most of its keys", (house, random) => house.redis.loseKeys(random.between(0.5, 0.95), random)],
  ["everything", (house) => house.redis.flush()],
  ["a few keys", (house, random) => house.redis.loseKeys(0.1, random)],
];

test("Redis loses what it knows under load, in several ways", async (t) => {
  const random = new Random(seedOfThisRun());
  const args = [...quick, "--admission.capacity", String(CAPACITY), "--admission.grace_seconds", "2"];
  const house = await openHouse("redis", { owner: t, args: [...args, "--admission.offer_seconds", "2", "--registry.rebuild_ms", "3000"], people: VISITORS, wide: true });
  const load = new Load(house, VISITORS, random, true);
  const watchman = new Watchman(house.servers, 1000);
  load.start();
  const busy = async (): Promise<void> => {
    const visits = load.sum((visitor) => visitor.visits);
    await eventually(() => load.sum((visitor) => visitor.visits) > visits + 20, "people come and go", 20_000);
  };
  for (const [what, lose] of losses) {
    await busy();
    await lose(house, random);
    t.diagnostic(`Redis lost ${what} after ${load.sum((visitor) => visitor.visits)} visits`);
    for (let asks = 0; asks < 5; asks++) {
      await askAsDoubles(load, random);
    }
  }
  await busy();
  await load.stop();
  await watchman.stop();
  console.log("MOST", load.seated.most(), watchman.mostSeats);
  assert.ok(load.seated.most() <= CAPACITY, `${load.seated.most()} had a seat at once`);
  await expectNoDoubles(house);
  await stands(house.server, { seats: 0, waiting: 0 }, "nothing is left over", 15_000);
});
