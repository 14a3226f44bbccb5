// What a process among others may be: what does not go together does not start and says why; what does finds the rest.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { playhouse, type Finished } from "./lib/cli.ts";

const directory = mkdtempSync(join(tmpdir(), "playhouse-roles-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const BROKER = ["--node.brokers", "tcp://127.0.0.1:9"];

function run(...flags: string[]): Promise<Finished> {
  const dev = ["--dev", "--dev.key", join(directory, "key.json"), "--store.path", join(directory, "a.db")];
  return playhouse(["run", ...dev, ...flags]);
}

function expectRefused(end: Finished, ...words: RegExp[]): void {
  assert.equal(end.code, 1, end.err);
  assert.match(end.err, /cannot-start/);
  words.forEach((word) => assert.match(end.err, word));
}

test("a role that is none, or is named twice, is named", async () => {
  expectRefused(await run("--roles", "room,dragon", ...BROKER), /no such role/, /dragon/);
  expectRefused(await run("--roles", "room,room", ...BROKER), /twice/, /room/);
});

test("a process that knows no broker and is none does not start", async () => {
  expectRefused(await run("--roles", "room"), /knows no broker/, /node\.brokers/);
});

test("a broker that is no endpoint, and a name that is none, are refused", async () => {
  expectRefused(await run("--roles", "room", "--node.brokers", "127.0.0.1:5571"), /no endpoint/, /tcp:\/\/HOST:PORT/);
  expectRefused(await run("--roles", "room", "--node.brokers", "tcp://127.0.0.1:*"), /no endpoint/);
  expectRefused(await run("--roles", "room", ...BROKER, "--node.name", "room one"), /room one/, /node\.name/);
});

test("a host that is too long to be told is refused, not cut", async () => {
  expectRefused(await run("--roles", "room", ...BROKER, "--node.host", "h".repeat(64)), /node\.host is longer than 63 bytes/);
});

test("admission and queue with one memory are one process", async () => {
  expectRefused(await run("--roles", "admission", ...BROKER), /same seats/, /registry\.url/);
  expectRefused(await run("--roles", "queue", ...BROKER), /same seats/, /registry\.url/);
});

test("beyond loopback nothing goes in the clear unless the loudly named key says so", async () => {
  expectRefused(await run("--roles", "room", ...BROKER, "--node.host", "192.0.2.1"), /in the clear/, /insecure_plain/);
  expectRefused(await run("--roles", "room", "--node.brokers", "tcp://192.0.2.1:5571"), /in the clear/);
  expectRefused(await run("--roles", "broker", "--broker.bind", "tcp://0.0.0.0:0"), /in the clear/, /broker\.bind/);
});

test("--dev listens on loopback only, among others too", async () => {
  expectRefused(await run("--roles", "gateway", ...BROKER, "--gateway.host", "0.0.0.0"), /loopback/, /gateway\.host/);
});
