// Who may ask what over HTTP: every endpoint that is described, asked by everybody, about what is theirs and what is
// another's. The table is the specification.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { after, test } from "node:test";
import { change, sessionOf } from "./lib/admin.ts";
import { Api, http, signIn, type Answer } from "./lib/api.ts";
import { roles } from "./lib/crowd.ts";
import { errorOf, expectError } from "./lib/errors.ts";
import { openHouse, patient } from "./lib/house.ts";
import { Player } from "./lib/player.ts";
import { generated, startServer } from "./lib/server.ts";
import { holds } from "./lib/wait.ts";

const FULL = "hall"; // an instance with one seat, which is taken
const callers = ["nobody", ...roles] as const;
type Caller = (typeof callers)[number];


/**
 * Status, and what the answer says: the code of an error, the outcome and reason of a connect, whether there was
 * something to leave. "+": something of the other user's is in it.
 */
type Expected = string;

const NO = "401 UNAUTHENTICATED";
const NOT = "403 FORBIDDEN";
const NONE = "404 NOT_FOUND";
const GONE = "200 failed RECONNECT_INVALID";
const IN = "200 admitted";
const LEFT = "200 left";
const LEFTNOT = "200 nothing left";
const THEIRS = "200 failed NOT_OWNER";

// prettier-ignore
const table: readonly (readonly [string, string, Expected, Expected, Expected, Expected, Expected])[] = [
  // endpoint                           about                      nobody   player      spectator   moderator   admin
  ["get /api/version",                  "",                        "200",   "200",      "200",      "200",      "200"],
  ["get /api/sign-in",                  "",                        "200",   "200",      "200",      "200",      "200"],
  ["get /api/health",                   "",                        "200",   "200",      "200",      "200",      "200"],
  ["get /api/characters",               "own",                     NO,      "200",      "200",      "200",      "200"],
  ["post /api/characters",              "own",                     NO,      "201",      "201",      "201",      "201"],
  ["post /api/characters/{id}/select",  "own",                     NO,      "200",      "200",      "200",      "200"],
  ["post /api/characters/{id}/select",  "another's",               NO,      NONE,       NONE,       NONE,       NONE],
  ["get /api/session/bootstrap",        "own",                     NO,      "200",      "200",      "200",      "200"],
  ["post /api/session/bootstrap",       "own",                     NO,      "200",      "200",      "200",      "200"],
  ["post /instances/{id}/connect",      "own",                     NO,      IN,         IN,         IN,         IN],
  ["post /instances/{id}/connect",      "another's",               NO,      THEIRS,     THEIRS,     THEIRS,     THEIRS],
  ["post /instances/{id}/connect",      "another's reconnectToken", NO,     GONE,       GONE,       GONE,       GONE],
  ["post /instances/{id}/connect",      "another's queue token",   NO,      GONE,       GONE,       GONE,       GONE],
  ["post /instances/{id}/connect",      "another's replaceToken",  NO,      IN,         IN,         IN,         IN],
  ["post /instances/{id}/leave",        "own",                     NO,      LEFT,       LEFT,       LEFT,       LEFT],
  ["post /instances/{id}/leave",        "another's",               NO,      NONE,       NONE,       NONE,       NONE],
  ["post /instances/{id}/leave",        "another's replaceToken",  NO,      LEFTNOT,    LEFTNOT,    LEFTNOT,    LEFTNOT],
  ["get /instances/{id}/queue/status",  "own",                     NO,      "200",      "200",      "200",      "200"],
  ["get /instances/{id}/queue/status",  "another's",               NO,      NONE,       NONE,       NONE,       NONE],
  ["get /instances/{id}/sessions",      "",                        NO,      NOT,        NOT,        "200 +",    "200 +"],
  ["post /instances/{id}/kick",         "another's",               NO,      NOT,        NOT,        LEFT,       LEFT],
  ["post /instances/{id}/mute",         "another's",               NO,      NOT,        NOT,        "200",      "200"],
  ["get /instances/{id}",               "",                        NO,      NOT,        NOT,        NOT,        "200"],
  ["post /instances/{id}",              "",                        NO,      NOT,        NOT,        NOT,        "200"],
  // On the port that everybody reaches there is nothing of the operators'.
  ["get /admin/instances",              "the open port",           "404",   "404",      "404",      "404",      "404"],
  ["post /admin/instances/{id}",        "the open port",           NONE,    NONE,       NONE,       NONE,       NONE],
  ["get /admin/instances/{id}/sessions", "the open port",          "404",   "404",      "404",      "404",      "404"],
  ["post /admin/instances/{id}/kick",   "the open port",           NONE,    NONE,       NONE,       NONE,       NONE],
  // Whoever is on this machine is an operator, and a token changes nothing.
  ["get /admin/instances",              "this machine",            "200",   "200",      "200",      "200",      "200"],
  ["post /admin/instances/{id}",        "this machine",            "200",   "200",      "200",      "200",      "200"],
  ["get /admin/instances/{id}/sessions", "this machine",           "200 +", "200 +",    "200 +",    "200 +",    "200 +"],
  ["post /admin/instances/{id}/kick",   "this machine",            LEFT,    LEFT,       LEFT,       LEFT,       LEFT],
  // But not a page elsewhere that sends a browser of this machine there.
  ["get /admin/instances",              "a page elsewhere",        NOT,     NOT,        NOT,        NOT,        NOT],
  ["post /admin/instances/{id}",        "a page elsewhere",        NOT,     NOT,        NOT,        NOT,        NOT],
  ["get /admin/instances/{id}/sessions", "a page elsewhere",       NOT,     NOT,        NOT,        NOT,        NOT],
  ["post /admin/instances/{id}/kick",   "a page elsewhere",        NOT,     NOT,        NOT,        NOT,        NOT],
  ["post /dev/token",                   "",                        NONE,    NONE,       NONE,       NONE,       NONE],
];

const args = [...patient, "--admission.instances", `plaza ${FULL}`, "--admission.capacity", "100"];
const house = await openHouse("memory", { owner: { after }, args, people: 9 });
const { server, build, crowd } = house;

// ---- who asks ----

interface Asking {
  readonly api: Api;
  /** Whose characters are "own". Nobody's are the player's. */
  readonly self: Player;
}

const selves = new Map(
  callers.map((caller, n) => [caller, new Player(crowd.people[n === 0 ? 1 : n] ?? assert.fail(), server)]),
);

function asking(caller: Caller): Asking {
  const self = selves.get(caller) ?? assert.fail();
  const token = caller === "nobody" ? undefined : crowd.token(self.person.userId, { role: caller });
  return { api: new Api(server, token), self };
}

// ---- what others have: a session with a dialogue about replacing it, one to be kicked, a seat and a place in the hall ----

const [other, kicked, seated, waiting] = house.some(4, 5) as [Player, Player, Player, Player];
await holds(() => change(server, { capacity: 1 }, FULL)); // its registry is told what the store knows first
await other.enter();
const { replaceToken } = await other.connect();
assert.equal((await seated.connect({ instance: FULL })).outcome, "admitted");
const place = await waiting.connect({ instance: FULL });
assert.equal(place.outcome, "queued");

const secrets = (): (string | undefined)[] => [other.reconnectToken, replaceToken, place.reconnectToken, other.person.accessToken];

// ---- how it is asked ----

const post = (api: Api, path: string, body: object = {}): Promise<Answer> => api.post(path, body);

function admin(method: string, path: string, headers: Record<string, string> = {}, body?: object): Promise<Answer> {
  const json = { ...headers, ...(body && { "content-type": "application/json" }) };
  return http(server.admin + path, { method, headers: json, ...(body && { body: JSON.stringify(body) }) });
}

const bearer = ({ api }: Asking): Record<string, string> =>
  api.accessToken === undefined ? {} : { authorization: `Bearer ${api.accessToken}` };

/** There is somebody to be kicked. */
async function toBeKicked(): Promise<object> {
  if ((await sessionOf(server, kicked.characterId)) === undefined) {
    assert.equal((await kicked.connect()).outcome, "admitted");
  }
  return { characterId: kicked.characterId };
}

async function afterLeaving({ self }: Asking, ask: () => Promise<Answer>): Promise<Answer> {
  await self.leave();
  const answer = await ask();
  await self.leave();
  return answer;
}

async function afterWaiting(who: Asking, ask: () => Promise<Answer>): Promise<Answer> {
  const { outcome } = await who.self.connect({ instance: FULL });
  assert.equal(outcome, "queued");
  const answer = await ask();
  await who.self.api.leave({ characterId: who.self.characterId, instance: FULL });
  return answer;
}

type Ask = (who: Asking) => Promise<Answer>;

/** Of the operators' endpoints, at each place where they might be. */
function operators(endpoint: string, body?: () => Promise<object>): [string, Ask][] {
  const [method = "", pattern = ""] = endpoint.split(" ");
  const path = pattern.replace("{id}", "plaza");
  const METHOD = method.toUpperCase();
  return [
    [`${endpoint} the open port`, async ({ api }) => (method === "get" ? api.get(path) : api.post(path, await body?.()))],
    [`${endpoint} this machine`, async (who) => admin(METHOD, path, bearer(who), await body?.())],
    [`${endpoint} a page elsewhere`, async (who) => {
      return admin(METHOD, path, { ...bearer(who), origin: "https://elsewhere.example" }, await body?.());
    }],
  ];
}

const at = "/instances/plaza";
const asks = new Map<string, Ask>([
  ["get /api/version ", ({ api }) => api.get("/api/version")],
  ["get /api/sign-in ", ({ api }) => api.get("/api/sign-in")],
  ["get /api/health ", ({ api }) => api.get("/api/health")],
  ["get /api/characters own", ({ api }) => api.get("/api/characters")],
  ["post /api/characters own", ({ api }) => post(api, "/api/characters", { name: "One more" })],
  ["post /api/characters/{id}/select own", ({ api, self }) => post(api, `/api/characters/${self.characterId}/select`)],
  ["post /api/characters/{id}/select another's", ({ api }) => post(api, `/api/characters/${other.characterId}/select`)],
  ["get /api/session/bootstrap own", ({ api }) => api.get("/api/session/bootstrap")],
  ["post /api/session/bootstrap own", ({ api }) => post(api, "/api/session/bootstrap", { build })],
  ["post /instances/{id}/connect own", (who) => {
    return afterLeaving(who, () => who.api.tryConnect({ characterId: who.self.characterId }));
  }],
  ["post /instances/{id}/connect another's", ({ api }) => api.tryConnect({ characterId: other.characterId })],
  ["post /instances/{id}/connect another's reconnectToken", ({ api }) => {
    return api.tryConnect({ characterId: other.characterId, reconnectToken: other.reconnectToken });
  }],
  ["post /instances/{id}/connect another's queue token", ({ api }) => {
    return api.tryConnect({ instance: FULL, reconnectToken: place.reconnectToken ?? assert.fail() });
  }],
  ["post /instances/{id}/connect another's replaceToken", (who) => {
    const wish = { characterId: who.self.characterId, replaceToken: replaceToken ?? assert.fail() };
    return afterLeaving(who, () => who.api.tryConnect(wish));
  }],
  ["post /instances/{id}/leave own", async ({ api, self }) => {
    await self.connect();
    return post(api, `${at}/leave`, { characterId: self.characterId });
  }],
  ["post /instances/{id}/leave another's", ({ api }) => post(api, `${at}/leave`, { characterId: other.characterId })],
  ["post /instances/{id}/leave another's replaceToken", ({ api, self }) => {
    return post(api, `${at}/leave`, { characterId: self.characterId, replaceToken });
  }],
  ["get /instances/{id}/queue/status own", (who) => {
    return afterWaiting(who, () => who.api.queueStatus(who.self.characterId, FULL));
  }],
  ["get /instances/{id}/queue/status another's", ({ api }) => api.queueStatus(waiting.characterId, FULL)],
  ["get /instances/{id}/sessions ", ({ api }) => api.get(`${at}/sessions`)],
  ["post /instances/{id}/kick another's", async ({ api }) => post(api, `${at}/kick`, await toBeKicked())],
  ["post /instances/{id}/mute another's", ({ api }) => {
    return post(api, `${at}/mute`, { characterId: kicked.characterId, seconds: 60 });
  }],
  ["get /instances/{id} ", ({ api }) => api.get(at)],
  ["post /instances/{id} ", ({ api }) => post(api, at, { drain: false })],
  ...operators("get /admin/instances"),
  ...operators("post /admin/instances/{id}", async () => ({ drain: false })),
  ...operators("get /admin/instances/{id}/sessions"),
  ...operators("post /admin/instances/{id}/kick", toBeKicked),
  ["post /dev/token ", ({ api }) => post(api, "/dev/token", { name: "Ada" })],
]);

/** The answer in the words of the table. */
function told(answer: Answer): string {
  const { status, body, text } = answer;
  const seen = [other.characterId, other.person.userId, other.person.name].some((what) => text.includes(what)) ? " +" : "";
  if (status >= 400) {
    return body === undefined ? `${status}${seen}` : `${status} ${errorOf(answer).code}${seen}`;
  }
  const outcome = [body.outcome, body.reason].filter((word) => word !== undefined).map((word) => ` ${word}`);
  const left = body.left === undefined ? "" : body.left ? " left" : " nothing left";
  return `${status}${outcome.join("")}${left}${seen}`;
}

for (const [endpoint, whose, ...expected] of table) {
  const row = callers.map((who, n) => `${who} ${expected[n]}`).join(", ");
  test(`${endpoint}${whose === "" ? "" : `, ${whose}`}: ${row}`, async () => {
    const ask = asks.get(`${endpoint} ${whose}`) ?? assert.fail("the test knows how to ask that");
    for (const [n, caller] of callers.entries()) {
      const answer = await ask(asking(caller));
      assert.equal(told(answer), expected[n], `${caller}: ${answer.text}`);
      secrets().forEach((secret) => assert.ok(secret && !answer.text.includes(secret), `${caller} is told no secret`));
    }
  });
}

test("every endpoint that is described is in the table", () => {
  const { paths } = JSON.parse(readFileSync(join(generated, "openapi.json"), "utf8")) as { paths: Record<string, object> };
  const described = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`));
  assert.deepEqual([...new Set(table.map(([endpoint]) => endpoint))].sort(), described.sort());
  assert.deepEqual(table.map(([endpoint, whose]) => `${endpoint} ${whose}`).sort(), [...asks.keys()].sort());
});

test("after all that, what is the other's is as it was", async () => {
  assert.equal((await sessionOf(server, other.characterId))?.state, "active");
  await other.playing.chat("still here, and nobody else is me");
  assert.equal((await waiting.api.queueStatus(waiting.characterId, FULL)).body.position, 1, "the place is the same");
  const taken = await other.connect({ replaceToken: replaceToken ?? assert.fail() });
  assert.equal(taken.outcome, "admitted", `its own replaceToken was not spent by anybody: ${JSON.stringify(taken)}`);
  await other.join(taken.ticket);
  await other.drop();
  await other.resume();
  const names = (await other.api.characters()).map(({ id }) => id);
  assert.deepEqual(names, [other.characterId]);
});

test("the operators' listener is on the loopback address only, and is asked for by a loopback name only", async () => {
  const { port } = new URL(server.admin);
  const hex = Number(port).toString(16).toUpperCase().padStart(4, "0");
  const listening = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) =>
    readFileSync(table, "utf8").split("\n").map((line) => line.trim().split(/\s+/)).filter((row) => row[3] === "0A"),
  );
  const addresses = listening.map((row) => row[1] ?? "").filter((address) => address.endsWith(`:${hex}`));
  assert.deepEqual(addresses, [`0100007F:${hex}`]);
  const answer = await new Promise<string>((done, fail) => {
    const headers = { host: "elsewhere.example" };
    const asked = request({ host: "127.0.0.1", port, path: "/admin/instances", headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => done(text));
    });
    asked.on("error", fail);
    asked.end();
  });
  const error = JSON.parse(answer);
  expectError(error);
  assert.equal(error.code, "FORBIDDEN");
});

test("with --dev, and only then, the server signs anybody in", async (t) => {
  const dev = await startServer({ owner: t });
  const api = await signIn(dev, "Ada");
  assert.deepEqual(await api.characters(), []);
  assert.equal((await api.get("/instances/plaza/sessions")).status, 403, "as a player");
});
