// Every rule of every field of a client's message, broken on the wire: the real server refuses each, and lives.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { enter } from "./lib/api.ts";
import { Client } from "./lib/client.ts";
import type { ServerMessage } from "./lib/protocol.ts";
import { generated, startServer, strictBinary } from "./lib/server.ts";
import { within } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

interface Invalid {
  message: string;
  rule: string;
  json?: string;
  jsonHex?: string;
  msgpack?: string;
}

const { vectors } = JSON.parse(readFileSync(join(generated, "invalid_vectors.json"), "utf8")) as { vectors: Invalid[] };
const ours = vectors.filter(({ message }) => /^(session\.|intent\.|queue\.watch$)/.test(message));

const server = await startServer({ owner: { after }, binary: strictBinary });

/** What a fresh connection answers to this one frame: an error's code, or the close code. */
async function answerTo(format: "json" | "msgpack", frame: Buffer): Promise<string | number> {
  const client = await Client.open(server, format);
  const said = new Promise<ServerMessage>((heard) => (client.onMessage = heard));
  client.socket.send(frame, { binary: format === "msgpack" });
  const closed = client.closed.then(({ code }) => code);
  const first = await within(Promise.race([said, closed]), 10_000, "an answer");
  client.socket.terminate();
  return typeof first === "number" ? first : first.type === "event.error" ? first.code : first.type;
}

for (const format of ["json", "msgpack"] as const) {
  test(`${format}: each of the invalid vectors is refused as BAD_REQUEST or closes with 4001`, async () => {
    let sent = 0;
    for (const { rule, json, jsonHex, msgpack } of ours) {
      const hex = format === "msgpack" ? msgpack : jsonHex;
      const frame = hex !== undefined ? Buffer.from(hex, "hex") : Buffer.from(json ?? "", "utf8");
      if (frame.length === 0 || (format === "msgpack" && msgpack === undefined)) {
        continue; // this rule cannot be broken in this format
      }
      const answer = await answerTo(format, frame);
      // a text frame that is no UTF-8 is the WebSocket library's to refuse, with 1007
      const right = answer === "BAD_REQUEST" || answer === 4001 || (jsonHex !== undefined && answer === 1007);
      assert.ok(right, `${rule}: answered ${answer}`);
      sent++;
    }
    assert.ok(sent > 150, `${sent} vectors were sent`);
    const client = await enter(server, `After ${format}`, format);
    const { x, y } = here(client);
    await client.move(x, y);
    await client.leave();
  });
}
