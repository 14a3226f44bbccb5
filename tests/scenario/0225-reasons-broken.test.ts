// The reasons that need a broken server: a disk that stands still, a store that fails or is locked, mailboxes that
// are full. Each connect has its one outcome within 10 s all the same, and no seat is lost by it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test, type TestContext } from "node:test";
import { stands } from "./lib/admin.ts";
import { metric } from "./lib/api.ts";
import { connectAtOnce } from "./lib/burst.ts";
import { forms, openHouse, patient, type Form, type House } from "./lib/house.ts";
import { expectReason, failsFor } from "./lib/reasons.ts";
import { threadPerKind } from "./lib/server.ts";
import { newDisk, type Disk } from "./lib/stall.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const DEADLINE_MSEC = 10_000;
const args = [...patient, ...threadPerKind, "--admission.capacity", "2", "--admission.queue_max", "1"];

async function houseOnDisk(t: TestContext, form: Form): Promise<[House, Disk]> {
  const disk = await newDisk(t);
  const house = await openHouse(form, { owner: t, args, people: 3, env: disk.env, embedded: true });
  t.after(() => disk.goOn()); // a server that waits for it cannot end
  return [house, disk];
}

/** Everything is as it should be again: both seats can be had, and a third waits. */
async function expectWell(house: House): Promise<void> {
  await stands(house.server, { seats: 0, waiting: 0 }, "no seat is lost", 30_000);
  const results = await connectAtOnce(house.some(3));
  assert.deepEqual(results.map(({ outcome }) => outcome).sort(), ["admitted", "admitted", "queued"]);
}

// All at the same time: what they mostly do is wait.
describe("broken", { concurrency: 8 }, () => {
  const everywhere = (what: string, body: (t: TestContext, form: Form) => Promise<void>): void =>
    forms.forEach((form) => void test(`${form}: ${what}`, (t) => body(t as TestContext, form)));

  everywhere("TIMEOUT: the store stands still, and the answer comes in time nevertheless", async (t, form) => {
    const [house, disk] = await houseOnDisk(t, form);
    const [busy, asking] = house.some(2);
    assert.ok(busy !== undefined && asking !== undefined);
    const client = await busy.enter();
    disk.stop();
    const ack = client.move(here(client).x, here(client).y);
    ack.catch(() => undefined); // it may be given up before the disk goes on
    const begun = performance.now();
    await failsFor(house.server, "TIMEOUT", () => asking.connect());
    const took = performance.now() - begun;
    assert.ok(took < DEADLINE_MSEC, `answered after ${took} ms`);
    disk.goOn();
    await stands(house.server, { seats: 1 }, "what came late was undone", 15_000);
    await client.leave();
    await expectWell(house);
  });

  everywhere("DEPENDENCY_UNAVAILABLE: the store fails", async (t, form) => {
    const [house, disk] = await houseOnDisk(t, form);
    disk.fail();
    const result = await failsFor(house.server, "DEPENDENCY_UNAVAILABLE", () => house.player(0).connect());
    assert.ok((result.retryAfterSeconds ?? 0) >= 1, "it says when to come again");
    disk.goOn();
    await expectWell(house);
  });

  everywhere("DEPENDENCY_UNAVAILABLE: another program holds the store", async (t, form) => {
    const house = await openHouse(form, { owner: t, args, people: 3, embedded: true });
    const holder = spawn("sqlite3", [house.server.store], { stdio: ["pipe", "pipe", "inherit"] });
    t.after(() => holder.kill("SIGKILL"));
    holder.stdin.write("BEGIN IMMEDIATE;\nSELECT 'held';\n");
    await once(holder.stdout, "data");
    await failsFor(house.server, "DEPENDENCY_UNAVAILABLE", () => house.player(0).connect());
    holder.stdin.end("ROLLBACK;\n");
    await once(holder, "close");
    await expectWell(house);
  });

  everywhere("OVERLOADED: mailboxes are full; each is told, and what nobody takes is free again", async (t, form) => {
    const crowd = 400;
    const tight = [...patient, ...threadPerKind, "--broker.mailbox_max", "16", "--admission.queue_max", String(crowd)];
    const brief = ["--admission.ticket_seconds", "1", "--admission.offer_seconds", "1", "--admission.grace_seconds", "1"];
    const house = await openHouse(form, { owner: t, args: [...tight, ...brief, "--admission.capacity", "200"], people: crowd });
    const players = house.some(crowd);
    const refusals = 'playhouse_connect_refusals_total{reason="OVERLOADED"}';
    let overloaded = 0;
    await eventually(async () => {
      for (const result of await connectAtOnce(players)) {
        if (result.outcome === "failed" && result.reason === "OVERLOADED") {
          expectReason(result, "OVERLOADED");
          overloaded++;
        } else {
          assert.ok(result.outcome === "admitted" || result.outcome === "queued" || result.transient, JSON.stringify(result));
        }
      }
      return overloaded > 0;
    }, "a burst is too much for mailboxes of 16", 30_000);
    assert.equal(await metric(house.server, refusals), overloaded);
    await stands(house.server, { seats: 0, waiting: 0 }, "nothing is left of it", 15_000);
  });
});
