// Who has no key that is allowed can do nothing, what was recorded is worth nothing, and a list is heeded while it changes.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { instance } from "./lib/admin.ts";
import { enter, metric } from "./lib/api.ts";
import { playhouse } from "./lib/cli.ts";
import { Certificates, Tool } from "./lib/tool.ts";
import { startServer } from "./lib/server.ts";
import { Tape, WELCOME_END } from "./lib/tape.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const PEEK = "room plaza/main room.peek {}";
const owner = { after };
const keys = new Certificates(owner);
await keys.make("house", "ops", "guest", "late");
const otherKey = await keys.make("other");
const allowed = keys.list("allowed", "house");
const tools = keys.list("tools", "ops", "guest");
const server = await startServer({
  owner,
  args: ["--keys.secret", keys.secret("house"), "--keys.allowed", allowed, "--keys.tools", tools],
});
const ann = await enter(server, "Ann");
const port = Number(new URL(server.frontDoor).port);

const tool = (name: string, at = server.frontDoor, house = "house"): Tool =>
  new Tool(owner, at, [keys.secret(name), keys.certificate(house)]);

const refusals = (): number => server.log.filter(({ event }) => event === "key-refused").length;

async function playGoesOn(): Promise<void> {
  const { x, y } = here(ann);
  await ann.move(x, y);
}

test("a tool whose certificate is there is answered, by pyzmq and by playhouse send", async () => {
  assert.equal((await tool("ops").ask(PEEK)).answer.type, "room.peeked");
  const words = ["send", "--broker.endpoint", `house@${server.frontDoor}`, "--keys.secret", keys.secret("ops")];
  const sent = await playhouse([...words, "--keys.allowed", allowed, "room", "plaza/main", "room.peek"]);
  assert.equal(sent.code, 0, sent.err);
  assert.equal(JSON.parse(sent.out).members, 1);
});

test("without keys, with a key that is not there, or for another server, nothing is heard", async () => {
  assert.deepEqual(await new Tool(owner, server.frontDoor).ask(PEEK), { refused: true });
  assert.deepEqual(await tool("ops", server.frontDoor, "other").ask(PEEK), { refused: true });
  assert.equal(refusals(), 0); // nobody came as far as showing a key
  assert.deepEqual(await tool("other").ask(PEEK), { refused: true });
  await eventually(() => refusals() > 0, "the log names the key that was refused");
  const line = server.log.find(({ event }) => event === "key-refused");
  assert.equal(line?.["domain"], "tool");
  assert.equal(line?.["publicKey"], otherKey);
  assert.deepEqual(await tool("house").ask(PEEK), { refused: true }); // a process is no tool
  await eventually(async () => (await metric(server, "playhouse_keys_refused_total")) === 2, "both are counted");
  const send = ["send", "--timeout", "1", "--broker.endpoint", server.frontDoor, "room", "plaza/main", "room.peek"];
  const plain = await playhouse(send);
  assert.equal(plain.code, 1);
  assert.match(plain.err, /keys/);
  await playGoesOn();
});

test("a certificate that is added is heeded at once, one that is removed is not heard any more", async () => {
  keys.allow(tools, "late");
  await eventually(() => server.log.some(({ event, allowed: count }) => event === "keys-changed" && count === 3), "the look");
  const late = tool("late");
  assert.equal((await late.ask(PEEK)).answer.type, "room.peeked");
  keys.forbid(tools, "late");
  await eventually(() => server.log.some(({ event, removed }) => event === "keys-changed" && removed === 1), "the look");
  const answer = (await late.ask(PEEK)).answer; // the same connection
  assert.equal(answer.type, "front.fault");
  assert.match(answer.message, /not allowed any more/);
  assert.deepEqual(await tool("late").ask(PEEK), { refused: true });
  assert.equal((await tool("ops").ask(PEEK)).answer.type, "room.peeked");
});

test("what was recorded on the wire changes nothing when it is played again", async () => {
  const capacity = async (): Promise<number> => (await instance(server)).capacity;
  const tape = await Tape.start(owner, port);
  const set = (seats: number): string => `admission plaza admission.configure {"capacity":${seats}}`;
  const guest = tool("guest", `tcp://127.0.0.1:${tape.port}`);
  assert.equal((await guest.ask(set(77))).answer.type, "admission.instance");
  assert.equal(await capacity(), 77);
  assert.equal((await tool("ops").ask(set(88))).answer.type, "admission.instance");
  const [recording] = tape.recordings;
  assert.ok(recording !== undefined && Buffer.concat(recording).length > 500, "a handshake and a message");
  assert.ok(!Buffer.concat(recording).includes("admission"), "nothing of it can be read");
  assert.ok((await tape.play(recording, true)) >= WELCOME_END, "the server goes along as far as to its cookie, and closes");
  assert.equal(await capacity(), 88);
  await tape.play(recording, false);
  assert.equal(await capacity(), 88);
  await playGoesOn();
});

test("a front door beyond loopback wants keys", async () => {
  const base = ["run", "--dev", "--gateway.port", "0", "--admin.port", "0", "--broker.endpoint", "tcp://0.0.0.0:*"];
  const plain = await playhouse(base, { cwd: keys.folder });
  assert.equal(plain.code, 1);
  assert.match(plain.err, /loopback.*keys\.tools/);
  const without = await playhouse([...base, "--keys.tools", tools], { cwd: keys.folder });
  assert.equal(without.code, 1);
  assert.match(without.err, /keys\.secret is not set/);
  const open = await startServer({
    owner,
    args: ["--broker.endpoint", "tcp://0.0.0.0:*", "--keys.secret", keys.secret("house"), "--keys.tools", tools],
  });
  const at = open.frontDoor.replace("0.0.0.0", "127.0.0.1");
  assert.equal((await tool("ops", at).ask("metrics - metrics.actors {}")).answer.type, "metrics.actor_list");
  assert.deepEqual(await new Tool(owner, at).ask(PEEK), { refused: true });
});
