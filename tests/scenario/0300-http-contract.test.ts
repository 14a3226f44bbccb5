// Every endpoint's real answers, good and bad, against the generated OpenAPI description.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { Api, firstCharacter, http, signIn, type Answer } from "./lib/api.ts";
import { playhouse } from "./lib/cli.ts";
import { patient } from "./lib/house.ts";
import { generated, startServer } from "./lib/server.ts";

interface Operation {
  responses: Record<string, { content?: object } | undefined>;
}

interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
}

const description = JSON.parse(readFileSync(join(generated, "openapi.json"), "utf8")) as OpenApi;
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(description, "openapi");

/** "get /api/version 200" and so on: what has been seen, to be compared with what is described. */
const seen = new Set<string>();

const args = [...patient, "--admission.capacity", "1", "--admission.ticket_seconds", "600"];
const server = await startServer({ owner: { after }, args });
const api = await signIn(server, "Ann");
const build = await api.build();
const character = await firstCharacter(api, "Anna");

const key = join(server.directory, "key.json");
const made = await playhouse(["token", "--user", "Boss", "--role", "admin", "--dev.key", key]);
assert.equal(made.code, 0, made.err);
const admin = new Api(server, made.out.trim());

const seated = await signIn(server, "Seated"); // in the one seat, so that Anna waits
const theirs = await firstCharacter(seated, "Seated");
await seated.ticket(theirs.id);

const pointer = (...parts: string[]): string =>
  `openapi#/${parts.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`;

function expectDescribed(method: string, path: string, answer: Answer, status: number): void {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
  assert.equal(answer.headers.get("cache-control"), "no-store", "answers of the API are not kept");
  assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
  const responses = description.paths[path]?.[method]?.responses ?? assert.fail(`${method} ${path} is described`);
  const described = responses[String(status)] !== undefined ? String(status) : "default";
  const where = pointer("paths", path, method, "responses", described, "content", "application/json", "schema");
  const validate = ajv.getSchema(where) ?? assert.fail(`${method} ${path} ${described} is described`);
  assert.ok(validate(answer.body), `${method} ${path} ${status}: ${ajv.errorsText(validate.errors)}`);
  if (status >= 400) {
    assert.ok(!answer.text.includes(api.accessToken ?? ""), "no token in an answer");
  }
  seen.add(`${method} ${path} ${status}`);
}

interface Case {
  method: "get" | "post";
  path: string;
  /** Where {id} stands. */
  id?: () => string;
  query?: () => string;
  body?: () => unknown;
  /** A player may not. */
  role?: boolean;
  status: number;
}

const good: Case[] = [
  { method: "get", path: "/api/version", status: 200 },
  { method: "get", path: "/api/sign-in", status: 200 },
  { method: "get", path: "/api/health", status: 200 },
  { method: "get", path: "/api/characters", status: 200 },
  { method: "post", path: "/api/characters", body: () => ({ name: "Second, Ünïcödé" }), status: 201 },
  { method: "post", path: "/api/characters/{id}/select", id: () => character.id, body: () => ({}), status: 200 },
  { method: "get", path: "/api/session/bootstrap", status: 200 },
  { method: "post", path: "/api/session/bootstrap", body: () => ({ build }), status: 200 },
  { method: "post", path: "/instances/{id}/connect", id: () => "plaza", body: () => ({ build }), status: 200 },
  {
    method: "get",
    path: "/instances/{id}/queue/status",
    id: () => "plaza",
    query: () => `?characterId=${character.id}`,
    status: 200,
  },
  { method: "post", path: "/instances/{id}/leave", id: () => "plaza", body: () => ({}), status: 200 },
  { method: "get", path: "/instances/{id}/sessions", id: () => "plaza", query: () => "?after=0", status: 200, role: true },
  { method: "post", path: "/instances/{id}/kick", id: () => "plaza", body: () => ({ characterId: "x" }), status: 200, role: true },
  {
    method: "post",
    path: "/instances/{id}/mute",
    id: () => "plaza",
    body: () => ({ characterId: character.id, seconds: 0 }),
    status: 200,
    role: true,
  },
  { method: "get", path: "/instances/{id}", id: () => "plaza", status: 200, role: true },
  { method: "post", path: "/instances/{id}", id: () => "plaza", body: () => ({ drain: false }), status: 200, role: true },
  { method: "get", path: "/admin/instances", status: 200 },
  { method: "get", path: "/admin/instances/{id}/sessions", id: () => "plaza", query: () => "?after=0", status: 200 },
  { method: "post", path: "/admin/instances/{id}", id: () => "plaza", body: () => ({ drain: false }), status: 200 },
  { method: "post", path: "/admin/instances/{id}/kick", id: () => "plaza", body: () => ({ characterId: "x" }), status: 200 },
  { method: "post", path: "/dev/token", body: () => ({ name: "Bob" }), status: 200 },
];

const address = ({ path, id, query }: Case): string => path.replace("{id}", id?.() ?? "") + (query?.() ?? "");
const isAdmin = ({ path }: Case): boolean => path.startsWith("/admin/");
const whole = (one: Case): string => (isAdmin(one) ? server.admin : server.url) + address(one);

const whose = (one: Case): Api => (one.role === true ? admin : api);

function ask(who: Api, one: Case): Promise<Answer> {
  const headers: Record<string, string> = who.accessToken === undefined ? {} : { authorization: `Bearer ${who.accessToken}` };
  const json = { ...headers, "content-type": "application/json" };
  const body = JSON.stringify(one.body?.() ?? {});
  return http(whole(one), one.method === "get" ? { headers } : { method: "POST", headers: json, body });
}

for (const one of good) {
  test(`${one.method} ${one.path} answers ${one.status} as described`, async () => {
    expectDescribed(one.method, one.path, await ask(whose(one), one), one.status);
  });
}

for (const one of good.filter(({ role }) => role)) {
  test(`${one.method} ${one.path} answers 403 to a player`, async () => {
    const answer = await ask(api, one);
    expectDescribed(one.method, one.path, answer, 403);
    assert.equal(answer.body.code, "FORBIDDEN");
  });
}

const open = new Set(["/api/version", "/api/sign-in", "/api/health", "/dev/token"]);

for (const one of good.filter((each) => !open.has(each.path) && !isAdmin(each))) {
  test(`${one.method} ${one.path} without a good token answers 401`, async () => {
    for (const token of [undefined, "x", "a.b.c"]) {
      const answer = await ask(new Api(server, token), one);
      expectDescribed(one.method, one.path, answer, 401);
      assert.equal(answer.body.code, "UNAUTHENTICATED");
      assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer/);
    }
  });
}

for (const one of good) {
  const other = one.method === "get" ? "DELETE" : "PUT";
  test(`${other} ${one.path} answers 405 and names what is allowed`, async () => {
    const answer = await http(whole(one), { method: other });
    assert.equal(answer.status, 405);
    assert.equal(answer.body.code, "METHOD_NOT_ALLOWED");
    assert.ok(answer.headers.get("allow")?.toLowerCase().includes(one.method), "Allow names the method");
  });
}

function postRaw(who: Api, url: string, body: string, type: string | undefined): Promise<Answer> {
  const headers: Record<string, string> = { authorization: `Bearer ${who.accessToken}` };
  return http(url, {
    method: "POST",
    headers: type === undefined ? headers : { ...headers, "content-type": type },
    body: Buffer.from(body),
  });
}

const posts = good.filter(({ method, path }) => method === "post" && !path.endsWith("/select"));

for (const one of posts) {
  test(`post ${one.path}: what is wrong with the body is told`, async () => {
    const bodies = ["{", "[]", "1", "null", '{"name":7,"build":7}', '{"unknown":1}', '{"name":"","build":""}', "{}x"];
    const optional = /bootstrap|leave/.test(one.path); // there, no body means "compare nothing" and "the active one"
    for (const body of optional ? bodies : ["", ...bodies]) {
      const answer = await postRaw(whose(one), whole(one), body, "application/json");
      expectDescribed(one.method, one.path, answer, 400);
      assert.equal(answer.body.code, "BAD_REQUEST");
    }
    const right = JSON.stringify(one.body?.());
    for (const type of ["text/plain", "application/x-www-form-urlencoded", undefined]) {
      const answer = await postRaw(whose(one), whole(one), right, type);
      expectDescribed(one.method, one.path, answer, 415);
      assert.equal(answer.body.code, "UNSUPPORTED_MEDIA");
    }
    const large = await postRaw(whose(one), whole(one), `{"name":"${"x".repeat(20_000)}"}`, "application/json");
    expectDescribed(one.method, one.path, large, 413);
    assert.equal(large.body.code, "TOO_LARGE");
    const charset = await postRaw(whose(one), whole(one), "{", "application/json; charset=utf-8");
    assert.equal(charset.status, 400, "a charset is no other media type");
  });
}

const status = "/instances/{id}/queue/status";
const wrong: (Case & { code: string })[] = [
  { method: "post", path: "/api/characters/{id}/select", id: () => "nobody", status: 404, code: "NOT_FOUND" },
  { method: "get", path: status, id: () => "plaza", query: () => `?characterId=${theirs.id}`, status: 404, code: "NOT_FOUND" },
  { method: "get", path: status, id: () => "nowhere", query: () => `?characterId=${character.id}`, status: 404, code: "NOT_FOUND" },
  { method: "get", path: status, id: () => "plaza", status: 400, code: "BAD_REQUEST" },
  { method: "get", path: status, id: () => "plaza", query: () => "?characterId=a%20b", status: 400, code: "BAD_REQUEST" },
  { method: "post", path: "/instances/{id}/leave", id: () => "nowhere", body: () => ({}), status: 404, code: "NOT_FOUND" },
  {
    method: "post",
    path: "/instances/{id}/leave",
    id: () => "plaza",
    body: () => ({ characterId: theirs.id }),
    status: 404,
    code: "NOT_FOUND",
  },
  ...["", "/kick"].map((more) => ({
    method: "post" as const,
    path: `/admin/instances/{id}${more}`,
    id: () => "nowhere",
    body: () => (more === "" ? { drain: true } : { characterId: "x" }),
    status: 404,
    code: "NOT_FOUND",
  })),
  ...["", "/kick", "/mute"].map((more) => ({
    method: "post" as const,
    path: `/instances/{id}${more}`,
    id: () => "nowhere",
    body: () => (more === "" ? { drain: true } : { characterId: "x", ...(more === "/mute" ? { seconds: 1 } : {}) }),
    status: 404,
    role: true,
    code: "NOT_FOUND",
  })),
  {
    method: "post",
    path: "/instances/{id}/mute",
    id: () => "plaza",
    body: () => ({ characterId: "nobody", seconds: 1 }),
    status: 404,
    role: true,
    code: "NOT_FOUND",
  },
  { method: "get", path: "/instances/{id}", id: () => "nowhere", status: 404, role: true, code: "NOT_FOUND" },
  { method: "get", path: "/instances/{id}/sessions", id: () => "nowhere", status: 404, role: true, code: "NOT_FOUND" },
  {
    method: "get",
    path: "/instances/{id}/sessions",
    id: () => "plaza",
    query: () => "?after=x",
    status: 400,
    role: true,
    code: "BAD_REQUEST",
  },
  { method: "get", path: "/admin/instances/{id}/sessions", id: () => "nowhere", status: 404, code: "NOT_FOUND" },
  {
    method: "get",
    path: "/admin/instances/{id}/sessions",
    id: () => "plaza",
    query: () => "?after=x",
    status: 400,
    code: "BAD_REQUEST",
  },
];

for (const one of wrong) {
  test(`${one.method} ${address(one)} answers ${one.status}`, async () => {
    const answer = await ask(whose(one), one);
    expectDescribed(one.method, one.path, answer, one.status);
    assert.equal(answer.body.code, one.code);
  });
}

test("ids that break the rule answer 400 or 404, never anything else", async () => {
  for (const id of ["a%20b", "..", "%2e%2e", "x".repeat(25), "%00", "%ff"]) {
    for (const path of [`/api/characters/${id}/select`, `/instances/${id}/connect`]) {
      const { status } = await api.post(path, { build });
      assert.ok([400, 404].includes(status), `${path}: ${status}`);
    }
  }
});

test("the 17th character of a user answers 409", async () => {
  const user = await signIn(server, "Many");
  for (let n = 1; n <= 16; n++) {
    await user.createCharacter(`Number ${n}`);
  }
  const answer = await user.post("/api/characters", { name: "Number 17" });
  expectDescribed("post", "/api/characters", answer, 409);
  assert.equal((await user.characters()).length, 16);
});

test("bootstrap of another build answers 409", async () => {
  const answer = await api.post("/api/session/bootstrap", { build: "another" });
  expectDescribed("post", "/api/session/bootstrap", answer, 409);
});

test("every good answer and every 400, 401, 403, 404, 409, 413 and 415 that is described has been seen", () => {
  const unprovoked = /429|5\d\d|default/; // other scenarios, or not to be had on demand
  const missing = Object.entries(description.paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { responses }]) =>
      Object.keys(responses)
        .filter((status) => !unprovoked.test(status))
        .map((status) => `${method} ${path} ${status}`),
    ),
  ).filter((line) => !seen.has(line));
  // A select has no body, so that nothing but its address can be wrong; that answers 400 above.
  assert.deepEqual(missing.filter((line) => line !== "post /api/characters/{id}/select 400"), []);
});
