// Signing in with a real OpenID Connect provider: there and back, newer tokens while one plays, and the way back in.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startProvider } from "../scenario/lib/provider.ts";
import { startServer } from "../scenario/lib/server.ts";
import { eventually } from "../scenario/lib/wait.ts";
import { introduce, signInAtProvider } from "./lib/at_provider.ts";
import { openBrowser, type Visitor, Visitors } from "./lib/visitor.ts";

/** Long enough to come in and to sign in again, short enough to see several of them run out. */
const TOKEN_SECONDS = 24;
const WARNING_SECONDS = 16;
/** Within this a token that was given is followed by the next. */
const TURN_MSEC = 2 * TOKEN_SECONDS * 1000;

const provider = await startProvider({ owner: { after } });
const server = await startServer({
  owner: { after },
  dev: false,
  args: [...provider.args, "--gateway.auth_warning_seconds", String(WARNING_SECONDS)],
});
const visitors = new Visitors(await openBrowser({ after }));
/** Messages of Ada's page to the server, and back, by their type. */
const heard: string[] = [];
let ada: Visitor;

before(async () => {
  provider.accessTokenSeconds = TOKEN_SECONDS;
  ada = await visitors.open("Ada");
  ada.page.on("websocket", (socket) => {
    const note = ({ payload }: { payload: string | Buffer }): void => {
      const frame = JSON.parse(String(payload)) as { type: string } | { type: string }[];
      heard.push(...[frame].flat().map(({ type }) => type));
    };
    socket.on("framesent", note);
    socket.on("framereceived", note);
  });
});

const count = (type: string): number => heard.filter((one) => one === type).length;
const refreshGrants = (): number => provider.asked.get("/token") ?? 0;

test("who comes is sent to the provider, and is back where they were, with nothing of it in the address", async () => {
  await ada.page.goto(`${server.url}/?from=a-friend#fountain`);
  await ada.faces("Come in, the plaza is open");
  assert.equal(await ada.page.locator("#name").count(), 0, "nobody is asked for a name here");
  await signInAtProvider(ada);
  await ada.state("active");
  assert.equal(ada.page.url(), `${server.url}/?from=a-friend#fountain`);
  assert.equal(await ada.page.evaluate(() => sessionStorage.getItem("playhouse.errand")), null);
  await ada.sees("Ada");
});

test("an access token that runs out is followed by another, and nobody notices", async () => {
  const connects = ada.connects;
  await ada.page.focus("#chat-input");
  await eventually(async () => count("event.refreshed") >= 2, "two newer tokens taken", TURN_MSEC);
  assert.equal(count("session.refresh"), count("event.refreshed"));
  assert.equal(await ada.page.locator("#connection").getAttribute("data-state"), "active");
  assert.equal(await ada.page.evaluate(() => document.activeElement?.id), "chat-input");
  assert.equal(ada.connects, connects);
  assert.equal(count("event.welcome"), 1, "it is still the same connection");
});

test("a reload goes on in the session, without the provider", async () => {
  const [connects, grants] = [ada.connects, refreshGrants()];
  await ada.page.reload();
  await ada.state("active");
  assert.equal(ada.connects, connects);
  assert.ok(refreshGrants() <= grants + 1);
});

test("a duplicated tab does not use the grant of the other, which goes on", async () => {
  const copy = await visitors.duplicate(ada);
  await copy.page.waitForFunction(() => sessionStorage.getItem("playhouse.grant") === null);
  assert.notEqual(await ada.page.evaluate(() => sessionStorage.getItem("playhouse.grant")), null);
  await copy.page.close();
  const before = count("event.refreshed");
  await eventually(async () => count("event.refreshed") > before, "another token taken", TURN_MSEC);
});

test("when no newer token can be had there is time to sign in again, and one is back in the same visit", async () => {
  await ada.say("before the sign-in ran out");
  await ada.hears("Ada", "before the sign-in ran out");
  const place = await ada.sees("Ada");
  await ada.page.evaluate(() => sessionStorage.removeItem("playhouse.grant"));
  const banner = ada.page.locator("#banner #expiring");
  await banner.waitFor({ timeout: TURN_MSEC });
  const left = await ada.countdown("#banner #expiring");
  assert.ok(left > 0 && left <= WARNING_SECONDS, `${left} s`);
  const connects = ada.connects;
  // The provider remembers Ada: she need not say again who she is.
  await banner.getByRole("button", { name: "Sign in" }).click();
  await ada.page.waitForURL(`${server.url}/**`);
  await ada.until("a visit that goes on", async () => count("event.welcome") >= 3);
  await ada.state("active");
  assert.equal(ada.connects, connects + 1, "the new token was shown with the reconnect token");
  assert.deepEqual(await ada.sees("Ada"), place);
});

test("who lets it run out finds the way back at the gate, with the seat kept", async () => {
  await ada.page.evaluate(() => sessionStorage.removeItem("playhouse.grant"));
  await ada.state("sign_in", 2 * TURN_MSEC);
  await ada.faces("Please sign in again");
  const left = await ada.countdown("#face .grace");
  assert.ok(left > 30 && left <= 60, `kept for ${left} s`);
  await ada.button("Sign in").click();
  await ada.page.waitForURL(`${server.url}/**`);
  await ada.state("active");
  await ada.say("that was close");
  await ada.hears("Ada", "that was close");
});

test("who leaves is signed out: what was given is revoked, and another may sign in here", async () => {
  await ada.button("Leave").click();
  await ada.state("idle");
  assert.equal(await ada.page.evaluate(() => sessionStorage.getItem("playhouse.grant")), null);
  await ada.until("the grant revoked", async () => (provider.asked.get("/token/revocation") ?? 0) > 0);
  await ada.button("Use another account").click();
  await introduce(Object.assign(Object.create(ada) as Visitor, { name: "Eve" }));
  await ada.reads("Here as Eve");
});

test("an answer that nobody asked for lets nobody in, and is not left in the address", async () => {
  const visitor = await visitors.open("Mallory");
  await visitor.page.goto(`${server.url}/?code=stolen&state=forged`);
  await visitor.button("Sign in").waitFor();
  assert.equal(visitor.page.url(), `${server.url}/`);
  await visitor.state("idle");
});

test("a provider that is away is said so, and the way is open again when it is back", async () => {
  const visitor = await visitors.open("Bo");
  await visitor.page.goto(server.url);
  await visitor.button("Sign in").waitFor();
  await provider.stop();
  await visitor.button("Sign in").click();
  await visitor.page.getByText("The identity provider does not answer.").waitFor();
  await provider.start();
  await signInAtProvider(visitor);
  await visitor.state("active");
});

test("nothing on the page broke a rule or threw", () => {
  assert.deepEqual(visitors.complaints, []);
});
