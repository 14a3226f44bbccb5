// The power cord, ten times at random moments, with 50 players at 20 actions a second: nothing acknowledged is lost,
// nothing is doubled, and what nobody knows about is settled by sending it again.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";
import { firstCharacter, signIn } from "./lib/api.ts";
import { Bot } from "./lib/bot.ts";
import { Refused } from "./lib/client.ts";
import { compare, readStore, type Stored } from "./lib/ledger.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import { startServer, threadPerKind, type Server } from "./lib/server.ts";

const SESSIONS = 50;
const RATE = 20;
const KILLS = 10;

async function newBots(server: Server, random: Random): Promise<Bot[]> {
  const numbers = Array.from({ length: SESSIONS }, (_, n) => n);
  return Promise.all(
    numbers.map(async (n) => {
      const api = await signIn(server, `Player ${n}`);
      const { id } = await firstCharacter(api, `Player ${n}`);
      return new Bot(api, id, n % 2 === 0 ? "json" : "msgpack", new Random(random.seed + n));
    }),
  );
}

/** Sends what nobody knows about again; afterwards everything is known. Answers how much was in the store already. */
async function settle(bot: Bot, stored: Stored): Promise<{ resent: number; stored: number; refused: number }> {
  const client = bot.client ?? assert.fail("joined");
  const rows = stored.actions.get(bot.characterId) ?? [];
  assert.equal(client.welcome?.sequence, rows.length, "the welcome knows the last sequence");
  assert.equal(client.welcome?.lastActionId, rows.at(-1)?.action_id ?? 0, "and its actionId");
  const open = bot.unknown();
  const answers = await Promise.allSettled(
    open.map(async ({ intent }) => {
      // As a client does: what is refused for the moment is sent again.
      for (let tries = 1; ; tries++) {
        const answer = client.answer(intent.actionId);
        client.send(intent);
        try {
          return await answer;
        } catch (error) {
          if (!(error instanceof Refused) || !error.refusal.transient || tries === 20) throw error;
        }
      }
    }),
  );
  let [known, refused] = [0, 0];
  for (const [index, answer] of answers.entries()) {
    const { intent } = open[index] ?? assert.fail();
    const row = rows.find(({ action_id }) => action_id === intent.actionId);
    if (answer.status === "rejected") {
      assert.ok(answer.reason instanceof Refused, String(answer.reason));
      assert.equal(row, undefined, `stored before, and refused now: ${answer.reason.message}`);
      assert.notEqual(intent.type, "intent.move", `a move is possible again: ${answer.reason.message}`);
      refused++;
    } else {
      if (row !== undefined) {
        assert.deepEqual([answer.value.sequence, answer.value.roomVersion], [row.sequence, row.room_version]);
        known++;
      }
      assert.deepEqual(await client.intent(intent), answer.value, "and once more: the same ack");
    }
  }
  return { resent: open.length, stored: known, refused };
}

test("kill -9 in the middle of a load, ten times", async (t) => {
  const random = new Random(seedOfThisRun());
  const args = ["--gateway.moves_per_second", "1000"];
  const server = await startServer({ owner: t, args });
  const bots = await newBots(server, random);
  await Promise.all(bots.map((bot) => bot.join()));
  const items = [...(await readStore(server)).items.keys()].sort();
  assert.ok(items.length > 0);
  let resent = 0;

  for (let round = 1; round <= KILLS; round++) {
    bots.forEach((bot) => bot.start(RATE));
    await pause(random.between(300, 2000)); // the random moment, and then everybody at once
    bots.forEach((bot) => bot.act(1 / RATE));
    const moment = performance.now() + random.between(0, 4);
    while (performance.now() < moment) {
      await new Promise((turn) => setImmediate(turn));
    }
    await server.kill9();
    bots.forEach((bot) => bot.stop());
    await Promise.all(bots.map((bot) => bot.client?.gone()));

    const survived = await readStore(server);
    bots.forEach((bot) => compare(bot, survived));
    await server.start(round % 2 === 1 ? threadPerKind : []);
    await Promise.all(bots.map((bot) => bot.join()));
    const settled = await Promise.all(bots.map((bot) => settle(bot, survived)));

    const now = await readStore(server);
    for (const bot of bots) {
      assert.deepEqual(bot.unknown(), []);
      compare(bot, now);
      const seen = [...(bot.client?.world.items.keys() ?? [])].map((id) => `${bot.client?.welcome?.room}/${id}`);
      assert.deepEqual(seen.sort(), items, "the items are those");
    }
    assert.deepEqual([...now.items.keys()].sort(), items);
    const sum = (of: (one: (typeof settled)[number]) => number): number => settled.reduce((all, x) => all + of(x), 0);
    resent += sum((one) => one.resent);
    const acked = bots.reduce((all, bot) => all + [...bot.ledger.values()].filter(({ ack }) => ack).length, 0);
    t.diagnostic(
      `round ${round}: ${acked} acked so far, ${sum((one) => one.resent)} sent again, ` +
        `of them ${sum((one) => one.stored)} were stored and ${sum((one) => one.refused)} refused`,
    );
  }
  assert.ok(resent > 0, "some kill met an action in flight");
  const kinds = new Set([...(await readStore(server)).actions.values()].flat().map(({ kind }) => kind));
  assert.deepEqual([...kinds].sort(), ["drop", "give", "move", "pickup"], "the load had everything in it");
});
