// A real PostgreSQL of our own in a temporary folder: started, shut down at once as after a crash, started again, asked.
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chownSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./cli.ts";
import { freePort } from "./port.ts";
import { binary, type Owner } from "./process.ts";
import type { Database } from "./server.ts";
import { eventually, within } from "./wait.ts";

const START_MSEC = 20_000;
const STOP_MSEC = 20_000;
const DEBIAN = "/usr/lib/postgresql/15/bin";

/** Where initdb, postgres and psql are: Debian does not put the first two on the PATH. */
function binaries(): string {
  return existsSync(join(DEBIAN, "postgres")) ? DEBIAN : execFileSync("pg_config", ["--bindir"], { encoding: "utf8" }).trim();
}

/** PostgreSQL refuses to run as root. */
function someoneElse(): { uid?: number; gid?: number } {
  const id = (flag: string): number => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return process.getuid?.() === 0 ? { uid: id("-u"), gid: id("-g") } : {};
}

const alive = new Set<ChildProcess>();
process.on("exit", () => alive.forEach((child) => child.kill("SIGQUIT")));

export class Postgres {
  readonly directory = mkdtempSync(join(tmpdir(), "playhouse-postgres-"));
  private readonly data = join(this.directory, "data");
  private readonly bin = binaries();
  private readonly owner = someoneElse();
  private child: ChildProcess | undefined;
  private ended: Promise<unknown> = Promise.resolve();

  constructor(
    readonly port: number,
    private readonly settings: readonly string[],
    /** Where it listens. */
    private readonly address = "127.0.0.1",
  ) {
    if (this.owner.uid !== undefined && this.owner.gid !== undefined) {
      chownSync(this.directory, this.owner.uid, this.owner.gid);
    }
  }

  /** Makes an empty cluster that trusts whoever comes from 10.0.0.0/8 too, if it can; before the first start. */
  async make(): Promise<void> {
    const args = ["-D", this.data, "-U", "playhouse", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
    const child = spawn(join(this.bin, "initdb"), args, { ...this.owner, cwd: this.directory, stdio: "ignore" });
    const [code] = await within(once(child, "close"), START_MSEC, "initdb ends");
    assert.equal(code, 0, "initdb");
    appendFileSync(join(this.data, "pg_hba.conf"), "host all all 10.0.0.0/8 trust\n");
  }

  /** Through another port: of a proxy in front of it. */
  urlAt(port: number): string {
    return `postgresql://playhouse@${this.address}:${port}/playhouse`;
  }

  urlOf(database: string): string {
    return `postgresql://playhouse@${this.address}:${this.port}/${database}`;
  }

  get url(): string {
    return this.urlAt(this.port);
  }

  get pid(): number {
    assert.ok(this.child?.pid, "PostgreSQL runs");
    return this.child.pid;
  }

  /** Starts it (again) and waits until it answers: after a crash it first recovers. */
  async start(): Promise<void> {
    assert.equal(this.child, undefined, "this PostgreSQL is not running yet");
    const settings = [`listen_addresses=${this.address}`, `unix_socket_directories=${this.directory}`, ...this.settings];
    const args = ["-D", this.data, "-p", String(this.port), ...settings.flatMap((one) => ["-c", one])];
    const child = spawn(join(this.bin, "postgres"), args, { ...this.owner, cwd: this.directory, stdio: "ignore" });
    this.child = child;
    alive.add(child);
    this.ended = new Promise((done) => child.on("close", done));
    const answers = async (): Promise<boolean> => {
      assert.equal(child.exitCode, null, "postgres did not start");
      return (await this.psql("SELECT 1", "postgres")).code === 0;
    };
    await eventually(answers, "PostgreSQL answers", START_MSEC);
  }

  /** An immediate shutdown: what was under way is lost, as in a crash; what was committed is not. */
  async kill(): Promise<void> {
    await this.end("SIGQUIT");
  }

  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Every row. */
  async query<Row>(sql: string, database = "playhouse"): Promise<Row[]> {
    const { code, out, err } = await this.psql(`SELECT coalesce(json_agg(t), '[]') FROM (${sql}) t`, database);
    assert.equal(code, 0, `psql: ${err}`);
    return JSON.parse(out) as Row[];
  }

  execute(sql: string, database = "playhouse"): Promise<void> {
    return this.run(sql, database).then(() => undefined);
  }

  /** Statements, each a transaction of its own; gives what psql prints. */
  async run(sql: string, database = "playhouse"): Promise<string> {
    const { code, out, err } = await this.psql(sql, database);
    assert.equal(code, 0, `psql: ${err}`);
    return out;
  }

  /** Goes on in the background until this process exits, and does not keep it from that. */
  leaveToExit(): void {
    assert.ok(this.child, "PostgreSQL runs");
    this.child.unref();
    alive.delete(this.child); // two who end it would meet
    process.on("exit", () => {
      const args = ["-D", this.data, "-m", "immediate", "-w", "stop"];
      execFileSync(join(this.bin, "pg_ctl"), args, { ...this.owner, cwd: this.directory, stdio: "ignore" });
      rmSync(this.directory, { recursive: true, force: true });
    });
  }

  /** The database of the URL, and its schema. */
  async migrate(): Promise<void> {
    await this.execute("CREATE DATABASE playhouse", "postgres");
    const { code, err } = await run(binary, ["migrate", "up", "--store.url", this.url], { ms: START_MSEC });
    assert.equal(code, 0, `playhouse migrate up: ${err}`);
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    child?.kill(signal);
    await within(this.ended, STOP_MSEC, "postgres is gone");
    if (child !== undefined) {
      alive.delete(child);
    }
    this.child = undefined;
  }

  private psql(sql: string, database = "playhouse"): ReturnType<typeof run> {
    const args = ["-XAtq", "-v", "ON_ERROR_STOP=1", "-h", this.directory, "-p", String(this.port), "-f", "-"];
    return run(join(this.bin, "psql"), [...args, "-U", "playhouse", "-d", database], { input: sql, ms: 60_000 });
  }
}

/** One that runs, with an empty store of this build in it. */
export async function startPostgres({
  owner,
  settings = [],
  address,
}: {
  owner: Owner;
  settings?: readonly string[];
  address?: string;
}): Promise<Postgres> {
  const postgres = new Postgres(await freePort(address), settings, address);
  owner.after(() => postgres.dispose());
  await postgres.make();
  await postgres.start();
  await postgres.migrate();
  return postgres;
}

/** Returns when nobody else is connected to it: what a process that was killed had sent is done, or never will be. */
export async function alone(database: Database): Promise<void> {
  const others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
  await eventually(async () => (await database.query(others)).length === 0, "PostgreSQL has ended what dead processes began");
}

let shared: Promise<Postgres> | undefined;
let databases = 0;

async function leftToExit(): Promise<Postgres> {
  const postgres = new Postgres(await freePort(), []);
  await postgres.make();
  await postgres.start();
  postgres.leaveToExit();
  await postgres.migrate();
  return postgres;
}

/** A new empty store of this build, in a PostgreSQL that is shared with all others of this kind in this process. */
export async function sharedDatabase(): Promise<Database> {
  shared ??= leftToExit();
  const postgres = await shared;
  const name = `playhouse_${++databases}`;
  await postgres.execute(`CREATE DATABASE ${name} TEMPLATE playhouse`, "postgres");
  return {
    url: postgres.urlOf(name),
    query: (sql) => postgres.query(sql, name),
    execute: (sql) => postgres.execute(sql, name),
  };
}
