// People watch the actors at work: `playhouse tail` and `top`, and a watcher in Python with nothing but pyzmq.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { enter } from "./lib/api.ts";
import { playhouse, run, type Finished } from "./lib/cli.ts";
import { binary, childEnv, startServer } from "./lib/server.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const watcher = join(dirname(fileURLToPath(import.meta.url)), "lib/watcher.py");
const args = ["--gateway.moves_per_second", "1000", "--gateway.chats_per_second", "1000"];
const server = await startServer({ owner: { after }, args });
const ann = await enter(server, "Ann");
const bo = await enter(server, "Bo");

interface Entry {
  node: string;
  atUs: number;
  kind: string;
  key: string;
  message: string;
  from: string;
  handlerUs: number;
  trace: string;
  body?: string;
}

const ask = (command: string, ...words: string[]): Promise<Finished> =>
  playhouse([command, "--front", server.frontDoor, ...words]);

const entries = (out: string): Entry[] =>
  out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));

async function past(...words: string[]): Promise<Entry[]> {
  const { code, out, err } = await ask("tail", "--once", "--json", ...words);
  assert.equal(code, 0, err);
  return entries(out);
}

/** A program that watches until it is told to stop; what it has said so far. */
function follow(program: string, ...words: string[]): { said: () => string; stop: () => Promise<number | null> } {
  const child = spawn(program, words, { env: childEnv() });
  process.on("exit", () => child.kill("SIGKILL"));
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise<number | null>((done) => child.on("close", (code) => done(code)));
  return { said: () => said, stop: () => (child.kill("SIGINT"), ended) };
}

test("the whole way of an intent is shown by its trace, after it has happened", async () => {
  const { x, y } = here(ann);
  await ann.move(x, y);
  const moves = await past("--type", "room.move");
  const move = moves.at(-1);
  assert.ok(move, "the move is remembered");
  assert.equal(move.key, "plaza/main");
  const way = await past("--trace", move.trace);
  assert.ok(way.every((entry) => entry.trace === move.trace));
  const messages = way.map((entry) => `${entry.kind} ${entry.message}`);
  assert.deepEqual(messages.slice(0, 2), ["room room.move", "persistence persistence.append"]);
  assert.ok(messages.includes("gateway gateway.ack"), `${messages}`);
  const times = way.map((entry) => entry.atUs);
  assert.deepEqual(times, [...times].sort((a, b) => a - b));
  assert.ok(Math.abs(times[0]! / 1000 - Date.now()) < 60_000, "the time is of day");
  const { out } = await ask("tail", "--once", "--trace", move.trace);
  assert.match(out, /^ +\+0\.000 ms {2}room\/0 plaza\/main {2}room\.move/);
});

test("tail follows, filters, and masks what was said and who said it", async () => {
  const tail = follow(binary, "tail", "--front", server.frontDoor, "--bodies", "--json");
  await eventually(async () => (await ann.chat("the password is swordfish")) && tail.said().includes("room.chat"), "tail shows a chat");
  await eventually(() => tail.said().includes("***"), "its text is masked");
  assert.equal(await tail.stop(), 0);
  const seen = entries(tail.said());
  assert.ok(seen.some((entry) => entry.message === "room.chat" && entry.body?.includes('"text":"***"')));
  assert.ok(seen.some((entry) => entry.body?.includes("bytes)")), "blobs are told by their size");
  assert.ok(!tail.said().includes("swordfish"));
  assert.ok(!tail.said().includes(Buffer.from("swordfish").toString("base64").slice(0, 8)));
  assert.ok(seen.every((entry) => !entry.message.startsWith("watch.")));
});

test("filters by actor and key are obeyed, and nonsense is refused with a hint", async () => {
  const rooms = await past("--actor", "room", "--key", "plaza/main");
  assert.ok(rooms.length > 0);
  assert.ok(rooms.every((entry) => entry.kind === "room"));
  const wrong = await ask("tail", "--once", "--actor", "rom");
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /did you mean 'room'\?/);
  assert.match((await ask("tail", "--once", "--type", "room.mve")).err, /did you mean 'room\.move'\?/);
  assert.equal((await ask("tail", "--trace", "xyz")).code, 2);
  assert.match((await ask("tail", "--once", "--node", "nowhere")).err, /there is no process 'nowhere'/);
});

test("a sample of traces is whole", async () => {
  for (let i = 0; i < 60; i++) {
    await bo.move(here(bo).x, here(bo).y);
  }
  const all = await past();
  const some = await past("--sample", "4");
  const moves = (list: Entry[]) => new Set(list.filter(({ message }) => message === "room.move").map(({ trace }) => trace));
  const traces = moves(some); // there are others, which have begun since `all`: those of the questions
  assert.ok(traces.size > 0 && traces.size < moves(all).size);
  for (const trace of traces) {
    assert.equal(
      some.filter((entry) => entry.trace === trace).length,
      all.filter((entry) => entry.trace === trace).length,
    );
  }
});

test("top shows every actor with rates, for people and for scripts", async () => {
  const json = await ask("top", "--once", "--json");
  assert.equal(json.code, 0, json.err);
  const { nodes } = JSON.parse(json.out);
  assert.equal(nodes.length, 1);
  assert.equal(nodes[0].rooms, 1);
  assert.equal(nodes[0].sessions, 2);
  assert.ok(nodes[0].residentBytes > 1_000_000);
  const room = nodes[0].actors.find((row: any) => row.kind === "room");
  assert.ok(room.handled > 60 && room.p99Us > 0 && room.restarts === 0 && room.refused === 0);
  const watch = nodes[0].actors.find((row: any) => row.kind === "watch");
  assert.ok(watch.messagesPerSecond > 0, "top itself asks");
  const text = await ask("top", "--once");
  assert.match(text.out, /actor +states +waiting +messages\/s +busy % +p99 us +refused +restarts/);
  assert.match(text.out, /room\/0 +1 /);
});

test("without a server tail and top say so", async () => {
  for (const command of ["tail", "top"]) {
    const { code, err } = await playhouse([command, "--once", "--front", "tcp://127.0.0.1:9"]);
    assert.equal(code, 1);
    assert.match(err, /no answer from tcp:\/\/127\.0\.0\.1:9/);
  }
});

test("a watcher of thirty lines of Python sees what happens", async () => {
  const filter = JSON.stringify({ kind: "room", bodies: true });
  const python = follow("/usr/bin/python3", watcher, server.frontDoor, filter);
  await eventually(async () => (await ann.move(here(ann).x, here(ann).y)) && python.said().includes("room.move"), "the watcher sees a move");
  await python.stop();
  assert.match(python.said(), /room\/0 plaza\/main room\.move \d+ us [0-9a-f]{32}/);
  const wrong = await run("/usr/bin/python3", [watcher, server.frontDoor, '{"kind":"rom"}', "1"]);
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.err, /did you mean 'room'\?/);
});
