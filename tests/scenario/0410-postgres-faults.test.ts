// A hundred players on PostgreSQL and Redis, and something dies every few seconds: the server, PostgreSQL, the wire
// between them in three ways, Redis. After each: nothing acknowledged is lost or doubled, the order is kept, no item is
// made or lost, and everybody comes back by themselves.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { describe, test, type TestContext } from "node:test";
import { firstCharacter, health, metric, signIn } from "./lib/api.ts";
import { compare, readStore } from "./lib/ledger.ts";
import { startPostgres, type Postgres } from "./lib/postgres.ts";
import { Proxy } from "./lib/proxy.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import { startRedis, type Redis } from "./lib/redis.ts";
import { Resident } from "./lib/resident.ts";
import { stack, startServer, type Server } from "./lib/server.ts";
import { eventually } from "./lib/wait.ts";

const SESSIONS = 100;
const RATE = 10;
const BACK_MSEC = 60_000;

interface Place {
  readonly server: Server;
  readonly postgres: Postgres;
  readonly redis: Redis;
  readonly wire: Proxy;
  readonly residents: readonly Resident[];
  readonly random: Random;
}

async function settle(t: TestContext, count: number, more: readonly string[] = []): Promise<Place> {
  const random = new Random(seedOfThisRun());
  const owner = stack(t);
  const [postgres, redis] = [await startPostgres({ owner }), await startRedis({ owner })];
  const wire = await Proxy.start({ owner, target: postgres.port });
  const args = ["--registry.url", redis.url, "--gateway.moves_per_second", "1000", "--store.timeout_ms", "2000", ...more];
  const database = { from: postgres, url: postgres.urlAt(wire.port) };
  const server = await startServer({ owner, args, database });
  const numbers = Array.from({ length: count }, (_, n) => n);
  const residents = await Promise.all(
    numbers.map(async (n) => {
      const api = await signIn(server, `Player ${n}`);
      const { id } = await firstCharacter(api, `Player ${n}`);
      return new Resident(api, id, n % 2 === 0 ? "json" : "msgpack", new Random(random.seed + n));
    }),
  );
  owner.after(async () => residents.forEach((resident) => resident.leave())); // also when the test has failed
  await Promise.all(residents.map((resident) => resident.join()));
  return { server, postgres, redis, wire, residents, random };
}

const acked = ({ residents }: Pick<Place, "residents">): number =>
  residents.reduce((all, { ledger }) => all + [...ledger.values()].filter(({ ack }) => ack).length, 0);

/** Everybody gets acks again. */
async function playsOn(place: Place, what: string): Promise<void> {
  const before = place.residents.map((one) => acked({ residents: [one] }));
  const all = (): boolean => place.residents.every((one, n) => acked({ residents: [one] }) > (before[n] ?? 0) + 2);
  await eventually(all, `${what}: everybody plays on`, BACK_MSEC);
}

async function expectNothingLost(place: Place, items: readonly string[]): Promise<void> {
  const stored = await readStore(place.server);
  assert.deepEqual([...stored.items.keys()].sort(), items, "the items are those");
  for (const resident of place.residents) {
    compare(resident, stored);
    assert.deepEqual(resident.unknown(), [], "everything has an answer");
  }
}

type Fault = [name: string, strike: (place: Place) => Promise<void>];

const faults: readonly Fault[] = [
  ["the server", async ({ server }) => {
    await server.kill9();
    await server.start(["--gateway.port", new URL(server.url).port]);
  }],
  ["PostgreSQL", async ({ postgres, random }) => {
    await postgres.kill();
    await pause(random.between(0, 1500)); // the outage
    await postgres.start();
  }],
  ["the wire, cut", async ({ wire }) => {
    assert.ok(wire.cut() > 0, "there was a connection");
  }],
  ["the wire, stalled", async ({ wire, random }) => {
    wire.stall();
    await pause(random.between(500, 4000)); // the outage
    wire.go();
  }],
  ["the wire, slow", async ({ wire }) => {
    wire.delayMsec = 100;
    await pause(2000); // so long it is slow
    wire.delayMsec = 0;
  }],
  ["Redis", async ({ redis, random }) => {
    await redis.kill();
    await pause(random.between(0, 2000)); // the outage
    await redis.start();
  }],
];

// Two side by side: there is much waiting.
describe("faults", { concurrency: 2 }, () => {
  test("something dies every few seconds, and nothing that was acknowledged is lost", async (t) => {
    const place = await settle(t, SESSIONS);
    const items = [...(await readStore(place.server)).items.keys()].sort();
    assert.ok(items.length > 0, "there are items");
    place.residents.forEach((resident) => resident.stay(RATE));
    const order = [...faults, ...faults].map((fault) => ({ fault, at: place.random.next() })).sort((a, b) => a.at - b.at);
    for (const { fault: [name, strike] } of order) {
      await playsOn(place, `before ${name}`);
      await pause(place.random.between(0, 500)); // the random moment
      await strike(place);
      await playsOn(place, `after ${name}`);
      t.diagnostic(`${name}: ${acked(place)} acknowledged so far`);
    }
    await Promise.all(place.residents.map((resident) => resident.rest(BACK_MSEC)));
    await expectNothingLost(place, items);
    const sum = (of: (one: Resident) => number): number => place.residents.reduce((all, one) => all + of(one), 0);
    t.diagnostic(`${acked(place)} acks, ${sum((one) => one.returns)} returns, ${sum((one) => one.afresh)} of them afresh`);
    assert.ok((await health(place.server)).body.ready, "it is well");
  });

  test("PostgreSQL is away for ten seconds: nothing is half done, and no restart is needed", async (t) => {
    const place = await settle(t, 50);
    const items = [...(await readStore(place.server)).items.keys()].sort();
    place.residents.forEach((resident) => resident.stay(RATE));
    await playsOn(place, "before the outage");
    const rss = place.server.rss();
    await place.postgres.kill();
    const until = performance.now() + 10_000;
    await eventually(async () => !(await health(place.server)).body.ready, "health says so", 5000);
    await eventually(() => performance.now() > until, "ten seconds are over", 15_000);
    const refusals = place.residents.flatMap(({ ledger }) => [...ledger.values()].map(({ refusal }) => refusal));
    assert.ok(refusals.some((refusal) => refusal?.code === "UNAVAILABLE" && refusal.transient), "told to come again");
    const grown = place.server.rss() - rss;
    assert.ok(grown < 64 * 1024 * 1024, `memory is bounded: ${grown} bytes more`);
    await place.postgres.start();
    await playsOn(place, "after the outage");
    assert.ok((await metric(place.server, "playhouse_store_reconnects_total")) > 0, "counted");
    await Promise.all(place.residents.map((resident) => resident.rest(BACK_MSEC)));
    await expectNothingLost(place, items);
    assert.equal(place.residents.reduce((all, { returns }) => all + returns, 0), 0, "and nobody was thrown out");
  });

  test("commits that take 200 ms: batches grow, everybody plays on, nobody is thrown out", async (t) => {
    const place = await settle(t, 100, ["--store.timeout_ms", "3000"]);
    place.residents.forEach((resident) => resident.stay(RATE));
    await playsOn(place, "at first"); // the first commit of a connection prepares its statement
    place.wire.delayMsec = 100;
    const [commits, actions] = [
      await metric(place.server, "playhouse_commits_total"),
      await metric(place.server, 'playhouse_actions_total{kind="move"}'),
    ];
    await playsOn(place, "over a long wire");
    await eventually(
      async () => (await metric(place.server, 'playhouse_actions_total{kind="move"}')) > actions + 2000,
      "two thousand moves are stored",
      60_000,
    );
    const batches = (await metric(place.server, "playhouse_commits_total")) - commits;
    const moves = (await metric(place.server, 'playhouse_actions_total{kind="move"}')) - actions;
    t.diagnostic(`${moves} moves in ${batches} commits`);
    assert.ok(moves / batches > 20, `many share a commit: ${moves / batches}`);
    place.wire.delayMsec = 10; // a room with a hundred in it is read anew within its five seconds up to 25
    place.wire.cut();
    await playsOn(place, "over a new connection, long as well");
    place.wire.delayMsec = 0;
    await Promise.all(place.residents.map((resident) => resident.rest(BACK_MSEC)));
    assert.equal(place.residents.reduce((all, { returns }) => all + returns, 0), 0, "nobody was thrown out");
    await expectNothingLost(place, [...(await readStore(place.server)).items.keys()].sort());
  });
});
