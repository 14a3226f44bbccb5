// Who decides who is let in, and who keeps the queue, is killed or stopped, and another process goes on: who plays and who
// waits notices nothing, nobody is let in beside the others, and the order stays. And what processes say of their health.
import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { sessionOf, stands } from "./lib/admin.ts";
import { buildOf, http } from "./lib/api.ts";
import { Face, newCluster, type Cluster, type Member, type Part } from "./lib/cluster.ts";
import { Crowd } from "./lib/crowd.ts";
import { patient } from "./lib/house.ts";
import { Player } from "./lib/player.ts";
import { stack } from "./lib/server.ts";
import { eventually } from "./lib/wait.ts";

const CAPACITY = 2;
const PEOPLE = 8;
/** After which a dead process is known to be dead, and what it did is done by another. */
const MOVED_MSEC = 5000;
/** For what then follows: a tick, a push, an answer. */
const SLACK_MSEC = 2500;

const parts: readonly Part[] = [
  { name: "broker-1", roles: ["broker"] },
  { name: "persistence-1", roles: ["persistence"] },
  { name: "room-1", roles: ["room"] },
  { name: "auth-1", roles: ["auth"] },
  { name: "door-1", roles: ["admission", "queue"] },
  { name: "door-2", roles: ["admission", "queue"] },
  { name: "gateway-1", roles: ["gateway"] },
  { name: "gateway-2", roles: ["gateway"] },
];

interface Place {
  readonly cluster: Cluster;
  readonly players: Player[];
}

async function place(t: TestContext): Promise<Place> {
  const owner = stack(t);
  const crowd = new Crowd(PEOPLE, owner);
  const args = [...crowd.args, ...patient, "--admission.capacity", String(CAPACITY), "--admission.queue_max", "50"];
  const cluster = await newCluster({ owner, dev: false, args, parts, prepare: (one) => crowd.settle(one) });
  await cluster.start();
  const faces = cluster.with("gateway").map((gateway) => new Face(cluster, gateway));
  await buildOf(cluster);
  const players = crowd.people.map((person, n) => new Player(person, faces[n % faces.length] ?? assert.fail("a gateway")));
  return { cluster, players };
}

/** The process that has let somebody in. */
function doorOf(cluster: Cluster): Member {
  const owners = cluster.with("admission").filter(({ process }) => process.log.some(({ event }) => event === "session-admitted"));
  assert.equal(owners.length, 1, "one process decides");
  return owners[0] ?? assert.fail("somebody decides");
}

describe("admission and queue among several processes", { concurrency: 1 }, () => {
  for (const how of ["killed", "stopped"] as const) {
    test(`their process is ${how}: sessions, places and their order stay`, async (t) => {
      const { cluster, players } = await place(t);
      const [one, two, first, second, third, late] = players;
      assert.ok(one && two && first && second && third && late);
      await one.enter();
      await two.enter();
      for (const player of [first, second, third]) {
        await player.wait();
      }
      await third.playing.until(() => third.playing.position?.position === 3, "the third one");
      const door = doorOf(cluster);
      const begun = performance.now();
      await (how === "killed" ? door.process.kill9() : door.process.stop());
      const position = await eventually(async () => {
        const result = await late.connect();
        assert.ok(result.outcome !== "admitted", `nobody is let in beside the others: ${JSON.stringify(result)}`);
        assert.ok(result.outcome === "queued" || result.transient === true, JSON.stringify(result));
        return result.outcome === "queued" ? result.position : undefined;
      }, "a newcomer has a place", MOVED_MSEC + SLACK_MSEC);
      assert.equal(position, 4, "behind those who waited before");
      t.diagnostic(`${how}: decided again after ${(performance.now() - begun).toFixed()} ms`);
      await stands(cluster, { seats: CAPACITY, waiting: 4 }, "all are where they were");

      await one.playing.leave();
      await first.playing.offer();
      await first.take();
      await third.playing.until(() => third.playing.position?.position === 2, "it moves up");
      await cluster.begin([door]);
      await two.playing.leave();
      await second.take();
      await third.playing.until(() => third.playing.position?.position === 1, "and again, with both processes there");
      const open = [first, second, third].map(({ playing }) => playing.isOpen);
      assert.deepEqual(open, [true, true, true], "nobody was thrown out");
      await stands(cluster, { seats: CAPACITY, waiting: 2 }, "two play, two wait");
    });
  }

  test("a gateway's process is killed: its sessions and places are in grace as soon as that is known", async (t) => {
    const { cluster, players } = await place(t);
    const [one, two, first, second] = players;
    assert.ok(one && two && first && second);
    await one.enter();
    await two.enter();
    await first.wait();
    await second.wait();
    const gateway = cluster.with("gateway")[1] ?? assert.fail("a second gateway");
    await gateway.process.kill9();
    const inGrace = async (): Promise<boolean> => (await sessionOf(cluster, two.characterId))?.state === "grace";
    await eventually(inGrace, "its session is in grace", MOVED_MSEC);
    assert.equal((await sessionOf(cluster, one.characterId))?.state, "active", "the other gateway's plays on");
    const face = new Face(cluster, cluster.with("gateway")[0] ?? assert.fail("a gateway"));
    for (const player of [two, second]) {
      player.server = face;
    }
    await two.resume();
    await second.watch();
    await second.playing.until(() => second.playing.position?.position === 2, "its place is kept");
    await stands(cluster, { seats: CAPACITY, waiting: 2 }, "all are where they were");
  });

  test("health: a gateway is ready when all that it leans on is there; other processes answer for themselves", async (t) => {
    const { cluster } = await place(t);
    const health = async (member: Member) => http(`${member.admin}/health`);
    for (const member of cluster.members) {
      const { status, body } = await health(member);
      assert.equal(status, 200, `${member.name}: ${JSON.stringify(body)}`);
      assert.equal(body.node, member.name);
      assert.equal(body.roles, member.part.roles.join(","));
      assert.equal(body.degraded, false, JSON.stringify(body));
      const { text } = await http(`${member.admin}/metrics`);
      const labels = `node="${member.name}",roles="${member.part.roles.join(",")}"`;
      assert.ok(text.includes(`playhouse_nodes{${labels}} ${parts.length}\n`), `${member.name} sees all, and says who it is`);
    }
    const [gateway, auth, room] = ["gateway-1", "auth-1", "room-1"].map((name) => cluster.member(name));
    assert.ok(gateway && auth && room);
    await room.process.kill9();
    await eventually(async () => (await health(gateway)).status === 503, "a gateway without rooms is not ready", MOVED_MSEC);
    assert.match((await health(gateway)).text, /nobody runs room/);
    const other = await health(auth);
    assert.deepEqual([other.status, other.body.degraded], [200, true], "to restart this one would not help");
    await cluster.begin([room]);
    assert.equal((await health(gateway)).status, 200, "it is ready again, without a restart");
    await cluster.member("broker-1").process.kill9();
    await eventually(async () => /"brokers","ok":false/.test((await health(gateway)).text), "no broker is heard", MOVED_MSEC);
    assert.equal((await health(gateway)).status, 200, "and all goes on without");
  });
});
