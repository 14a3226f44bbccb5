// The number of seats is exact, however many ask at once; and every seat comes back.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { firstCharacter, metric, signIn } from "./lib/api.ts";
import { postAtOnce } from "./lib/burst.ts";
import { Client } from "./lib/client.ts";
import type { ConnectResult } from "./lib/protocol.ts";
import { startServer } from "./lib/server.ts";
import { eventually } from "./lib/wait.ts";

const CAPACITY = 50;
const ASKING = 500;

const args = ["--admission.capacity", String(CAPACITY), "--admission.ticket_seconds", "1"];
const server = await startServer({ owner: { after }, args });
const names = Array.from({ length: ASKING }, (_, n) => `Asker ${n}`);
const askers = await Promise.all(
  names.map(async (name) => {
    const api = await signIn(server, name);
    return { api, characterId: (await firstCharacter(api, name)).id };
  }),
);
const build = (await askers[0]?.api.build()) ?? "";

function allAtOnce(): Promise<ConnectResult[]> {
  const path = "/instances/plaza/connect";
  return postAtOnce(server, askers.map(({ api, characterId }) => ({ api, path, body: { characterId, build } })));
}

const admitted = (results: readonly ConnectResult[]): ConnectResult[] =>
  results.filter(({ outcome }) => outcome === "admitted");

const held = (): Promise<number> => metric(server, "playhouse_sessions_connecting");
const playing = (): Promise<number> => metric(server, "playhouse_sessions_active");

test("500 connects at once over HTTP: exactly 50 are admitted", async () => {
  const results = await allAtOnce();
  assert.equal(admitted(results).length, CAPACITY);
  for (const result of results.filter(({ outcome }) => outcome !== "admitted")) {
    assert.deepEqual([result.outcome, result.reason], ["failed", "QUEUE_FULL"]);
    assert.equal(result.ticket, undefined);
  }
  const tickets = new Set(admitted(results).map(({ ticket }) => ticket));
  assert.equal(tickets.size, CAPACITY, "each has a ticket of its own");
  assert.equal(await metric(server, 'playhouse_connects_total{outcome="admitted"}'), CAPACITY);
  assert.equal(await metric(server, 'playhouse_connect_refusals_total{reason="QUEUE_FULL"}'), ASKING - CAPACITY);
});

test("tickets that nobody redeems run out, and their seats come back", async () => {
  await eventually(async () => (await held()) === 0, "all tickets have run out");
  assert.equal(admitted(await allAtOnce()).length, CAPACITY);
  await eventually(async () => (await held()) === 0, "and again");
});

test("a seat that plays is kept, and comes back when its session leaves or its connection is cut", async () => {
  const clients = await Promise.all(
    askers.slice(0, CAPACITY).map(async ({ api, characterId }) => {
      const client = await Client.open(server);
      await client.join(await api.ticket(characterId), build);
      return client;
    }),
  );
  assert.equal(await playing(), CAPACITY);
  assert.equal(admitted(await allAtOnce()).length, 0, "no seat is left");

  await Promise.all(clients.map((client, n) => (n % 2 === 0 ? client.leave() : client.cut())));
  await eventually(async () => (await playing()) === 0, "all seats are free");
  assert.equal(admitted(await allAtOnce()).length, CAPACITY);
});
