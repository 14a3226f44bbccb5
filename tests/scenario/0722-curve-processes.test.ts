// Between processes: who has no key that is allowed can neither register nor send nor read, and a recording is worth nothing.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { enter } from "./lib/api.ts";
import { startCluster, type Member, type Part } from "./lib/cluster.ts";
import { listeningPorts } from "./lib/listening.ts";
import { Process } from "./lib/process.ts";
import { Tape, WELCOME_END } from "./lib/tape.ts";
import { Certificates, Tool } from "./lib/tool.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const GONE_MSEC = 10_000; // a broker misses it after 4 s

const owner = { after };
const parts: readonly Part[] = [
  { name: "broker-1", roles: ["broker"] },
  { name: "broker-2", roles: ["broker"] },
  { name: "persistence-1", roles: ["persistence"] },
  { name: "room-1", roles: ["room"] },
  { name: "door-1", roles: ["admission", "queue", "auth", "metrics"] },
  { name: "gateway-1", roles: ["gateway"] },
];
const cluster = await startCluster({ owner, keys: true, parts });
const allowed = cluster.keys?.allowed ?? assert.fail("the cluster has keys");
const brokers = cluster.with("broker");
const ann = await enter(cluster, "Ann");
const strangers = new Certificates(owner);

async function playGoesOn(): Promise<void> {
  const { x, y } = here(ann);
  await ann.move(x, y);
}

/** Every port that ZeroMQ listens on. */
function zmqPorts(member: Member): number[] {
  const others = [member.url, member.admin].filter((url) => url !== "").map((url) => Number(new URL(url).port));
  const door = member.frontDoor === "" ? [] : [Number(new URL(member.frontDoor).port)];
  return listeningPorts(member.process.pid).filter((port) => ![...others, ...door].includes(port));
}

/** One more process, which is not of the cluster and owns nothing that anybody needs. */
function guest(name: string, endpoints = cluster.brokers): { process: Process; args: string[] } {
  const directory = join(cluster.directory, name);
  mkdirSync(directory);
  const args = ["--roles", "metrics", "--node.name", name, "--node.brokers", endpoints, "--admin.port", "0", ...cluster.common];
  const process = new Process({ directory, name });
  owner.after(() => process.put());
  return { process, args: [...args, "--keys.secret", strangers.secret(name), "--keys.allowed", allowed] };
}

const names = async (): Promise<string[]> =>
  ((await cluster.viewOf(brokers[0] ?? assert.fail("a broker"))) ?? []).map(([name]) => name);

const said = (event: string, key: string): boolean =>
  cluster.log.some((line) => line.event === event && line["publicKey"] === key);

test("without keys, or with a key that is not allowed, nothing is said to any port, and nothing heard", async () => {
  const key = await strangers.make("nobody");
  const ports = cluster.members.map((member) => zmqPorts(member));
  assert.ok(ports.every((some) => some.length > 0), "every process has mailboxes");
  for (const [n, member] of cluster.members.entries()) {
    const certificate = join(allowed, `${member.name}.key`);
    await Promise.all((ports[n] ?? []).map(async (port) => {
      const endpoint = `tcp://127.0.0.1:${port}`;
      assert.deepEqual(await new Tool(owner, endpoint).ask("hello"), { refused: true });
      assert.deepEqual(await new Tool(owner, endpoint, [strangers.secret("nobody"), certificate]).ask("hello"), { refused: true });
    }));
  }
  assert.ok(said("key-refused", key), "the log names the key");
  await playGoesOn();
});

test("a process whose certificate is not there is not among the others; added, it comes in by itself; removed, it is out", async () => {
  const key = await strangers.make("guest");
  const { process, args } = guest("guest");
  const listening = process.start(args);
  listening.catch(() => undefined); // told below
  await eventually(() => said("key-refused", key), "a broker refuses it", GONE_MSEC);
  assert.ok(!(await names()).includes("guest"));
  copyFileSync(strangers.certificate("guest"), join(allowed, "guest.key"));
  await listening;
  await eventually(async () => (await names()).includes("guest"), "it is among the others");
  renameSync(join(allowed, "guest.key"), join(allowed, "guest.out"));
  await eventually(async () => !(await names()).includes("guest"), "it is out", GONE_MSEC);
  assert.ok(process.running, "it still beats, over connections that were good");
  await playGoesOn();
  await process.put();
});

test("what a process said when it came is worth nothing when it is said again", async () => {
  await strangers.make("told");
  copyFileSync(strangers.certificate("told"), join(allowed, "told.key"));
  const [broker] = brokers;
  assert.ok(broker !== undefined);
  const target = Number(new URL(broker.bind).port);
  const tape = await Tape.start(owner, target);
  const { process, args } = guest("told", `${broker.name}@tcp://127.0.0.1:${tape.port}`);
  await process.start(args);
  await eventually(async () => (await names()).includes("told"), "it is among the others");
  await process.stop();
  await eventually(async () => !(await names()).includes("told"), "it has left");
  const joined = (): number => broker.process.log.filter(({ event, name }) => event === "node-joined" && name === "told").length;
  const before = joined();
  const [recording] = tape.recordings;
  assert.ok(recording !== undefined && !Buffer.concat(recording).includes("told"), "nothing of it can be read");
  assert.ok((await tape.play(recording, true)) >= WELCOME_END, "the broker goes along as far as to its cookie, and closes");
  await tape.play(recording, false);
  assert.equal(joined(), before);
  assert.ok(!(await names()).includes("told"));
  await playGoesOn();
});

test("a process that is named by no certificate, or knows no broker's, does not start and says why", async () => {
  await strangers.make("lost");
  const { process, args } = guest("lost", `nowhere@${brokers[0]?.bind ?? ""}`);
  assert.equal((await process.refuse(args)).code, 1);
  assert.match(process.tail(), /nowhere.*keys\.allowed/);
  assert.equal((await process.refuse([...args, "--node.brokers", brokers[0]?.bind ?? ""])).code, 1);
  assert.match(process.tail(), /NAME@tcp/);
});

test("beyond loopback processes want keys", async () => {
  const { process, args } = guest("open", "tcp://127.0.0.1:1");
  const plain = args.slice(0, args.indexOf("--keys.secret"));
  assert.equal((await process.refuse([...plain, "--node.host", "0.0.0.0"])).code, 1);
  assert.match(process.tail(), /keys\.secret/);
});
