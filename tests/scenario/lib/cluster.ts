// A deployment of many processes of the real binary, each with some of the roles, on one PostgreSQL and one Redis. It has
// the face of one server: what is asked of it goes to its gateways in turn, as behind a load balancer without stickiness.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { run } from "./cli.ts";
import { Keys } from "./keys.ts";
import { freePort } from "./port.ts";
import { alone, sharedDatabase } from "./postgres.ts";
import { binary, Process, stack, STOP_MSEC, type LogLine } from "./process.ts";
import { startRedis } from "./redis.ts";
import type { Database, Server, ServerOptions } from "./server.ts";
import { eventually } from "./wait.ts";

/** A machine with an address of its own; this one when a part has none. */
export interface Host {
  readonly address: string;
  /** To run something there. */
  readonly through: readonly string[];
  /** Nothing gets there, nor comes from there. */
  readonly isCut: boolean;
  /** How what listens on its loopback is reached from here. */
  reach(url: string): Promise<string>;
}

/** One process of a deployment. */
export interface Part {
  /** Its node.name. */
  readonly name: string;
  readonly roles: readonly string[];
  readonly host?: Host;
  readonly args?: readonly string[];
}

const part = (name: string, ...roles: string[]): Part => ({ name, roles });

/** Every kind of actor in a process of its own; two brokers, two gateways, two owners of rooms. */
export const apart: readonly Part[] = [
  part("broker-1", "broker"),
  part("broker-2", "broker"),
  part("persistence-1", "persistence"),
  part("room-1", "room"),
  part("room-2", "room"),
  part("queue-1", "queue"),
  part("admission-1", "admission"),
  part("auth-1", "auth"),
  part("metrics-1", "metrics"),
  part("gateway-1", "gateway"),
  part("gateway-2", "gateway"),
];

/** Who is stopped when: whoever needs others goes before them. */
const STOPPED_IN_ORDER: readonly (readonly string[])[] = [
  ["gateway"],
  ["auth", "admission", "queue"],
  ["room"],
  ["metrics", "persistence"],
  ["broker"],
];

const JOIN_MSEC = 15_000;

/** Flags of tests for one process that do not fit many: what shares a thread, and the one port of the one gateway. */
const OF_ONE_PROCESS = new Set(["--broker.placement", "--gateway.port"]);

function fitting(args: readonly string[]): string[] {
  return args.filter((_, n) => !OF_ONE_PROCESS.has(args[n] ?? "") && !OF_ONE_PROCESS.has(args[n - 1] ?? ""));
}

export interface ClusterOptions extends ServerOptions {
  parts?: readonly Part[];
  /** Each has keys, and all allow each other. */
  keys?: boolean;
}

/** Where a process listens, each time that it is started. */
interface Ports {
  readonly broker: number;
  readonly gateway: number;
  readonly admin: number;
}

/** One process of a cluster. */
export class Member {
  url = "";
  admin = "";
  frontDoor = "";
  readonly process: Process;
  /** A broker's: where processes come to. */
  readonly bind: string;

  constructor(
    readonly part: Part,
    private readonly cluster: Cluster,
    private readonly ports: Ports,
  ) {
    const { options, directory } = cluster;
    const { host, name } = part;
    const { binary, env } = options;
    this.bind = `tcp://${this.address}:${ports.broker}`;
    this.process = new Process({ directory, name, binary, env, through: host?.through ?? [], heard: cluster.heard });
  }

  get name(): string {
    return this.part.name;
  }

  get address(): string {
    return this.part.host?.address ?? "127.0.0.1";
  }

  has(role: string): boolean {
    return this.part.roles.includes(role);
  }

  /** Starts it (again, where it listened before) and waits until it listens. */
  async start(more: readonly string[] = []): Promise<void> {
    const ready = await this.process.start(this.args(more));
    const told = (field: string): string => String(ready[field] ?? "");
    this.url = told("url");
    this.frontDoor = told("frontDoor");
    if (told("admin") !== "") {
      this.admin = (await this.part.host?.reach(told("admin"))) ?? told("admin");
    }
  }

  /** Waits until it has ended by itself. */
  async refuse(more: readonly string[] = []): Promise<number | null> {
    return (await this.process.refuse(this.args(more))).code;
  }

  private args(more: readonly string[]): string[] {
    const { name, roles, args = [] } = this.part;
    const broker = this.has("broker") ? ["--broker.bind", this.bind] : [];
    return [
      ...["--roles", roles.join(","), "--node.name", name, "--node.host", this.address],
      ...["--node.brokers", this.cluster.brokers, ...broker],
      ...["--broker.endpoint", this.has("broker") ? "tcp://127.0.0.1:*" : ""],
      ...["--gateway.host", this.address, "--gateway.port", `${this.ports.gateway}`],
      ...["--admin.port", `${this.ports.admin}`, ...(this.cluster.keys?.args(name) ?? [])],
      ...this.cluster.common,
      ...args,
      ...fitting(more),
    ];
  }
}

export class Cluster implements Server {
  readonly directory = mkdtempSync(join(tmpdir(), "playhouse-cluster-"));
  readonly store = ""; // there is no such file
  readonly members: readonly Member[];
  /** Flags that every process has. */
  readonly common: readonly string[];
  keys: Keys | undefined;
  private lines: LogLine[] = [];
  private turn = 0;

  constructor(
    readonly options: ClusterOptions,
    readonly database: Database,
    ports: readonly Ports[],
    args: readonly string[],
  ) {
    const parts = options.parts ?? apart;
    this.members = parts.map((one, n) => new Member(one, this, ports[n] ?? assert.fail("ports for each")));
    const dev = options.dev ?? true;
    this.common = [
      ...(dev ? ["--dev", "--dev.key", join(this.directory, "key.json")] : []),
      ...["--store.url", options.database?.url ?? database.url],
      ...args,
      ...fitting(options.args ?? []),
    ];
  }

  readonly heard = (line: LogLine): void => {
    this.lines.push(line);
  };

  /** node.brokers of everybody. */
  get brokers(): string {
    return this.with("broker").map(({ name, bind }) => (this.keys === undefined ? bind : `${name}@${bind}`)).join(" ");
  }

  /** Those that have this role. */
  with(role: string): Member[] {
    return this.members.filter((one) => one.has(role));
  }

  member(name: string): Member {
    return this.members.find((one) => one.name === name) ?? assert.fail(`there is no process ${name}`);
  }

  /** The running ones with this role. */
  up(role: string): Member[] {
    return this.with(role).filter(({ process }) => process.running);
  }

  get url(): string {
    const gateways = this.up("gateway").filter(({ url, part: { host } }) => url !== "" && host?.isCut !== true);
    return gateways[this.turn++ % Math.max(1, gateways.length)]?.url ?? this.with("gateway")[0]?.url ?? "";
  }

  get wsUrl(): string {
    return `${this.url.replace(/^http/, "ws")}/ws`;
  }

  get admin(): string {
    return (this.up("gateway").find(({ part: { host } }) => host?.isCut !== true) ?? this.with("gateway")[0])?.admin ?? "";
  }

  get admins(): readonly string[] {
    return this.members.filter(({ process, admin }) => process.running && admin !== "").map(({ admin }) => admin);
  }

  get frontDoor(): string {
    return this.up("broker").find(({ frontDoor }) => frontDoor !== "")?.frontDoor ?? "";
  }

  get log(): readonly LogLine[] {
    return this.lines;
  }

  get logFiles(): readonly string[] {
    return this.members.flatMap(({ process }) => process.logFiles);
  }

  /** Of a gateway. */
  get pid(): number {
    return (this.with("gateway")[0] ?? assert.fail("a gateway")).process.pid;
  }

  get running(): boolean {
    return this.members.some(({ process }) => process.running);
  }

  /** All at once: whoever needs another waits for it. */
  start(more: readonly string[] = []): Promise<void> {
    this.lines = [];
    return this.begin(this.members, more);
  }

  /** Starts these. */
  async begin(members: readonly Member[], more: readonly string[] = []): Promise<void> {
    await Promise.all(members.map((one) => one.start(more)));
    await this.complete();
  }

  /** Returns when everybody who runs knows of everybody else who does, and of nobody else. */
  async complete(ms = JOIN_MSEC): Promise<void> {
    const running = this.members.filter(({ process }) => process.running);
    const names = running.map(({ name }) => name).sort();
    let last: unknown;
    const agreed = async (): Promise<boolean> => {
      const views = await Promise.all(running.map((one) => this.viewOf(one)));
      last = views;
      const [first] = views;
      return isDeepStrictEqual(first?.map(([name]) => name), names) && views.every((view) => isDeepStrictEqual(view, first));
    };
    await eventually(agreed, "all see the same processes", ms).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${JSON.stringify(last)}`);
    });
  }

  /** Names and ids of the processes that this one knows of, as it says; undefined when it does not answer. */
  async viewOf(member: Member): Promise<[string, number][] | undefined> {
    const door = this.up("broker").find(({ frontDoor, part: { host } }) => frontDoor !== "" && host?.isCut !== true);
    if (door === undefined) {
      return undefined;
    }
    const [program = "", ...words] = [...(door.part.host?.through ?? []), binary, "send", "--broker.endpoint", door.frontDoor];
    const { code, out } = await run(program, [...words, "node", member.name, "node.view", "{}"]);
    if (code !== 0) {
      return undefined;
    }
    const { nodes } = JSON.parse(out) as { nodes: { name: string; id: number }[] };
    return nodes.map(({ name, id }): [string, number] => [name, id]).sort(([a], [b]) => a.localeCompare(b));
  }

  async kill9(): Promise<void> {
    await this.put();
    await alone(this.database);
  }

  private async put(): Promise<void> {
    await Promise.all(this.members.map(({ process }) => process.put()));
  }

  async stop(ms = STOP_MSEC): Promise<number> {
    const begin = performance.now();
    const left = (): number => Math.max(1, ms - (performance.now() - begin));
    for (const roles of STOPPED_IN_ORDER) {
      const due = this.members.filter((one) => one.process.running && roles.includes(one.part.roles[0] ?? ""));
      await Promise.all(due.map(({ process }) => process.stop(left())));
    }
    return performance.now() - begin;
  }

  async dispose(): Promise<void> {
    try {
      this.goOn();
      await this.stop(2 * STOP_MSEC);
    } finally {
      await this.put();
      rmSync(this.directory, { recursive: true, force: true });
    }
  }

  freeze(): void {
    this.members.forEach(({ process }) => process.freeze());
  }

  goOn(): void {
    this.members.forEach(({ process }) => process.goOn());
  }

  rss(): number {
    return this.members.filter(({ process }) => process.running).reduce((sum, { process }) => sum + process.rss(), 0);
  }
}

/** One gateway of a cluster, as a server. What the rest has counted is told by the first of them. */
export class Face implements Server {
  constructor(
    readonly cluster: Cluster,
    readonly gateway: Member,
  ) {}

  get url(): string {
    return this.gateway.url;
  }

  get wsUrl(): string {
    return `${this.url.replace(/^http/, "ws")}/ws`;
  }

  get admin(): string {
    return this.gateway.admin;
  }

  get admins(): readonly string[] {
    const elsewhere = new Set(this.cluster.with("gateway").slice(1).map(({ admin }) => admin));
    return this.isFirst ? this.cluster.admins.filter((admin) => !elsewhere.has(admin)) : [this.admin];
  }

  private get isFirst(): boolean {
    return this.gateway === this.cluster.with("gateway")[0];
  }

  get frontDoor(): string {
    return this.cluster.frontDoor;
  }

  get log(): readonly LogLine[] {
    return this.isFirst ? this.cluster.log : [];
  }

  get logFiles(): readonly string[] {
    return this.isFirst ? this.cluster.logFiles : [];
  }

  get directory(): string {
    return this.cluster.directory;
  }

  get store(): string {
    return this.cluster.store;
  }

  get database(): Database {
    return this.cluster.database;
  }

  get pid(): number {
    return this.gateway.process.pid;
  }

  get running(): boolean {
    return this.gateway.process.running;
  }

  start(more: readonly string[] = []): Promise<void> {
    return this.gateway.start(more);
  }

  kill9(): Promise<void> {
    return this.gateway.process.kill9();
  }

  stop(ms = STOP_MSEC): Promise<number> {
    return this.gateway.process.stop(ms);
  }

  /** The cluster's owner ends it. */
  async dispose(): Promise<void> {}

  freeze(): void {
    this.gateway.process.freeze();
  }

  goOn(): void {
    this.gateway.process.goOn();
  }

  rss(): number {
    return this.gateway.process.rss();
  }
}

/** A cluster with nobody started yet. Its PostgreSQL and Redis run, when nobody has given others. */
export async function newCluster(options: ClusterOptions): Promise<Cluster> {
  const owner = stack(options.owner); // its processes end before what they lean on
  const database = options.database?.from ?? (await sharedDatabase());
  const registry = options.args?.includes("--registry.url") === true ? [] : ["--registry.url", (await startRedis({ owner })).url];
  const ports: Ports[] = [];
  for (const _ of options.parts ?? apart) {
    ports.push({ broker: await freePort(), gateway: await freePort(), admin: await freePort() });
  }
  const cluster = new Cluster(options, database, ports, registry);
  owner.after(() => cluster.dispose());
  if (options.keys === true) {
    cluster.keys = new Keys(cluster.directory);
    await Promise.all(cluster.members.map(({ name }) => cluster.keys?.make(name)));
  }
  await options.prepare?.(cluster);
  return cluster;
}

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const cluster = await newCluster(options);
  await cluster.start();
  return cluster;
}
