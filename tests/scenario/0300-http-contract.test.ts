// Every endpoint's real answers, good and bad, against the generated OpenAPI description.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { after, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { Api, firstCharacter, http, metrics, signIn, type Answer } from "./lib/api.ts";
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

const server = await startServer({ owner: { after } });
const api = await signIn(server, "Ann");
const build = await api.build();
const character = await firstCharacter(api, "Anna");

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
  body?: () => unknown;
  status: number;
}

const good: Case[] = [
  { method: "get", path: "/api/version", status: 200 },
  { method: "get", path: "/api/health", status: 200 },
  { method: "get", path: "/api/characters", status: 200 },
  { method: "post", path: "/api/characters", body: () => ({ name: "Second, Ünïcödé" }), status: 201 },
  { method: "post", path: "/api/characters/{id}/select", id: () => character.id, body: () => ({}), status: 200 },
  { method: "get", path: "/api/session/bootstrap", status: 200 },
  { method: "post", path: "/api/session/bootstrap", body: () => ({ build }), status: 200 },
  { method: "post", path: "/instances/{id}/connect", id: () => "plaza", body: () => ({ build }), status: 200 },
  { method: "post", path: "/dev/token", body: () => ({ name: "Bob" }), status: 200 },
];

const address = ({ path, id }: Case): string => path.replace("{id}", id?.() ?? "");

function ask(who: Api, one: Case): Promise<Answer> {
  return one.method === "get" ? who.get(address(one)) : who.post(address(one), one.body?.());
}

for (const one of good) {
  test(`${one.method} ${one.path} answers ${one.status} as described`, async () => {
    expectDescribed(one.method, one.path, await ask(api, one), one.status);
  });
}

const open = new Set(["/api/version", "/api/health", "/dev/token"]);

for (const one of good.filter(({ path }) => !open.has(path))) {
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
    const answer = await http(server.url + address(one), { method: other });
    assert.equal(answer.status, 405);
    assert.equal(answer.body.code, "METHOD_NOT_ALLOWED");
    assert.ok(answer.headers.get("allow")?.toLowerCase().includes(one.method), "Allow names the method");
  });
}

function postRaw(path: string, body: string, type: string | undefined): Promise<Answer> {
  const headers: Record<string, string> = { authorization: `Bearer ${api.accessToken}` };
  return http(server.url + path, {
    method: "POST",
    headers: type === undefined ? headers : { ...headers, "content-type": type },
    body: Buffer.from(body),
  });
}

const posts = good.filter(({ method, path }) => method === "post" && !path.endsWith("/select"));

for (const one of posts) {
  test(`post ${one.path}: what is wrong with the body is told`, async () => {
    const bodies = ["{", "[]", "1", "null", '{"name":7,"build":7}', '{"unknown":1}', '{"name":"","build":""}', "{}x"];
    const optional = one.path === "/api/session/bootstrap"; // there, no body means "compare nothing"
    for (const body of optional ? bodies : ["", ...bodies]) {
      const answer = await postRaw(address(one), body, "application/json");
      expectDescribed(one.method, one.path, answer, 400);
      assert.equal(answer.body.code, "BAD_REQUEST");
    }
    const right = JSON.stringify(one.body?.());
    for (const type of ["text/plain", "application/x-www-form-urlencoded", undefined]) {
      const answer = await postRaw(address(one), right, type);
      expectDescribed(one.method, one.path, answer, 415);
      assert.equal(answer.body.code, "UNSUPPORTED_MEDIA");
    }
    const large = await postRaw(address(one), `{"name":"${"x".repeat(20_000)}"}`, "application/json");
    expectDescribed(one.method, one.path, large, 413);
    assert.equal(large.body.code, "TOO_LARGE");
    const charset = await postRaw(address(one), "{", "application/json; charset=utf-8");
    assert.equal(charset.status, 400, "a charset is no other media type");
  });
}

test("select of a character that is not there answers 404", async () => {
  const path = "/api/characters/{id}/select";
  expectDescribed("post", path, await api.post("/api/characters/nobody/select"), 404);
});

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

test("every good answer and every 400, 401, 409, 413 and 415 that is described has been seen", () => {
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

test("an address that is not there answers 404 in the error contract", async () => {
  for (const path of ["/api/nothing", "/instances/plaza", "/instances/plaza/connect/x"]) {
    const { status, body } = await api.get(path);
    assert.ok(status === 404 || status === 405, `${path}: ${status}`);
    assert.match(body.traceId, /^[0-9a-f]{32}$/);
  }
});

/** A request as no fetch would send it. */
function rawGet(path: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(server.url);
  return new Promise((done, fail) => {
    const asked = request({ hostname, port, path, headers }, (response) => {
      let text = "";
      response.on("data", (data: Buffer) => (text += data.toString("latin1")));
      response.on("end", () => done({ status: response.statusCode ?? 0, text }));
    });
    asked.on("error", fail);
    asked.end();
  });
}

test("no way leads out of the folder of the page", async () => {
  const ways = ["/../../../../etc/passwd", "/..%2f..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd"];
  for (const path of ways) {
    const { status, text } = await rawGet(path);
    assert.ok([400, 403, 404].includes(status), `${path}: ${status}`);
    assert.ok(!text.includes("root:"), path);
  }
});

test("headers over the limit end the request, and the server goes on", async () => {
  const large = { "x-large": "x".repeat(100_000) };
  const status = await rawGet("/api/version", large).then(({ status: code }) => code, () => 0);
  assert.ok(status === 0 || status >= 400, `answered ${status}`);
  assert.equal((await api.get("/api/version")).status, 200);
});

test("the page is served with a policy that allows nothing foreign", async () => {
  const { status, headers, text } = await http(`${server.url}/`);
  assert.equal(status, 200);
  assert.match(headers.get("content-type") ?? "", /^text\/html/);
  assert.match(text, /<html/i);
  const policy = headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'self'|default-src 'none'/);
  assert.doesNotMatch(policy, /script-src[^;]*'unsafe-/, "scripts come from files only");
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.match(headers.get("referrer-policy") ?? "", /no-referrer|same-origin/);
  assert.match(headers.get("cache-control") ?? "", /no-cache|no-store/, "the page itself is always asked for anew");
});

test("the admin port has /metrics, /health and /actors, and is not the public one", async () => {
  for (const path of ["/metrics", "/actors", "/health"]) {
    assert.equal((await http(server.admin + path)).status, 200, path);
    assert.notEqual((await http(server.url + path)).status, 200, `${path} on the public port`);
  }
  assert.equal((await http(`${server.admin}/api/version`)).status, 404, "and the API is not on the admin port");
  assert.match(server.admin, /^http:\/\/127\.0\.0\.1:/);
});

test("/metrics is Prometheus text, and the names of E1 are there", async () => {
  const { headers, text } = await http(`${server.admin}/metrics`);
  assert.match(headers.get("content-type") ?? "", /^text\/plain; *version=0\.0\.4/);
  const typed = new Map<string, string>();
  for (const line of text.split("\n").filter((row) => row !== "")) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type?.[1] !== undefined && type[2] !== undefined) {
      assert.ok(!typed.has(type[1]), `${type[1]} is typed once`);
      typed.set(type[1], type[2]);
    } else if (!line.startsWith("# HELP ")) {
      const sample = /^([a-z_][a-z0-9_]*)(\{([a-z_]+="[^"\\\n]*",?)+\})? (\+Inf|-?[0-9.e+-]+)$/.exec(line);
      assert.ok(sample?.[1] !== undefined, `a sample: ${line}`);
      const family = sample[1].replace(/_(bucket|sum|count)$/, "");
      assert.ok(typed.has(sample[1]) || typed.get(family) === "histogram", `${sample[1]} has a type`);
    }
  }
  const names = [
    "playhouse_build_info",
    "playhouse_connects_total",
    "playhouse_connect_refusals_total",
    "playhouse_admission_seconds",
    "playhouse_sessions_active",
    "playhouse_action_seconds",
    "playhouse_commit_batch_size",
    "playhouse_deltas_total",
    "playhouse_bytes_out_total",
    "playhouse_deltas_coalesced_total",
    "playhouse_messages_refused_total",
  ];
  assert.deepEqual(names.filter((name) => !typed.has(name)), []);
  for (const word of ["mailbox", "handler"]) {
    assert.ok([...typed.keys()].some((name) => name.startsWith(`playhouse_${word}_`)), `a row per ${word}`);
  }
});

test("a histogram's buckets rise and end in its count", async () => {
  const samples = await metrics(server);
  const buckets = [...samples].filter(([name]) => name.startsWith("playhouse_admission_seconds_bucket"));
  assert.ok(buckets.length > 3);
  buckets.forEach(([name, value], n) => assert.ok(n === 0 || value >= (buckets[n - 1]?.[1] ?? 0), name));
  assert.equal(buckets.at(-1)?.[1], samples.get("playhouse_admission_seconds_count"));
  assert.ok((samples.get("playhouse_admission_seconds_count") ?? 0) >= 1);
});
