// Four processes are watched through the front door of any of them.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { enter } from "./lib/api.ts";
import { playhouse } from "./lib/cli.ts";
import { freePort } from "./lib/port.ts";
import { startServer, type Server } from "./lib/server.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const broker = `tcp://127.0.0.1:${await freePort()}`;

/** Ready once all that it needs is there: so they are started together. */
const start = (name: string, roles: string, ...args: string[]): Promise<Server> =>
  startServer({ owner: { after }, args: ["--roles", roles, "--node.name", name, "--node.brokers", broker, ...args] });

const [hub, gate, world] = await Promise.all([
  start("hub", "broker", "--broker.bind", broker),
  start("gate", "gateway,auth"),
  start("world", "room,admission,queue"),
  start("store", "persistence"),
]);
const ann = await enter(gate, "Ann");

const tail = async (...words: string[]): Promise<any[]> => {
  const { code, out, err } = await playhouse(["tail", "--front", hub.frontDoor, "--once", "--json", ...words]);
  assert.equal(code, 0, err);
  return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
};

test("the way of an intent is shown over all processes, in order", async () => {
  await ann.move(here(ann).x, here(ann).y);
  const move = (await tail("--type", "room.move")).at(-1);
  assert.equal(move.node, "world");
  const way = await tail("--trace", move.trace);
  assert.deepEqual(
    way.map((entry) => `${entry.node} ${entry.message}`).filter((step) => !step.includes("appended")),
    ["world room.move", "store persistence.append", "gate gateway.ack"],
  );
});

test("any front door shows every process, and one of them alone", async () => {
  for (const { frontDoor } of [hub, world]) {
    const { code, out, err } = await playhouse(["top", "--front", frontDoor, "--once", "--json"]);
    assert.equal(code, 0, err);
    const nodes = JSON.parse(out).nodes;
    assert.deepEqual(nodes.map((row: any) => row.node).sort(), ["gate", "hub", "store", "world"]);
    assert.ok(nodes.every((row: any) => row.answered));
    const sum = (field: string) => nodes.reduce((total: number, row: any) => total + row[field], 0);
    assert.equal(sum("rooms"), 1);
    assert.equal(sum("sessions"), 1);
  }
  assert.ok((await tail("--node", "store")).every((entry) => entry.node === "store" && entry.kind !== "room"));
});

test("a process that has gone is not waited for", async () => {
  await world.kill9();
  await eventually(async () => {
    const { out } = await playhouse(["top", "--front", hub.frontDoor, "--once", "--json"]);
    return JSON.parse(out).nodes.length === 3;
  }, "three are shown", 15_000);
  assert.ok((await tail()).every((entry) => entry.node !== "world"));
});
