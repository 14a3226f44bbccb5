// Three hosts with addresses of their own. Players on different gateways share a room; a host is cut off and healed, all
// brokers die, and processes of each kind are killed, in turn and at random: nothing acknowledged is lost or doubled,
// there is never a seat or a session too many, and everybody plays on within five seconds, without a hand.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { after, before, test, type TestContext } from "node:test";
import { buildOf } from "./lib/api.ts";
import { Face, newCluster, type Cluster, type Member, type Part } from "./lib/cluster.ts";
import { Crowd } from "./lib/crowd.ts";
import { House, patient } from "./lib/house.ts";
import { Network, type Machine } from "./lib/hosts.ts";
import { expectNoDoubles } from "./lib/load.ts";
import { Passers } from "./lib/passers.ts";
import { startPostgres } from "./lib/postgres.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import { startRedis } from "./lib/redis.ts";
import { stack, type Server } from "./lib/server.ts";
import { Town } from "./lib/town.ts";
import { here } from "./lib/walk.ts";
import { Watchman } from "./lib/watchman.ts";

const RESIDENTS = 24;
const RATE = 5;
const PASSERS = 8;
/** Some of those who pass have to wait. */
const CAPACITY = RESIDENTS + PASSERS / 2;
const KILL_SECONDS = Number(process.env["PLAYHOUSE_KILL_SECONDS"] ?? 20);
/** Everything is at home again in so long; and so long a client may take to notice and to come back. */
const REHOMED_MSEC = 5000;
const RETURN_MSEC = 2000;
/** After which whoever watches over processes starts one that has died. */
const RESTART_MSEC = 1000;

interface Place {
  readonly one: Machine;
  readonly cluster: Cluster;
  readonly crowd: Crowd;
  readonly house: House;
}

interface People {
  readonly town: Town;
  readonly passers: Passers;
}

const random = new Random(seedOfThisRun());
const owner = stack({ after });
let place: Place;
let people: People | undefined;

function partsOn([one, two, three]: readonly Machine[]): Part[] {
  assert.ok(one && two && three);
  return [
    ...[one, two].flatMap((host, n): Part[] => [
      { name: `broker-${n + 1}`, roles: ["broker"], host },
      { name: `room-${n + 1}`, roles: ["room"], host },
      { name: `persistence-${n + 1}`, roles: ["persistence"], host },
      { name: `gateway-${n + 1}`, roles: ["gateway"], host },
    ]),
    ...["admission", "queue", "auth", "metrics"].map((kind): Part => ({ name: `${kind}-1`, roles: [kind], host: three })),
  ];
}

before(async () => {
  const network = await Network.make(3, owner);
  const { address, hosts } = network;
  const [postgres, redis] = [await startPostgres({ owner, address }), await startRedis({ owner, address })];
  const crowd = new Crowd(RESIDENTS + PASSERS + 2, owner);
  const args = [
    ...crowd.args,
    ...patient,
    ...["--registry.url", redis.url, "--gateway.moves_per_second", "1000", "--admission.room_size", "5"],
    ...["--admission.capacity", String(CAPACITY), "--insecure_plain_tcp_beyond_loopback", "true"],
  ];
  const prepare = (server: Server): Promise<void> => crowd.settle(server);
  const database = { from: postgres };
  const cluster = await newCluster({ owner, dev: false, args, parts: partsOn(hosts), database, prepare });
  await cluster.start();
  const house = new House("redis", crowd, [cluster], await buildOf(cluster), redis);
  place = { one: network.host(0), cluster, crowd, house };
});

test("players on different gateways share a room", async () => {
  const { cluster, house } = place;
  const [ann, bob] = [house.player(RESIDENTS + PASSERS), house.player(RESIDENTS + PASSERS + 1)];
  const [first, second] = cluster.with("gateway").map((gateway) => new Face(cluster, gateway));
  assert.ok(first && second);
  [ann.server, bob.server] = [first, second];
  const [a, b] = [await ann.enter("json"), await bob.enter("msgpack")];
  assert.equal(a.welcome?.room, b.welcome?.room);
  const { x, y } = here(a);
  const ack = await a.move(x + 1, y);
  await b.until(() => b.world.members.get(ann.characterId)?.x === x + 1, "one sees the other walk");
  assert.ok(b.world.version >= ack.roomVersion);
  await b.chat("hello");
  await a.until(() => a.world.chats.some(({ text }) => text === "hello"), "one hears the other");
  await Promise.all([ann.leave(), bob.leave()]);
});

/** Everybody plays, while a watchman looks; afterwards nothing that was promised is missing. */
async function under(t: TestContext, work: (place: Place & People) => Promise<void>): Promise<void> {
  const { cluster, crowd, house } = place;
  people ??= {
    town: await Town.settle(owner, cluster, crowd, { count: RESIDENTS, rate: RATE, random }),
    passers: new Passers(owner, house.some(PASSERS, RESIDENTS)),
  };
  const { town, passers } = people;
  await town.playsOn("before", REHOMED_MSEC + RETURN_MSEC);
  const watchman = new Watchman([cluster], CAPACITY, true);
  const before = town.acked();
  await work({ ...place, ...people });
  await town.playsOn("after", REHOMED_MSEC + RETURN_MSEC);
  await watchman.stop();
  await town.pause();
  await passers.pause();
  await expectNoDoubles(house);
  t.diagnostic(
    `${town.acked() - before} acks; ${town.sum(({ returns }) => returns)} returns so far, ` +
      `${town.sum(({ afresh }) => afresh)} of them afresh; ${watchman.looks} looks, ${watchman.mostSeats} seats at most`,
  );
  town.play(RATE);
  passers.go();
}

async function kill({ town, cluster }: Place & People, victim: Member, t: TestContext): Promise<void> {
  const begun = performance.now();
  await victim.process.kill9();
  const twins = cluster.up(victim.part.roles[0] ?? "").length;
  if (twins === 0) {
    await pause(RESTART_MSEC); // as a supervisor waits
    await victim.start();
  }
  const took = await town.playsOn(`${victim.name} was killed`, REHOMED_MSEC + RETURN_MSEC);
  if (twins > 0) {
    await victim.start();
    await town.playsOn(`${victim.name} is back`, REHOMED_MSEC + RETURN_MSEC);
  }
  const silence = town.longestSilence(begun);
  t.diagnostic(`${victim.name}: everybody played on after ${took.toFixed()} ms, the longest silence was ${silence.toFixed()} ms`);
  assert.ok(silence < REHOMED_MSEC + RETURN_MSEC, `${victim.name}: somebody had no answer for ${silence.toFixed()} ms`);
}

test("each kind of process is killed in turn, under load", async (t) => {
  await under(t, async (place) => {
    for (const name of ["room-1", "gateway-1", "broker-1", "persistence-1", "admission-1", "queue-1", "auth-1", "metrics-1"]) {
      await kill(place, place.cluster.member(name), t);
    }
  });
});

test("a host is cut off, and comes back", async (t) => {
  await under(t, async ({ town, cluster, one }) => {
    const begun = performance.now();
    await one.cut();
    const took = await town.playsOn("a host is cut off", REHOMED_MSEC + RETURN_MSEC);
    await pause(REHOMED_MSEC); // until those over there have noticed, too
    await one.heal();
    await cluster.complete();
    await town.playsOn("it is back", REHOMED_MSEC + RETURN_MSEC);
    const silence = town.longestSilence(begun);
    t.diagnostic(`everybody played on after ${took.toFixed()} ms, the longest silence was ${silence.toFixed()} ms`);
    assert.ok(silence < REHOMED_MSEC + RETURN_MSEC, `somebody had no answer for ${silence.toFixed()} ms`);
  });
});

test("all brokers die, and come back: nobody who plays notices", async (t) => {
  await under(t, async ({ town, cluster }) => {
    const [begun, returns] = [performance.now(), town.sum((resident) => resident.returns)];
    const brokers = cluster.with("broker");
    await Promise.all(brokers.map(({ process }) => process.kill9()));
    await pause(REHOMED_MSEC); // until they would be forgotten
    await town.playsOn("without brokers", REHOMED_MSEC);
    await cluster.begin(brokers);
    const silence = town.longestSilence(begun);
    t.diagnostic(`the longest silence was ${silence.toFixed()} ms`);
    assert.equal(town.sum((resident) => resident.returns), returns, "nobody was thrown out");
    assert.ok(silence < RETURN_MSEC, `somebody had no answer for ${silence.toFixed()} ms`);
  });
});

test(`processes are killed at random for ${KILL_SECONDS} s, and started again`, async (t) => {
  await under(t, async ({ town, cluster }) => {
    const until = performance.now() + KILL_SECONDS * 1000;
    const killed: string[] = [];
    let longest = 0;
    while (performance.now() < until) {
      const begun = performance.now();
      const victim = random.pick(cluster.members) ?? assert.fail();
      killed.push(victim.name);
      await victim.process.kill9();
      await pause(RESTART_MSEC); // as a supervisor waits
      await victim.start();
      await pause(random.between(0, 2000)); // the random moment
      await town.playsOn(`${killed.join(", ")} were killed`, REHOMED_MSEC + RETURN_MSEC);
      longest = Math.max(longest, town.longestSilence(begun));
    }
    t.diagnostic(`killed ${killed.join(", ")}; the longest silence was ${longest.toFixed()} ms`);
    assert.ok(longest < REHOMED_MSEC + RETURN_MSEC, `somebody had no answer for ${longest.toFixed()} ms`);
  });
});

test("and in the end the store is what everybody was told", async () => {
  await people?.passers.pause();
  await people?.town.rest();
});
