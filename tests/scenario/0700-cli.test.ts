// The binary's words: what it prints, what it refuses, and that it says what to do.
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { instance, sessions } from "./lib/admin.ts";
import { Api, enter, firstCharacter, signIn } from "./lib/api.ts";
import { playhouse, type Finished } from "./lib/cli.ts";
import { Client } from "./lib/client.ts";
import type { ConnectResult } from "./lib/protocol.ts";
import { root, startServer, type Server } from "./lib/server.ts";
import { here } from "./lib/walk.ts";

const directory = mkdtempSync(join(tmpdir(), "playhouse-cli-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const OPERATING = ["instances", "sessions", "drain", "maintenance", "capacity", "kick"];
const COMMANDS = ["run", "check-config", "config", "migrate", "token", "keys", "send", "bench", ...OPERATING];

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
  expectRefused(end, /auth\.issuer/, /--dev/);
});

test("an issuer that cannot be asked for its keys safely does not start", async () => {
  for (const issuer of ["http://id.example", "id.example", "https://id.example/?tenant=1", "https://a:b@id.example"]) {
    const args = ["run", "--auth.issuer", issuer, "--gateway.port", "0", "--admin.port", "0"];
    expectRefused(await playhouse(args, { cwd: directory }), /https/, /auth\.jwks/);
  }
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

test("keys makes a secret for its owner alone and a certificate for all, and never shows the secret", async () => {
  const folder = join(directory, "keys");
  const made = await playhouse(["keys", "room-1", "--folder", folder]);
  assert.equal(made.code, 0, made.err);
  const secret = readFileSync(join(folder, "room-1.key_secret"), "utf8");
  const key = /secret-key = "(.{40})"/.exec(secret)?.[1] ?? assert.fail("a secret key");
  const open = readFileSync(join(folder, "room-1.key"), "utf8");
  assert.equal(statSync(join(folder, "room-1.key_secret")).mode & 0o777, 0o600);
  assert.equal(/public-key = "(.{40})"/.exec(open)?.[1], made.out.trim());
  const list = await playhouse(["keys", "--check", folder]);
  assert.equal(list.code, 0, list.err);
  assert.equal(list.out.split("\n").filter((line) => line.includes(made.out.trim())).length, 2);
  for (const text of [made.out, made.err, list.out, list.err, open]) {
    assert.ok(!text.includes(key), text);
  }
  expectRefused(await playhouse(["keys", "room-1", "--folder", folder]), /already/);
  assert.equal(readFileSync(join(folder, "room-1.key_secret"), "utf8"), secret);
});

test("keys names what is no certificate and what is no name", async () => {
  const folder = join(directory, "bad-keys");
  assert.equal((await playhouse(["keys", "a", "--folder", folder])).code, 0);
  writeFileSync(join(folder, "torn.key"), "curve\n    public-key = \"Yne@");
  chmodSync(join(folder, "a.key_secret"), 0o644);
  const list = await playhouse(["keys", "--check", folder]);
  expectRefused(list, /torn\.key/, /a\.key_secret.*chmod 600/);
  assert.match(list.out, /^a +public /m);
  expectRefused(await playhouse(["keys", "../x", "--folder", folder]), /letters/);
  expectRefused(await playhouse(["keys"]), /NAME/);
  expectRefused(await playhouse(["keys", "--check", join(directory, "none")]), /none/);
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

test("bench measures admission while sessions play, and the time from a freed seat to the next in the queue", async (t) => {
  const server = await startServer({ owner: t, args: ["--admission.capacity", "5"] });
  const bench = (...options: string[]): Promise<Finished> =>
    playhouse(["bench", "--url", server.url, "--seconds", "1", "--json", ...options], { ms: 60_000 });

  const queue = await bench("--sessions", "5", "--queue", "100", "--frees", "10", "--seconds", "3"); // positions: once a second
  assert.equal(queue.code, 0, queue.err + queue.out);
  const { queue: told } = JSON.parse(queue.out);
  assert.equal(told.waited, 100);
  assert.ok(told.freed > 0 && told.admitted === told.freed && told.pushes > 0, queue.out);
  assert.ok(told.admittedMs.p50 > 0 && told.admittedMs.p50 <= told.joinedMs.p50, queue.out);

  const short = await bench("--sessions", "4", "--queue", "3"); // one seat is left: that is not a queue
  assert.equal(short.code, 1);
  assert.match(short.out, /capacity/);

  await operate(server, "capacity", "plaza", "200");
  const visits = await bench("--sessions", "5", "--rate", "50", "--visits", "20", "--format", "json", "--users", "more");
  assert.equal(visits.code, 0, visits.err + visits.out);
  const { visits: came } = JSON.parse(visits.out);
  assert.ok(came.done > 0 && came.joinMs.p99 >= came.connectMs.p50, visits.out);
  assert.equal((await bench("--idle", "--queue", "3")).code, 2);
});

/* ---- operating a server that runs ---- */

/** A command about this server. */
function operate(server: Server, ...words: string[]): Promise<Finished> {
  return playhouse([...words, "--admin.port", new URL(server.admin).port]);
}

/** It was done. Answers what it printed. */
async function done(asked: Promise<Finished>): Promise<string> {
  const { code, out, err } = await asked;
  assert.equal(code, 0, err);
  assert.equal(err, "");
  return out;
}

/** It was not done (1), or could not be understood (2): that is said on standard error alone. */
async function notDone(asked: Promise<Finished>, code: 1 | 2, ...words: RegExp[]): Promise<void> {
  const end = await asked;
  assert.deepEqual([end.code, end.out], [code, ""], end.err);
  words.forEach((word) => assert.match(end.err, word));
}

async function connect(server: Server, name: string): Promise<ConnectResult> {
  const api = await signIn(server, name);
  return api.connect({ characterId: (await firstCharacter(api, name)).id });
}

/** Waits in the queue, on a connection of its own. */
async function wait(server: Server, name: string): Promise<Client> {
  const { outcome, reconnectToken } = await connect(server, name);
  assert.equal(outcome, "queued");
  const client = await Client.open(server);
  await client.watch(reconnectToken ?? assert.fail(), await new Api(server).build());
  return client;
}

test("instances and sessions show who is where, as tables and as JSON", async (t) => {
  const server = await startServer({ owner: t, args: ["--admission.capacity", "2"] });
  const empty = await done(operate(server, "instances"));
  assert.match(empty, /^INSTANCE +CAPACITY +ACTIVE +CONNECTING +GRACE +WAITING +STATE\nplaza +2 +0 +0 +0 +0 +open\n$/);
  assert.equal((await done(operate(server, "sessions", "plaza"))).split("\n").length, 2, "a head and nothing else");
  assert.deepEqual(JSON.parse(await done(operate(server, "sessions", "plaza", "--json"))), { sessions: [] });

  const ann = await enter(server, "Ann");
  await connect(server, "Bob");
  await wait(server, "Cy");
  assert.match(await done(operate(server, "instances")), /^plaza +2 +1 +1 +0 +1 +open$/m);
  const { instances } = JSON.parse(await done(operate(server, "instances", "--json")));
  assert.deepEqual(instances, [await instance(server)]);

  const table = await done(operate(server, "sessions", "plaza"));
  const characterId = ann.welcome?.characterId ?? assert.fail();
  assert.match(table, new RegExp(`^ *\\d+ +${ann.welcome?.sessionId} +${characterId} +active +- +plaza/main +Ann$`, "m"));
  assert.match(table, /connecting +\d+s .*Bob$/m);
  assert.match(table, /waiting .*Cy$/m);
  const listed = JSON.parse(await done(operate(server, "sessions", "plaza", "--json"))).sessions;
  const shape = listed.map(({ name, state }: { name: string; state: string }) => [name, state]);
  assert.deepEqual(shape, [["Ann", "active"], ["Bob", "connecting"], ["Cy", "waiting"]]);
});

test("sessions lists all of them, however many pages they are", async (t) => {
  const server = await startServer({ owner: t });
  const names = Array.from({ length: 70 }, (_, n) => `user-${n}`);
  for (const name of names) {
    assert.equal((await connect(server, name)).outcome, "admitted");
  }
  const listed = JSON.parse(await done(operate(server, "sessions", "plaza", "--json"))).sessions;
  assert.deepEqual(listed.map(({ name }: { name: string }) => name), names, "in the order they came");
  assert.equal((await done(operate(server, "sessions", "plaza"))).trimEnd().split("\n").length, 1 + names.length);
});

test("drain refuses newcomers until it is off, also after a restart", async (t) => {
  const server = await startServer({ owner: t });
  const ann = await enter(server, "Ann");
  assert.match(await done(operate(server, "drain", "plaza", "on")), /^plaza .*draining$/m);
  assert.equal((await connect(server, "Bob")).reason, "DRAINING");
  await ann.move(here(ann).x, here(ann).y);
  await server.stop();
  await server.start();
  assert.match(await done(operate(server, "instances")), /^plaza .*draining$/m);
  assert.equal((await connect(server, "Bob")).reason, "DRAINING");
  const info = JSON.parse(await done(operate(server, "drain", "plaza", "off", "--json")));
  assert.deepEqual([info.id, info.drain], ["plaza", false]);
  assert.equal((await connect(server, "Bob")).outcome, "admitted");
});

test("maintenance tells players when it ends their sessions, and can be called off", async (t) => {
  const server = await startServer({ owner: t });
  const ann = await enter(server, "Ann");
  const begin = await done(operate(server, "maintenance", "plaza", "on", "--in", "2h", "--message", "new \"stairs\""));
  assert.match(begin, /^plaza .*maintenance that ends sessions in (2h|1h 59m): new "stairs"$/m);
  const news = await ann.next("event.maintenance");
  assert.deepEqual([news.on, news.message], [true, 'new "stairs"']);
  assert.ok((news.endsInSeconds ?? 0) > 7100 && (news.endsInSeconds ?? 0) <= 7200, `in ${news.endsInSeconds} s`);
  assert.equal((await connect(server, "Bob")).reason, "MAINTENANCE");
  assert.match(await done(operate(server, "maintenance", "plaza", "off")), /^plaza .* open$/m);
  await ann.next("event.maintenance", ({ on }) => !on);
  await ann.move(here(ann).x, here(ann).y);
  await done(operate(server, "maintenance", "plaza", "on")); // nobody is told to go
  assert.match(await done(operate(server, "instances")), /^plaza .* maintenance(: .*)?$/m);
  await done(operate(server, "maintenance", "plaza", "on", "--in", "1s"));
  assert.equal((await ann.gone()).code, 4012, "MAINTENANCE");
});

test("capacity gives seats to who waits, and takes none from who plays", async (t) => {
  const server = await startServer({ owner: t, args: ["--admission.capacity", "1"] });
  const ann = await enter(server, "Ann");
  const bob = await wait(server, "Bob");
  assert.match(await done(operate(server, "capacity", "plaza", "2")), /^plaza +2 /m);
  const { ticket } = await bob.offer();
  await bob.join(ticket, await new Api(server).build());
  assert.match(await done(operate(server, "capacity", "plaza", "1")), /^plaza +1 +2 /m);
  for (const client of [ann, bob]) {
    await client.move(here(client).x, here(client).y);
  }
  await server.stop();
  await server.start();
  assert.match(await done(operate(server, "instances")), /^plaza +1 /m, "kept over a restart");
});

test("kick ends a session by its id or by its character's, and says when there is none", async (t) => {
  const server = await startServer({ owner: t });
  const [ann, bob] = [await enter(server, "Ann"), await enter(server, "Bob")];
  const annSession = ann.welcome?.sessionId ?? assert.fail();
  const bobCharacter = bob.welcome?.characterId ?? assert.fail();
  assert.match(await done(operate(server, "kick", "plaza", `--session=${annSession}`)), /was ended/);
  assert.equal((await ann.gone()).code, 4013, "KICKED");
  assert.match(await done(operate(server, "kick", "plaza", `--character=${bobCharacter}`)), /was ended/);
  assert.equal((await bob.gone()).code, 4013, "KICKED");
  assert.deepEqual(await sessions(server), []);
  await notDone(operate(server, "kick", "plaza", `--session=${annSession}`), 1, /no session/, /plaza/);
  await notDone(operate(server, "kick", "plaza", "nobody"), 1, /no session 'nobody'/);
});

test("what cannot be done has status 1 and says why; what cannot be understood has 2 and the nearest word", async (t) => {
  const server = await startServer({ owner: t });
  const about: readonly (readonly string[])[] = [
    ["sessions", "plazza"],
    ["drain", "plazza", "on"],
    ["maintenance", "plazza", "on"],
    ["capacity", "plazza", "9"],
    ["kick", "plazza", "nobody"],
  ];
  for (const words of about) {
    await notDone(operate(server, ...words), 1, /no instance 'plazza'/, /'plaza'/);
  }
  const misused: readonly (readonly [RegExp, ...string[]])[] = [
    [/did you mean 'on'/, "drain", "plaza", "onn"],
    [/did you mean '--message'/, "maintenance", "plaza", "on", "--mesage", "x"],
    [/did you mean 'sessions'/, "session", "plaza"],
    [/90s, 5m or 2h/, "maintenance", "plaza", "on", "--in", "soon"],
    [/24h/, "maintenance", "plaza", "on", "--in", "25h"],
    [/SEATS/, "capacity", "plaza", "0"],
    [/INSTANCE/, "drain"],
    [/INSTANCE/, "sessions", "../plaza"],
    [/--character/, "kick", "plaza"],
    [/more/, "instances", "more"],
  ];
  for (const [why, ...words] of misused) {
    await notDone(operate(server, ...words), 2, why);
  }
  assert.deepEqual((await instance(server)).drain, false, "none of it was done by half");

  await notDone(playhouse(["instances", "--admin.port", new URL(server.url).port]), 1); // there is only the public API
  const port = new URL(server.admin).port;
  await server.stop();
  for (const words of [["instances"], ...about]) {
    await notDone(playhouse([...words, "--admin.port", port]), 1, new RegExp(`no server at 127\\.0\\.0\\.1:${port}`));
  }
  await notDone(playhouse(["instances", "--admin.port", "0"]), 2, /admin\.port/);
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
