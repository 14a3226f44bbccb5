// One character, two tabs: the second asks before anything happens, and the first is told.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startServer } from "../scenario/lib/server.ts";
import { openBrowser, type Visitor, Visitors } from "./lib/visitor.ts";

const server = await startServer({ owner: { after } });
const visitors = new Visitors(await openBrowser({ after }));
let ada: Visitor;
let bo: Visitor;
let second: Visitor;

before(async () => {
  ada = await visitors.arrive(server.url, "Ada");
  bo = await visitors.arrive(server.url, "Bo");
  second = await visitors.secondTab(ada);
  await second.page.goto(server.url);
});

test("a second tab asks, and the first goes on meanwhile", async () => {
  await second.knock();
  await second.state("replacement");
  const dialogue = second.page.getByRole("alertdialog", { name: "This character is playing elsewhere" });
  await dialogue.waitFor();
  assert.match(await dialogue.innerText(), /Ada is playing in another window/);
  await ada.say("still here");
  await bo.hears("Ada", "still here");
});

test("no, with the Escape key, leaves everything as it was", async () => {
  await second.page.keyboard.press("Escape");
  await second.state("idle");
  await second.page.getByText("Nothing was changed").waitFor();
  await ada.say("and still here");
  await bo.hears("Ada", "and still here");
  assert.equal(ada.connects, 1);
});

test("no, with the button, does so too", async () => {
  await second.knock();
  await second.button("Cancel").click();
  await second.state("idle");
  assert.equal(await ada.page.locator("#connection").getAttribute("data-state"), "active");
});

test("yes moves the session: the second plays on in the same place, the first is told and does not fight", async () => {
  const place = await ada.sees("Ada");
  await second.knock();
  await second.state("replacement");
  await second.page.keyboard.press("Tab");
  assert.equal(await second.page.evaluate(() => document.activeElement?.textContent), "Take over");
  await second.page.keyboard.press("Enter");
  await second.state("active");
  await ada.state("replaced");
  await ada.faces("You went on in another place");
  assert.deepEqual(await second.sees("Ada"), place);
  assert.equal(await bo.row("Ada").count(), 1);
  await second.say("here now");
  await bo.hears("Ada", "here now");
  assert.equal(await ada.page.locator("#connection").getAttribute("data-state"), "replaced");
});

test("the first may take it back, and is asked too", async () => {
  await ada.button("Take it back").click();
  await ada.state("replacement");
  assert.equal(await second.page.locator("#connection").getAttribute("data-state"), "active");
  await ada.button("Take over").click();
  await ada.state("active");
  await second.state("replaced");
});

test("a tab that was replaced and is reloaded asks again", async () => {
  await second.page.reload();
  await second.state("replacement");
  await second.button("Cancel").click();
  await second.state("idle");
});

test("a duplicated tab has a copy of the token, and asks all the same", async () => {
  const copy = await visitors.duplicate(ada);
  await copy.state("replacement");
  assert.equal(await ada.page.locator("#connection").getAttribute("data-state"), "active");
  await copy.button("Cancel").click();
  await copy.state("idle");
  await ada.page.reload();
  await ada.state("active");
  await bo.row("Ada").waitFor(); // the drop and the return are two changes of the room, and Bo sees both
  assert.equal(await bo.row("Ada").count(), 1);
});

test("nothing on the page broke a rule or threw", () => {
  assert.deepEqual(visitors.complaints, []);
});
