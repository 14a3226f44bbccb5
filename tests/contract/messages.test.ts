// The generated TypeScript beside the golden bytes and the invalid vectors that the C codec is tested with.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decode, encode } from "@msgpack/msgpack";
import { decodeClientMessage, decodeServerMessage } from "../scenario/lib/protocol.ts";
import { generated, root } from "../scenario/lib/server.ts";

interface Golden {
  name: string;
  message: string;
  value: unknown;
  json: string;
  msgpack: string;
}

interface Invalid {
  message: string;
  rule: string;
  error: string;
  json?: string;
  msgpack?: string;
}

const { messages } = JSON.parse(readFileSync(join(root, "schemas/client.json"), "utf8")) as {
  messages: Record<string, { direction: "in" | "out" }>;
};

/** What a parser for any JSON or msgpack has lost before our decoder sees it; the C codec's test has these. */
const SEEN_BY_PARSERS_ONLY = new Set(["SYNTAX", "DUPLICATE", "UTF8", "DEPTH"]);
const LOST_IN_NUMBERS = /an exponent|a fraction of zero/;

const read = <T>(path: string): T[] => (JSON.parse(readFileSync(path, "utf8")) as { vectors: T[] }).vectors;
const isOfWs = ({ message }: { message: string }): boolean => messages[message] !== undefined;
const decoderOf = (message: string) => (messages[message]?.direction === "in" ? decodeClientMessage : decodeServerMessage);

const golden = read<Golden>(join(root, "schemas/vectors/golden.json")).filter(isOfWs);

for (const { name, message, value, json, msgpack } of golden) {
  test(`golden: ${name} (${message})`, () => {
    const check = decoderOf(message);
    assert.deepEqual(check(JSON.parse(json)), value);
    assert.deepEqual(check(decode(Buffer.from(msgpack, "hex"))), value);
    assert.equal(JSON.stringify(value), json);
    assert.equal(Buffer.from(encode(value)).toString("hex"), msgpack);
  });
}

test("there are golden bytes for every message of /ws", () => {
  const named = new Set(golden.map(({ message }) => message));
  assert.deepEqual([...named].sort(), Object.keys(messages).sort());
});

const invalid = read<Invalid>(join(generated, "invalid_vectors.json")).filter(
  (vector) => isOfWs(vector) && !SEEN_BY_PARSERS_ONLY.has(vector.error) && !LOST_IN_NUMBERS.test(vector.rule),
);

test(`each of ${invalid.length} invalid vectors is refused, in both formats`, () => {
  assert.ok(invalid.length > 500);
  for (const { message, rule, json, msgpack } of invalid) {
    const check = decoderOf(message);
    if (json !== undefined) {
      assert.throws(() => check(JSON.parse(json)), `JSON: ${rule}`);
    }
    if (msgpack !== undefined) {
      assert.throws(() => check(decode(Buffer.from(msgpack, "hex"))), `msgpack: ${rule}`);
    }
  }
});
