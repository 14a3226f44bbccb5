// The real page in a real browser with the real server: two people on the plaza.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { enter } from "../scenario/lib/api.ts";
import { root, startServer } from "../scenario/lib/server.ts";
import { eventually } from "../scenario/lib/wait.ts";
import { approach } from "../scenario/lib/walk.ts";
import { openBrowser, type Visitor, Visitors } from "./lib/visitor.ts";

/** The server reads them at each start: the second time it has to listen where it did before. */
const serverArgs: string[] = [];
const server = await startServer({ owner: { after }, args: serverArgs });
const visitors = new Visitors(await openBrowser({ after }));
let ada: Visitor;
let bo: Visitor;

before(async () => {
  ada = await visitors.arrive(server.url, "Ada");
  bo = await visitors.arrive(server.url, "Bo");
});

test("both see both, the build and the state of the connection", async () => {
  for (const visitor of [ada, bo]) {
    await visitor.sees("Ada");
    await visitor.sees("Bo");
    const chip = visitor.page.locator("#connection");
    assert.equal(await chip.getAttribute("data-state"), "active");
    assert.equal(await chip.innerText(), `Here as ${visitor.name}`);
    const { build } = (await (await fetch(`${server.url}/api/version`)).json()) as { build: string };
    assert.equal(await visitor.page.locator("#build").innerText(), build);
  }
});

test("who walks with the keys is seen walking by the other", async () => {
  const before = await bo.sees("Ada");
  await ada.walkTo({ x: before.x > 500 ? before.x - 150 : before.x + 150, y: before.y });
  await bo.until("Ada walked far", async () => Math.abs((await bo.sees("Ada")).x - before.x) > 100);
  await visitors.agree(ada, bo, "Ada");
});

test("a click on the plaza is where one walks to", async () => {
  const before = await ada.sees("Bo");
  await bo.page.locator("#plaza").click({ position: { x: 420, y: 300 } });
  await ada.until("Bo walked", async () => {
    const now = await ada.sees("Bo");
    return Math.hypot(now.x - before.x, now.y - before.y) > 30;
  });
  await visitors.agree(bo, ada, "Bo");
});

test("an item is picked up, given to the other, and dropped; both see each step", async () => {
  await ada.walkTo({ x: 500, y: 530 });
  await ada.press("e", "pickup");
  await bo.until("Ada holds something", async () => (await bo.sees("Ada")).held !== "");
  const { held } = await ada.sees("Ada");
  const place = await ada.sees("Ada");
  await bo.walkTo({ x: place.x + 20, y: place.y });
  await ada.page.locator("#give", { hasText: "Give to Bo" }).click();
  for (const visitor of [ada, bo]) {
    await visitor.until("Bo holds it", async () => (await visitor.sees("Bo")).held === held);
    await visitor.until("Ada does not", async () => (await visitor.sees("Ada")).held === "");
  }
  await bo.press("q", "drop");
  await ada.until("nobody holds it", async () => (await ada.sees("Bo")).held === "");
});

test("the time until an ack is shown", async () => {
  const latency = ada.page.locator("#latency");
  await eventually(async () => Number(await latency.getAttribute("data-count")) > 5, "acks were measured");
  const p50 = Number(await latency.getAttribute("data-p50"));
  const p95 = Number(await latency.getAttribute("data-p95"));
  assert.ok(p50 >= 0 && p95 >= p50, `p50 ${p50} ms, p95 ${p95} ms`);
  assert.match(await latency.innerText(), /p50 \d+ ms · p95 \d+ ms/);
});

test("a full plaza, for the picture in the README", async () => {
  const guests = ["Mira", "Jonas", "Tess", "Oyelaran", "Zuzanna"];
  const places = [[330, 360], [660, 330], [610, 640], [380, 680], [740, 560]] as const;
  await ada.page.setViewportSize({ width: 1360, height: 860 });
  const clients = await Promise.all(guests.map((name) => enter(server, name)));
  await Promise.all(clients.map((client, index) => approach(client, { x: places[index]![0], y: places[index]![1] })));
  for (const name of guests) {
    await ada.sees(name);
  }
  await bo.walkTo({ x: 380, y: 520 });
  await ada.press("e", "pickup");
  await ada.until("something in the own hands", async () => (await ada.sees("Ada")).held !== "");
  await clients[1]!.chat("Has anybody seen my kite?");
  await clients[4]!.chat("Meet me at the fountain!");
  await ada.hears("Zuzanna", "Meet me at the fountain!");
  const folder = join(root, "build/screenshots");
  mkdirSync(folder, { recursive: true });
  const picture = await ada.page.screenshot({ path: join(folder, "plaza.png") });
  assert.ok(picture.length > 50_000, "there is something on the picture");
  for (const client of clients) {
    await client.leave();
  }
  for (const name of guests) {
    await ada.until(`${name} is gone`, async () => (await ada.row(name).count()) === 0);
  }
});

test("what one says the other reads, as text and nothing else", async () => {
  const words = "<b>hello</b> & good evening, 今晩は 🎭";
  await ada.say(words);
  await bo.hears("Ada", words);
  await ada.hears("Ada", words);
});

test("the server is killed and started again: the page comes back by itself, to the same place", async () => {
  const place = await ada.sees("Ada");
  await server.kill9();
  await ada.state("reconnecting");
  serverArgs.push("--gateway.port", new URL(server.url).port);
  await server.start();
  for (const visitor of [ada, bo]) {
    await visitor.state("active", 30_000);
    await visitor.sees("Ada");
    await visitor.sees("Bo");
  }
  assert.deepEqual(await bo.sees("Ada"), place);
  await bo.say("we are back");
  await ada.hears("Bo", "we are back");
});

test("who leaves is gone, and may come again under the same name", async () => {
  await bo.page.locator("#leave").click();
  await bo.state("idle");
  await ada.until("Bo is gone", async () => (await ada.row("Bo").count()) === 0);
  await bo.signIn("Bo");
  await ada.sees("Bo");
});

test("a page of another build is told to reload", async () => {
  const old = await visitors.open("Old");
  const postData = JSON.stringify({ build: "some-other-build" });
  await old.page.route("**/api/session/bootstrap", (route) => route.continue({ postData }));
  await old.page.goto(server.url);
  await old.page.fill("#name", "Old");
  await old.page.click("#sign-in button");
  await old.state("update_required");
  await old.page.getByRole("button", { name: "Reload" }).waitFor();
});

test("nothing on the page broke a rule or threw", () => {
  assert.deepEqual(visitors.complaints, []);
});
