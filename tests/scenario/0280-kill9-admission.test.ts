// The power cord: seats, the order of the queue, the ends of graces and the operator's switches are what they were.
import assert from "node:assert/strict";
import { test } from "node:test";
import { change, instance, sessions, stands } from "./lib/admin.ts";
import { bothForms, patient } from "./lib/house.ts";

const args = [...patient, "--admission.grace_seconds", "6", "--admission.capacity", "9"];

await bothForms({ args, people: 20 }, (house) => {
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
