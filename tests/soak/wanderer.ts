// Somebody who comes, plays, drops, comes back, waits, and leaves, for as long as it goes on; and counts what became of
// it. Whatever is refused has to be something that the rules or the load may refuse.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { buildOf } from "../scenario/lib/api.ts";
import { Client, Refused } from "../scenario/lib/client.ts";
import type { Player } from "../scenario/lib/player.ts";
import type { Random } from "../scenario/lib/random.ts";
import { here, step } from "../scenario/lib/walk.ts";

const PACE_MSEC = 400; // between two actions, about
const AWAY_MSEC = 3000; // between two visits, at most
const WAIT_MSEC = 20_000; // in the queue, until it gives up

/** What may be said no to: the world has changed meanwhile. */
const MAY = new Set(["ITEM_TAKEN", "NOT_HOLDER", "TOO_FAR", "NO_SUCH_TARGET", "INVENTORY_FULL", "TOO_FAST", "RATE_LIMITED"]);

export interface Tally {
  visits: number;
  drops: number;
  resumes: number;
  waits: number;
  chats: number;
  moves: number;
  items: number;
  refused: number;
}

export const newTally = (): Tally => ({ visits: 0, drops: 0, resumes: 0, waits: 0, chats: 0, moves: 0, items: 0, refused: 0 });

export class Wanderer {
  constructor(
    private readonly player: Player,
    private readonly random: Random,
    private readonly tally: Tally,
    private readonly goesOn: () => boolean,
  ) {}

  /** Until it is enough; then it has left. */
  async live(): Promise<void> {
    while (this.goesOn()) {
      const client = await this.comeIn();
      if (client !== undefined) {
        this.tally.visits++;
        await this.visit(client);
      }
      if (this.goesOn()) {
        await pause(this.random.between(0, AWAY_MSEC)); // somewhere else
      }
    }
  }

  private async comeIn(): Promise<Client | undefined> {
    let result = await this.player.connect();
    if (result.replaceToken !== undefined) {
      result = await this.player.connect({ replaceToken: result.replaceToken });
    }
    const format = this.random.next() < 0.5 ? "json" : "msgpack";
    if (result.outcome === "admitted") {
      return this.player.join(result.ticket, format);
    }
    assert.equal(result.outcome, "queued", JSON.stringify(result));
    this.tally.waits++;
    const waiting = await this.player.watchAt(result.reconnectToken, format);
    const offered = await waiting.offer(this.random.between(0.5, 1) * WAIT_MSEC).then(() => true, () => false);
    if (offered && this.goesOn()) {
      return this.player.take();
    }
    await waiting.cut();
    await this.player.leave(); // it has waited long enough
    return undefined;
  }

  private async visit(first: Client): Promise<void> {
    let client = first;
    for (let acts = Math.ceil(this.random.between(5, 120)); acts > 0 && this.goesOn(); acts--) {
      await this.act(client);
      await pause(this.random.between(0.5, 1.5) * PACE_MSEC); // the pace of a player
      if (this.random.next() < 0.03) {
        client = await this.dropAndComeBack(client);
      }
    }
    if (this.goesOn() && this.random.next() < 0.1) {
      this.tally.drops++;
      await this.player.drop(); // and does not say a word; its next visit takes the session over
    } else {
      await client.leave();
    }
  }

  /** With what it has, or without; at once, or after a while. */
  private async dropAndComeBack(before: Client): Promise<Client> {
    this.tally.drops++;
    await this.player.drop();
    await pause(this.random.between(0, 2000)); // without a network
    const client = await Client.open(this.player.server, before.format);
    const token = before.reconnectToken ?? assert.fail("it has a token");
    await client.resume(token, await buildOf(this.player.server), this.random.next() < 0.7 ? before : undefined);
    this.player.client = client;
    this.tally.resumes++;
    return client;
  }

  private async act(client: Client): Promise<void> {
    try {
      const chance = this.random.next();
      if (chance < 0.1) {
        await client.chat(`Grüße, ${this.player.characterId} was here`);
        this.tally.chats++;
      } else if (chance < 0.5 && (await this.handle(client))) {
        this.tally.items++;
      } else {
        await this.walk(client);
        this.tally.moves++;
      }
    } catch (error) {
      if (!(error instanceof Refused) || !MAY.has(error.refusal.code)) {
        throw error;
      }
      this.tally.refused++;
    }
  }

  private walk(client: Client): Promise<unknown> {
    const { speed } = client.welcome?.limits ?? assert.fail("welcomed");
    const goal = this.random.pick([...client.world.items.values()]) ?? assert.fail("there are items");
    const next = step(here(client), goal, speed * (PACE_MSEC / 1000) * 0.4);
    return client.move(next.x, next.y);
  }

  /** Picks up, drops, or hands over; false when there is nothing to do it with. */
  private async handle(client: Client): Promise<boolean> {
    const { characterId } = this.player;
    const own = here(client);
    const { reach } = client.welcome?.limits ?? assert.fail("welcomed");
    const near = (place: { x: number; y: number }): boolean => Math.hypot(place.x - own.x, place.y - own.y) < reach;
    const items = [...client.world.items.values()];
    const held = items.find(({ holder }) => holder === characterId);
    const free = this.random.pick(items.filter((item) => item.holder === undefined && near(item)));
    const others = [...client.world.members.values()].filter((member) => member.characterId !== characterId && near(member));
    const target = this.random.pick(others);
    if (held !== undefined && target !== undefined && this.random.next() < 0.7) {
      const { itemId } = held;
      await client.intent({ type: "intent.action", action: "give", itemId, targetId: target.characterId });
    } else if (held !== undefined) {
      await client.intent({ type: "intent.action", action: "drop", itemId: held.itemId });
    } else if (free !== undefined) {
      await client.intent({ type: "intent.action", action: "pickup", itemId: free.itemId });
    } else {
      return false;
    }
    return true;
  }
}
