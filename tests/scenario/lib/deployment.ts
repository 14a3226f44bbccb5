// The containers of compose/ as plain processes: with its own configuration, its keys made by its first-start, its HAProxy
// and its Prometheus. What differs is where things are: each container has an address of this machine's loopback, so that
// all ports are as they are written, and the names of hosts are replaced by those.
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { binary, Process, root } from "./process.ts";
import { within } from "./wait.ts";

const compose = join(root, "compose");
const STOP_MSEC = 10_000;

interface Written {
  readonly processes: readonly { name: string; roles: string[]; environment: Record<string, string> }[];
  readonly balancer: Record<string, string>;
}

/** What it leans on, in place of what compose.yaml has. */
export interface Leaned {
  readonly store: string;
  /** HOST:PORT of Redis. */
  readonly redis: string;
  readonly issuer: string;
}

const alive = new Set<ChildProcess>();
process.on("exit", () => alive.forEach((child) => child.kill("SIGKILL")));

/** A program that is not ours, until it is stopped. */
class Helper {
  private said = "";

  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
  ) {
    alive.add(child);
    child.on("close", () => alive.delete(child));
    child.stderr?.on("data", (text: Buffer) => (this.said = `${this.said}${text.toString()}`.slice(-4000)));
  }

  static async start(name: string, args: readonly string[], env: Record<string, string> = {}): Promise<Helper> {
    const child = spawn(name, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
    await once(child, "spawn");
    return new Helper(name, child);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = once(this.child, "close");
      this.child.kill("SIGTERM");
      await within(gone, STOP_MSEC, `${this.name} stops`);
    } else {
      assert.fail(`${this.name} ended by itself:\n${this.said}`);
    }
  }
}

export class Deployment {
  readonly directory = mkdtempSync(join(tmpdir(), "playhouse-deployment-"));
  readonly processes = new Map<string, Process>();
  private readonly written: Written;
  /** Of each container by its name. */
  private readonly addresses = new Map<string, string>();
  private readonly helpers: Helper[] = [];

  constructor(private readonly leaned: Leaned) {
    const script = join(root, "tests/compose/deployment.py");
    this.written = JSON.parse(execFileSync("/usr/bin/python3", ["-B", script], { encoding: "utf8" })) as Written;
    const names = [...this.written.processes.map(({ name }) => name), "haproxy", "prometheus"];
    // So that two of these at the same time do not meet.
    const net = `127.${10 + (process.pid % 200)}.${Math.floor(process.pid / 200) % 250}`;
    names.forEach((name, n) => this.addresses.set(name, `${net}.${n + 1}`));
  }

  get names(): string[] {
    return this.written.processes.map(({ name }) => name);
  }

  address(name: string): string {
    return this.addresses.get(name) ?? assert.fail(`there is no container ${name}`);
  }

  /** Where players come in. */
  get url(): string {
    return `http://${this.placed(this.written.balancer["LISTEN"] ?? "", "haproxy")}`;
  }

  /** Makes the keys, starts every process at once, and waits until each listens. */
  async start(): Promise<void> {
    const env = { KEYS: join(this.directory, "keys"), SECRETS: join(this.directory, "secrets") };
    Object.values(env).forEach((folder) => mkdirSync(folder));
    const path = `${dirname(binary)}:${process.env["PATH"] ?? ""}`;
    execFileSync(join(compose, "first-start"), this.names, { env: { ...process.env, ...env, PATH: path }, stdio: "pipe" });
    await Promise.all(this.names.map((name) => this.begin(name)));
  }

  /** Starts one (again). */
  async begin(name: string): Promise<void> {
    const written = this.written.processes.find((one) => one.name === name) ?? assert.fail(name);
    const conf = join(this.directory, `${name}.conf`);
    writeFileSync(conf, this.placed(readFileSync(join(compose, "playhouse.conf"), "utf8"), name));
    const env = Object.fromEntries(Object.entries(written.environment).map(([key, value]) => [key, this.placed(value, name)]));
    const process = this.processes.get(name) ?? new Process({ directory: this.directory, name, env });
    this.processes.set(name, process);
    await process.start(["--config", conf]);
  }

  async balance(): Promise<void> {
    const env = Object.entries(this.written.balancer).map(([key, value]) => [key, this.placed(value, "haproxy")]);
    this.helpers.push(
      await Helper.start("haproxy", ["-db", "-f", join(compose, "haproxy/haproxy.cfg")], Object.fromEntries(env)),
    );
  }

  /** Starts the Prometheus of compose/prometheus; its address. */
  async watch(): Promise<string> {
    for (const file of ["prometheus.yml", "alerts.yml"]) {
      const text = readFileSync(join(compose, "prometheus", file), "utf8");
      writeFileSync(join(this.directory, file), file === "alerts.yml" ? text : this.placed(text, "prometheus"));
    }
    const listen = `${this.address("prometheus")}:9090`;
    this.helpers.push(
      await Helper.start("prometheus", [
        ...["--config.file", join(this.directory, "prometheus.yml"), "--web.listen-address", listen],
        ...["--storage.tsdb.path", join(this.directory, "prometheus")],
      ]),
    );
    return `http://${listen}`;
  }

  process(name: string): Process {
    return this.processes.get(name) ?? assert.fail(`${name} was started`);
  }

  async dispose(): Promise<void> {
    try {
      for (const helper of this.helpers.reverse()) {
        await helper.stop();
      }
      // Brokers last: who leaves tells them.
      const last = [...this.processes.values()].filter((_, n) => (this.names[n] ?? "").startsWith("broker"));
      for (const some of [[...this.processes.values()].filter((one) => !last.includes(one)), last]) {
        await Promise.all(some.filter(({ running }) => running).map((one) => one.stop(2 * STOP_MSEC)));
      }
    } finally {
      await Promise.all([...this.processes.values()].map((one) => one.put()));
      rmSync(this.directory, { recursive: true, force: true });
    }
  }

  /** A text of compose/ as it reads on this machine, for the container of that name. */
  private placed(text: string, name: string): string {
    const own = this.address(name);
    let placed = text
      .replaceAll("postgresql://playhouse@postgres/playhouse", this.leaned.store)
      .replaceAll("redis://redis:6379", `redis://${this.leaned.redis}`)
      .replaceAll("http://localhost:9000", this.leaned.issuer)
      .replaceAll("10.77.0.20 10.77.1.200", "127.0.0.1") // from where the balancer comes here
      .replaceAll(/(?<=[/=\s]|^)(0\.0\.0\.0|\*)(?=$|:|\n)/gm, own)
      .replaceAll("/keys/own", join(this.directory, "keys", name))
      .replaceAll(/(?<![\w/])\/keys\//g, `${join(this.directory, "keys")}/`)
      .replaceAll(/(?<![\w/])\/secrets\//g, `${join(this.directory, "secrets/playhouse")}/`);
    for (const [host, address] of this.addresses) {
      placed = placed.replaceAll(new RegExp(`(?<![\\w-])${host}(?=:\\d)`, "g"), address);
    }
    for (const { name: host, environment } of this.written.processes) {
      const address = environment["PLAYHOUSE_NODE_HOST"] ?? assert.fail(`${host} has an address`);
      placed = placed.replaceAll(new RegExp(`\\b${address.replaceAll(".", "[.]")}\\b`, "g"), this.address(host));
    }
    return placed;
  }
}
