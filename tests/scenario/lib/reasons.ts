// The reasons of schemas/reasons.json, and what a connect that fails for one has to look like.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { metric } from "./api.ts";
import type { ConnectResult, Reason } from "./protocol.ts";
import { root, type Server } from "./server.ts";

interface Described {
  transient: boolean;
  text: string;
}

export const reasons: Readonly<Record<Reason, Described>> = (
  JSON.parse(readFileSync(join(root, "schemas/reasons.json"), "utf8")) as { reasons: Record<Reason, Described> }
).reasons;

const counted = (server: Server, reason: Reason): Promise<number> =>
  metric(server, `playhouse_connect_refusals_total{reason="${reason}"}`);

/** The result has this reason with the words of the schema, and nothing that would let anybody in. */
export function expectReason(result: ConnectResult, reason: Reason): void {
  assert.deepEqual(
    { outcome: result.outcome, reason: result.reason, transient: result.transient, message: result.message },
    {
      outcome: reason === "TIMEOUT" ? "timeout" : "failed",
      reason,
      transient: reasons[reason].transient,
      message: reasons[reason].text,
    },
  );
  assert.deepEqual([result.ticket, result.reconnectToken, result.position], [undefined, undefined, undefined]);
  const asks = reason === "REPLACEMENT_REQUIRED";
  assert.equal(result.replaceToken !== undefined, asks, "a replaceToken comes with REPLACEMENT_REQUIRED only");
}

/** This connect fails for that reason, and is counted so. */
export async function failsFor(
  server: Server,
  reason: Reason,
  connect: () => Promise<ConnectResult>,
): Promise<ConnectResult> {
  const before = await counted(server, reason);
  const result = await connect();
  expectReason(result, reason);
  assert.equal(await counted(server, reason), before + 1, "counted by reason");
  return result;
}
