// One process of the real binary: started, heard, stopped, killed, made to stand still, started again.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import "./limit.ts";
import { within } from "./wait.ts";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");

/** The binary under test. */
export const binary = resolve(process.env["PLAYHOUSE_BIN"] ?? join(root, "build/release/playhouse"));

/** The same with sanitizers where there is one (PLAYHOUSE_DEV_BIN): for input that tries to break it. */
export const strictBinary = resolve(process.env["PLAYHOUSE_DEV_BIN"] ?? binary);

/** What the generator wrote beside the binary: openapi.json and others. */
export const generated = join(dirname(binary), "gen");

/** What is meant for these tests, and not for the server, which refuses keys it does not know. */
const OURS = new Set([
  "PLAYHOUSE_BIN",
  "PLAYHOUSE_DEV_BIN",
  "PLAYHOUSE_SEED",
  "PLAYHOUSE_OUTAGE_SECONDS",
  "PLAYHOUSE_FORM",
  "PLAYHOUSE_KILL_SECONDS",
]);

/** The environment of a child: ours, without what is meant for these tests. */
export function childEnv(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.has(name))), ...more };
}

const START_MSEC = 30_000;
export const STOP_MSEC = 10_000;

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

let started = 0;
const alive = new Set<ChildProcess>();
process.on("exit", () => alive.forEach((child) => child.kill("SIGKILL")));

function logPath(name: string): string {
  const folder = join(root, "build/test-logs");
  mkdirSync(folder, { recursive: true });
  const test = basename(process.argv[1] ?? "unknown").replace(/\.test\.ts$/, "");
  return join(folder, `${test}-${++started}${name === "" ? "" : `-${name}`}.log`);
}

export interface ProcessOptions {
  /** Where it runs. */
  directory: string;
  binary?: string | undefined;
  env?: Readonly<Record<string, string>> | undefined;
  /** Of its log; "" for the only one. */
  name?: string;
  /** Program and arguments to start it by: it has to become the binary, so that its pid is the binary's. */
  through?: readonly string[];
  /** Told each line of the log as it comes. */
  heard?: (line: LogLine) => void;
}

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Process {
  /** What it has logged since its last start. */
  log: LogLine[] = [];
  /** Where all of it is, one file for each start. */
  readonly logFiles: string[] = [];
  private child: ChildProcess | undefined;
  private end: Promise<End> | undefined;

  constructor(private readonly options: ProcessOptions) {}

  get pid(): number {
    assert.ok(this.child?.pid, "the server runs");
    return this.child.pid;
  }

  get running(): boolean {
    return this.child !== undefined;
  }

  /** Starts it (again) and waits until it says that it listens; that line. */
  async start(args: readonly string[]): Promise<LogLine> {
    const heard = this.begin(args);
    const died = this.ended.then(({ code, signal }) => {
      this.child = undefined;
      throw new Error(`the server ${this.options.name ?? ""} ended (${code ?? signal}) before it listened:\n${this.tail()}`);
    });
    return within(Promise.race([heard, died]), START_MSEC, `the server ${this.options.name ?? ""} logs 'listening'`);
  }

  /** The same for one that is to refuse: waits until it has ended by itself. */
  async refuse(args: readonly string[], ms = START_MSEC): Promise<End> {
    void this.begin(args);
    return this.gone("the server ends by itself", ms);
  }

  /** Its end, when it comes. */
  get ended(): Promise<End> {
    assert.ok(this.end, "the server was started");
    return this.end;
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
    const who = this.options.name ?? "";
    assert.equal(code, 0, `exit code of ${who} after SIGTERM (signal ${signal}):\n${this.tail()}`);
    return performance.now() - begin;
  }

  /** Ends it whatever it does. */
  async put(): Promise<void> {
    if (this.child !== undefined) {
      await this.kill9();
    }
  }

  /** Waits until it has ended by itself, or was ended. */
  async gone(what: string, ms = STOP_MSEC): Promise<End> {
    const end = await within(this.ended, ms, what);
    this.child = undefined;
    return end;
  }

  /** Returns when each of its threads stands still. Harmless when it does already, or does not run. */
  freeze(): void {
    if (this.child === undefined) {
      return;
    }
    process.kill(this.pid, "SIGSTOP");
    const deadline = performance.now() + 5000;
    while (!/^State:\s+T/m.test(this.status())) {
      assert.ok(performance.now() < deadline, "the server stands still");
    }
  }

  /** Ends what freeze began. */
  goOn(): void {
    if (this.child !== undefined) {
      process.kill(this.pid, "SIGCONT");
    }
  }

  /** Resident memory in bytes. */
  rss(): number {
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(this.status());
    assert.ok(kilobytes?.[1], "VmRSS of the server");
    return Number(kilobytes[1]) * 1024;
  }

  tail(): string {
    return this.log.slice(-20).map((line) => JSON.stringify(line)).join("\n");
  }

  private status(): string {
    return readFileSync(`/proc/${this.pid}/status`, "utf8");
  }

  /** Resolves with the line that says that it listens, if that comes. */
  private begin(args: readonly string[]): Promise<LogLine> {
    assert.equal(this.child, undefined, "the server is not running yet");
    const { through = [], env, directory } = this.options;
    const [program = "", ...words] = [...through, this.options.binary ?? binary, "run", ...args];
    const child = spawn(program, words, { cwd: directory, env: childEnv(env), stdio: ["ignore", "ignore", "pipe"] });
    this.child = child;
    alive.add(child);
    this.log = [];
    const path = logPath(this.options.name ?? "");
    this.logFiles.push(path);
    const file = createWriteStream(path);
    this.end = new Promise((done, fail) => {
      child.on("error", fail);
      child.on("close", (code, signal) => {
        alive.delete(child);
        file.end(() => done({ code, signal }));
      });
    });
    this.end.catch(() => undefined); // told to who waits for it
    return new Promise((heard) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        file.write(`${line}\n`);
        const entry = this.read(line);
        if (entry.event === "listening") {
          heard(entry);
        }
      });
    });
  }

  private read(line: string): LogLine {
    let entry: LogLine;
    try {
      entry = JSON.parse(line) as LogLine;
    } catch {
      entry = { event: "not-json", text: line };
    }
    this.log.push(entry);
    this.options.heard?.(entry);
    return entry;
  }
}
