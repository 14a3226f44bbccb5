// Redis is away for a minute while people play: they see a banner and nothing else; who drops comes back; and when it
// is there again, so is everything.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { sessions, stands } from "./lib/admin.ts";
import { health } from "./lib/api.ts";
import type { Client } from "./lib/client.ts";
import { openHouse, patient } from "./lib/house.ts";
import type { Player } from "./lib/player.ts";
import type { Server } from "./lib/server.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const PLAYERS = 50;
const GUESTS = 10; // who drop and come back meanwhile
const RATE = 10;
const BESIDE_MSEC = 4000; // how long they play before and after
const OUTAGE_MSEC = 1000 * Number(process.env["PLAYHOUSE_OUTAGE_SECONDS"] ?? 60);

/** Acts at a steady rate, whatever the answers do, and knows how long each took. */
class Steady {
  readonly acks: { at: number; took: number }[] = [];
  readonly banners: boolean[] = [];
  sent = 0;
  private readonly wrong: string[] = [];
  private open = 0;
  private acting: NodeJS.Timeout | undefined;

  constructor(private readonly client: Client) {
    const { x, y } = here(client);
    client.onMessage = (message) => {
      if (message.type === "event.degraded") {
        this.banners.push(message.on);
      } else if (message.type === "event.error") {
        this.wrong.push(JSON.stringify(message));
      }
    };
    void client.closed.then(({ code }) => this.wrong.push(`closed with ${code}`));
    this.acting = setInterval(() => this.act(x + (++this.sent % 2), y), 1000 / RATE);
  }

  private act(x: number, y: number): void {
    const at = performance.now();
    this.open++;
    this.client.move(x, y).then(
      () => this.acks.push({ at, took: performance.now() - at }),
      (error: unknown) => this.wrong.push(String(error)),
    ).finally(() => this.open--);
  }

  /** Stops and waits for the last answers. Nothing may have gone wrong. */
  async stop(): Promise<void> {
    clearInterval(this.acting);
    await eventually(() => this.open === 0, "the last answers");
    assert.deepEqual(this.wrong, []);
    await this.client.leave();
  }
}

const isWell = async (server: Server, degraded: boolean): Promise<boolean> => {
  const { status, body } = await health(server);
  assert.deepEqual([status, body.ready], [200, true], "it serves all the time");
  return body.degraded === degraded;
};

/** Drops, and comes back with what it has: its token alone, or a connect with it. */
async function comesBack(player: Player, byConnect: boolean): Promise<void> {
  const { sessionId } = player.playing.welcome ?? assert.fail();
  await player.drop();
  if (byConnect) {
    const result = await player.connect({ reconnectToken: player.reconnectToken });
    assert.equal(result.outcome, "admitted", JSON.stringify(result));
    await player.join(result.ticket);
  } else {
    await player.resume();
  }
  assert.equal(player.playing.welcome?.sessionId, sessionId, "the same session");
  const { x, y } = here(player.playing);
  await player.playing.move(x, y);
}

function percentile(steadies: readonly Steady[], from: number, to: number): string {
  const times = steadies.flatMap(({ acks }) => acks.filter(({ at }) => at >= from && at < to).map(({ took }) => took));
  times.sort((a, b) => a - b);
  const at = (part: number): string => (times[Math.floor((times.length - 1) * part)] ?? NaN).toFixed(1);
  return `${times.length} acks, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, at most ${at(1)} ms`;
}

test(`Redis is away for ${OUTAGE_MSEC / 1000} s under load`, async (t) => {
  const house = await openHouse("redis", { owner: t, args: patient, people: PLAYERS + GUESTS });
  const { server, redis } = house;
  const playing = await Promise.all(house.some(PLAYERS).map((player) => player.enter()));
  const guests = house.some(GUESTS, PLAYERS);
  await Promise.all(guests.map((guest) => guest.enter()));
  const before = (await sessions(server)).map(({ sessionId }) => sessionId).sort();

  const begun = performance.now();
  const steadies = playing.map((client) => new Steady(client));
  await pause(BESIDE_MSEC); // as things are
  const away = performance.now();
  await redis.kill();
  await eventually(() => isWell(server, true), "health says that it is degraded", 10_000);
  for (let n = 0; performance.now() < away + OUTAGE_MSEC; n++) {
    await comesBack(guests[n % GUESTS] ?? assert.fail(), n % 2 === 0);
    assert.ok(await isWell(server, true), "and says so all the time");
    await pause(Math.min(500, Math.max(0, away + OUTAGE_MSEC - performance.now()))); // the pace of drops
  }
  const back = performance.now();
  await redis.start();
  await eventually(() => isWell(server, false), "it is as before", 15_000);
  await pause(BESIDE_MSEC); // as things are again
  const end = performance.now();

  assert.deepEqual((await sessions(server)).map(({ sessionId }) => sessionId).sort(), before, "everybody has the seat they had");
  for (const steady of steadies) {
    await steady.stop();
    assert.deepEqual(steady.banners, [true, false], "one banner, and one that it is over");
    assert.equal(steady.acks.length, steady.sent, "all that was sent was acknowledged");
    assert.ok(steady.acks.some(({ at }) => at >= away && at < back), "also of what was sent meanwhile");
  }
  t.diagnostic(`before: ${percentile(steadies, begun, away)}`);
  t.diagnostic(`away:   ${percentile(steadies, away, back)}`);
  t.diagnostic(`after:  ${percentile(steadies, back, end)}`);
  await Promise.all(guests.map(({ playing: client }) => client.leave()));
  await stands(server, { seats: 0 }, "everybody has left");
});
