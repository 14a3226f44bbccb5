// Two processes believe that they own a room: one stood still while the other took it over. The store refuses the
// stale one; no ack of what it refused ever left, and the stale one gives up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildOf, firstCharacter, metric, rejoin, signIn } from "./lib/api.ts";
import { Client, refused } from "./lib/client.ts";
import type { Ack } from "./lib/protocol.ts";
import { startPostgres } from "./lib/postgres.ts";
import { startRedis } from "./lib/redis.ts";
import { stack, startServer, type Server } from "./lib/server.ts";
import { freeze, goOn } from "./lib/store.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

interface Epoch {
  epoch: number;
}

test("a process that stood still past its lease has nothing to say any more", async (t) => {
  const owner = stack(t);
  const [postgres, redis] = [await startPostgres({ owner }), await startRedis({ owner })];
  const keys = ["--dev.key", `${postgres.directory}-key.json`];
  const start = (): Promise<Server> =>
    startServer({ owner, args: ["--registry.url", redis.url, ...keys], database: { from: postgres } });
  const [first, second] = [await start(), await start()];
  const api = await signIn(first, "Ada");
  const { id } = await firstCharacter(api, "Ada");
  const old = await rejoin(api, id);
  const epoch = async (): Promise<number> =>
    (await postgres.query<Epoch>("SELECT epoch FROM room WHERE key = 'plaza/main'"))[0]?.epoch ?? 0;
  const { x, y } = here(old);
  await old.move(x + 1, y);
  const before = await epoch();

  const acks: Ack[] = [];
  old.onMessage = (message) => void (message.type === "event.ack" && acks.push(message));
  freeze(first);
  const late = old.number({ type: "intent.move", x: x + 2, y });
  old.send(late); // it lies in the socket of a process that stands still

  const token = old.reconnectToken ?? assert.fail("it has a token");
  const client = await Client.open(second);
  await client.resume(token, await buildOf(second), old);
  assert.ok((await epoch()) > before, "the second process has taken the lease");
  const kept = await client.intent({ type: "intent.move", actionId: late.actionId, x, y: y + 1 });

  goOn(first);
  await old.gone(30_000);
  assert.deepEqual(acks.filter(({ actionId }) => actionId === late.actionId), [], "no ack of what was refused");
  await eventually(async () => (await metric(first, "playhouse_rooms_retired_total")) >= 1, "the stale owner gave up", 30_000);
  const rows = await postgres.query<{ action_id: number; sequence: number }>(
    "SELECT action_id, sequence FROM action ORDER BY sequence",
  );
  assert.deepEqual(rows.map(({ sequence }) => sequence), [1, kept.sequence], "what the second one said is what happened");
  await client.move(x, y);
  await refused(client.intent({ ...late }), "ACTION_CONFLICT");
  await client.leave();
});
