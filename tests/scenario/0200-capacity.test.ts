// The number of seats is exact, however many ask at once, and so is the number of places in the queue; every seat and
// every place comes back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { metric } from "./lib/api.ts";
import { seats, stands, instance } from "./lib/admin.ts";
import { connectAtOnce } from "./lib/burst.ts";
import { bothForms, patient } from "./lib/house.ts";
import type { ConnectResult } from "./lib/protocol.ts";

const CAPACITY = 50;
const PLACES = 100;
const ASKING = 500;

const args = [
  ...patient,
  ...["--admission.capacity", String(CAPACITY), "--admission.queue_max", String(PLACES)],
  ...["--admission.ticket_seconds", "4", "--admission.offer_seconds", "4", "--admission.grace_seconds", "4"],
];

const withOutcome = (results: readonly ConnectResult[], outcome: string): ConnectResult[] =>
  results.filter((result) => result.outcome === outcome);

await bothForms({ args, people: ASKING }, (house) => {
  const { server } = house;
  const askers = house.some(ASKING);
  const empty = (): Promise<unknown> => stands(server, { seats: 0, waiting: 0 }, "all are gone", 30_000);

  test("500 connects at once: exactly 50 are admitted, exactly 100 wait, and each other one is told", async () => {
    const results = await connectAtOnce(askers);
    const [admitted, queued] = [withOutcome(results, "admitted"), withOutcome(results, "queued")];
    assert.deepEqual([admitted.length, queued.length], [CAPACITY, PLACES]);
    for (const { outcome, reason, ticket, reconnectToken } of withOutcome(results, "failed")) {
      assert.deepEqual([outcome, reason, ticket, reconnectToken], ["failed", "QUEUE_FULL", undefined, undefined]);
    }
    assert.equal(new Set(admitted.map(({ ticket }) => ticket)).size, CAPACITY, "each has a ticket of its own");
    assert.equal(new Set(queued.map(({ reconnectToken }) => reconnectToken)).size, PLACES, "each has a token of its own");
    const places = queued.map(({ position }) => position ?? 0).sort((a, b) => a - b);
    assert.deepEqual(places, Array.from({ length: PLACES }, (_, n) => n + 1), "each has a place of its own");
    assert.equal(await metric(server, 'playhouse_connects_total{outcome="admitted"}'), CAPACITY);
    assert.equal(await metric(server, 'playhouse_connects_total{outcome="queued"}'), PLACES);
    const refused = 'playhouse_connect_refusals_total{reason="QUEUE_FULL"}';
    assert.equal(await metric(server, refused), ASKING - CAPACITY - PLACES);
  });

  test("tickets and offers that nobody takes run out, and their seats come back", async () => {
    await empty();
    assert.equal(withOutcome(await connectAtOnce(askers), "admitted").length, CAPACITY);
    await empty();
  });

  test("a seat that plays is kept; who leaves frees it at once, who drops after the grace", async () => {
    const playing = askers.slice(0, CAPACITY);
    const clients = await Promise.all(playing.map((player) => player.enter()));
    await stands(server, { active: CAPACITY, seats: CAPACITY }, "all play");
    const late = askers.slice(CAPACITY, CAPACITY + 10);
    assert.equal(withOutcome(await connectAtOnce(late), "queued").length, 10, "no seat is left");
    await Promise.all(late.map((player) => player.leave()));

    const half = CAPACITY / 2;
    await Promise.all(clients.slice(0, half).map((client) => client.leave()));
    await Promise.all(clients.slice(half).map((client) => client.cut()));
    await stands(server, { active: 0, grace: half, waiting: 0 }, "half of the seats are free, half are held");
    const next = withOutcome(await connectAtOnce(askers.slice(CAPACITY, CAPACITY * 2)), "admitted");
    assert.equal(next.length, half);
    assert.ok(seats(await instance(server)) <= CAPACITY);
    await empty();
  });
});
