// Many visitors at once, and what has to be true of them all the time.
import assert from "node:assert/strict";
import { sessions } from "./admin.ts";
import type { House } from "./house.ts";
import { Random } from "./random.ts";
import { Spans } from "./spans.ts";
import { query } from "./store.ts";
import { Stop, Visitor } from "./visitor.ts";
import { within } from "./wait.ts";

const STOP_MSEC = 60_000;

export class Load {
  readonly seated = new Spans();
  readonly visitors: readonly Visitor[];
  private stopped = new Stop();
  private work: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly house: House,
    count: number,
    random: Random,
    hardy = false,
  ) {
    const players = house.some(count);
    this.visitors = players.map((player, n) => new Visitor(player, new Random(random.seed + n), this.seated, hardy));
  }

  start(): void {
    this.stopped = new Stop();
    this.work = Promise.all(this.visitors.map((visitor) => visitor.live(this.stopped)));
    this.work.catch(() => undefined); // told by ended
  }

  /** Everybody leaves. */
  stop(): Promise<void> {
    this.stopped.say();
    return this.ended();
  }

  /** Returns when each visitor has left, or has lost its connection. */
  async ended(): Promise<void> {
    await within(this.work, STOP_MSEC, "the visitors have left");
  }

  /** After an outage: those who played do so again, those who waited have their places. */
  async comeBack(): Promise<void> {
    const known = await sessions(this.house.server);
    await Promise.all(this.visitors.map((visitor) => visitor.comeBack(known)));
  }

  sum(of: (visitor: Visitor) => number): number {
    return this.visitors.reduce((all, visitor) => all + of(visitor), 0);
  }

  in(state: Visitor["state"]): number {
    return this.visitors.filter((visitor) => visitor.state === state).length;
  }
}

/** No character has two sessions, neither as the registry sees it nor in a store. */
export async function expectNoDoubles(house: House): Promise<void> {
  const known = (await sessions(house.server)).map(({ characterId }) => characterId);
  assert.equal(new Set(known).size, known.length, "one session for a character");
  for (const server of house.servers) {
    const sql = "SELECT character_id FROM session WHERE state <> 'ended' GROUP BY character_id HAVING count(*) > 1";
    assert.deepEqual(await query(server, sql), [], "one session for a character in the store");
  }
}
