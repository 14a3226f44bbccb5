// Reload, a network that goes, a server that is killed, another build: the page is back in its session by itself.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { startServer } from "../scenario/lib/server.ts";
import { openBrowser, type Visitor, Visitors } from "./lib/visitor.ts";

/** The server reads them at each start: the second time it has to listen where it did before. */
const serverArgs: string[] = [];
const server = await startServer({ owner: { after }, args: serverArgs });
const visitors = new Visitors(await openBrowser({ after }));
let ada: Visitor;
let bo: Visitor;
let connects = 0;

before(async () => {
  ada = await visitors.arrive(server.url, "Ada");
  bo = await visitors.arrive(server.url, "Bo");
});

beforeEach(() => {
  connects = ada.connects;
});

/** Ada is where she was, in the session that she had, and can act. */
async function backInSession(words: string): Promise<void> {
  await ada.state("active", 30_000);
  assert.equal(ada.connects, connects, "the session was resumed: no other connect was made");
  await ada.say(words);
  await bo.hears("Ada", words);
  await ada.hears("Ada", words);
}

test("a reload goes on in the same session", async () => {
  const place = await ada.sees("Ada");
  await ada.page.reload();
  await backInSession("after a reload");
  assert.deepEqual(await ada.sees("Ada"), place);
});

test("so does the reload after it: each return brings the next token", async () => {
  await ada.page.reload();
  await ada.state("active");
  await ada.page.reload();
  await backInSession("after two more");
});

test("a network that goes is a countdown, and then one is back", async () => {
  await ada.offline(true);
  await ada.state("reconnecting");
  await ada.page.getByText("Coming back…").waitFor();
  const left = await ada.countdown("#face .grace");
  assert.ok(left > 40 && left <= 60, `kept for ${left} s`);
  await ada.page.locator("#face", { hasText: /Next try in \d+ s|Trying…/ }).waitFor();
  assert.equal(await ada.page.locator("#talk").isVisible(), true, "what was said stays in sight");
  await ada.offline(false);
  await backInSession("the cable was out");
});

test("a server that is killed and started again on its store finds everybody where they were", async () => {
  const place = await ada.sees("Ada");
  await server.kill9();
  await ada.state("reconnecting");
  serverArgs.push("--gateway.port", new URL(server.url).port);
  await server.start();
  await bo.state("active", 30_000);
  await backInSession("that was quick");
  assert.deepEqual(await bo.sees("Ada"), place);
});

test("the page of an old build is told so, and the new page goes on in the session", async () => {
  const { build } = (await (await fetch(`${server.url}/api/version`)).json()) as { build: string };
  await ada.page.route("**/*.js", async (route) => {
    const response = await route.fetch();
    const body = (await response.text()).replaceAll(build, "an-older-build");
    await route.fulfill({ response, body, headers: { ...response.headers(), "cache-control": "no-store" } });
  });
  await ada.page.reload();
  await ada.state("update_required");
  await ada.faces("The plaza has been rebuilt");
  await ada.page.unroute("**/*.js");
  await ada.button("Reload").click();
  await backInSession("in a new coat");
});

test("who leaves while the network is gone cannot say so, and is asked when they come again", async () => {
  await bo.offline(true);
  await bo.state("reconnecting");
  await bo.button("Leave").click();
  await bo.state("idle");
  await bo.offline(false);
  await bo.knock();
  await bo.state("replacement");
  await bo.button("Take over").click();
  await bo.state("active");
  await ada.sees("Bo");
  assert.equal(await ada.row("Bo").count(), 1);
});

test("nothing on the page broke a rule or threw", () => {
  assert.deepEqual(visitors.complaints, []);
});
