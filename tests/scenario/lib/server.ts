// A whole deployment, as tests see it: one process of the real binary, with its own store; or, with
// PLAYHOUSE_FORM=processes, every kind of actor in a process of its own (cluster.ts).
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCluster } from "./cluster.ts";
import { Process, STOP_MSEC, type LogLine, type Owner } from "./process.ts";

export { binary, childEnv, generated, root, stack, strictBinary, type LogLine, type Owner } from "./process.ts";

/** Flags for every kind of actor on a thread of its own: each hop is a real one, and commits take place beside the rest. */
export const threadPerKind: readonly string[] = ["--broker.placement", ""];

/** Is each kind of actor in a process of its own? */
export const inProcesses = process.env["PLAYHOUSE_FORM"] === "processes";

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

export interface Server {
  /** http://127.0.0.1:PORT of the page, the API and /ws. Of any of its gateways: the next time maybe of another. */
  readonly url: string;
  readonly wsUrl: string;
  /** The operators' listener; and those of all its processes, for what is to be added up. */
  readonly admin: string;
  readonly admins: readonly string[];
  readonly frontDoor: string;
  /** What it has logged since its last start, and where all of it is, one file for each start of a process. */
  readonly log: readonly LogLine[];
  readonly logFiles: readonly string[];
  readonly directory: string;
  /** The SQLite file. */
  readonly store: string;
  /** The store when it is not the file. */
  readonly database: Database | undefined;
  /** Of the process, or of one of them. */
  readonly pid: number;
  readonly running: boolean;
  /** Starts it (again, on the same store; with these flags too) and waits until it says that it listens. */
  start(more?: readonly string[]): Promise<void>;
  /** The power cord: returns when it is gone. */
  kill9(): Promise<void>;
  /** Asks it to stop; it has to exit with 0 in bounded time. Answers how long that took, in ms. */
  stop(ms?: number): Promise<number>;
  /** Ends whatever still runs and removes its files. A server that ended by itself with an error is a failure. */
  dispose(): Promise<void>;
  /** Returns when each of its threads stands still; harmless when they do already, or do not run. goOn ends that. */
  freeze(): void;
  goOn(): void;
  /** Resident memory in bytes. */
  rss(): number;
}

/** Flags that any process needs: all on free ports. */
export const usual: readonly string[] = ["--gateway.port", "0", "--admin.port", "0"];

/** Everything in one process. */
class Single implements Server {
  url = "";
  admin = "";
  frontDoor = "";
  readonly directory = mkdtempSync(join(tmpdir(), "playhouse-"));
  readonly store = join(this.directory, "playhouse.db");
  private readonly process: Process;

  constructor(private readonly options: ServerOptions) {
    this.process = new Process({ directory: this.directory, binary: options.binary, env: options.env });
  }

  get pid(): number {
    return this.process.pid;
  }

  get running(): boolean {
    return this.process.running;
  }

  get log(): readonly LogLine[] {
    return this.process.log;
  }

  get logFiles(): readonly string[] {
    return this.process.logFiles;
  }

  get wsUrl(): string {
    return `${this.url.replace(/^http/, "ws")}/ws`;
  }

  get admins(): readonly string[] {
    return [this.admin];
  }

  get database(): Database | undefined {
    return this.options.database?.from;
  }

  async start(more: readonly string[] = []): Promise<void> {
    const ready = await this.process.start(this.args(more));
    this.url = String(ready["url"]);
    this.admin = String(ready["admin"]);
    this.frontDoor = String(ready["frontDoor"]);
  }

  kill9(): Promise<void> {
    return this.process.kill9();
  }

  stop(ms = STOP_MSEC): Promise<number> {
    return this.process.stop(ms);
  }

  async dispose(): Promise<void> {
    try {
      if (this.process.running) {
        await this.process.stop();
      }
    } finally {
      await this.process.put();
      rmSync(this.directory, { recursive: true, force: true });
    }
  }

  freeze(): void {
    this.process.freeze();
  }

  goOn(): void {
    this.process.goOn();
  }

  rss(): number {
    return this.process.rss();
  }

  private args(more: readonly string[]): string[] {
    const { database } = this.options;
    return [
      ...((this.options.dev ?? true) ? ["--dev", "--dev.key", join(this.directory, "key.json")] : []),
      ...usual,
      ...["--broker.endpoint", "tcp://127.0.0.1:*"],
      ...(database === undefined
        ? ["--store.path", this.store]
        : ["--store.url", database.url ?? database.from.url]),
      ...(this.options.args ?? []),
      ...more,
    ];
  }
}

export async function startServer(options: ServerOptions): Promise<Server> {
  if (inProcesses) {
    return startCluster(options);
  }
  const server = new Single(options);
  options.owner.after(() => server.dispose());
  await options.prepare?.(server);
  await server.start();
  return server;
}
