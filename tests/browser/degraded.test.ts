// Redis goes and comes back under the people on the plaza: a banner, and nothing else.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startRedis } from "../scenario/lib/redis.ts";
import { startServer } from "../scenario/lib/server.ts";
import { openBrowser, type Visitor, Visitors } from "./lib/visitor.ts";

const redis = await startRedis({ owner: { after } });
const server = await startServer({ owner: { after }, args: ["--registry.url", redis.url] });
const visitors = new Visitors(await openBrowser({ after }));
let ada: Visitor;
let bo: Visitor;

before(async () => {
  ada = await visitors.arrive(server.url, "Ada");
  bo = await visitors.arrive(server.url, "Bo");
});

const banner = (visitor: Visitor) => visitor.page.locator("#banner #degraded");

test("while Redis is there nothing is said of it", async () => {
  assert.equal(await banner(ada).count(), 0);
  assert.equal(await ada.page.locator("body").getAttribute("data-degraded"), "false");
});

test("without Redis everybody is told, and goes on", async () => {
  await bo.page.focus("#chat-input");
  await redis.kill();
  for (const visitor of [ada, bo]) {
    await banner(visitor).waitFor({ timeout: 20_000 });
    assert.equal(await visitor.page.locator("#connection").getAttribute("data-state"), "active");
  }
  assert.equal(await bo.page.evaluate(() => document.activeElement?.id), "chat-input", "nobody is interrupted");
  await ada.say("it is a little quiet");
  await bo.hears("Ada", "it is a little quiet");
});

test("who comes meanwhile is let in as long as seats are free, and told too", async () => {
  const cy = await visitors.arrive(server.url, "Cy");
  await banner(cy).waitFor();
  await ada.sees("Cy");
});

test("a reload meanwhile goes on in the session", async () => {
  const { connects } = bo;
  await bo.page.reload();
  await bo.state("active");
  assert.equal(bo.connects, connects);
  await banner(bo).waitFor();
});

test("when Redis is back the banner goes, and nobody has noticed more", async () => {
  await redis.start();
  for (const visitor of [ada, bo]) {
    await banner(visitor).waitFor({ state: "detached", timeout: 30_000 });
    assert.equal(await visitor.page.locator("#connection").getAttribute("data-state"), "active");
  }
  await bo.say("there it is again");
  await ada.hears("Bo", "there it is again");
});

test("nothing on the page broke a rule or threw", () => {
  assert.deepEqual(visitors.complaints, []);
});
