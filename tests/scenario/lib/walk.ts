// Getting about in the plaza at the speed its limits allow.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { Refused, type Client } from "./client.ts";
import type { ItemView, MemberView } from "./protocol.ts";

/** Where the client's own character stands, as it sees itself. */
export function here(client: Client): MemberView {
  const id = client.welcome?.characterId ?? "";
  return client.world.members.get(id) ?? assert.fail("the character sees itself");
}

export function itemAt(client: Client, which: (item: ItemView) => boolean): ItemView {
  const own = here(client);
  const far = (item: ItemView): number => Math.hypot(item.x - own.x, item.y - own.y);
  const items = [...client.world.items.values()].filter(which).sort((a, b) => far(a) - far(b));
  return items[0] ?? assert.fail("there is such an item");
}

/** One step from a place towards another, not longer than `length`. */
export function step(
  from: { x: number; y: number },
  to: { x: number; y: number },
  length: number,
): { x: number; y: number } {
  const way = Math.hypot(to.x - from.x, to.y - from.y);
  const part = way <= length ? 1 : length / way;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

/** Walks there, step after step, each acknowledged; the pace is what limits.speed allows. */
export async function approach(client: Client, place: { x: number; y: number }): Promise<void> {
  const limits = client.welcome?.limits ?? assert.fail("welcomed");
  const pace = 1000 / limits.movesPerSecond + 5;
  let at: { x: number; y: number } = here(client);
  while (Math.hypot(place.x - at.x, place.y - at.y) > limits.reach / 4) {
    const next = step(at, place, (limits.speed * pace) / 1000);
    const begun = performance.now();
    try {
      await client.move(next.x, next.y);
      at = next;
    } catch (error) {
      if (!(error instanceof Refused) || !["TOO_FAST", "RATE_LIMITED"].includes(error.refusal.code)) {
        throw error;
      }
    }
    await pause(Math.max(0, pace - (performance.now() - begun))); // the walking itself takes this long
  }
  await client.until(() => Math.hypot(here(client).x - at.x, here(client).y - at.y) < 1e-6, "it stands there");
}
