// A plaza with one seat: who waits sees where, is let in when it is their turn, and keeps the place over a mishap.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startServer } from "../scenario/lib/server.ts";
import { openBrowser, type Visitor, Visitors } from "./lib/visitor.ts";

/** Until `socketsWork` is set in the page no WebSocket of it opens. Source, since the page is not compiled with us. */
const SOCKETS_FAIL = `WebSocket = new Proxy(WebSocket, {
  construct: (Real, [address, protocols]) => new Real(globalThis.socketsWork ? address : "/no-such-place", protocols),
});`;
const server = await startServer({ owner: { after }, args: ["--admission.capacity", "1"] });
const visitors = new Visitors(await openBrowser({ after }));
let ada: Visitor;
let bo: Visitor;
let cy: Visitor;

before(async () => {
  ada = await visitors.arrive(server.url, "Ada");
  bo = await visitors.knock(server.url, "Bo");
  await bo.state("queued");
  cy = await visitors.knock(server.url, "Cy");
  await cy.state("queued");
});

test("who finds the plaza full sees where they stand, as large print and as a line to be read out", async () => {
  await bo.faces("The plaza is full just now");
  await bo.reads("Waiting, number 1 of 2");
  await cy.reads("Waiting, number 2 of 2");
  assert.equal(await cy.page.locator("#queue-position").innerText(), "2");
  assert.match(await cy.page.title(), /^\(2\)/);
  assert.equal(await cy.page.locator("#connection").getAttribute("aria-live"), "polite");
  assert.equal(await cy.page.locator("#talk").isVisible(), false, "the room is not there yet");
});

test("nobody invents how long it takes", async () => {
  assert.equal(await cy.page.locator("#queue-eta").innerText(), "Nobody can say yet how long it takes.");
});

test("who gives the place up with the keyboard is at the sign-in again, and the others move up", async () => {
  await bo.button("Leave the queue").focus();
  await bo.page.keyboard.press("Enter");
  await bo.state("idle");
  await cy.reads("Waiting, number 1 of 1");
  await bo.knock();
  await bo.reads("Waiting, number 2 of 2");
});

test("a reload in the queue keeps the place", async () => {
  const { connects } = cy;
  await cy.page.reload();
  await cy.reads("Waiting, number 1 of 2");
  await bo.reads("Waiting, number 2 of 2");
  assert.equal(cy.connects, connects, "it was not asked for again");
});

test("a drop of the network in the queue keeps the place", async () => {
  await cy.offline(true);
  await cy.state("reconnecting");
  await cy.faces("Your place in the queue is kept");
  const left = await cy.countdown("#face .grace");
  assert.ok(left > 40 && left <= 60, `kept for ${left} s`);
  await cy.offline(false);
  await cy.reads("Waiting, number 1 of 2");
});

test("when a seat is free the first is let in by itself, and the next is first", async () => {
  await ada.button("Leave").click();
  await ada.state("idle");
  await cy.state("active");
  await cy.sees("Cy");
  await bo.reads("Waiting, number 1 of 1");
});

test("after two promotions there is something to measure from", async () => {
  await ada.knock();
  await ada.reads("Waiting, number 2 of 2");
  await cy.button("Leave").click();
  await bo.state("active");
  await ada.reads("Waiting, number 1 of 1");
  await ada.page.locator("#queue-eta", { hasText: /It should take/ }).waitFor();
});

test("without a socket the place is asked for every few seconds, and the seat is taken when one opens", async () => {
  const dora = await visitors.open("Dora");
  await dora.page.addInitScript(SOCKETS_FAIL);
  await dora.page.goto(server.url);
  await dora.knock();
  await dora.page.locator('#face [data-pushed="false"]').waitFor();
  await dora.reads("Waiting, number 2 of 2");
  await ada.button("Leave the queue").click();
  await dora.reads("Waiting, number 1 of 1", 20_000);
  await dora.page.evaluate(() => Object.assign(globalThis, { socketsWork: true }));
  await bo.button("Leave").click();
  await dora.state("active", 30_000);
  await dora.sees("Dora");
});

test("nothing on the page broke a rule or threw", () => {
  assert.deepEqual(visitors.complaints, []);
});
