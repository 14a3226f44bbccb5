// Two people in one room, one speaking JSON and one msgpack: what one does reaches the other, and what was
// acknowledged is in the store.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { enter } from "./lib/api.ts";
import { refused, type Client } from "./lib/client.ts";
import type { ItemView } from "./lib/protocol.ts";
import { startServer, threadPerKind, type Server } from "./lib/server.ts";
import { freeze, query, text } from "./lib/store.ts";
import { approach, here, itemAt } from "./lib/walk.ts";

const args = ["--gateway.moves_per_second", "200"];
const server = await startServer({ owner: { after }, args });
const ann = await enter(server, "Ann", "json");
let bob = await enter(server, "Bob", "msgpack");

const idOf = (client: Client): string => client.welcome?.characterId ?? assert.fail("not welcomed");

test("both see both, and the same items", async () => {
  await ann.until(() => ann.world.members.size === 2, "Ann sees Bob come");
  assert.deepEqual(ann.world.picture(), bob.world.picture());
  assert.ok(ann.world.items.size > 0, "items lie about");
  assert.equal(ann.welcome?.room, "plaza/main");
  assert.equal(bob.world.members.get(idOf(ann))?.name, "Ann");
});

test("a move of one reaches the other, in both directions", async () => {
  for (const [mover, watcher] of [[ann, bob], [bob, ann]] as const) {
    const { x, y } = here(mover);
    const there = { x: x < 500 ? x + 1.25 : x - 1.25, y };
    const ack = await mover.move(there.x, there.y);
    await watcher.until(() => watcher.world.members.get(idOf(mover))?.x === there.x, "the other sees the move");
    assert.ok(watcher.world.version >= ack.roomVersion, "the delta is at least as new as the ack says");
  }
});

test("chat of one reaches both, with every kind of character", async () => {
  const line = 'Grüße "\\/" \u0007 \u{1F3AD} 漢字';
  await ann.chat(line);
  for (const client of [ann, bob]) {
    await client.until(() => client.world.chats.some((chat) => chat.text === line), "the line is heard");
  }
  const heard = bob.world.chats.find((chat) => chat.text === line);
  assert.deepEqual(heard, { characterId: idOf(ann), name: "Ann", text: line });
  const answer = "x".repeat(280);
  await bob.chat(answer);
  await ann.until(() => ann.world.chats.some((chat) => chat.text === answer), "the answer is heard");
});

test("an item is picked up, given and dropped, and both see each step", async () => {
  const item = itemAt(ann, (candidate) => candidate.holder === undefined);
  const sees = async (what: string, condition: (view: ItemView) => boolean): Promise<void> => {
    for (const client of [ann, bob]) {
      await client.until(() => condition(client.world.items.get(item.itemId) ?? assert.fail()), what);
    }
  };
  await approach(ann, item);
  await approach(bob, item);
  await ann.intent({ type: "intent.action", action: "pickup", itemId: item.itemId });
  await sees("Ann has it", ({ holder }) => holder === idOf(ann));
  await refused(bob.intent({ type: "intent.action", action: "pickup", itemId: item.itemId }), "ITEM_TAKEN");
  await refused(bob.intent({ type: "intent.action", action: "drop", itemId: item.itemId }), "NOT_HOLDER");
  await ann.intent({ type: "intent.action", action: "give", itemId: item.itemId, targetId: idOf(bob) });
  await sees("Bob has it", ({ holder }) => holder === idOf(bob));
  await bob.intent({ type: "intent.action", action: "drop", itemId: item.itemId });
  await sees("it lies about", ({ holder }) => holder === undefined);
  assert.deepEqual(ann.world.picture(), bob.world.picture());
});

async function expectDurable(where: Server, client: Client): Promise<void> {
  const { x, y } = here(client);
  for (let turn = 0; turn < 20; turn++) {
    client.onMessage = ({ type }) => type === "event.ack" && freeze(where); // from here on nothing more is written
    const ack = await client.move(x + (turn % 2), y);
    client.onMessage = undefined;
    const rows = await query<{ action_id: number; room_version: number; kind: string }>(
      where,
      `SELECT action_id, room_version, kind FROM action
       WHERE character_id = ${text(idOf(client))} AND sequence = ${ack.sequence}`,
    );
    assert.deepEqual(rows, [{ action_id: ack.actionId, room_version: ack.roomVersion, kind: "move" }]);
  }
}

test("when an ack arrives, its action is in the store", async () => {
  await expectDurable(server, ann);
});

test("and so it is with a thread for each kind of actor", async (t) => {
  const apart = await startServer({ owner: t, args: [...args, ...threadPerKind] });
  await expectDurable(apart, await enter(apart, "Ann", "msgpack"));
});

test("a resend gets the same ack and changes nothing", async () => {
  const { x, y } = here(bob);
  const first = await bob.move(x, y);
  const again = await bob.intent({ type: "intent.move", x, y, actionId: first.actionId });
  assert.deepEqual(again, first);
  const conflict = bob.intent({ type: "intent.move", x: x === 0 ? 1 : 0, y, actionId: first.actionId });
  const refusal = await refused(conflict, "ACTION_CONFLICT");
  assert.equal(refusal.transient, false);
  const next = await bob.move(x, y);
  assert.equal(next.sequence, first.sequence + 1);
});

test("an actionId that was left out can no longer be used", async () => {
  const { x, y } = here(bob);
  const skipped = bob.lastActionId + 1;
  await bob.intent({ type: "intent.move", x, y, actionId: skipped + 1 });
  await refused(bob.intent({ type: "intent.move", x, y, actionId: skipped }), "ACTION_OUT_OF_ORDER");
});

test("rules of the plaza: a refused intent leaves no trace", async () => {
  const { x, y } = here(ann);
  const before = (await ann.move(x, y)).sequence;
  await refused(ann.move(x < 500 ? 1000 : 0, y), "TOO_FAST");
  await refused(ann.intent({ type: "intent.action", action: "pickup", itemId: "nothing-like-it" }), "NO_SUCH_ITEM");
  const free = itemAt(ann, ({ holder }) => holder === undefined);
  await approach(ann, free);
  await ann.intent({ type: "intent.action", action: "pickup", itemId: free.itemId });
  const give = { type: "intent.action", action: "give", itemId: free.itemId } as const;
  await refused(ann.intent({ ...give, targetId: "nobody" }), "NO_SUCH_TARGET");
  await ann.intent({ type: "intent.action", action: "drop", itemId: free.itemId });
  const after_ = await query<{ n: number; last: number }>(
    server,
    `SELECT count(*) AS n, max(sequence) AS last FROM action WHERE character_id = ${text(idOf(ann))}`,
  );
  assert.equal(after_[0]?.n, after_[0]?.last, "every sequence from 1 on, and none for the refused");
  assert.ok((after_[0]?.last ?? 0) > before);
});

test("who leaves is gone for the others, and comes back where they stood", async () => {
  const stood = here(bob);
  const closed = await bob.leave();
  assert.equal(closed.code, 4000);
  await ann.until(() => !ann.world.members.has(idOf(bob)), "Ann sees Bob leave");
  bob = await enter(server, "Bob", "msgpack");
  assert.deepEqual({ x: here(bob).x, y: here(bob).y }, { x: stood.x, y: stood.y });
  await ann.until(() => ann.world.members.has(idOf(bob)), "Ann sees Bob again");
});
