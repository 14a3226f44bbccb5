// Who does nothing is warned and then ends: the seat is free, whoever waits gets it, and a later connect is a fresh one.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { sessionOf, stands } from "./lib/admin.ts";
import { Client, refused } from "./lib/client.ts";
import { closeName } from "./lib/errors.ts";
import { forms, openHouse, patient } from "./lib/house.ts";

const IDLE_SECONDS = 3;
const WARNING_SECONDS = 1;
const args = [
  ...[...patient, "--admission.capacity", "1"],
  ...["--gateway.idle_seconds", String(IDLE_SECONDS), "--gateway.idle_warning_seconds", String(WARNING_SECONDS)],
];

describe("inactivity", { concurrency: 4 }, () => {
  for (const form of forms) {
    test(`${form}: a warning, then the end; the head of the queue has the seat, and who was idle begins afresh`, async (t) => {
      const house = await openHouse(form, { owner: t, args, people: 2 });
      const { server, build } = house;
      const [idle, next] = [house.player(0), house.player(1)];
      const client = await idle.enter();
      const begun = performance.now();
      const { sessionId } = client.welcome ?? assert.fail();
      const waiting = await next.wait();
      const { seconds } = await client.next("event.inactivity_warning");
      assert.equal(seconds, WARNING_SECONDS);
      assert.equal(closeName(await client.gone()), "INACTIVE");
      const took = performance.now() - begun;
      assert.ok(took >= IDLE_SECONDS * 1000, `ended after ${took} ms`);

      await waiting.offer();
      const playing = await next.take();
      assert.equal(await sessionOf(server, idle.characterId), undefined, "no grace for who was idle");
      const again = await Client.open(server);
      await refused(again.resume(client.reconnectToken ?? assert.fail(), build), "RECONNECT_INVALID");
      const result = await idle.connect();
      assert.deepEqual([result.outcome, result.position], ["queued", 1], "at the end of the queue");
      assert.notEqual(result.sessionId, sessionId);
      await playing.leave();
      await idle.leave();
      await stands(server, { seats: 0, waiting: 0 }, "everybody has left");
    });

    test(`${form}: an intent keeps one in, one that is refused too; who was warned acts and stays`, async (t) => {
      const house = await openHouse(form, { owner: t, args, people: 1 });
      const client = await house.player(0).enter();
      let warnings = 0;
      client.onMessage = ({ type }) => void (type === "event.inactivity_warning" && warnings++);
      const until = performance.now() + (IDLE_SECONDS + 2) * 1000;
      while (performance.now() < until) {
        await refused(client.intent({ type: "intent.action", action: "pickup", itemId: "nothing" }), "NO_SUCH_ITEM");
        await pause((IDLE_SECONDS - WARNING_SECONDS) * 250); // the pace of somebody who dozes
      }
      assert.equal(warnings, 0);
      await client.next("event.inactivity_warning");
      await client.chat("I am awake");
      await client.next("event.inactivity_warning"); // the next one, and not the end
      await client.chat("still");
      await client.leave();
    });
  }
});
