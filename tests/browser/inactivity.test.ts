// Who does nothing is asked, and then loses the visit; who says a word stays.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startServer } from "../scenario/lib/server.ts";
import { openBrowser, type Visitor, Visitors } from "./lib/visitor.ts";

const IDLE_SECONDS = 8;
const WARNING_SECONDS = 5;
const server = await startServer({
  owner: { after },
  args: [
    ...["--gateway.idle_seconds", String(IDLE_SECONDS)],
    ...["--gateway.idle_warning_seconds", String(WARNING_SECONDS)],
  ],
});
const visitors = new Visitors(await openBrowser({ after }));
let ada: Visitor;

before(async () => {
  ada = await visitors.arrive(server.url, "Ada");
});

const asked = (visitor: Visitor) => visitor.page.locator("#banner #inactivity");
const warned = (visitor: Visitor) => asked(visitor).waitFor({ timeout: 2 * IDLE_SECONDS * 1000 });

test("who does nothing is asked, with what is left, in words that are read out", async () => {
  await warned(ada);
  const left = await ada.countdown("#banner #inactivity");
  assert.ok(left > 0 && left <= WARNING_SECONDS, `${left} s`);
  assert.match(await asked(ada).innerText(), /Are you still there\?/);
  assert.equal(await ada.page.locator("#banner").getAttribute("aria-live"), "polite");
});

test("the button says that one is there, by the keyboard too, and one stands where one stood", async () => {
  const place = await ada.sees("Ada");
  await ada.button("I am here").focus();
  await ada.page.keyboard.press("Enter");
  await asked(ada).waitFor({ state: "detached" });
  assert.equal(await ada.page.evaluate(() => document.activeElement?.id), "plaza", "the keyboard is back on the plaza");
  await warned(ada);
  assert.deepEqual(await ada.sees("Ada"), place);
});

test("so does anything that one does", async () => {
  await ada.say("just thinking");
  await asked(ada).waitFor({ state: "detached" });
  await ada.hears("Ada", "just thinking");
});

test("who does not answer is out, is told why, and everybody sees it", async () => {
  await ada.state("failed", 3 * IDLE_SECONDS * 1000);
  await ada.faces("You were away for a while");
  const bo = await visitors.arrive(server.url, "Bo");
  await bo.sees("Bo");
  assert.equal(await bo.row("Ada").count(), 0);
});

test("who joins again comes with a fresh connect", async () => {
  await ada.button("Join again").click();
  await ada.state("active");
  assert.equal(ada.connects, 2);
  await ada.say("here I am again");
  await ada.hears("Ada", "here I am again");
});

test("nothing on the page broke a rule or threw", () => {
  assert.deepEqual(visitors.complaints, []);
});
