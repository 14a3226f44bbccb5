// The power cord while people come and go, three times; and one of two processes that dies. No seat leaks, none is
// doubled, and who was in or waited is so still.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";
import { stands } from "./lib/admin.ts";
import { bothForms, openHouse, patient } from "./lib/house.ts";
import { expectNoDoubles, Load } from "./lib/load.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import { eventually } from "./lib/wait.ts";
import { Watchman } from "./lib/watchman.ts";

const GRACE_SECONDS = 6;
const KILLS = 3;
const CAPACITY = 20;
const VISITORS = 60;

const args = [
  ...patient,
  ...["--admission.grace_seconds", String(GRACE_SECONDS), "--admission.capacity", String(CAPACITY)],
];

await bothForms({ args, people: VISITORS }, (house) => {
  const { server } = house;

  test(`under load, ${KILLS} times`, async (t) => {
    const random = new Random(seedOfThisRun());
    const load = new Load(house, VISITORS, random);
    for (let kill = 1; kill <= KILLS; kill++) {
      const watchman = new Watchman([server], CAPACITY);
      load.start();
      await eventually(() => load.in("playing") > 5 && load.in("waiting") > 5, "people play, and people wait", 20_000);
      await pause(random.between(0, 1000)); // the random moment
      await watchman.stop();
      await server.kill9();
      await load.ended();
      const [playing, waiting] = [load.in("playing"), load.in("waiting")];
      await server.start();
      await expectNoDoubles(house);
      await load.comeBack();
      t.diagnostic(`kill ${kill}: ${playing} played and ${waiting} waited; ${load.sum(({ visits }) => visits)} visits`);
    }
    load.start();
    await pause(500); // and once more without a kill
    await load.stop();
    await stands(server, { seats: 0, waiting: 0 }, "no seat and no place is left over", (GRACE_SECONDS + 5) * 1000);
    assert.ok(load.seated.most() <= CAPACITY, `${load.seated.most()} had a seat at once: ${load.seated.over(CAPACITY)}`);
    await expectNoDoubles(house);
  });
});

test("redis: a process dies: its players go on at the other one, and the seats of those who do not are free in time", async (t) => {
  const brief = [...patient, "--admission.grace_seconds", "4", "--admission.capacity", "6"];
  const house = await openHouse("redis", { owner: t, args: brief, people: 12, wide: true });
  const { server: dying, other: living } = house;
  const players = house.some(6);
  players.forEach((player) => (player.server = dying));
  await Promise.all(players.map((player) => player.enter()));
  const ids = players.map((player) => player.playing.welcome?.sessionId);
  const waiting = house.player(7);
  waiting.server = living;
  await waiting.wait();

  await dying.kill9();
  const back = players.slice(0, 3);
  back.forEach((player) => (player.server = living));
  await Promise.all(back.map((player) => player.resume()));
  assert.deepEqual(back.map((player) => player.playing.welcome?.sessionId), ids.slice(0, 3));
  await waiting.take();
  await stands(living, { active: 4, seats: 4 }, "the seats of the others are free");
  const another = house.player(8);
  another.server = living;
  assert.equal((await another.connect()).outcome, "admitted");
});
