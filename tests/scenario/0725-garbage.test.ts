// Garbage into every ZeroMQ port of every process, in the clear: nothing falls over, memory stays bounded, play goes on.
// (With keys nothing of it would get past the handshake: 0722.)
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { enter, http } from "./lib/api.ts";
import { startCluster, type Member, type Part } from "./lib/cluster.ts";
import { brokenOpenings, envelope, flood, frame, garbageFrame, opening, throwAt } from "./lib/garbage.ts";
import { listeningPorts } from "./lib/listening.ts";
import { root, strictBinary } from "./lib/process.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import { Tool } from "./lib/tool.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const FRAMES = 1_000_000;
const VARIETY = 20_000;
const HANDSHAKE_MSEC = 10_000; // a stranger who breaks off is closed within this
const GROWTH_MAX = 300e6; // bytes, of one process

const owner = { after };
const parts: readonly Part[] = [
  { name: "broker-1", roles: ["broker"] },
  { name: "persistence-1", roles: ["persistence"] },
  { name: "room-1", roles: ["room"] },
  { name: "door-1", roles: ["admission", "queue", "auth", "metrics"] },
  { name: "gateway-1", roles: ["gateway"] },
];
const random = new Random(seedOfThisRun());
const cluster = await startCluster({ owner, parts, binary: strictBinary });
const ann = await enter(cluster, "Ann");

/** A port and what kind of socket may connect to it. */
interface Target {
  readonly member: Member;
  readonly port: number;
  readonly type: "PUSH" | "DEALER";
}

const portOf = (url: string): number => Number(new URL(url).port);

const targets = cluster.members.flatMap((member): Target[] => {
  const pages = [member.url, member.admin].filter((url) => url !== "").map(portOf);
  const routers = [member.has("broker") ? member.bind : "", member.frontDoor].filter((url) => url !== "").map(portOf);
  return listeningPorts(member.process.pid)
    .filter((port) => !pages.includes(port))
    .map((port) => ({ member, port, type: routers.includes(port) ? "DEALER" : "PUSH" }));
});

/** The names of all messages between actors. */
const types = readdirSync(join(root, "schemas"))
  .filter((name) => name.endsWith(".json"))
  .flatMap((name) => {
    const { messages } = JSON.parse(readFileSync(join(root, "schemas", name), "utf8")) as { messages?: object };
    return Object.keys(messages ?? {});
  });

const kinds = ["node", ...new Set(parts.flatMap(({ roles }) => roles)), "watch"];

async function playGoesOn(): Promise<void> {
  const { x, y } = here(ann);
  await ann.move(x, y);
  const said = await new Tool(owner, cluster.frontDoor).ask("room plaza/main room.peek {}");
  assert.equal(said.answer.members, 1);
  assert.ok(cluster.members.every(({ process }) => process.running));
}

/** What was refused, by all mailboxes and doors. */
async function refusals(): Promise<number> {
  const texts = await Promise.all(cluster.admins.map((admin) => http(`${admin}/metrics`)));
  const counts = texts.flatMap(({ text }) => [...text.matchAll(/^playhouse_(?:far_malformed|front_faults)_total(?:\{.*\})? (\d+)/gm)]);
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

test("whoever breaks off, or says what is no ZMTP, is closed or does no harm", async () => {
  const harmless = /^half a frame|no end$|^reserved flags|a command that is none/; // nothing is wrong with it yet, or it is passed over
  const throws = targets.flatMap(({ port, member }) =>
    brokenOpenings(random).map(async ({ what, bytes, frames }) => {
      const end = await throwAt(port, bytes, harmless.test(what) ? 100 : HANDSHAKE_MSEC, frames);
      return [member.name, what, end] as const;
    }),
  );
  const open = (await Promise.all(throws)).filter(([, what, end]) => end === "open" && !harmless.test(what));
  assert.deepEqual(open, []);
  await playGoesOn();
});

test(`${FRAMES} frames that no honest process sends are refused one by one`, async (t) => {
  const frames = Array.from({ length: VARIETY }, () => frame(garbageFrame(random, types)));
  const before = cluster.members.map(({ process }) => process.rss());
  const refused = await refusals();
  const each = Math.ceil(FRAMES / targets.length);
  for (const { port, type } of targets) {
    assert.equal(await flood(port, type, frames, each), 1, "nobody is cut off for a frame");
  }
  await playGoesOn();
  const counted = targets.filter(({ member }) => member.admin !== "");
  assert.ok(counted.length > 0, "somebody can be asked");
  const expected = 0.9 * each * counted.length; // chance writes some that an honest process might send
  await eventually(async () => (await refusals()) - refused > expected, "nearly all are counted as refused", 30_000);
  for (const [n, { name, process }] of cluster.members.entries()) {
    const growth = process.rss() - (before[n] ?? 0);
    t.diagnostic(`${name}: ${(growth / 1e6).toFixed(1)} MB more`);
    assert.ok(growth < GROWTH_MAX, `${name} has grown by ${growth} bytes`);
  }
});

test("answers to nobody, wrong kinds, echoes and beats of no process change nothing", async () => {
  const lies = [
    ...["", "plaza", "plaza/main"].map((key) => envelope("act.no_answer", key, "", 0, { code: "TIMEOUT" })),
    envelope("room.peek", "plaza/main", "7:gateway:0:", 1, {}), // to mailboxes that do not hear it, and one that does
    envelope("room.peeked", "", "7:room:0:plaza/main", 99, { state: "open" }),
    envelope("act.no_answer", "", "7:room:0:plaza/main", 3, { code: "UNAVAILABLE" }),
    envelope("broker.leave", "", "7:node:0:", 0, { id: 7 }),
    envelope("broker.beat", "", "7:node:0:", 0, { node: {}, version: 0 }),
    envelope("node.told", "", "7:broker:0:", 0, { version: 9, settled: true, nodes: [] }),
    envelope("node.gone", "", "7:broker:0:", 0, {}),
  ].map((lie) => frame(lie));
  for (const { member, port, type } of targets) {
    const id = (await cluster.viewOf(member))?.find(([name]) => name === member.name)?.[1];
    assert.ok(id !== undefined);
    const echoes = kinds.flatMap((kind) => {
      const from = `${id}:${kind}:0:`; // an answer would be to itself
      return [
        envelope("room.move", "plaza/main", from, 0, { connection: 1, member: 99, actionId: 1, x: 1, y: 1 }),
        envelope("room.peek", "plaza/main", from, 1, {}),
        envelope("admission.list", "plaza", from, 1, { after: 0 }),
        envelope("persistence.ping", "", from, 1, {}),
        envelope("auth.ping", "", from, 1, {}),
      ];
    });
    const frames = [...lies, ...echoes.map((echo) => frame(echo))];
    await flood(port, type, frames, frames.length * 100);
  }
  await cluster.complete(); // all are there, for everybody
  await playGoesOn();
});

test("a thousand connections that say nothing more do not keep others out", async () => {
  const [first] = targets;
  assert.ok(first !== undefined);
  const bytes = opening("DEALER").subarray(0, 40);
  const throws = Array.from({ length: 1000 }, () => throwAt(first.port, bytes, HANDSHAKE_MSEC));
  await playGoesOn();
  assert.deepEqual((await Promise.all(throws)).filter((end) => end === "open"), []);
});
