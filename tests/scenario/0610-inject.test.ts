// The sessions of docs/front-door.md: messages put in with Node's zeromq, a line or a file given to `playhouse send`, and
// what the front door says to those who do not know it yet.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { encode } from "@msgpack/msgpack";
import { enter } from "./lib/api.ts";
import { playhouse, run, type Finished } from "./lib/cli.ts";
import { startServer } from "./lib/server.ts";

const here = dirname(fileURLToPath(import.meta.url));
const server = await startServer({ owner: { after } });
const folder = mkdtempSync(join(tmpdir(), "playhouse-inject-"));
after(() => rmSync(folder, { recursive: true }));
await enter(server, "Ann");

const send = (...words: string[]): Promise<Finished> => playhouse(["send", "--front", server.frontDoor, ...words]);

async function node(...words: string[]): Promise<any> {
  const { code, out, err } = await run(process.execPath, [join(here, "lib/front_door.mjs"), server.frontDoor, ...words]);
  assert.equal(code, 0, err);
  return JSON.parse(out);
}

test("Node's zeromq asks with one line, and with one msgpack array", async () => {
  const line = await node("line", "room plaza/main room.peek {}");
  assert.equal(line.type, "room.peeked");
  assert.equal(line.members, 1);
  const envelope = await node("envelope", "room.peek", "plaza/main", "{}");
  assert.equal(envelope.type, "room.peeked");
  assert.equal(envelope.correlation, 7);
  assert.equal(envelope.body.members, 1);
});

test("what Node's zeromq puts in is checked as strictly as any other message", async () => {
  const move = { connection: 1, member: 1, actionId: 1, x: 5, y: 5 };
  const cases: [object, RegExp][] = [
    [{ ...move, x: 2000 }, /field 'x'.*expected number 0 to 1000/],
    [{ ...move, x: "5" }, /field 'x'/],
    [{ ...move, z: 1 }, /room\.move/],
    [{ ...move, actionId: 0 }, /field 'actionId'/],
    [{ connection: 1 }, /field 'member'/],
  ];
  for (const [body, helpful] of cases) {
    for (const answer of [
      await node("envelope", "room.move", "plaza/main", JSON.stringify(body)),
      await node("line", `room plaza/main room.move ${JSON.stringify(body)}`),
    ]) {
      assert.equal(answer.type, "front.fault", JSON.stringify(body));
      assert.match(answer.message, helpful);
    }
  }
  assert.match((await node("envelope", "room.peeked", "plaza/main", "{}")).message, /no actor hears/);
  assert.match((await node("envelope", "room.peek", "a b", "{}")).message, /key/);
});

test("a message without an answer is said to be sent", async () => {
  const answer = await node("line", 'room plaza/main room.mute {"characterId":"nobody","mutedUntil":0}');
  assert.deepEqual(answer, { type: "front.sent" });
});

test("a line that cannot be read is answered with what may have been meant", async () => {
  const cases: [string, RegExp][] = [
    ["hello", /there is no kind 'hello'.*room plaza\/main room\.peek/],
    ["rom plaza/main room.peek {}", /did you mean 'room'\?/],
    ["room plaza/main", /understood kind 'room' and a key, but there is no type/],
    ["room plaza/main room.pek {}", /did you mean 'room\.peek'\?.*ask: types room/],
    ["room plaza/main room.peek {}\nroom plaza/main room.peek {}", /one line/],
  ];
  for (const [line, helpful] of cases) {
    const answer = await node("line", line);
    assert.equal(answer.type, "front.fault", line);
    assert.match(answer.message, helpful, line);
  }
});

test("a secret in the wrong place is not said back", async () => {
  const secret = randomBytes(32).toString("base64url");
  for (const line of [secret, `admission ${secret}`, `admission plaza ${secret} {}`, `admission plaza {"ticket":"${secret}"}`]) {
    const answer = await node("line", line);
    assert.equal(answer.type, "front.fault");
    assert.ok(!answer.message.includes(secret.slice(0, 12)), answer.message);
  }
});

test("the front door says what can be put in", async () => {
  assert.match((await node("line", "help")).message, /KIND KEY TYPE JSON/);
  assert.match((await node("line", "kinds")).message, /room/);
  assert.match((await node("line", "types room")).message, /room\.move/);
  assert.match((await node("line", "help room.move")).message, /x: number 0 to 1000/);
});

test("playhouse send takes a line, or a msgpack array from a file or standard input", async () => {
  const array = encode(["room.peek", "plaza/main", "", 7, 5000, new Uint8Array(16), {}]);
  const file = join(folder, "peek.msgpack");
  writeFileSync(file, array);
  for (const finished of [await send("--line", "room plaza/main room.peek {}"), await send("--file", file)]) {
    assert.equal(finished.code, 0, finished.err);
    assert.equal(JSON.parse(finished.out).type, "room.peeked");
  }
  const missing = await send("--file", join(folder, "nothing"));
  assert.equal(missing.code, 2);
  assert.match(missing.err, /nothing.*No such file/);
  writeFileSync(file, array.slice(0, 10));
  const cut = await send("--file", file);
  assert.equal(cut.code, 1);
  assert.match(cut.out, /front\.fault/);
});
