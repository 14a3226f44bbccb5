// Three thousand characters and a hundred seats, at two gateways: never one seat too many, nobody overtakes, and each
// connect has exactly one outcome, within 10 s.
import assert from "node:assert/strict";
import { test } from "node:test";
import { stands } from "./lib/admin.ts";
import { Client } from "./lib/client.ts";
import { forms, openHouse, patient } from "./lib/house.ts";
import type { Player } from "./lib/player.ts";
import { Pool } from "./lib/pool.ts";
import type { ConnectResult } from "./lib/protocol.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import { Spans } from "./lib/spans.ts";
import { within } from "./lib/wait.ts";
import { Watchman } from "./lib/watchman.ts";

const PEOPLE = 3000;
const CAPACITY = 100;
const PLACES = 1000;
const DEADLINE_MSEC = 10_000;
const OFFER_SECONDS = 5;
const GRACE_SECONDS = 6;

const args = [
  ...patient,
  ...["--admission.capacity", String(CAPACITY), "--admission.queue_max", String(PLACES)],
  ...["--admission.ticket_seconds", "30", "--admission.offer_seconds", String(OFFER_SECONDS)],
  ...["--admission.grace_seconds", String(GRACE_SECONDS)],
];

class Race {
  readonly seated = new Spans();
  /** Who waits, as far as we know, and since when we know it. */
  readonly waiting = new Map<Player, number>();
  /** Who was told that there is no place, and may try again. */
  readonly refused: Player[] = [];
  /** Since when somebody has a seat for certain. */
  private readonly since = new Map<Player, number>();
  slowest = 0;
  promoted = 0;
  again = 0;

  constructor(
    private readonly pool: Pool,
    private readonly random: Random,
    private readonly build: string,
  ) {}

  async connect(player: Player): Promise<ConnectResult> {
    const { server, person, characterId } = player;
    const body = { characterId, build: this.build };
    const told = await this.pool.post(server, "/instances/plaza/connect", person.accessToken, body);
    assert.equal(told.status, 200, JSON.stringify(told.body));
    this.slowest = Math.max(this.slowest, told.heard - told.sent);
    const result: ConnectResult = told.body;
    if (result.outcome === "queued") {
      this.waiting.set(player, told.heard);
    } else if (result.outcome === "admitted") {
      // Of those who waited before it asked and still do as far as we know, some may have their offer already: but not
      // more than there are seats.
      const overtaken = [...this.waiting.values()].filter((since) => since < told.sent).length;
      assert.ok(overtaken <= CAPACITY, `admitted while ${overtaken} waited`);
      this.since.set(player, told.heard);
    } else {
      assert.deepEqual([result.outcome, result.reason], ["failed", "QUEUE_FULL"]);
      this.refused.push(player);
    }
    return result;
  }

  /** Waits on a connection; the place only ever gets better. Returns when it hears its first position. */
  async watch(player: Player, queueToken: string | undefined): Promise<void> {
    const client = await Client.open(player.server, this.random.next() < 0.5 ? "json" : "msgpack");
    let place = Infinity;
    client.onMessage = (message) => {
      if (message.type === "event.queue_position") {
        assert.ok(message.position <= place, `a place became worse: ${place}, ${message.position}`);
        place = message.position;
      } else if (message.type === "event.admitted") {
        this.waiting.delete(player);
        this.since.set(player, performance.now());
      }
    };
    player.client = client;
    await client.watch(queueToken ?? assert.fail("a place has a token"), this.build);
  }

  /** From the offer to the end, in one of several ways. */
  async waitAndLive(player: Player): Promise<void> {
    if (this.random.next() < 0.05) {
      await this.leave(player);
      this.waiting.delete(player);
      return;
    }
    const { ticket } = await player.playing.offer(60_000);
    this.promoted++;
    await this.live(player, ticket);
  }

  async live(player: Player, ticket: string | undefined): Promise<void> {
    const since = this.since.get(player) ?? assert.fail("it has a seat");
    const way = this.random.next();
    if (way < 0.5) {
      this.seated.add(since, performance.now());
      await this.leave(player);
    } else if (way < 0.9) {
      await (player.client === undefined
        ? player.join(ticket)
        : player.client.join(ticket ?? assert.fail("a ticket"), this.build));
      await this.part(player, since, way < 0.87);
    } else if (player.client !== undefined) {
      assert.equal((await player.client.gone(20_000)).code, 4015, "OFFER_EXPIRED"); // it does not take the seat
    } else {
      await this.leave(player);
    }
    await this.newcomers();
  }

  private async part(player: Player, since: number, politely: boolean): Promise<void> {
    const now = performance.now();
    if (politely) {
      this.seated.add(since, now);
      await player.playing.leave();
    } else {
      this.seated.add(since, now + GRACE_SECONDS * 1000); // the grace holds it
      await player.playing.cut();
    }
  }

  private async leave(player: Player): Promise<void> {
    const { server, person, characterId } = player;
    const { status } = await this.pool.post(server, "/instances/plaza/leave", person.accessToken, { characterId });
    assert.equal(status, 200);
    await player.client?.gone();
  }

  /** Now and then somebody asks again. */
  private async newcomers(): Promise<void> {
    const player = this.random.next() < 0.3 ? this.refused.pop() : undefined;
    if (player === undefined) {
      return;
    }
    this.again++;
    const result = await this.connect(player);
    if (result.outcome === "queued") {
      await this.watch(player, result.reconnectToken);
      await this.waitAndLive(player);
    } else if (result.outcome === "admitted") {
      await this.live(player, result.ticket);
    }
  }
}

for (const form of forms) {
  test(`${form}: 3,000 characters, two gateways, 100 seats, 1,000 places`, async (t) => {
    const random = new Random(seedOfThisRun());
    const house = await openHouse(form, { owner: t, args, people: PEOPLE, wide: true });
    const pool = new Pool({ sockets: 256 });
    t.after(() => pool.close());
    const watchman = new Watchman(house.servers, CAPACITY);
    const race = new Race(pool, random, house.build);
    const players = house.some(PEOPLE);

    const results = await Promise.all(
      players.map(async (player) => {
        const result = await race.connect(player);
        await (result.outcome === "queued" ? race.watch(player, result.reconnectToken) : undefined);
        return result;
      }),
    );
    const count = (outcome: string): number => results.filter((result) => result.outcome === outcome).length;
    assert.deepEqual(
      [count("admitted"), count("queued"), count("failed")],
      [CAPACITY, PLACES, PEOPLE - CAPACITY - PLACES],
      "exactly as many as there are seats and places",
    );
    const places = results.flatMap(({ position }) => position ?? []).sort((a, b) => a - b);
    assert.deepEqual(places, Array.from({ length: PLACES }, (_, n) => n + 1), "each has a place of its own");

    const lives = players.map(async (player, n) => {
      const result = results[n];
      if (result?.outcome === "queued") {
        await race.waitAndLive(player);
      } else if (result?.outcome === "admitted") {
        await race.live(player, result.ticket);
      }
    });
    await within(Promise.all(lives), 120_000, "everybody has had a turn");

    await stands(house.server, { seats: 0, waiting: 0 }, "all seats and places are free", 15_000);
    await watchman.stop();
    assert.ok(race.slowest < DEADLINE_MSEC, `the slowest outcome took ${race.slowest} ms`);
    assert.ok(race.seated.most() <= CAPACITY, `${race.seated.most()} had a seat at once`);
    assert.ok(race.promoted >= PLACES * 0.9, `${race.promoted} were promoted`);
    t.diagnostic(
      `slowest outcome ${race.slowest.toFixed(0)} ms, ${race.promoted} promoted, ${race.again} asked again, ` +
        `${watchman.looks} looks, at most ${watchman.mostSeats} seats`,
    );
  });
}
