// Hosts: network namespaces with an address each, on one bridge, whose own address is ours. A host can be cut off. Root only.
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { run } from "./cli.ts";
import type { Host } from "./cluster.ts";
import type { Owner } from "./process.ts";
import { within } from "./wait.ts";

const SUBNETS = 250;
const START_MSEC = 20_000;
const relay = join(dirname(fileURLToPath(import.meta.url)), "relay.ts");

async function ip(...words: string[]): Promise<void> {
  const { code, err } = await run("ip", words);
  assert.equal(code, 0, `ip ${words.join(" ")}: ${err}`);
}

/** One host. */
export class Machine implements Host {
  private relay: ChildProcess | undefined;
  isCut = false;
  private relayPort: Promise<number> | undefined;

  constructor(
    private readonly namespace: string,
    private readonly wire: string,
    readonly address: string,
  ) {}

  get through(): readonly string[] {
    return ["ip", "netns", "exec", this.namespace];
  }

  /** Puts it on the bridge. */
  async plug(bridge: string): Promise<void> {
    const { namespace, wire, address } = this;
    await ip("netns", "add", namespace);
    await ip("link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", namespace);
    await ip("link", "set", wire, "master", bridge, "up");
    await ip("-n", namespace, "addr", "add", `${address}/24`, "dev", "eth0");
    await ip("-n", namespace, "link", "set", "eth0", "up");
    await ip("-n", namespace, "link", "set", "lo", "up");
  }

  /** Nothing comes from it or gets there. */
  async cut(): Promise<void> {
    await ip("link", "set", this.wire, "down");
    this.isCut = true;
  }

  async heal(): Promise<void> {
    await ip("link", "set", this.wire, "up");
    this.isCut = false;
  }

  async reach(url: string): Promise<string> {
    this.relayPort ??= this.startRelay();
    return `http://${this.address}:${await this.relayPort}/${new URL(url).port}`;
  }

  unplug(): void {
    this.relay?.kill("SIGKILL");
    execFileSync("ip", ["link", "del", this.wire]); // before its namespace, which takes it along at some moment
    execFileSync("ip", ["netns", "del", this.namespace]);
  }

  private async startRelay(): Promise<number> {
    const [program = "", ...words] = [...this.through, process.execPath, "--import", "tsx", relay, this.address];
    const child = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] });
    this.relay = child;
    const [port] = await within(once(createInterface({ input: child.stdout }), "line"), START_MSEC, "the relay listens");
    return Number(port);
  }
}

const networks = new Set<Network>();
process.on("exit", () => networks.forEach((network) => network.remove()));

export class Network {
  readonly hosts: readonly Machine[];
  /** Ours on it: where PostgreSQL and Redis are. */
  readonly address: string;
  private readonly bridge: string;
  private readonly subnet: string;

  private constructor(count: number) {
    const name = `ph${process.pid.toString(36)}${networks.size}`;
    this.bridge = `${name}b`;
    this.subnet = `10.${100 + networks.size}.${1 + (process.pid % SUBNETS)}`;
    this.address = `${this.subnet}.1`;
    const numbers = Array.from({ length: count }, (_, n) => n);
    this.hosts = numbers.map((n) => new Machine(`${name}-${n}`, `${name}v${n}`, `${this.subnet}.${n + 11}`));
  }

  /** So many hosts, and nothing on them. */
  static async make(count: number, owner: Owner): Promise<Network> {
    const network = new Network(count);
    networks.add(network);
    owner.after(async () => network.remove());
    await ip("link", "add", network.bridge, "type", "bridge");
    await ip("addr", "add", `${network.address}/24`, "dev", network.bridge);
    await ip("link", "set", network.bridge, "up");
    for (const host of network.hosts) {
      await host.plug(network.bridge);
    }
    return network;
  }

  host(n: number): Machine {
    return this.hosts[n] ?? assert.fail(`there is no host ${n}`);
  }

  /** Once, whatever of it was made. */
  remove(): void {
    if (networks.delete(this)) {
      this.hosts.forEach((host) => host.unplug());
      execFileSync("ip", ["link", "del", this.bridge]);
    }
  }
}
