// A moderator on the plaza: mutes and kicks whom they find in the list. And somebody who only watches.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Role, startProvider } from "../scenario/lib/provider.ts";
import { startServer } from "../scenario/lib/server.ts";
import { signInAtProvider } from "./lib/at_provider.ts";
import { openBrowser, type Visitor, Visitors } from "./lib/visitor.ts";

const provider = await startProvider({ owner: { after } });
const server = await startServer({ owner: { after }, dev: false, args: provider.args });
const visitors = new Visitors(await openBrowser({ after }));
let mo: Visitor;
let bo: Visitor;
let cy: Visitor;

async function arrive(name: string, role: Role): Promise<Visitor> {
  const visitor = await visitors.open(name);
  await visitor.page.goto(server.url);
  await signInAtProvider(visitor, role);
  await visitor.state("active");
  return visitor;
}

before(async () => {
  mo = await arrive("Mo", "moderator");
  bo = await arrive("Bo", "player");
  cy = await arrive("Cy", "spectator");
  await mo.sees("Bo");
});

const rein = (visitor: Visitor, name: string) => visitor.page.getByRole("button", { name, exact: true });
const dialog = (visitor: Visitor) => visitor.page.getByRole("dialog");

test("only who may do so sees how to mute and kick, and nobody does it to themselves", async () => {
  await rein(mo, "Mute Bo").waitFor();
  assert.equal(await rein(mo, "Kick Mo").count(), 0);
  await bo.sees("Mo");
  assert.equal(await bo.page.locator("#people .reins").count(), 0);
});

test("cancel and Escape change nothing", async () => {
  for (const [name, away] of [["Kick Bo", "Cancel"], ["Mute Bo", "Escape"]] as const) {
    await rein(mo, name).click();
    await dialog(mo).waitFor();
    await (away === "Escape" ? mo.page.keyboard.press("Escape") : mo.button("Cancel").click());
    await dialog(mo).waitFor({ state: "hidden" });
  }
  await bo.say("still here");
  await mo.hears("Bo", "still here");
});

test("who is muted is told so and for how long, and is not heard, also after coming back", async () => {
  await rein(mo, "Mute Bo").click();
  await mo.page.getByLabel("Nobody hears what Bo says").selectOption({ label: "for an hour" });
  await mo.button("Mute").click();
  await mo.page.getByText("Bo is muted for an hour.").waitFor();
  for (const text of ["can anybody hear me?", "and now?"]) {
    await bo.say(text);
    await bo.page.locator("#muted", { hasText: "that was not said" }).waitFor();
    const left = await bo.countdown("#muted .countdown");
    assert.ok(left > 3500 && left <= 3600, `${left} s`);
    await bo.page.reload();
    await bo.state("active");
  }
  await mo.say("it is quiet");
  await bo.hears("Mo", "it is quiet");
  assert.equal(await mo.page.locator("#chat-log li", { hasText: "hear me" }).count(), 0);
});

test("who may speak again is heard, and what was refused is not said late", async () => {
  await rein(mo, "Mute Bo").click();
  await mo.page.getByLabel("Nobody hears what Bo says").selectOption({ label: "not any more" });
  await mo.button("Mute").click();
  await mo.page.getByText("Bo may speak again.").waitFor();
  await bo.say("thank you");
  await mo.hears("Bo", "thank you");
  assert.equal(await mo.page.locator("#chat-log li", { hasText: "and now" }).count(), 0);
});

test("who only watches sees and hears all, has no controls, and is told why", async () => {
  await cy.reads("Watching as Cy");
  await cy.sees("Bo");
  await mo.say("hello Cy");
  await cy.hears("Mo", "hello Cy");
  for (const id of ["hands", "chat-form"]) {
    assert.equal(await cy.page.locator(`#${id}`).isVisible(), false, id);
  }
  assert.equal(await cy.page.locator("#watching").isVisible(), true);
  const place = await cy.sees("Cy");
  await cy.page.locator("#plaza").press("ArrowUp", { delay: 300 });
  await cy.page.locator("#plaza").click({ position: { x: 300, y: 300 } });
  await bo.say("a moment later");
  await cy.hears("Bo", "a moment later");
  assert.deepEqual(await cy.sees("Cy"), place);
});

test("who is kicked is told, does not come back by itself, and is gone for everybody", async () => {
  await rein(mo, "Kick Bo").click();
  await mo.page.getByRole("heading", { name: "Ask Bo to leave?" }).waitFor();
  await mo.button("Kick").click();
  await mo.page.getByText("Bo was asked to leave.").waitFor();
  await bo.state("failed");
  await bo.faces("You were asked to leave");
  await mo.until("Bo gone", async () => (await mo.row("Bo").count()) === 0);
});

test("nothing on the page broke a rule or threw", () => {
  assert.deepEqual(visitors.complaints, []);
});
