// From one owner of rooms to three and back, under load: rooms move, nobody is thrown out, and all that anybody notices
// is an ack that comes late.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";
import { ERRORS } from "../../build/release/gen/messages.ts";
import { newCluster, type Part } from "./lib/cluster.ts";
import { Crowd } from "./lib/crowd.ts";
import { patient } from "./lib/house.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import { stack } from "./lib/server.ts";
import { Town } from "./lib/town.ts";

const SESSIONS = 40;
const RATE = 10;
const STEADY_MSEC = 3000;
const LATE_MSEC = 5000;

const parts: readonly Part[] = [
  { name: "broker-1", roles: ["broker"] },
  { name: "persistence-1", roles: ["persistence"] },
  { name: "door-1", roles: ["admission", "queue", "auth", "metrics"] },
  { name: "gateway-1", roles: ["gateway"] },
  { name: "gateway-2", roles: ["gateway"] },
  { name: "room-1", roles: ["room"] },
  { name: "room-2", roles: ["room"] },
  { name: "room-3", roles: ["room"] },
];

test("1, 3, and 1 owner of rooms again, under load", async (t) => {
  const random = new Random(seedOfThisRun());
  const owner = stack(t);
  const crowd = new Crowd(SESSIONS, owner);
  const args = [...crowd.args, ...patient, "--gateway.moves_per_second", "1000", "--admission.room_size", "4"];
  const cluster = await newCluster({ owner, dev: false, args, parts, prepare: (one) => crowd.settle(one) });
  const added = ["room-2", "room-3"].map((name) => cluster.member(name));
  await cluster.begin(cluster.members.filter((one) => !added.includes(one)));
  const town = await Town.settle(owner, cluster, crowd, { count: SESSIONS, rate: RATE, random });
  await town.playsOn("at first", LATE_MSEC);
  const begun = performance.now();

  const phase = async (what: string, change: () => Promise<unknown>): Promise<void> => {
    const from = performance.now();
    await change();
    await town.playsOn(what, LATE_MSEC);
    await pause(STEADY_MSEC); // so long it is watched
    const { count, p50, p99, most } = town.acks(from, performance.now() - 100);
    const ms = (time: number): string => `${time.toFixed(1)} ms`;
    t.diagnostic(`${what}: ${count} acks, p50 ${ms(p50)}, p99 ${ms(p99)}, at most ${ms(most)}`);
  };
  await phase("one owner", async () => undefined);
  await phase("a second one comes", () => cluster.begin(added.slice(0, 1)));
  await phase("a third one comes", () => cluster.begin(added.slice(1)));
  await phase("the third one leaves", () => cluster.member("room-3").process.stop());
  await phase("the second one leaves", () => cluster.member("room-2").process.stop());

  const silence = town.longestSilence(begun);
  t.diagnostic(`nobody was without an answer for longer than ${silence.toFixed()} ms`);
  t.diagnostic(`refusals: ${JSON.stringify(town.refusals())}`);
  const returns = town.sum((one) => one.returns);
  await town.rest();
  assert.ok(silence < LATE_MSEC, `somebody had no answer for ${silence.toFixed()} ms`);
  assert.equal(returns, 0, "nobody was thrown out");
  const transient = Object.keys(town.refusals()).filter((code) => ERRORS[code as keyof typeof ERRORS].transient);
  assert.deepEqual(transient, [], "nothing was refused for the moment");
  assert.equal(town.sum(({ unseen }) => unseen), 0, "everybody saw themselves all the time");
});
