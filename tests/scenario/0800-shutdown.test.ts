// SIGTERM: everybody is told, nothing acknowledged is lost, and the exit code is 0.
import assert from "node:assert/strict";
import { test } from "node:test";
import { enter, metric, signIn } from "./lib/api.ts";
import { Client } from "./lib/client.ts";
import { startServer } from "./lib/server.ts";
import { query, text } from "./lib/store.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

test("sessions are closed with 4008, within 5 s, and every ack is in the store", async (t) => {
  const server = await startServer({ owner: t, args: ["--gateway.moves_per_second", "1000"] });
  const names = Array.from({ length: 10 }, (_, n) => `Guest ${n}`);
  const clients = await Promise.all(names.map((name, n) => enter(server, name, n % 2 ? "json" : "msgpack")));
  const acked = new Map<Client, number>();
  const busy = Promise.all(
    clients.map(async (client) => {
      const { x, y } = here(client);
      client.onMessage = (message) => {
        if (message.type === "event.ack") {
          acked.set(client, message.sequence);
          if (client.socket.readyState === client.socket.OPEN) {
            client.send(client.number({ type: "intent.move", x, y }));
          }
        }
      };
      client.send(client.number({ type: "intent.move", x, y }));
      await client.until(() => (acked.get(client) ?? 0) >= 5, "it is busy");
    }),
  );
  await busy;
  const took = await server.stop(5000);
  assert.ok(took < 5000, `stopped in ${took} ms`);
  for (const client of clients) {
    assert.equal((await client.gone()).code, 4008);
    const id = client.welcome?.characterId ?? "";
    const [row] = await query<{ n: number; last: number }>(
      server,
      `SELECT count(*) AS n, max(sequence) AS last FROM action WHERE character_id = ${text(id)}`,
    );
    assert.ok((row?.last ?? 0) >= (acked.get(client) ?? Infinity), "every ack is in the store");
    assert.equal(row?.n, row?.last);
  }
});

test("a seat is held over a restart, and its session goes on where it was", async (t) => {
  const server = await startServer({ owner: t, args: ["--admission.capacity", "1"] });
  const client = await enter(server, "Only");
  const { x, y } = here(client);
  const ack = await client.move(x, y);
  await server.stop();
  await server.start();
  const other = await signIn(server, "Other");
  const result = await other.connect({ characterId: (await other.createCharacter("Other")).id });
  assert.equal(result.outcome, "queued", "the seat is not free");
  const again = await Client.open(server);
  const { sessionId, sequence, lastActionId, roomVersion } = await again.resume(
    client.reconnectToken ?? "",
    client.welcome?.build ?? "",
  );
  assert.equal(sessionId, client.welcome?.sessionId);
  assert.deepEqual([sequence, lastActionId], [ack.sequence, ack.actionId]);
  assert.ok(roomVersion > ack.roomVersion, "the room's version rises over restarts");
  await eventually(async () => (await metric(server, "playhouse_sessions_active")) === 1, "the gauge says so");
});
