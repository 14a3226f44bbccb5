// The power cord while people come and go: seats, the order of the queue, the ends of graces and the operator's
// switches are what they were. No seat leaks, none is doubled.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";
import { change, instance, sessions, stands } from "./lib/admin.ts";
import { bothForms, openHouse, patient } from "./lib/house.ts";
import { expectNoDoubles, Load } from "./lib/load.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import { Watchman } from "./lib/watchman.ts";

const GRACE_SECONDS = 6;
const KILLS = 3;
const CAPACITY = 20;
const VISITORS = 60;

const grace = ["--admission.grace_seconds", String(GRACE_SECONDS)];

await bothForms({ args: [...patient, ...grace, "--admission.capacity", "9"], people: 20 }, (house) => {
  const { server } = house;

  test("what was known before is known after", async () => {
    const [playing, dropped, ticketed] = [house.some(6), house.some(2, 6), house.player(8)];
    await Promise.all([...playing, ...dropped].map((player) => player.enter()));
    const { ticket, sessionId } = await ticketed.connect();
    const queue = house.some(5, 10);
    for (const [n, player] of queue.entries()) {
      await (n % 2 === 0 ? player.wait() : player.queue());
    }
    await Promise.all(dropped.map((player) => player.drop()));
    await stands(server, { active: 6, grace: 2, connecting: 1, waiting: 5 }, "so it stands");
    await change(server, { drain: true });
    const before = await sessions(server);
    const ids = playing.map((player) => player.playing.welcome?.sessionId);

    await server.kill9();
    await server.start();
    const info = await instance(server);
    assert.deepEqual([info.connecting + info.active + info.grace, info.waiting, info.drain], [9, 5, true]);
    const after = await sessions(server);
    assert.deepEqual(
      after.map(({ sessionId: id, characterId, number }) => [id, characterId, number]),
      before.map(({ sessionId: id, characterId, number }) => [id, characterId, number]),
      "the same sessions in the same order",
    );
    after.forEach((session, n) => {
      const was = before[n] ?? assert.fail();
      assert.ok(session.state === was.state || (was.state === "active" && session.state === "grace"), session.state);
      if (was.state === "grace" || was.state === "connecting") {
        assert.ok((session.leftSeconds ?? Infinity) <= (was.leftSeconds ?? 0), "its end did not move");
      }
    });

    await Promise.all([...playing, dropped[0] ?? assert.fail()].map((player) => player.resume()));
    assert.deepEqual(playing.map((player) => player.playing.welcome?.sessionId), ids);
    assert.equal((await ticketed.join(ticket)).welcome?.sessionId, sessionId);
    for (const [n, player] of queue.entries()) {
      await player.watch();
      assert.equal(player.playing.position?.position, n + 1, "everybody has the place they had");
    }
    // one of the dropped does not come back
    await queue[0]?.take();
    await stands(server, { active: 9, grace: 0, waiting: 4 }, "its seat went to the head of the queue");
    await Promise.all([...playing, ...dropped, ticketed, ...queue].map((player) => player.leave()));
    await change(server, { drain: false });
    await stands(server, { seats: 0, waiting: 0 }, "all have left");
  });
});

await bothForms({ args: [...patient, ...grace, "--admission.capacity", String(CAPACITY)], people: VISITORS }, (house) => {
  const { server } = house;

  test(`under load, ${KILLS} times`, async (t) => {
    const random = new Random(seedOfThisRun());
    const load = new Load(house, VISITORS, random);
    for (let kill = 1; kill <= KILLS; kill++) {
      const watchman = new Watchman([server], CAPACITY);
      load.start();
      await pause(random.between(400, 1200)); // the random moment
      await watchman.stop();
      await server.kill9();
      await load.ended();
      const [playing, waiting] = [load.in("playing"), load.in("waiting")];
      await server.start();
      await expectNoDoubles(house);
      await load.comeBack();
      t.diagnostic(`kill ${kill}: ${playing} played and ${waiting} waited; ${load.sum(({ visits }) => visits)} visits`);
      assert.ok(playing > 0 && waiting > 0, "the kill met some of each");
    }
    load.start();
    await pause(500); // and once more without a kill
    await load.stop();
    await stands(server, { seats: 0, waiting: 0 }, "no seat and no place is left over", (GRACE_SECONDS + 5) * 1000);
    assert.ok(load.seated.most() <= CAPACITY, `${load.seated.most()} had a seat at once`);
    await expectNoDoubles(house);
  });
});

test("redis: a process dies: its players go on at the other one, and the seats of those who do not are free in time", async (t) => {
  const args = [...patient, "--admission.grace_seconds", "1", "--admission.capacity", "6"];
  const house = await openHouse("redis", { owner: t, args, people: 12, wide: true });
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
  await stands(living, { active: 4, seats: 4 }, "the seats of the others are free", 10_000);
  const another = house.player(8);
  another.server = living;
  assert.equal((await another.connect()).outcome, "admitted");
});
