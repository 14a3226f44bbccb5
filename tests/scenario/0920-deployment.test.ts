// The deployment of compose/ with its own configuration: every role in a process of its own, CURVE between them, HAProxy
// in front of two gateways, Prometheus watching all of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Api, firstCharacter, http } from "./lib/api.ts";
import { Client } from "./lib/client.ts";
import { Deployment } from "./lib/deployment.ts";
import { Pool } from "./lib/pool.ts";
import { sharedDatabase } from "./lib/postgres.ts";
import { root } from "./lib/process.ts";
import { startProvider } from "./lib/provider.ts";
import { startRedis } from "./lib/redis.ts";
import type { Server } from "./lib/server.ts";
import { signInAt } from "./lib/sign_in.ts";
import { eventually } from "./lib/wait.ts";
import { here, step } from "./lib/walk.ts";

const PLAYERS = 4;
/** Of one address in a minute, as configured: admission.attempts_per_address. */
const ATTEMPTS = 20;
const AGAIN_MSEC = 15_000;

interface Sample {
  metric: Record<string, string>;
  value: [number, string];
}

describe("compose/ on this machine", { concurrency: 1 }, async () => {
  const database = await sharedDatabase();
  const redis = await startRedis({ owner: { after } });
  const provider = await startProvider({ owner: { after } });
  const deployment = new Deployment({
    store: database.url,
    redis: redis.url.replace("redis://", ""),
    issuer: provider.issuer,
  });
  after(() => deployment.dispose());
  /** What players see: the balancer. */
  const front = { url: deployment.url, wsUrl: `${deployment.url.replace(/^http/, "ws")}/ws` } as Server;
  const clients: Client[] = [];
  let prometheus = "";

  before(async () => {
    await deployment.start();
    await deployment.balance();
    prometheus = await deployment.watch();
    const status = (): Promise<number> => http(`${front.url}/api/health`).then((answer) => answer.status, () => 0);
    await eventually(async () => (await status()) === 200, "a gateway takes players", AGAIN_MSEC);
  });

  const connectionsAt = async (gateway: string): Promise<number> => {
    const { text } = await http(`http://${deployment.address(gateway)}:8081/metrics`);
    return Number(/^playhouse_connections(?:\{.*\})? (\d+)$/m.exec(text)?.[1]);
  };

  const ask = async (query: string): Promise<Sample[]> => {
    const { status, body, text } = await http(`${prometheus}/api/v1/query?query=${encodeURIComponent(query)}`);
    assert.equal(status, 200, `${query}: ${text}`);
    return (body as { data: { result: Sample[] } }).data.result;
  };

  /** Each client sees all of them, and what it does is seen by all. */
  async function playTogether(): Promise<void> {
    for (const client of clients) {
      const at = here(client);
      const { x, y } = step(at, { x: at.x + (at.x > 500 ? -1 : 1), y: at.y }, 1);
      await client.move(x, y);
      const { characterId = "" } = client.welcome ?? {};
      for (const other of clients) {
        await other.until(() => other.world.members.get(characterId)?.x === x, "all see it");
      }
    }
  }

  test("players of a real provider come in through the balancer, to both gateways, and share a room", async () => {
    for (let n = 1; n <= PLAYERS; n++) {
      const { accessToken } = await signInAt(provider, `Player ${n}`);
      const api = new Api(front, accessToken);
      const { id } = await firstCharacter(api, `Player ${n}`);
      const client = await Client.open(front, n % 2 === 0 ? "msgpack" : "json");
      await client.join(await api.ticket(id), await api.build());
      clients.push(client);
    }
    await playTogether();
    for (const gateway of ["gateway-1", "gateway-2"]) {
      assert.equal(await connectionsAt(gateway), PLAYERS / 2, `${gateway} has its half`);
    }
  });

  test("failed connects count for the player's address, and not for the balancer's", async () => {
    const pool = new Pool({ from: "127.0.0.77" });
    const tries = [];
    for (let n = 0; n < ATTEMPTS + 1; n++) {
      tries.push((await pool.post(front, "/instances/plaza/connect", "not.a.token")).status);
    }
    pool.close();
    assert.deepEqual(tries, [...Array<number>(ATTEMPTS).fill(401), 429]);
    const elsewhere = new Pool({ from: "127.0.0.78" });
    assert.equal((await elsewhere.post(front, "/instances/plaza/connect", "not.a.token")).status, 401);
    elsewhere.close();
  });

  test("those of a gateway that dies come back through the balancer to the other one, the rest notice nothing", async () => {
    await deployment.process("gateway-1").kill9();
    await eventually(async () => clients.filter(({ isOpen }) => !isOpen).length === PLAYERS / 2, "half of them are cut off");
    for (const [n, lost] of clients.entries()) {
      if (!lost.isOpen) {
        const { characterId } = lost.welcome ?? assert.fail("it had joined");
        const token = lost.reconnectToken ?? assert.fail("it has a token");
        const back = await eventually(
          async () => Client.open(front, lost.format).catch(() => undefined),
          "the balancer finds a gateway",
          AGAIN_MSEC,
        );
        assert.ok(back);
        const welcome = await back.resume(token, await new Api(front).build(), lost);
        assert.equal(welcome.characterId, characterId);
        clients[n] = back;
      }
    }
    await playTogether();
    assert.equal(await connectionsAt("gateway-2"), PLAYERS);
  });

  test("a gateway that was started anew gets players again", async () => {
    await deployment.begin("gateway-1");
    await eventually(async () => {
      const client = await Client.open(front);
      const there = await connectionsAt("gateway-1");
      await client.cut();
      return there > 0;
    }, "the balancer has noticed", AGAIN_MSEC);
    await playTogether();
  });

  test("Prometheus reaches every process and the balancer, and each process says who it is", async () => {
    await eventually(async () => {
      const up = await ask("up == 1");
      return up.length === deployment.names.length + 1;
    }, "all are scraped", AGAIN_MSEC);
    const nodes = (await ask('count by (node) (up * on (instance) group_left (node) playhouse_build_info)')).map(({ metric }) => metric["node"]);
    assert.deepEqual(nodes.sort(), [...deployment.names].sort());
  });

  test("each question of the dashboard has an answer that Prometheus can compute", async () => {
    const text = readFileSync(join(root, "compose/grafana/dashboards/playhouse.json"), "utf8");
    const { panels } = JSON.parse(text) as { panels: { title: string; targets?: { expr: string }[] }[] };
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr.replaceAll("$__rate_interval", "30s")));
    assert.ok(expressions.length > 40);
    // Where only what is above 0 is asked for, nothing may be the answer. A rate wants two readings.
    const silent = async (): Promise<string[]> => {
      const answers = await Promise.all(expressions.map(async (expr) => ({ expr, samples: await ask(expr) })));
      return answers.filter(({ expr, samples }) => samples.length === 0 && !expr.endsWith("> 0")).map(({ expr }) => expr);
    };
    await eventually(async () => (await silent()).length === 0, "all have something to show", AGAIN_MSEC).catch(async (error) => {
      throw new Error(`${String(error)}: ${(await silent()).join("\n")}`);
    });
    assert.equal((await ask("sum(playhouse_sessions_active)"))[0]?.value[1], String(PLAYERS));
  });
});
