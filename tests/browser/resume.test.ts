// A connection that is cut and comes back: only what has changed meanwhile is sent, and all of it is seen.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { startServer } from "../scenario/lib/server.ts";
import { openBrowser, type Visitor, Visitors } from "./lib/visitor.ts";

interface Welcome {
  type: string;
  roomVersion: number;
  snapshot?: unknown;
  changes?: { since: number; members: unknown[]; left: string[] };
  chats?: { text: string }[];
}

const server = await startServer({ owner: { after } });
const visitors = new Visitors(await openBrowser({ after }));
const welcomes: Welcome[] = [];
const joins: Record<string, unknown>[] = [];
let ada: Visitor;
let bo: Visitor;

/** Notes with what the page comes back, and what it is answered. */
function listen(page: Page): void {
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => {
      const message = JSON.parse(String(payload)) as Record<string, unknown>;
      if (message["type"] === "session.join") {
        joins.push(message);
      }
    });
    socket.on("framereceived", ({ payload }) => {
      const frame = JSON.parse(String(payload)) as Welcome | Welcome[];
      welcomes.push(...[frame].flat().filter(({ type }) => type === "event.welcome"));
    });
  });
}

before(async () => {
  ada = await visitors.open("Ada");
  listen(ada.page);
  await ada.page.goto(server.url);
  await ada.signIn("Ada");
  bo = await visitors.arrive(server.url, "Bo");
  await ada.sees("Bo");
});

const lines = (visitor: Visitor, text: string) => visitor.page.locator("#chat-log li", { hasText: text });

test("who is cut off sees afterwards what has happened meanwhile, and hears each word once", async () => {
  const cy = await visitors.arrive(server.url, "Cy");
  await ada.sees("Cy");
  await bo.say("before the cut");
  await ada.hears("Bo", "before the cut");
  await ada.offline(true);
  await ada.state("reconnecting");
  await bo.say("during the cut");
  await bo.hears("Bo", "during the cut");
  await bo.walkTo({ x: 300, y: 600 });
  await cy.button("Leave").click();
  const di = await visitors.arrive(server.url, "Di");
  await bo.until("Cy gone and Di there", async () => (await bo.row("Cy").count()) + (await bo.row("Di").count()) === 1);
  await ada.offline(false);
  await ada.state("active", 30_000);
  await ada.hears("Bo", "during the cut");
  await visitors.agree(bo, ada, "Bo");
  await ada.sees("Di");
  assert.equal(await ada.row("Cy").count(), 0, "nobody stays who has left");
  for (const text of ["before the cut", "during the cut"]) {
    assert.equal(await lines(ada, text).count(), 1, text);
  }
  assert.equal(await lines(ada, "were missed").count(), 0);
  await di.button("Leave").click();
});

test("that was sent as changes to what the page still had, which it had named", () => {
  const [join, welcome] = [joins.at(-1), welcomes.at(-1)];
  assert.ok(welcome?.changes, "changes, not the whole");
  assert.equal(welcome.snapshot, undefined);
  assert.equal(join?.["roomVersion"], welcome.changes.since);
  assert.equal(typeof join?.["lastSequence"], "number");
});

test("what was on its way when the cut came arrives once", async () => {
  await ada.offline(true);
  await ada.page.fill("#chat-input", "into the cut");
  await ada.page.press("#chat-input", "Enter");
  await ada.state("reconnecting", 30_000);
  await ada.offline(false);
  await ada.state("active", 30_000);
  await ada.say("after the cut");
  await bo.hears("Ada", "after the cut");
  assert.ok((await lines(bo, "into the cut").count()) <= 1);
  assert.equal(await lines(bo, "into the cut").count(), await lines(ada, "into the cut").count());
});

test("a reloaded page has nothing and is sent the whole", async () => {
  await ada.page.reload();
  await ada.state("active");
  assert.equal(joins.at(-1)?.["roomVersion"], undefined);
  assert.ok(welcomes.at(-1)?.snapshot);
  await ada.sees("Bo");
});

test("nothing on the page broke a rule or threw", () => {
  assert.deepEqual(visitors.complaints, []);
});
