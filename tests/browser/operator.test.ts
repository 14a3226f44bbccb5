// What an operator does, and what people at the page see of it: drain, maintenance, kick, lock-out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { change, kick } from "../scenario/lib/admin.ts";
import { firstCharacter, signIn } from "../scenario/lib/api.ts";
import { startServer } from "../scenario/lib/server.ts";
import { openBrowser, type Visitor, Visitors } from "./lib/visitor.ts";

const LOCK_SECONDS = 6;
const server = await startServer({ owner: { after }, args: ["--admission.lock_seconds", String(LOCK_SECONDS)] });
const visitors = new Visitors(await openBrowser({ after }));
let ada: Visitor;

before(async () => {
  ada = await visitors.arrive(server.url, "Ada");
});

const isActive = async (visitor: Visitor): Promise<boolean> =>
  (await visitor.page.locator("#connection").getAttribute("data-state")) === "active";

test("a drained plaza lets nobody new in, and who is in may even reload", async () => {
  await change(server, { drain: true });
  const bo = await visitors.knock(server.url, "Bo");
  await bo.state("unavailable");
  await bo.faces("The gate is closed to newcomers");
  await bo.page.locator("#face", { hasText: /Next try in \d+ s|Trying…/ }).waitFor();
  assert.equal(await isActive(ada), true);
  await ada.page.reload();
  await ada.state("active");
  await change(server, { drain: false });
  await bo.state("active", 30_000);
  await ada.sees("Bo");
});

test("a maintenance that is announced counts down above the plaza, until it is called off", async () => {
  await change(server, { maintenance: true, endsInSeconds: 600, message: "new lanterns are hung" });
  const banner = ada.page.locator("#banner #maintenance");
  await banner.waitFor();
  assert.match(await banner.innerText(), /New lanterns are hung\./);
  const left = await ada.countdown("#banner #maintenance");
  assert.ok(left > 570 && left <= 600, `${left} s`);
  const late = await visitors.knock(server.url, "Late");
  await late.state("unavailable");
  await late.faces("The plaza is being repaired");
  await change(server, { maintenance: false });
  await banner.waitFor({ state: "detached" });
  assert.equal(await isActive(ada), true);
  await late.state("active", 30_000);
});

test("a maintenance that begins ends the visit, and afterwards one is let in by itself", async () => {
  await change(server, { maintenance: true, endsInSeconds: 1 });
  await ada.state("unavailable");
  await ada.faces("The plaza is being repaired");
  await change(server, { maintenance: false });
  await ada.state("active", 60_000);
});

test("who is asked to leave is told, and does not come back by itself", async () => {
  const visitor = await visitors.arrive(server.url, "Kim");
  const characterId = await visitor.page.locator('#people li[data-self="true"]').getAttribute("data-character-id");
  assert.ok(characterId, "the list knows who is who");
  assert.equal(await kick(server, { characterId }), true);
  await visitor.state("failed");
  await visitor.faces("You were asked to leave");
  await ada.until("Kim is gone", async () => (await ada.row("Kim").count()) === 0);
  await visitor.button("Back to the sign-in").click();
  await visitor.state("idle");
  assert.equal(visitor.connects, 1);
});

test("who has tried too often waits as long as the server says, and is let in then", async () => {
  const api = await signIn(server, "Eve");
  await firstCharacter(api, "Eve");
  const eve = await visitors.open("Eve"); // the page is there before the lock begins to run out
  await eve.page.goto(server.url);
  for (let failures = 0; failures < 5; failures += 1) {
    const { reason } = await api.connect({ characterId: "not-hers" });
    assert.equal(reason, "NOT_OWNER");
  }
  await eve.knock();
  await eve.state("unavailable");
  await eve.faces("A little slower, please");
  await eve.state("active", 3 * LOCK_SECONDS * 1000);
});

test("nothing on the page broke a rule or threw", () => {
  assert.deepEqual(visitors.complaints, []);
});
