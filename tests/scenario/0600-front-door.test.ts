// People and tools put messages in: our own `playhouse send`, and any ZeroMQ library with one line of text or one
// msgpack array.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { enter } from "./lib/api.ts";
import { playhouse, run, type Finished } from "./lib/cli.ts";
import { startServer } from "./lib/server.ts";
import { here } from "./lib/walk.ts";

const script = join(dirname(fileURLToPath(import.meta.url)), "lib/front_door.py");

const server = await startServer({ owner: { after } });
const ann = await enter(server, "Ann");

const send = (...words: string[]): Promise<Finished> =>
  playhouse(["send", "--broker.endpoint", server.frontDoor, ...words]);

async function python(...words: string[]): Promise<any> {
  const { code, out, err } = await run("/usr/bin/python3", [script, server.frontDoor, ...words]);
  assert.equal(code, 0, err);
  return JSON.parse(out);
}

test("playhouse send asks a room how it is", async () => {
  const { code, out, err } = await send("room", "plaza/main", "room.peek", "{}");
  assert.equal(code, 0, err);
  const answer = JSON.parse(out);
  assert.equal(answer.type, "room.peeked");
  assert.equal(answer.state, "open");
  assert.equal(answer.members, 1);
  assert.equal(answer.items, ann.world.items.size);
});

test("one line of text from a REQ socket of another language is enough", async () => {
  const answer = await python("line", "room plaza/main room.peek {}");
  assert.equal(answer.type, "room.peeked");
  assert.equal(answer.members, 1);
  const actors = await python("line", "metrics - metrics.actors {}");
  const kinds = actors.actors.map(({ kind }: { kind: string }) => kind);
  assert.ok(["auth", "admission", "room", "persistence", "gateway"].every((kind) => kinds.includes(kind)), `${kinds}`);
});

test("a msgpack array is answered by a msgpack array with the asker's correlation", async () => {
  const answer = await python("envelope", "room.peek", "plaza/main", "{}");
  assert.equal(answer.type, "room.peeked");
  assert.equal(answer.correlation, 7);
  assert.equal(answer.body.members, 1);
});

test("the log of a character's actions can be read, in order", async () => {
  const { x, y } = here(ann);
  const acks = [await ann.move(x, y), await ann.chat("hello"), await ann.move(x, y)];
  const body = JSON.stringify({ characterId: ann.welcome?.characterId, fromSequence: acks[0]?.sequence });
  const { actions } = await python("line", `persistence plaza/main persistence.read_actions ${body}`);
  assert.deepEqual(
    actions.map((row: any) => [row.sequence, row.actionId, row.roomVersion, row.kind]),
    acks.map((ack, n) => [ack.sequence, ack.actionId, ack.roomVersion, n === 1 ? "chat" : "move"]),
  );
});

test("what cannot be understood gets an answer that helps", async () => {
  const cases: [string, RegExp][] = [
    ["hello", /room plaza\/main room\.peek/],
    ["", /room plaza\/main room\.peek/],
    ["room plaza/main room.pek {}", /room\.peek|type/],
    ["auth plaza/main room.peek {}", /kind/],
    ["room plaza/main room.peek {", /room\.peek/],
    ['room plaza/main room.peek {"x":1}', /room\.peek/],
    ['room plaza/main room.move {"member":"a"}', /member/],
    ["room plaza/main room.peeked {}", /type|hears/],
    [`room ${"k".repeat(100)} room.peek {}`, /key/],
  ];
  for (const [line, helpful] of cases) {
    const answer = await python("line", line);
    assert.equal(answer.type, "front.fault", line);
    assert.match(answer.message, helpful, line);
  }
  const failed = await send("room", "plaza/main", "room.pek", "{}");
  assert.notEqual(failed.code, 0);
  assert.match(failed.out + failed.err, /type/);
});

test("bytes that are no message are answered and do no harm", async () => {
  for (const bytes of ["97", "97c0c0c0c0c0c0c0", "00", "ff".repeat(1000), "ddffffffff", "97a9726f6f6d2e7065656b"]) {
    assert.match((await python("raw", bytes)).answer, /front\.fault/, bytes.slice(0, 20));
  }
  assert.equal((await python("line", "room plaza/main room.peek {}")).type, "room.peeked");
});

test("a flood is answered to the last line", async () => {
  assert.deepEqual(await python("flood", "900", "room plaza/main room.peek {}"), { answered: 900 });
});

test("without a server send says so within seconds", async () => {
  const { code, err } = await playhouse(["send", "--broker.endpoint", "tcp://127.0.0.1:9", "room", "-", "room.peek", "{}"]);
  assert.notEqual(code, 0);
  assert.match(err, /tcp:\/\/127\.0\.0\.1:9/);
});
