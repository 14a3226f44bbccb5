// A client that stops reading while its room is busy: it alone pays. It is closed with 4005, or, when it reads again
// in time, gets the whole state and sees what the others see.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";
import { enter, metric } from "./lib/api.ts";
import { Client, Refused } from "./lib/client.ts";
import { startServer, type Server } from "./lib/server.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const TALKERS = 4;
const LINES_AT_ONCE = 8;
const LINE = "\u{1F3AD}".repeat(280);
const MIB = 1024 * 1024;
const COALESCED = "playhouse_deltas_coalesced_total";
const CLOSED_SLOW = 'playhouse_closes_total{reason="SLOW_CONSUMER"}';

/** A room that is busy until stop: talkers who say the longest line as fast as they are acknowledged. */
class BusyRoom {
  readonly talkers: Client[] = [];
  said = 0;
  private busy = true;
  private work: Promise<unknown> = Promise.resolve();

  async start(server: Server): Promise<void> {
    for (let n = 0; n < TALKERS; n++) {
      this.talkers.push(await enter(server, `Talker ${n}`, n % 2 === 0 ? "json" : "msgpack"));
    }
    this.work = Promise.all(this.talkers.map((talker) => this.talk(talker)));
  }

  async stop(): Promise<void> {
    this.busy = false;
    await this.work;
  }

  private async talk(talker: Client): Promise<void> {
    while (this.busy) {
      const lines = Array.from({ length: LINES_AT_ONCE }, () => talker.number({ type: "intent.chat", text: LINE }));
      const answers = Promise.allSettled(lines.map(({ actionId }) => talker.answer(actionId)));
      talker.send(...lines);
      for (const answer of await answers) {
        if (answer.status === "fulfilled") {
          this.said++;
        } else {
          assert.ok(answer.reason instanceof Refused && answer.reason.refusal.code === "RATE_LIMITED", answer.reason);
          await pause(answer.reason.refusal.retryAfterMs); // as the server told us
        }
      }
      talker.world.chats.length = 0;
    }
  }
}

async function latency(client: Client, moves: number): Promise<number> {
  const { x, y } = here(client);
  const times: number[] = [];
  for (let n = 0; n < moves; n++) {
    const begin = performance.now();
    await client.move(x, y);
    times.push(performance.now() - begin);
  }
  return times.sort((a, b) => a - b)[Math.floor(moves * 0.95)] ?? Infinity;
}

const fast = ["--gateway.moves_per_second", "1000", "--gateway.chats_per_second", "1000"];

for (const format of ["json", "msgpack"] as const) {
  test(`${format}: a client that reads again in time catches up with the whole state`, async (t) => {
    const server = await startServer({ owner: t, args: [...fast, "--gateway.stall_seconds", "60"] });
    const witness = await enter(server, "Witness");
    const slow = await enter(server, "Slow", format);
    const room = new BusyRoom();
    await room.start(server);
    const before = await latency(witness, 100);

    slow.socket.pause();
    await eventually(async () => (await metric(server, COALESCED)) > 0, "deltas are left out for it", 60_000);
    const full = server.rss();
    const said = room.said;
    const during = await latency(witness, 100);
    await eventually(() => room.said > said + 2000, "2,000 more lines, over 2 MiB, are said", 60_000);
    const growth = server.rss() - full;
    assert.ok(growth < 4 * MIB, `memory grew by ${(growth / MIB).toFixed(1)} MiB`);
    assert.ok(during < Math.max(100, before * 3), `p95 of the others: ${before} ms before, ${during} ms during`);
    await room.stop();

    await witness.move(here(witness).x, here(witness).y);
    slow.socket.resume();
    await slow.until(() => slow.world.fulls > 0, "it gets the whole state", 30_000);
    const ack = await witness.move(here(witness).x + 0.5, here(witness).y);
    await slow.until(() => slow.world.version >= ack.roomVersion, "it is up to date");
    await witness.until(() => witness.world.version >= ack.roomVersion, "so is the witness");
    assert.deepEqual(slow.world.picture(), witness.world.picture());
    await slow.move(here(slow).x, here(slow).y);
    t.diagnostic(`p95 of the others ${before.toFixed(1)} ms before, ${during.toFixed(1)} ms during; ` +
      `memory +${(growth / MIB).toFixed(1)} MiB`);
  });
}

test("a client that never reads again is closed as SLOW_CONSUMER, and comes back with its token", async (t) => {
  const server = await startServer({ owner: t, args: [...fast, "--gateway.stall_seconds", "2"] });
  const witness = await enter(server, "Witness");
  const slow = await enter(server, "Slow");
  const slowId = slow.welcome?.characterId ?? "";
  const room = new BusyRoom();
  await room.start(server);
  slow.socket.pause();
  const begun = server.rss();
  await eventually(async () => (await metric(server, CLOSED_SLOW)) === 1, "it is closed as SLOW_CONSUMER", 60_000);
  await room.stop();
  assert.ok(server.rss() - begun < 32 * MIB, "memory stays bounded");
  await witness.until(() => !witness.world.members.has(slowId), "the others see it leave");
  assert.equal(await metric(server, CLOSED_SLOW), 1, "and nobody else was closed");
  slow.socket.resume();
  const { code } = await slow.gone();
  assert.ok(code === 4005 || code === 1006, `closed with ${code}; 1006 when its buffers had no room for the reason`);
  const again = await Client.open(server);
  await again.resume(slow.reconnectToken ?? "", slow.welcome?.build ?? "");
  assert.equal(again.welcome?.sessionId, slow.welcome?.sessionId);
});
