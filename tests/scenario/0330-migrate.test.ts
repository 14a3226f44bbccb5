// `playhouse migrate` on both stores, and what start-up does not touch: a schema that is older, newer, changed, or not
// ours.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { playhouse, run, type Finished } from "./lib/cli.ts";
import { Crowd } from "./lib/crowd.ts";
import { freePort } from "./lib/port.ts";
import { Postgres } from "./lib/postgres.ts";
import { root, stack, type Owner } from "./lib/server.ts";
import { changeFile } from "./lib/store.ts";
import { stores, type StoreForm } from "./lib/stores.ts";

const owner = stack({ after });
const folder = mkdtempSync(join(tmpdir(), "playhouse-migrate-"));
owner.after(async () => rmSync(folder, { recursive: true, force: true }));
const postgres = new Postgres(await freePort(), []);
owner.after(() => postgres.dispose());
await postgres.make();
await postgres.start();
const { args: auth } = new Crowd(0, owner as Owner);

/** A place for a store, with nothing in it. */
class Place {
  private static made = 0;
  readonly name = `place${++Place.made}`;
  readonly path = join(folder, `${this.name}.db`);

  constructor(readonly form: StoreForm) {}

  static async of(form: StoreForm): Promise<Place> {
    const place = new Place(form);
    if (form === "postgres") {
      await postgres.execute(`CREATE DATABASE ${place.name}`, "postgres");
    }
    return place;
  }

  get where(): string[] {
    return this.form === "postgres" ? ["--store.url", postgres.urlOf(this.name)] : ["--store.path", this.path];
  }

  migrate(...words: string[]): Promise<Finished> {
    return playhouse(["migrate", ...words, ...this.where]);
  }

  /** Starts a server on it, which has to say no. */
  async refusesToStart(...words: RegExp[]): Promise<void> {
    const ports = ["--gateway.port", "0", "--admin.port", "0", "--broker.endpoint", ""];
    const { code, err } = await playhouse(["run", ...auth, ...ports, ...this.where], { cwd: folder });
    assert.equal(code, 1, `exit code ${code}: ${err}`);
    words.forEach((word) => assert.match(err, word));
  }

  execute(sql: string): Promise<void> {
    return this.form === "postgres" ? postgres.execute(sql, this.name) : changeFile(this.path, sql);
  }

  async query(sql: string): Promise<object[]> {
    if (this.form === "postgres") {
      return postgres.query(sql, this.name);
    }
    const { code, out, err } = await run("sqlite3", ["-json", this.path, sql]);
    assert.equal(code, 0, err);
    return out.trim() === "" ? [] : JSON.parse(out);
  }

  /** All that can be seen of its schema and its version. */
  async picture(): Promise<object[]> {
    const tables =
      this.form === "postgres"
        ? "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
        : "SELECT name, sql FROM sqlite_schema ORDER BY 1, 2";
    const applied = "SELECT version, name, checksum FROM schema_migration ORDER BY 1";
    return [...(await this.query(tables)), ...(await this.query(applied))];
  }
}

const well = ({ code, out, err }: Finished): string => {
  assert.equal(code, 0, err);
  return out;
};

const told = ({ code, out, err }: Finished, ...words: RegExp[]): void => {
  assert.equal(code, 1, out + err);
  words.forEach((word) => assert.match(out + err, word));
};

const character = (id: string): string =>
  `INSERT INTO character (id, user_id, name, active, x, y, created_at) VALUES ('${id}', 'user-1-0', 'Ada', true, 1, 2, 0);`;

describe("migrate", { concurrency: 4 }, () => {
  for (const form of stores) {
    const steps = readdirSync(join(root, "schemas/migrations", form)).filter((name) => !name.endsWith(".down.sql")).length;

    test(`${form}: up makes all of it, twice is harmless, and status tells`, async () => {
      const place = await Place.of(form);
      told(await place.migrate("status"), form === "sqlite" ? /migrate up/ : /0001 .*missing/);
      if (form === "postgres") {
        await place.refusesToStart(/older/, /playhouse migrate up/);
      }
      const made = well(await place.migrate("up"));
      assert.equal(made.match(/^applied \d{4} /gm)?.length, steps);
      const picture = await place.picture();
      assert.doesNotMatch(well(await place.migrate("up")), /applied/);
      assert.deepEqual(await place.picture(), picture);
      assert.equal(well(await place.migrate("status")).match(/^\d{4} .* applied$/gm)?.length, steps);
      await place.execute(character("one"));
    });

    test(`${form}: start-up refuses an older schema, and what up makes of it keeps what is there`, async () => {
      const place = await Place.of(form);
      well(await place.migrate("up"));
      await place.execute(character("one"));
      const before = await place.picture();
      assert.match(well(await place.migrate("down", "--yes")), new RegExp(`undone 000${steps} `));
      const older = await place.picture();
      assert.notDeepEqual(older, before);
      told(await place.migrate("status"), new RegExp(`000${steps} .*missing`));
      await place.refusesToStart(/older/, /playhouse migrate up/);
      assert.deepEqual(await place.picture(), older, "start-up has changed nothing");
      assert.equal(well(await place.migrate("up")).match(/^applied /gm)?.length, 1);
      assert.deepEqual(await place.picture(), before);
      const left = await place.query("SELECT id, user_id, name FROM character");
      assert.deepEqual(left, [{ id: "one", user_id: "user-1-0", name: "Ada" }]);
    });

    test(`${form}: down says what would be lost, and does nothing without --yes`, async () => {
      const place = await Place.of(form);
      well(await place.migrate("up"));
      const before = await place.picture();
      told(await place.migrate("down"), /would lose/, /nothing was changed/, /migrate down --yes/);
      assert.deepEqual(await place.picture(), before);
      for (let step = steps; step > 0; step--) {
        assert.match(well(await place.migrate("down", "--yes")), new RegExp(`undone 000${step} `));
      }
      told(await place.migrate("down", "--yes"), /nothing to undo/);
      assert.deepEqual(await place.query("SELECT * FROM schema_migration"), []);
      well(await place.migrate("up"));
      assert.deepEqual(await place.picture(), before, "all the way down and up again");
    });

    test(`${form}: start-up refuses a newer schema, a changed one, one with a hole, and says what to do`, async () => {
      const wrong: [sql: string, ...words: RegExp[]][] = [
        ["INSERT INTO schema_migration VALUES (999, 'later', '', 0)", /999/, /newer/, /use a newer playhouse/],
        ["UPDATE schema_migration SET checksum = 'x' WHERE version = 1", /migration 1 .*differs/, /the binary that made it/],
        ["DELETE FROM schema_migration WHERE version = 1", /migration 1 .*missing/, /restore a backup/],
      ];
      for (const [sql, ...words] of wrong) {
        const place = await Place.of(form);
        well(await place.migrate("up"));
        await place.execute(sql);
        const before = await place.picture();
        await place.refusesToStart(...words);
        told(await place.migrate("up"), ...words);
        told(await place.migrate("down", "--yes"), ...words);
        told(await place.migrate("status"), ...words);
        assert.deepEqual(await place.picture(), before, "nothing was touched");
      }
    });

    test(`${form}: what is not ours is left alone`, async () => {
      const place = await Place.of(form);
      await place.execute("CREATE TABLE shopping (what text); INSERT INTO shopping VALUES ('milk');");
      await place.refusesToStart(/not a store of playhouse/, form === "postgres" ? /store\.url/ : /store\.path/);
      told(await place.migrate("up"), /not a store of playhouse/);
      told(await place.migrate("down", "--yes"), /not a store of playhouse/);
      assert.deepEqual(await place.query("SELECT what FROM shopping"), [{ what: "milk" }]);
    });

    test(`${form}: two at once do it once`, async () => {
      for (let round = 0; round < 5; round++) {
        const place = await Place.of(form);
        const ends = await Promise.all([place.migrate("up"), place.migrate("up"), place.migrate("up")]);
        const good = ends.filter(({ code }) => code === 0);
        assert.ok(good.length > 0, JSON.stringify(ends));
        assert.ok(form === "sqlite" || good.length === 3, JSON.stringify(ends));
        ends.filter(({ code }) => code !== 0).forEach(({ err }) => assert.match(err, /another process uses it/));
        assert.equal(good.map(({ out }) => out).join("").match(/^applied /gm)?.length, steps, "each migration once");
        well(await place.migrate("status"));
        await place.execute(character("one"));
      }
    });
  }

  test("sqlite: a file that is no database is left alone", async () => {
    const place = await Place.of("sqlite");
    const text = "shopping list: milk\n".repeat(1000);
    writeFileSync(place.path, text);
    await place.refusesToStart(/store\.path/);
    const { code } = await run("cmp", ["-", place.path], { input: text });
    assert.equal(code, 0, "as it was");
  });

  test("postgres: a database or a server that is not there is named, and no password is shown", async () => {
    const missing = postgres.urlOf("nowhere").replace("playhouse@", "playhouse:hunter2@");
    const away = missing.replace(`:${postgres.port}/`, ":1/");
    for (const [url, word] of [[missing, /nowhere/], [away, /127\.0\.0\.1:1/]] as const) {
      const { code, out, err } = await playhouse(["migrate", "status", "--store.url", url]);
      assert.equal(code, 1);
      assert.match(err, word);
      assert.match(err, /store\.url/);
      assert.doesNotMatch(out + err, /hunter2/);
    }
  });
});
