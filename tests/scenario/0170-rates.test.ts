// Moves and chats have their rates; over them a client hears RATE_LIMITED and when to come again, never silence.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { after, test } from "node:test";
import { enter, metric } from "./lib/api.ts";
import { Refused, type Client, type Wish } from "./lib/client.ts";
import { startServer } from "./lib/server.ts";
import { here } from "./lib/walk.ts";

const server = await startServer({ owner: { after } });

async function burst(client: Client, wish: Wish, count: number): Promise<{ acked: number; waits: number[] }> {
  const intents = Array.from({ length: count }, () => client.number(wish));
  const answers = intents.map(({ actionId }) => client.answer(actionId));
  client.send(...intents);
  const waits: number[] = [];
  for (const answer of await Promise.allSettled(answers)) {
    if (answer.status === "rejected") {
      assert.ok(answer.reason instanceof Refused, String(answer.reason));
      assert.equal(answer.reason.refusal.code, "RATE_LIMITED");
      assert.equal(answer.reason.refusal.transient, true);
      waits.push(answer.reason.refusal.retryAfterMs ?? assert.fail("RATE_LIMITED says when to come again"));
    }
  }
  return { acked: count - waits.length, waits };
}

const cases: [string, (client: Client) => Wish, number][] = [
  ["20 moves", (client) => ({ type: "intent.move", x: here(client).x, y: here(client).y }), 20],
  ["5 chats", () => ({ type: "intent.chat", text: "again" }), 5],
];

for (const [what, wishOf, rate] of cases) {
  test(`${what} a second, and the rest are told when to come again`, async () => {
    const client = await enter(server, `Rate ${rate}`);
    const wish = wishOf(client);
    const before_ = await metric(server, 'playhouse_messages_refused_total{code="RATE_LIMITED"}');
    const { acked, waits } = await burst(client, wish, rate * 2);
    assert.ok(acked >= rate && acked <= rate + 2, `${acked} of ${rate * 2} at once were taken`);
    assert.ok(waits.every((wait) => wait > 0 && wait <= 1000), `waits ${waits.join(" ")}`);
    const after_ = await metric(server, 'playhouse_messages_refused_total{code="RATE_LIMITED"}');
    assert.equal(after_ - before_, waits.length);

    await pause(Math.max(...waits)); // as the server told us
    await client.intent(wish);
    await client.leave();
  });
}

test("one session's rate is not another's", async () => {
  const [first, second] = [await enter(server, "First"), await enter(server, "Second")];
  const chat: Wish = { type: "intent.chat", text: "mine" };
  const one = await burst(first, chat, 10);
  assert.ok(one.waits.length > 0);
  await second.intent(chat);
});
