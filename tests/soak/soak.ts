// usage: npm run soak -- [--minutes N] [--players N]
//
// Players come, go, drop, come back, wait, chat and hand items over on the real binary with PostgreSQL and Redis, for
// 10 minutes unless said otherwise. Each minute prints what the server uses. In the end everybody leaves, and it fails
// when memory has grown since the second minute, when descriptors or threads are left over, or when anything was refused
// that should not be.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { instance, seats, stands } from "../scenario/lib/admin.ts";
import { health, metrics } from "../scenario/lib/api.ts";
import { openHouse, patient, type House } from "../scenario/lib/house.ts";
import { Random, seedOfThisRun } from "../scenario/lib/random.ts";
import type { Server } from "../scenario/lib/server.ts";
import { eventually, within } from "../scenario/lib/wait.ts";
import { newTally, Wanderer, type Tally } from "./wanderer.ts";

const MINUTE_MSEC = 60_000;
const LEAVE_MSEC = 60_000;
const GRACE_SECONDS = 10;
/** What the server may have more in the end than after the second minute. */
const GROWTH_MAX = 16 * 1024 * 1024;

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, players: { type: "string", default: "200" } },
});
const [minutes, count] = [Number(values.minutes), Number(values.players)];
assert.ok(minutes > 2 && count > 1, "more than two minutes, and more than one player");

interface Uses {
  rss: number;
  descriptors: number;
  threads: number;
}

const uses = (server: Server): Uses => ({
  rss: server.rss(),
  descriptors: readdirSync(`/proc/${server.pid}/fd`).length,
  threads: readdirSync(`/proc/${server.pid}/task`).length,
});

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

async function report(server: Server, minute: string, tally: Tally): Promise<Uses> {
  const now = uses(server);
  const info = await instance(server);
  const samples = await metrics(server);
  const kinds = [...samples].filter(([name]) => name.startsWith("playhouse_actions_total"));
  const acted = kinds.reduce((all, [, n]) => all + n, 0);
  console.log(
    `${minute.padStart(6)}: RSS ${mebibytes(now.rss)} MiB, ${now.descriptors} descriptors, ${now.threads} threads; ` +
      `${seats(info)} seats, ${info.waiting} waiting; ${acted} actions stored; ${JSON.stringify(tally)}`,
  );
  return now;
}

/** Everything that a server opens at the first use is open. */
async function warm(house: House): Promise<Uses> {
  const client = await house.player(0).enter();
  await client.chat("first");
  await client.leave();
  assert.equal((await health(house.server)).status, 200);
  await stands(house.server, { seats: 0 }, "nobody is in");
  return uses(house.server);
}

async function soak(house: House): Promise<void> {
  const { server } = house;
  const random = new Random(seedOfThisRun());
  const start = await warm(house);
  const tally = newTally();
  console.log(` start: RSS ${mebibytes(start.rss)} MiB, ${start.descriptors} descriptors, ${start.threads} threads`);

  const end = performance.now() + minutes * MINUTE_MSEC;
  let failed = false;
  const goesOn = (): boolean => !failed && performance.now() < end;
  const some = house.some(count).map((player, n) => new Wanderer(player, new Random(random.seed + n), tally, goesOn));
  const all = Promise.all(some.map((wanderer) => wanderer.live()));
  all.catch(() => (failed = true)); // told when it is awaited

  let second: Uses | undefined;
  for (let minute = 1; minute <= minutes && !failed; minute++) {
    const due = end - (minutes - minute) * MINUTE_MSEC;
    await eventually(() => failed || performance.now() >= due, "a minute is over", 2 * MINUTE_MSEC);
    const now = await report(server, `${minute} min`, tally);
    second = minute === 2 ? now : second;
  }
  await within(all, LEAVE_MSEC, "everybody has left");
  await stands(server, { seats: 0, waiting: 0 }, "no seat and no place is left over", LEAVE_MSEC);
  await eventually(() => uses(server).descriptors <= start.descriptors, "descriptors are back where they were", LEAVE_MSEC);
  const last = await report(server, "end", tally);
  const growth = last.rss - (second ?? assert.fail()).rss;
  console.log(`after the second minute RSS has changed by ${mebibytes(growth)} MiB; at most ${mebibytes(GROWTH_MAX)} are allowed`);
  assert.ok(growth <= GROWTH_MAX, "memory is bounded");
  assert.equal(last.threads, start.threads, "no thread is left over");
}

const works: (() => Promise<void>)[] = [];
try {
  const owner = { after: (work: () => Promise<void>) => void works.push(work) };
  const capacity = String(Math.ceil(count * 0.9));
  const args = [...patient, "--admission.capacity", capacity, "--admission.grace_seconds", String(GRACE_SECONDS)];
  await soak(await openHouse("redis", { owner, args, people: count }));
  console.log("soak: well");
} finally {
  for (const work of works.reverse()) {
    await work();
  }
}
