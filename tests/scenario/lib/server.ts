// The real binary on free ports, with its own store: start, stop, kill, start again.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { within } from "./wait.ts";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");

/** The binary under test. */
export const binary = resolve(process.env["PLAYHOUSE_BIN"] ?? join(root, "build/release/playhouse"));

/** The same with sanitizers where there is one (PLAYHOUSE_DEV_BIN): for input that tries to break it. */
export const strictBinary = resolve(process.env["PLAYHOUSE_DEV_BIN"] ?? binary);

/** What the generator wrote beside the binary: openapi.json and others. */
export const generated = join(dirname(binary), "gen");

/** The environment of a child: ours, without what is meant for these tests (the server refuses keys it does not know). */
export function childEnv(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const ours = new Set(["PLAYHOUSE_BIN", "PLAYHOUSE_DEV_BIN", "PLAYHOUSE_SEED", "PLAYHOUSE_OUTAGE_SECONDS"]);
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.has(name))), ...more };
}

/** Flags for every kind of actor on a thread of its own: each hop is a real one, and commits take place beside the rest. */
export const threadPerKind: readonly string[] = ["--broker.placement", ""];

const START_MSEC = 30_000;
const STOP_MSEC = 10_000;

export interface LogLine {
  readonly event: string;
  readonly level?: string;
  readonly message?: string;
  readonly [field: string]: unknown;
}

/** Whoever ends the server: a test's context or node:test itself. */
export interface Owner {
  after(work: () => Promise<void>): void;
}

/** Undoes things in the reverse order, each also when one before it failed. */
export function stack(owner: Owner): Owner {
  const works: (() => Promise<void>)[] = [];
  owner.after(async () => {
    const failures: unknown[] = [];
    for (const work of works.reverse()) {
      await work().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) {
      throw failures[0];
    }
  });
  return { after: (work) => works.push(work) };
}

/** A store that can be read from outside while the server runs. */
export interface Database {
  readonly url: string;
  query<Row>(sql: string): Promise<Row[]>;
  execute(sql: string): Promise<void>;
}

export interface ServerOptions {
  /** More flags; they come after the usual ones and win over them. */
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  binary?: string;
  /** false: no local issuer; the caller gives auth.* flags. */
  dev?: boolean;
  /** What is written down is there, and not in a SQLite file; `url` is where the server finds it (a proxy's, maybe). */
  database?: { readonly from: Database; readonly url?: string };
  /** Called before the first start, when there is a place for the store and nothing in it. */
  prepare?: (server: Server) => Promise<void>;
  owner: Owner;
}

let started = 0;
const alive = new Set<ChildProcess>();
process.on("exit", () => alive.forEach((child) => child.kill("SIGKILL")));

function logPath(): string {
  const folder = join(root, "build/test-logs");
  mkdirSync(folder, { recursive: true });
  const test = basename(process.argv[1] ?? "unknown").replace(/\.test\.ts$/, "");
  return join(folder, `${test}-${++started}.log`);
}

export class Server {
  /** http://127.0.0.1:PORT of the page, the API and /ws. */
  url = "";
  admin = "";
  frontDoor = "";
  /** What the server has logged since its last start. */
  log: LogLine[] = [];
  /** Where all of it is, one file for each start. */
  readonly logFiles: string[] = [];
  readonly directory = mkdtempSync(join(tmpdir(), "playhouse-"));
  readonly store = join(this.directory, "playhouse.db");
  private child: ChildProcess | undefined;
  private ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }> | undefined;

  constructor(private readonly options: ServerOptions) {}

  get pid(): number {
    assert.ok(this.child?.pid, "the server runs");
    return this.child.pid;
  }

  get running(): boolean {
    return this.child !== undefined;
  }

  get wsUrl(): string {
    return `${this.url.replace(/^http/, "ws")}/ws`;
  }

  /** The store when it is not the file. */
  get database(): Database | undefined {
    return this.options.database?.from;
  }

  private storeArgs(): string[] {
    const { database } = this.options;
    return database === undefined
      ? ["--store.path", this.store]
      : ["--store.url", database.url ?? database.from.url];
  }

  private args(more: readonly string[]): string[] {
    const dev = this.options.dev ?? true;
    return [
      "run",
      ...(dev ? ["--dev", "--dev.key", join(this.directory, "key.json")] : []),
      ...["--gateway.port", "0", "--admin.port", "0", "--broker.endpoint", "tcp://127.0.0.1:*"],
      ...this.storeArgs(),
      ...(this.options.args ?? []),
      ...more,
    ];
  }

  /** Starts it (again, on the same store; with these flags too) and waits until it says that it listens. */
  async start(more: readonly string[] = []): Promise<void> {
    assert.equal(this.child, undefined, "the server is not running yet");
    const child = spawn(this.options.binary ?? binary, this.args(more), {
      cwd: this.directory,
      env: childEnv(this.options.env),
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.child = child;
    alive.add(child);
    this.log = [];
    const path = logPath();
    this.logFiles.push(path);
    const file = createWriteStream(path);
    this.ended = new Promise((done, fail) => {
      child.on("error", fail);
      child.on("close", (code, signal) => {
        alive.delete(child);
        file.end(() => done({ code, signal }));
      });
    });
    const listening = new Promise<LogLine>((heard) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        file.write(`${line}\n`);
        const entry = this.read(line);
        if (entry.event === "listening") {
          heard(entry);
        }
      });
    });
    const died = this.ended.then(({ code, signal }) => {
      throw new Error(`the server ended (${code ?? signal}) before it listened:\n${this.tail()}`);
    });
    const ready = await within(Promise.race([listening, died]), START_MSEC, "the server logs 'listening'");
    this.url = String(ready["url"]);
    this.admin = String(ready["admin"]);
    this.frontDoor = String(ready["frontDoor"]);
  }

  /** The power cord: returns when the process is gone. */
  async kill9(): Promise<void> {
    this.child?.kill("SIGKILL");
    await this.gone("the killed server is gone");
  }

  /** Asks it to stop; it has to exit with 0 in bounded time. Answers how long that took, in ms. */
  async stop(ms = STOP_MSEC): Promise<number> {
    const begin = performance.now();
    this.child?.kill("SIGTERM");
    const { code, signal } = await this.gone("the server stops after SIGTERM", ms);
    assert.equal(code, 0, `exit code after SIGTERM (signal ${signal}):\n${this.tail()}`);
    return performance.now() - begin;
  }

  /** Ends whatever still runs and removes its files. A server that ended by itself with an error is a failure. */
  async dispose(): Promise<void> {
    try {
      if (this.child !== undefined) {
        await this.stop();
      }
    } finally {
      this.child?.kill("SIGKILL");
      rmSync(this.directory, { recursive: true, force: true });
    }
  }

  /** Resident memory in bytes. */
  rss(): number {
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"));
    assert.ok(kilobytes?.[1], "VmRSS of the server");
    return Number(kilobytes[1]) * 1024;
  }

  tail(): string {
    return this.log.slice(-20).map((line) => JSON.stringify(line)).join("\n");
  }

  private read(line: string): LogLine {
    let entry: LogLine;
    try {
      entry = JSON.parse(line) as LogLine;
    } catch {
      entry = { event: "not-json", text: line };
    }
    this.log.push(entry);
    return entry;
  }

  private async gone(what: string, ms = STOP_MSEC): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    assert.ok(this.ended, "the server was started");
    const end = await within(this.ended, ms, what);
    this.child = undefined;
    return end;
  }
}

export async function startServer(options: ServerOptions): Promise<Server> {
  const server = new Server(options);
  options.owner.after(() => server.dispose());
  await options.prepare?.(server);
  await server.start();
  return server;
}
