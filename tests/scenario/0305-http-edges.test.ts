// The edges of HTTP: addresses that are not there, requests that nobody should send, the page, and the loopback listener.
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, test } from "node:test";
import { firstCharacter, http, metrics, signIn } from "./lib/api.ts";
import { startServer } from "./lib/server.ts";

const server = await startServer({ owner: { after } });
const api = await signIn(server, "Ann");
await api.ticket((await firstCharacter(api, "Anna")).id);

test("an address that is not there answers 404 in the error contract", async () => {
  for (const path of ["/api/nothing", "/instances/plaza/", "/instances/plaza/connect/x"]) {
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
  for (const path of ["/metrics", "/actors", "/health", "/admin/instances"]) {
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
    "playhouse_sessions_grace",
    "playhouse_queue_depth",
    "playhouse_queue_wait_seconds",
    "playhouse_reconnects_total",
    "playhouse_lockouts_total",
    "playhouse_degraded_seconds_total",
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
