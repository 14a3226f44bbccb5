// The client's own numbers: a repeat is harmless, a gap cannot be filled late, a number is never used for two things;
// on the connection they were first used on, after a reconnect, and after the power cord.
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildOf, enter } from "./lib/api.ts";
import { Client, refused } from "./lib/client.ts";
import type { Ack, Intent } from "./lib/protocol.ts";
import type { Server } from "./lib/server.ts";
import { query } from "./lib/store.ts";
import { startOn, stores } from "./lib/stores.ts";
import { here } from "./lib/walk.ts";

const patient = ["--gateway.moves_per_second", "1000", "--gateway.chats_per_second", "1000"];

interface Row {
  sequence: number;
  action_id: number;
}

const stored = (server: Server): Promise<Row[]> =>
  query<Row>(server, "SELECT sequence, action_id FROM action ORDER BY sequence");

async function comeBack(server: Server, before: Client): Promise<Client> {
  const client = await Client.open(server);
  await client.resume(before.reconnectToken ?? assert.fail("it has a token"), await buildOf(server), before);
  return client;
}

/** All that may be wrong with a number, and nothing of it leaves a trace. */
async function expectExact(client: Client, known: ReadonlyMap<number, [Intent, Ack]>): Promise<void> {
  for (const [actionId, [intent, ack]] of known) {
    assert.deepEqual(await client.intent(intent), ack, `actionId ${actionId} again: the same ack`);
    const other = { type: "intent.chat", actionId, text: "something else" } as const;
    const { transient } = await refused(client.intent(other), "ACTION_CONFLICT");
    assert.equal(transient, false);
  }
  const ids = [...known.keys()];
  const gap = ids.find((id) => !known.has(id - 1) && id > 1) ?? assert.fail("there is a gap");
  await refused(client.intent({ type: "intent.chat", actionId: gap - 1, text: "late" }), "ACTION_OUT_OF_ORDER");
}

for (const form of stores) {
  test(`actionIds are exact before and after a reconnect and a restart (${form})`, async (t) => {
    const server = await startOn(form, { owner: t, args: patient });
    let client = await enter(server, "Ada");
    const known = new Map<number, [Intent, Ack]>();
    const act = async (actionId: number): Promise<void> => {
      const { x, y } = here(client);
      const intent = { type: "intent.move", actionId, x: x + (actionId % 2 === 0 ? 1 : -1), y } as const;
      known.set(actionId, [intent, await client.intent(intent)]);
    };
    for (const actionId of [1, 2, 5, 100]) {
      await act(actionId);
    }
    await expectExact(client, known);

    const dropped = client;
    await dropped.cut();
    client = await comeBack(server, dropped);
    assert.equal(client.welcome?.sequence, known.size);
    await expectExact(client, known);
    await act(101);

    const lost = client;
    await server.kill9();
    await lost.gone();
    await server.start();
    client = await comeBack(server, lost);
    assert.equal(client.welcome?.lastActionId, 101);
    await expectExact(client, known);
    await act(2 ** 40);
    await expectExact(client, known);

    const rows = await stored(server);
    assert.deepEqual(rows.map(({ action_id }) => action_id), [...known.keys()], "each once, in order");
    assert.deepEqual(rows.map(({ sequence }) => sequence), rows.map((_, n) => n + 1), "without a gap");
    await client.leave();
  });

  test(`many repeats on their way at once get one ack each, and one place in the store (${form})`, async (t) => {
    const server = await startOn(form, { owner: t, args: patient });
    const client = await enter(server, "Bo", "msgpack");
    const { x, y } = here(client);
    const moves = Array.from({ length: 10 }, (_, n) => client.number({ type: "intent.move", x: x + n / 10, y }));
    const acks = new Map<number, Ack[]>();
    client.onMessage = (message) => {
      if (message.type === "event.ack") {
        acks.set(message.actionId, [...(acks.get(message.actionId) ?? []), message]);
      }
    };
    client.send(...moves, ...moves);
    const settled = (): boolean => moves.every(({ actionId }) => acks.has(actionId));
    await client.until(settled, "each has its ack");
    for (const same of acks.values()) {
      same.forEach((ack) => assert.deepEqual(ack, same[0]));
    }
    assert.deepEqual((await stored(server)).map(({ action_id }) => action_id), moves.map(({ actionId }) => actionId));
    await client.leave();
  });
}
