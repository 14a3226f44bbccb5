// The binary's words: what it prints, what it refuses, and that it says what to do.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Api } from "./lib/api.ts";
import { playhouse, type Finished } from "./lib/cli.ts";
import { root, startServer } from "./lib/server.ts";
import { change } from "./lib/store.ts";

const directory = mkdtempSync(join(tmpdir(), "playhouse-cli-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const COMMANDS = ["run", "check-config", "config", "migrate", "token", "send", "bench"];

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

/** It failed, did not crash, and told why on standard error. */
function expectRefused(end: Finished, ...words: RegExp[]): void {
  assert.ok(end.code === 1 || end.code === 2, `exit code ${end.code}: ${end.err}`);
  words.forEach((word) => assert.match(end.err, word));
}

const keysOf = (): string[] =>
  [...readFileSync(join(root, "broker/config.tbl.h"), "utf8").matchAll(/^CONFIG\(\w+, "([^"]+)"/gm)].map(
    ([, key]) => key ?? "",
  );

test("--help of the binary names every command, and each command has its own", async () => {
  const { code, out } = await playhouse(["--help"]);
  assert.equal(code, 0);
  for (const command of COMMANDS) {
    assert.match(out, new RegExp(`\\b${command}\\b`));
    for (const words of [[command, "--help"], ["help", command]]) {
      const help = await playhouse(words);
      assert.equal(help.code, 0, `${words.join(" ")}: ${help.err}`);
      assert.match(help.out, new RegExp(command));
    }
  }
});

test("a word or flag that is not known is named, with the nearest that is", async () => {
  expectRefused(await playhouse(["rum"]), /rum/, /\brun\b/);
  expectRefused(await playhouse(["run", "--gateway.prot", "1"]), /gateway\.prot/, /gateway\.port/);
  expectRefused(await playhouse(["token", "--usr", "x"]), /usr/);
  expectRefused(await playhouse([]), /playhouse/);
});

test("config prints every key, and check-config takes what config printed", async () => {
  const { code, out } = await playhouse(["config"]);
  assert.equal(code, 0);
  const leaves = keysOf().map((key) => key.split(".").at(-1) ?? key);
  assert.ok(leaves.length > 20);
  leaves.forEach((leaf) => assert.match(out, new RegExp(`\\b${leaf} = `), leaf));
  const path = file("printed.cfg", out);
  const checked = await playhouse(["check-config", "--config", path]);
  assert.equal(checked.code, 0, checked.err);
});

test("an unknown key in a file is named with file, line and the nearest key", async () => {
  const path = file("typo.cfg", "gateway\n    prot = 8080\n");
  expectRefused(await playhouse(["check-config", "--config", path]), /typo\.cfg:2/, /gateway\.prot/, /gateway\.port/);
});

test("bad values are named with their place and the range, all of them at once", async () => {
  const path = file("bad.cfg", "gateway\n    port = 70000\n    join_seconds = soon\ndev = perhaps\n");
  const end = await playhouse(["check-config", "--config", path]);
  expectRefused(end, /bad\.cfg:2.*65535/, /bad\.cfg:3.*join_seconds/, /bad\.cfg:4.*dev/);
  const environment = { PLAYHOUSE_GATEWAY_PROT: "1" };
  expectRefused(await playhouse(["check-config"], { env: environment }), /PLAYHOUSE_GATEWAY_PROT/, /PLAYHOUSE_GATEWAY_PORT/);
  expectRefused(await playhouse(["check-config", "--config", join(directory, "none.cfg")]), /none\.cfg/);
  expectRefused(await playhouse(["check-config", "--gateway.port", "x"]), /gateway\.port/);
});

test("without an issuer and without --dev it does not start and says what to configure", async () => {
  const end = await playhouse(["run", "--gateway.port", "0", "--admin.port", "0"], { cwd: directory });
  expectRefused(end, /auth\.issuer/, /auth\.jwks/, /--dev/);
});

test("--dev does not start on an address that others can reach", async () => {
  for (const host of ["0.0.0.0", "192.0.2.1", "::", "127.0.0.1.example"]) {
    const end = await playhouse(["run", "--dev", "--gateway.host", host, "--gateway.port", "0"], { cwd: directory });
    expectRefused(end, /loopback/, /gateway\.host/);
  }
});

test("the front door does not start on an address that others can reach", async () => {
  for (const endpoint of ["tcp://*:5570", "tcp://0.0.0.0:5570", "ipc:///tmp/x"]) {
    const args = ["run", "--dev", "--gateway.port", "0", "--admin.port", "0", "--broker.endpoint", endpoint];
    expectRefused(await playhouse(args, { cwd: directory }), /broker\.endpoint/);
  }
});

test("a port in use stops the start and is named", async (t) => {
  const server = await startServer({ owner: t });
  const port = new URL(server.url).port;
  const args = ["run", "--dev", "--gateway.port", port, "--admin.port", "0", "--broker.endpoint", ""];
  expectRefused(await playhouse(args, { cwd: directory }), new RegExp(port));
});

test("migrate up makes the schema, status tells it, and a schema from the future is refused", async () => {
  const store = join(directory, "fresh.db");
  const at = ["--store.path", store];
  const before = await playhouse(["migrate", "status", ...at]);
  assert.equal(before.code, 1);
  assert.match(before.out + before.err, /fresh\.db.*migrate up/);
  const up = await playhouse(["migrate", "up", ...at]);
  assert.equal(up.code, 0, up.err);
  const again = await playhouse(["migrate", "up", ...at]);
  assert.equal(again.code, 0, "twice is harmless");
  const status = await playhouse(["migrate", "status", ...at]);
  assert.equal(status.code, 0);
  assert.match(status.out, /0001/);

  await change(store, "UPDATE schema_migration SET version = 999");
  const args = ["run", "--dev", "--gateway.port", "0", "--admin.port", "0", "--broker.endpoint", "", ...at];
  expectRefused(await playhouse(args, { cwd: directory }), /999|newer/);
});

test("token prints a token of the local issuer, and the server takes it", async (t) => {
  const server = await startServer({ owner: t });
  const key = join(server.directory, "key.json");
  const made = await playhouse(["token", "--user", "Ann", "--dev.key", key]);
  assert.equal(made.code, 0, made.err);
  assert.match(made.out, /^[\w-]+\.[\w-]+\.[\w-]+\n$/, "one line: the token and nothing else");
  assert.equal((await new Api(server, made.out.trim()).get("/api/characters")).status, 200);
  assert.equal(statSync(key).mode & 0o077, 0, "nobody else may read the key");
  expectRefused(await playhouse(["token", "--dev.key", key]), /--user/);
  expectRefused(await playhouse(["token", "--user", "", "--dev.key", key]), /name|user/);

  const elsewhere = await playhouse(["token", "--user", "Ann", "--dev.key", join(directory, "other-key.json")]);
  assert.equal((await new Api(server, elsewhere.out.trim()).get("/api/characters")).status, 401, "another issuer's");
});

test("bench gives throughput and percentiles of durable acks", async (t) => {
  const server = await startServer({ owner: t });
  const { code, out, err } = await playhouse(["bench", "--help"]);
  assert.equal(code, 0, err);
  const options = ["--url", "--sessions", "--rate", "--seconds", "--pid"];
  options.forEach((option) => assert.match(out, new RegExp(option)));
  const args = ["--url", server.url, "--sessions", "5", "--rate", "50", "--seconds", "1", "--pid", String(server.pid)];
  const run = await playhouse(["bench", ...args], { ms: 60_000 });
  assert.equal(run.code, 0, run.err);
  ["p50", "p95", "p99", "max"].forEach((word) => assert.match(run.out, new RegExp(word, "i")));
});

test("logs are JSON lines with a level, an event and a time, and --dev names itself in each", async (t) => {
  const server = await startServer({ owner: t });
  await server.stop();
  assert.ok(server.log.length > 2);
  for (const line of server.log) {
    assert.notEqual(line.event, "not-json", JSON.stringify(line));
    assert.match(String(line["ts"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.match(line.event, /^[a-z][a-z0-9-]*$/);
    assert.match(String(line.level), /^(debug|info|warn|error)$/);
    assert.match(JSON.stringify(line), /insecure|dev/i, "the line tells that this is a development server");
  }
});
