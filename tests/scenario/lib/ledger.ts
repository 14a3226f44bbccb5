// The store beside what the players were told: every ack in it, once, in order; nothing that was refused; no item
// made, lost or doubled.
import assert from "node:assert/strict";
import { decode } from "@msgpack/msgpack";
import type { Bot, Entry } from "./bot.ts";
import type { Server } from "./server.ts";
import { query } from "./store.ts";

interface ActionRow {
  room: string;
  character_id: string;
  sequence: number;
  action_id: number;
  room_version: number;
  kind: string;
  payload: string;
}

interface ItemRow {
  /** room/id */
  item: string;
  holder: string | null;
}

export interface Stored {
  /** By character, in the order of its sequences. */
  actions: Map<string, ActionRow[]>;
  /** Who holds it, by room/id. */
  items: Map<string, string | null>;
}

function kindOf({ intent }: Entry): string {
  return intent.type === "intent.action" ? intent.action : intent.type.replace("intent.", "");
}

/** Who holds what, when the log is followed from its start. */
function follow(log: readonly ActionRow[]): Map<string, string | null> {
  const holders = new Map<string, string | null>();
  for (const row of log) {
    if (!["pickup", "drop", "give"].includes(row.kind)) {
      continue;
    }
    const { itemId, targetId } = decode(Buffer.from(row.payload, "hex")) as { itemId: string; targetId?: string };
    const item = `${row.room}/${itemId}`;
    const before = holders.get(item) ?? null;
    assert.equal(before, row.kind === "pickup" ? null : row.character_id, `${row.kind} of ${item} was possible`);
    const after = { pickup: row.character_id, drop: null, give: targetId ?? null }[row.kind] ?? null;
    holders.set(item, after);
  }
  return holders;
}

export async function readStore(server: Server): Promise<Stored> {
  const hex = server.database === undefined ? "hex(payload)" : "encode(payload, 'hex')";
  const columns = `room, character_id, sequence, action_id, room_version, kind, ${hex} AS payload`;
  // A room gives its versions out in the order in which it accepts.
  const log = await query<ActionRow>(server, `SELECT ${columns} FROM action ORDER BY room, room_version`);
  const held = await query<ItemRow>(server, "SELECT room || '/' || id AS item, holder FROM item");
  const items = new Map(held.map(({ item, holder }) => [item, holder]));
  const actions = new Map<string, ActionRow[]>();
  log.forEach((row) => actions.set(row.character_id, [...(actions.get(row.character_id) ?? []), row]));
  actions.forEach((rows) => rows.sort((a, b) => a.sequence - b.sequence));
  follow(log).forEach((holder, item) => assert.equal(items.get(item), holder, `the log and the item ${item} agree`));
  return { actions, items };
}

/** Compares one player's ledger with the store. */
export function compare(bot: Bot, stored: Stored): void {
  const rows = stored.actions.get(bot.characterId) ?? [];
  rows.forEach((row, index) => {
    const before = rows[index - 1];
    assert.equal(row.sequence, index + 1, "sequences have no gap");
    assert.ok(before?.room !== row.room || before.room_version < row.room_version, "and are in the order of the log");
    assert.ok(row.action_id > (before?.action_id ?? 0), "each actionId is there once, and they rise");
    const entry = bot.ledger.get(row.action_id);
    assert.ok(entry, "what is stored was asked for");
    assert.equal(row.kind, kindOf(entry), "and is what was asked for");
    assert.equal(entry.refusal, undefined, `refused with ${entry.refusal?.code}, yet stored`);
  });
  const byId = new Map(rows.map((row) => [row.action_id, row]));
  for (const { ack } of bot.ledger.values()) {
    const row = ack && byId.get(ack.actionId);
    if (ack !== undefined) {
      assert.deepEqual(
        [row?.sequence, row?.room_version],
        [ack.sequence, ack.roomVersion],
        `acknowledged action ${ack.actionId} of ${bot.characterId} is in the store`,
      );
    }
  }
}
