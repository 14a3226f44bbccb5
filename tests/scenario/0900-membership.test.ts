// Who is there, and who may be: brokers come late, go, and come back; two processes of one name; kinds of which there may
// be only one; roles that nobody has.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { describe, test, type TestContext } from "node:test";
import { Api, http } from "./lib/api.ts";
import { newCluster, type Cluster, type Part } from "./lib/cluster.ts";
import { Crowd } from "./lib/crowd.ts";
import { errorOf } from "./lib/errors.ts";
import { patient } from "./lib/house.ts";
import { freePort } from "./lib/port.ts";
import { Proxy } from "./lib/proxy.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import { stack } from "./lib/server.ts";
import { Town } from "./lib/town.ts";
import { eventually } from "./lib/wait.ts";

const SESSIONS = 8;
const RATE = 5;
const LATE_MSEC = 5000;
/** After which a broker gives up who is silent, and believes that it has heard of all. */
const SILENT_MSEC = 4000;

const brokers: readonly Part[] = [
  { name: "broker-1", roles: ["broker"] },
  { name: "broker-2", roles: ["broker"] },
];
const door: Part = { name: "door-1", roles: ["admission", "queue", "auth", "metrics"] };
const room: Part = { name: "room-1", roles: ["room"] };
const persistence: Part = { name: "persistence-1", roles: ["persistence"] };
const gateway: Part = { name: "gateway-1", roles: ["gateway"] };
const all = [...brokers, door, room, persistence, gateway];

interface Place {
  readonly cluster: Cluster;
  readonly crowd: Crowd;
  settle(): Promise<Town>;
}

async function place(t: TestContext, parts: readonly Part[], more: readonly string[] = []): Promise<Place> {
  const owner = stack(t);
  const crowd = new Crowd(SESSIONS, owner);
  const args = [...crowd.args, ...patient, "--gateway.moves_per_second", "1000", ...more];
  const cluster = await newCluster({ owner, dev: false, args, parts, prepare: (one) => crowd.settle(one) });
  const random = new Random(seedOfThisRun());
  return { cluster, crowd, settle: () => Town.settle(owner, cluster, crowd, { count: SESSIONS, rate: RATE, random }) };
}

// What they do most is wait.
describe("membership", { concurrency: 2 }, () => {
  test("processes that start before their brokers join when those come", async (t) => {
    const { cluster, settle } = await place(t, all);
    const [early, late] = [cluster.members.filter((one) => !one.has("broker")), cluster.with("broker")];
    const coming = Promise.all(early.map((one) => one.start()));
    await pause(1000); // so long they look for a broker in vain
    await Promise.all(late.map((one) => one.start()));
    await coming;
    await cluster.complete();
    const town = await settle();
    await town.playsOn("with brokers that came last", LATE_MSEC);
    await town.rest();
  });

  test("one broker is lost, then the other one too, and both come back: nobody who plays notices", async (t) => {
    const { cluster, settle } = await place(t, all);
    await cluster.start();
    const town = await settle();
    const begun = performance.now();
    const [one, two] = cluster.with("broker").map(({ process }) => process);
    await one?.kill9();
    await pause(SILENT_MSEC * 1.5); // until it would be forgotten
    await town.playsOn("without one of two brokers", LATE_MSEC);
    await two?.kill9();
    await pause(SILENT_MSEC * 1.5); // until they would be forgotten
    await town.playsOn("without any broker", LATE_MSEC);
    await cluster.begin(cluster.with("broker"));
    await pause(SILENT_MSEC * 1.5); // until it believes that it has heard of all
    await town.playsOn("with new brokers, which knew nobody", LATE_MSEC);
    const silence = town.longestSilence(begun);
    const returns = town.sum((resident) => resident.returns);
    await town.rest();
    assert.ok(silence < 2000, `somebody had no answer for ${silence.toFixed()} ms`);
    assert.equal(returns, 0, "nobody was thrown out");
  });

  for (const how of ["stands still", "is cut off"]) {
    test(`the only broker ${how} until everybody is given up, and comes back: nobody who plays notices`, async (t) => {
      const port = await freePort();
      const wire = await Proxy.start({ owner: stack(t), target: port });
      const broker: Part = { name: "broker-1", roles: ["broker"], args: ["--broker.bind", `tcp://127.0.0.1:${port}`] };
      const parts = [broker, door, room, { name: "room-2", roles: ["room"] }, persistence, gateway];
      const { cluster, settle } = await place(t, parts, ["--node.brokers", `tcp://127.0.0.1:${wire.port}`]);
      await cluster.start();
      const town = await settle();
      const begun = performance.now();
      const still = how === "stands still" ? cluster.member("broker-1").process : undefined;
      still?.freeze();
      if (still === undefined) {
        wire.refuse();
      }
      await pause(SILENT_MSEC + 1000); // until it has given up everybody, or will when it goes on
      still?.goOn();
      wire.restore();
      await pause(SILENT_MSEC / 2); // until all have come back to it, one after the other
      await cluster.complete();
      await town.playsOn("with the broker again", LATE_MSEC);
      const silence = town.longestSilence(begun);
      const returns = town.sum((resident) => resident.returns);
      const moves = cluster.log.filter(({ event }) => /^room-(moving|moved|reload|retired)$/.test(event));
      await town.rest();
      assert.ok(silence < 2000, `somebody had no answer for ${silence.toFixed()} ms`);
      assert.equal(returns, 0, "nobody was thrown out");
      assert.deepEqual(moves, [], "every room has stayed where it was");
    });
  }

  test("of two processes with one name the later one is meant, and the earlier one ends and says why", async (t) => {
    const { cluster, settle } = await place(t, [...all, gateway]);
    const [first, second] = cluster.with("gateway");
    assert.ok(first && second);
    await cluster.begin(cluster.members.filter((one) => one !== second));
    await second.start();
    const { code } = await first.process.gone("the earlier one ends by itself");
    assert.notEqual(code, 0, "and not as if all were well");
    const said = first.process.log.filter(({ level }) => level === "error");
    assert.ok(said.some((line) => JSON.stringify(line).includes("gateway-1")), `it says why: ${JSON.stringify(said)}`);
    await cluster.complete();
    const town = await settle();
    await town.playsOn("at the later one", LATE_MSEC);
    await town.rest();
  });

  test("a second process on a SQLite file, or with seats in its own memory, is refused and says why", async (t) => {
    for (const role of ["persistence", "admission"]) {
      const parts = [1, 2].map((n): Part => {
        const args = role === "persistence" ? ["--store.url", "", "--store.path", `${n}.db`] : ["--registry.url", ""];
        return { name: `${role}-${n}`, roles: role === "admission" ? ["admission", "queue"] : [role], args };
      });
      const { cluster } = await place(t, [...brokers, ...parts]);
      const [first, second] = cluster.with(role);
      assert.ok(first && second);
      await cluster.begin(cluster.members.filter((one) => one !== second));
      assert.notEqual(await second.refuse(), 0, `the second ${role} ends with an error`);
      const said = second.process.log.filter(({ level }) => level === "error").map((line) => JSON.stringify(line));
      assert.ok(said.some((line) => line.includes(first.name)), `it says who is there: ${said.join("\n")}`);
      assert.ok(first.process.running, "and the first one goes on");
      await cluster.complete();
    }
  });

  for (const missing of ["persistence", "room", "admission", "auth"]) {
    test(`without ${missing}: a clear answer, and with it play without a restart`, async (t) => {
      const parts = all.flatMap((one): Part[] => {
        const apart = one === door && missing !== "room" && missing !== "persistence";
        const rest = one.roles.filter((role) => role !== missing);
        return apart ? [{ ...one, roles: rest }, { name: `${missing}-1`, roles: [missing] }] : [one];
      });
      const { cluster, crowd, settle } = await place(t, parts);
      const absent = cluster.with(missing);
      await cluster.begin(cluster.members.filter((one) => !absent.includes(one)));
      const person = crowd.people[0] ?? assert.fail();
      const api = new Api(cluster, person.accessToken);
      const asked = performance.now();
      const answer = await api.post("/instances/plaza/connect", { characterId: person.characterId, build: await api.build() });
      const took = performance.now() - asked;
      assert.ok(took < 10_000, `it is answered in time: ${took.toFixed()} ms`);
      if (missing === "room") {
        assert.equal(answer.body.outcome, "admitted", answer.text); // the seat is there; what it is for is not
        await api.leave({ characterId: person.characterId });
      } else {
        const outcome = answer.status === 200 ? answer.body.reason : errorOf(answer).code;
        assert.match(String(outcome), /^(DEPENDENCY_UNAVAILABLE|UNAVAILABLE|TIMEOUT)$/, answer.text);
      }
      if (missing === "persistence") {
        assert.equal((await http(`${cluster.url}/api/health`)).status, 503, "and health says so");
      }
      await cluster.begin(absent);
      await eventually(async () => (await http(`${cluster.url}/api/health`)).status === 200, "all is well", 10_000);
      const town = await settle();
      await town.playsOn(`with ${missing}`, LATE_MSEC);
      await town.rest();
    });
  }
});
