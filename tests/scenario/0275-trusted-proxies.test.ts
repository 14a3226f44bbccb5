// Behind a load balancer the limits by address are those of players: whoever is trusted says in X-Forwarded-For for whom
// it asks, over HTTP and for WebSockets; nobody else is believed.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { after, test, type TestContext } from "node:test";
import WebSocket from "ws";
import { firstCharacter, signIn } from "./lib/api.ts";
import { playhouse } from "./lib/cli.ts";
import { startServer } from "./lib/server.ts";
import { eventually, within } from "./lib/wait.ts";

const TRUSTED = "127.0.0.2";
const STRANGER = "127.0.0.3";
const PER_ADDRESS = 3;
const ANSWER_MSEC = 20_000;

const limits = ["--admission.attempts_per_address", String(PER_ADDRESS), "--gateway.address_max", "1"];
const server = await startServer({ owner: { after }, args: [...limits, "--gateway.trusted_proxies", `${TRUSTED} 10.0.0.0/8`] });
const { host, hostname, port } = new URL(server.url);

/** The status of a connect with a token that is not good: 401, or 429 when its address has had too many of them. */
async function attempt(from: string, forwarded: string | string[]): Promise<number> {
  const headers = { authorization: "Bearer not.a.token", "content-type": "application/json", "x-forwarded-for": forwarded };
  const asked = request({
    ...{ hostname, port, method: "POST", path: "/instances/plaza/connect", localAddress: from, agent: false },
    headers: { ...headers, "content-length": 2 },
  });
  asked.end("{}");
  const [response] = await within(once(asked, "response"), ANSWER_MSEC, "an answer");
  response.resume();
  await within(once(response, "end"), ANSWER_MSEC, "the end of it");
  return response.statusCode;
}

async function attempts(from: string, forwarded: string): Promise<number[]> {
  const all: number[] = [];
  for (let n = 0; n <= PER_ADDRESS; n++) {
    all.push(await attempt(from, forwarded));
  }
  return all;
}

const LOCKED_AT_LAST = [...Array<number>(PER_ADDRESS).fill(401), 429];

test("what a trusted one asks counts for whom it asks for", async () => {
  assert.deepEqual(await attempts(TRUSTED, "192.0.2.1"), LOCKED_AT_LAST);
  assert.deepEqual(await attempts(TRUSTED, "192.0.2.2"), LOCKED_AT_LAST, "another client behind it");
  assert.equal(await attempt(TRUSTED, "192.0.2.1"), 429);
});

test("also through two of them, whatever the client has put in front", async () => {
  assert.equal(await attempt(TRUSTED, "192.0.2.9, 192.0.2.1, 10.1.2.3"), 429);
  assert.equal(await attempt(TRUSTED, "192.0.2.1, 192.0.2.3"), 401);
});

test("a stranger is not believed", async () => {
  for (let n = 0; n < PER_ADDRESS; n++) {
    assert.equal(await attempt(STRANGER, `192.0.2.${10 + n}`), 401);
  }
  assert.equal(await attempt(STRANGER, "192.0.2.20"), 429, "it has used up its own attempts");
});

test("a header in several lines is one", async () => {
  assert.equal(await attempt(TRUSTED, ["192.0.2.9", "192.0.2.1"]), 429);
  assert.equal(await attempt(TRUSTED, ["192.0.2.1", "192.0.2.9, 192.0.2.4", "10.1.2.3"]), 401);
});

/** A WebSocket, and why it was closed if it is. */
async function open(t: TestContext, forwarded: string, format: string): Promise<{ socket: WebSocket; closed: Promise<string> }> {
  const options = { localAddress: TRUSTED, headers: { "x-forwarded-for": forwarded }, perMessageDeflate: false };
  const socket = new WebSocket(`ws://${host}/ws`, [`playhouse.v1.${format}`], options);
  t.after(() => socket.terminate());
  const closed = new Promise<string>((done) => socket.on("close", (_, reason) => done(String(reason))));
  await within(once(socket, "open"), ANSWER_MSEC, "it opens");
  return { socket, closed };
}

test("WebSockets are counted alike, in each format", async (t) => {
  for (const [n, format] of ["json", "msgpack"].entries()) {
    const [first, other] = [await open(t, `192.0.2.${30 + n}`, format), await open(t, `192.0.2.${40 + n}`, format)];
    const { closed } = await open(t, `192.0.2.${30 + n}`, format);
    assert.equal(await within(closed, ANSWER_MSEC, "the second one of an address is closed"), "OVERLOADED");
    for (const { socket } of [first, other]) {
      socket.ping();
      await within(once(socket, "pong"), ANSWER_MSEC, "one of each address goes on");
    }
  }
});

test("logs have the player's address, without its last byte", async (t) => {
  const api = await signIn(server, "Ada");
  const { id } = await firstCharacter(api, "Ada");
  const { socket } = await open(t, "198.51.100.7", "json");
  socket.send(JSON.stringify({ type: "session.join", ticket: await api.ticket(id), build: await api.build() }));
  const joined = await eventually(() => server.log.find(({ event }) => event === "session-joined"), "it has joined");
  assert.equal(joined["address"], "198.51.100.0");
});

test("a list that is none is refused at the start, and says what is wrong with it", async () => {
  const { code, err } = await playhouse(["run", "--dev", "--gateway.trusted_proxies", "10.0.0.0/8 balancer"]);
  assert.equal(code, 1);
  assert.match(err, /gateway\.trusted_proxies.*balancer/s);
});
