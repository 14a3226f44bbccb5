// Hot reads through Redis: whatever is in there (old values, garbage, values of others, nothing at all, no Redis), what
// a client is told of its characters is never older than 100 ms behind the store.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Api, health, metric } from "./lib/api.ts";
import { Crowd, type Person } from "./lib/crowd.ts";
import { patient } from "./lib/house.ts";
import { startPostgres } from "./lib/postgres.ts";
import { Random, seedOfThisRun } from "./lib/random.ts";
import { startRedis } from "./lib/redis.ts";
import { stack, startServer } from "./lib/server.ts";
import { eventually } from "./lib/wait.ts";

const STALE_MSEC = 100;
const CHANGES = 25;

const owner = stack({ after });
const random = new Random(seedOfThisRun());
const postgres = await startPostgres({ owner });
const redis = await startRedis({ owner });
const crowd = new Crowd(4, owner);
const args = [...patient, ...crowd.args, "--cache.url", redis.url];
const server = await startServer({ owner, dev: false, args, database: { from: postgres }, prepare: (one) => crowd.settle(one) });
const [ada, bo, spare] = crowd.people as readonly [Person, Person, Person];

const found = (what: string): Promise<number> => metric(server, `playhouse_cache_reads_total{found="${what}"}`);
const forced = (): Promise<number> => metric(server, "playhouse_forced_refresh_total");

/** The store's time, in ms since 1970: it goes by the clock of this machine, as the first test sees. */
const now = (): number => Date.now();

/** Changes the store; gives the store's time right after. */
async function write(sql: string): Promise<number> {
  const out = await postgres.run(`${sql}; SELECT extract(epoch FROM clock_timestamp()) * 1000`);
  return Number(out.trim());
}

/** What the store has had of one thing: each value, and when the one after it was there. */
class History<Value> {
  private readonly values: { value: Value; until: number }[] = [];
  private next: Value | undefined;

  constructor(
    private current: Value,
    private readonly sql: (value: Value) => string,
  ) {}

  async become(value: Value): Promise<void> {
    this.next = value; // from now on it may be true
    this.values.push({ value: this.current, until: await write(this.sql(value)) });
    this.current = value;
  }

  /** Somebody who began to ask at `begun` was told `value`. */
  expect(value: Value, begun: number, what: string): void {
    if (value !== this.current && value !== this.next) {
      const old = this.values.findLast((one) => one.value === value);
      assert.ok(old, `${what}: ${String(value)} was true once`);
      assert.ok(begun - old.until <= STALE_MSEC, `${what}: ${String(value)} was over for ${begun - old.until} ms`);
    }
  }
}

type Ask<Value> = [what: string, ask: (api: Api, person: Person) => Promise<Value>];

const nameAsks: readonly Ask<string>[] = [
  ["GET /api/characters", async (api, { characterId }) => {
    return (await api.characters()).find(({ id }) => id === characterId)?.name ?? assert.fail();
  }],
  ["GET /api/session/bootstrap", async (api) => (await api.get("/api/session/bootstrap")).body.character.name],
  ["POST /api/session/bootstrap", async (api) => (await api.post("/api/session/bootstrap")).body.characters[0].name],
];
const suspendedAsks: readonly Ask<boolean>[] = [
  ["POST connect", async (api, { characterId }) => {
    const result = await api.connect({ characterId });
    await api.leave({ characterId });
    assert.ok(result.outcome === "admitted" || result.reason === "SUSPENDED", JSON.stringify(result));
    return result.reason === "SUSPENDED";
  }],
];

const nameOf = ({ characterId, name }: Person): History<string> =>
  new History(name, (value) => `UPDATE character SET name = '${value}' WHERE id = '${characterId}'`);
const suspensionOf = ({ characterId }: Person): History<boolean> =>
  new History(false, (value) => `UPDATE character SET suspended = ${value} WHERE id = '${characterId}'`);

/** Asks all the time until `work` is done, and holds each answer against the history. */
async function watched<Value>(
  person: Person,
  asks: readonly Ask<Value>[],
  history: History<Value>,
  work: () => Promise<void>,
): Promise<void> {
  const api = new Api(server, person.accessToken);
  let busy = true;
  const watchers = asks.map(async ([what, ask]) => {
    do {
      const begun = now();
      history.expect(await ask(api, person), begun, what);
    } while (busy);
  });
  const all = Promise.all(watchers);
  all.catch(() => undefined); // told below
  try {
    await Promise.race([work(), all.then(() => undefined)]);
  } finally {
    busy = false;
  }
  await all;
}

/** One change after the other, at random moments, as they are in the store and not in Redis. */
async function changes<Value>(history: History<Value>, make: (n: number) => Value): Promise<void> {
  for (let n = 0; n < CHANGES; n++) {
    await history.become(make(n));
    await pause(random.between(0, 250)); // the pace of changes
  }
}

async function cacheKeys(): Promise<Buffer[]> {
  return (await redis.keys()).filter((key) => key.toString().startsWith("playhouse:cache:"));
}

test("the store goes by the clock of this machine", async () => {
  const before = now();
  const at = await write("SELECT 1 WHERE false");
  assert.ok(before <= at + 1 && at <= now() + 1, `${before} <= ${at} <= ${now()}`);
});

test("reads come from Redis while they are fresh, and from the store when they are not", async () => {
  const api = new Api(server, spare.accessToken);
  const hits = await found("fresh");
  await eventually(async () => {
    await api.characters();
    return (await found("fresh")) > hits;
  }, "a second read soon after the first comes from Redis");
  const before = await forced();
  await eventually(async () => {
    await api.characters();
    await pause(STALE_MSEC + 20); // longer than a value is good for
    return (await forced()) > before;
  }, "one that is too old is read again, and counted");
  const text = (await redis.contents()).toString("latin1");
  assert.ok(!text.includes(spare.userId), "no user is named in Redis");
});

// Each with users of its own.
describe("what is there", { concurrency: 3 }, () => {
  test("what is changed in the store is seen within 100 ms", async () => {
    const history = nameOf(spare);
    await watched(spare, nameAsks, history, () => changes(history, (n) => `Changed ${n}`));
  });

  test("what is changed through the API is seen at once by whoever asks afterwards", async () => {
    const api = new Api(server, crowd.token("user-1-new"));
    assert.deepEqual(await api.characters(), []);
    for (let n = 1; n <= 10; n++) {
      const { id } = await api.createCharacter(`Number ${n}`);
      assert.equal((await api.characters()).length, n);
      assert.equal((await api.post(`/api/characters/${id}/select`)).status, 200);
      assert.equal((await api.get("/api/session/bootstrap")).body.character.id, id);
      assert.equal((await api.connect()).characterId, id);
    }
    assert.equal(await api.leave(), true);
  });

  test("a Redis full of old values, garbage and values of others misleads nobody", async () => {
    const names = nameOf(ada);
    const suspension = suspensionOf(bo);
    const others = [ada, bo, spare].map(({ accessToken }) => new Api(server, accessToken));
    const old: { key: Buffer; value: Buffer }[] = [];
    let poisoned = 0;
    let busy = true;

    /** The time of Redis in a record, as the server writes it. */
    const stamp = async (later: number): Promise<string> => {
      const [seconds, micros] = (await redis.ask("TIME")) as Buffer[];
      return `${Number(seconds) + later}`.padStart(10, "0") + String(micros).padStart(6, "0");
    };
    const flip = (value: Buffer): Buffer => {
      const copy = Buffer.from(value);
      const at = Math.floor(random.next() * copy.length);
      copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
      return copy;
    };
    const stamped = async (value: Buffer, later: number): Promise<Buffer> =>
      Buffer.concat([value.subarray(0, 1), Buffer.from(await stamp(later)), value.subarray(17)]);
    const any = (): Buffer => random.pick(old)?.value ?? Buffer.from("V");

    const poisons: ((key: Buffer) => Promise<unknown>)[] = [
      (key) => redis.ask("SET", key, old.find((one) => one.key.equals(key))?.value ?? ""), // its own first one
      (key) => redis.ask("SET", key, random.pick(old.filter((one) => one.key.equals(key)))?.value ?? ""), // of its own
      (key) => redis.ask("SET", key, random.pick(old.filter((one) => !one.key.equals(key)))?.value ?? ""), // another's
      async (key) => redis.ask("SET", key, await stamped(any(), 0)), // an old one that says it is new
      async (key) => redis.ask("SET", key, await stamped(any(), 3600)), // one from the future
      async (key) => redis.ask("SET", key, `F${await stamp(3600)}`),
      (key) => redis.ask("SET", key, flip(any())),
      (key) => redis.ask("SET", key, any().subarray(0, Math.floor(random.between(0, 60)))),
      (key) => redis.ask("SET", key, Buffer.alloc(1 << 20, "V")),
      (key) => redis.ask("SET", key, ""),
      (key) => redis.ask("SET", key, "{}"),
      (key) => redis.ask("APPEND", key, "more"),
      (key) => redis.ask("SETRANGE", key, "3", "99"),
      (key) => redis.ask("EVAL", "redis.call('DEL', KEYS[1]) return redis.call('RPUSH', KEYS[1], 'a', 'list')", "1", key),
      (key) => redis.ask("EVAL", "redis.call('DEL', KEYS[1]) return redis.call('HSET', KEYS[1], 'a', 'hash')", "1", key),
      (key) => redis.ask("PERSIST", key),
      (key) => redis.ask("PEXPIRE", key, "1"),
      (key) => redis.ask("DEL", key),
      () => redis.flush(),
      (key) => redis.ask("SCRIPT", "FLUSH").then(() => redis.ask("DEL", key)),
    ];

    const poisoner = async (): Promise<void> => {
      while (busy) {
        for (const key of await cacheKeys()) {
          if (String(await redis.ask("TYPE", key)) !== "string") {
            await redis.ask("DEL", key); // one of ours, that the server took for nothing
            continue;
          }
          const value = await redis.ask("GET", key);
          if (Buffer.isBuffer(value) && value.length > 60 && value.length < 5000 && old.length < 400) {
            old.push({ key, value });
          }
          await random.pick(poisons)?.(key);
          poisoned++;
        }
        await Promise.all(others.map((api) => api.characters())); // so that there is something to poison
      }
    };
    const work = poisoner();
    work.catch(() => undefined); // told below
    const enough = async (): Promise<void> => {
      await Promise.race([eventually(() => poisoned > 50, "Redis is poisoned often enough", 60_000), work]);
    };
    await Promise.all([
      watched(ada, nameAsks, names, () => changes(names, (n) => `Other ${n}`).then(enough)),
      watched(bo, suspendedAsks, suspension, () => changes(suspension, (n) => n % 2 === 0).then(enough)),
    ]);
    busy = false;
    await work;
    assert.ok((await found("nothing")) > 0, "what was no record was nothing");
    const lists = await Promise.all(others.map((api) => api.characters()));
    const own = [ada, bo, spare].map(({ characterId }) => [characterId]);
    assert.deepEqual(lists.map((list) => list.map(({ id }) => id)), own, "to each their own");
  });
});

test("without Redis reads go on, health says so, and it is back by itself", async (t) => {
  const cacheOf = async (): Promise<boolean | undefined> =>
    (await health(server)).body.dependencies.find(({ name }) => name === "cache")?.ok;
  const api = new Api(server, spare.accessToken);
  // Not from the API, which may say for 100 ms what was true before.
  const sql = `SELECT name FROM character WHERE id = '${spare.characterId}'`;
  const { name } = (await postgres.query<{ name: string }>(sql))[0] ?? assert.fail();
  assert.equal(await cacheOf(), true);

  await redis.kill();
  const history = nameOf({ ...spare, name });
  await watched(spare, nameAsks, history, async () => {
    for (let n = 0; n < 5; n++) {
      await history.become(`Away ${n}`);
    }
  });
  await eventually(async () => (await cacheOf()) === false, "health says that the cache is away");
  const { status, body } = await health(server);
  assert.deepEqual([status, body.ready, body.degraded], [200, true, true]);
  assert.ok((await found("away")) > 0);

  await redis.start();
  await eventually(async () => (await cacheOf()) === true, "the cache is back", 10_000);
  assert.equal((await health(server)).body.degraded, false);
  const hits = await found("fresh");
  await eventually(async () => {
    await api.characters();
    return (await found("fresh")) > hits;
  }, "reads come from Redis again", 10_000);
  t.diagnostic(`${await forced()} forced refreshes`);
});
