// Every process gets another key, one after the other, while people play; the old keys are worth nothing afterwards.
import assert from "node:assert/strict";
import { copyFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newCluster, type Part } from "./lib/cluster.ts";
import { Crowd } from "./lib/crowd.ts";
import { patient } from "./lib/house.ts";
import { listeningPorts } from "./lib/listening.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import { stack } from "./lib/server.ts";
import { Certificates, Tool } from "./lib/tool.ts";
import { Town } from "./lib/town.ts";
import { eventually } from "./lib/wait.ts";

const SESSIONS = 12;
const RATE = 5;
const LATE_MSEC = 15_000;

const parts: readonly Part[] = [
  { name: "broker-1", roles: ["broker"] },
  { name: "broker-2", roles: ["broker"] },
  { name: "persistence-1", roles: ["persistence"] },
  { name: "room-1", roles: ["room"] },
  { name: "room-2", roles: ["room"] },
  { name: "door-1", roles: ["admission", "queue", "auth", "metrics"] },
  { name: "gateway-1", roles: ["gateway"] },
  { name: "gateway-2", roles: ["gateway"] },
];

test("all keys are replaced under load, and the old ones are refused", async (t) => {
  const owner = stack(t);
  const crowd = new Crowd(SESSIONS, owner);
  const args = [...crowd.args, ...patient, "--gateway.moves_per_second", "1000"];
  const cluster = await newCluster({ owner, dev: false, keys: true, args, parts, prepare: (one) => crowd.settle(one) });
  const allowed = cluster.keys?.allowed ?? assert.fail("the cluster has keys");
  await cluster.start();
  const random = new Random(seedOfThisRun());
  const town = await Town.settle(owner, cluster, crowd, { count: SESSIONS, rate: RATE, random });
  await town.playsOn("at first", LATE_MSEC);

  const next = new Certificates(owner);
  const secrets = join(cluster.directory, "secrets");
  const begun = performance.now();
  for (const member of cluster.members) {
    const { name } = member;
    await next.make(name);
    copyFileSync(join(allowed, `${name}.key`), join(next.folder, `${name}.old`));
    if (member.has("broker")) {
      copyFileSync(next.certificate(name), join(allowed, ".new")); // by its name it is looked for: the other broker is there meanwhile
      renameSync(join(allowed, ".new"), join(allowed, `${name}.key`));
    } else {
      copyFileSync(next.certificate(name), join(allowed, `${name}-next.key`));
    }
    await member.process.stop();
    renameSync(join(secrets, `${name}.key_secret`), join(next.folder, `${name}.old_secret`));
    copyFileSync(next.secret(name), join(secrets, `${name}.key_secret`));
    await member.start();
    copyFileSync(next.certificate(name), join(allowed, ".new"));
    renameSync(join(allowed, ".new"), join(allowed, `${name}.key`));
    rmSync(join(allowed, `${name}-next.key`), { force: true });
    await cluster.complete();
    await town.playsOn(`${name} has another key`, LATE_MSEC);
  }
  t.diagnostic(`nobody was without an ack for longer than ${town.longestSilence(begun).toFixed()} ms`);
  await town.rest();

  const [broker] = cluster.with("broker");
  const key = join(allowed, "room-1.key");
  const [port] = listeningPorts(cluster.member("room-1").process.pid);
  assert.ok(broker !== undefined && port !== undefined);
  for (const { name } of cluster.members) {
    const secret = join(next.folder, `${name}.old_secret`);
    await eventually(async () => (await new Tool(owner, broker.bind, [secret, join(allowed, `${broker.name}.key`)]).ask("x")).refused, "refused");
    assert.deepEqual(await new Tool(owner, `tcp://127.0.0.1:${port}`, [secret, key]).ask("x"), { refused: true }, name);
  }
});
