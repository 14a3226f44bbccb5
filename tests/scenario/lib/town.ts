// A cluster with people in it who play on whatever happens, what they were told, and how long each was without an answer.
import assert from "node:assert/strict";
import { Api } from "./api.ts";
import type { Cluster } from "./cluster.ts";
import type { Crowd } from "./crowd.ts";
import { compare, readStore } from "./ledger.ts";
import { Pulse } from "./pulse.ts";
import { Random } from "./random.ts";
import { Resident } from "./resident.ts";
import type { Owner } from "./server.ts";
import { eventually } from "./wait.ts";

const REST_MSEC = 60_000;
/** A client that hears nothing for so long looks for another gateway: what a lost network does to it is its own to notice. */
const DEAF_MSEC = 1500;
const BACKOFF_MSEC = 250;

/** From first sending to first ack, in ms, of what was sent in a span of time. */
export interface Acks {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

export class Town {
  private items: readonly string[] = [];

  private constructor(
    readonly cluster: Cluster,
    readonly residents: readonly Resident[],
    private readonly pulse: Pulse,
  ) {}

  /** The first of the crowd are in, and play at that rate. */
  static async settle(
    owner: Owner,
    cluster: Cluster,
    crowd: Crowd,
    { count, rate, random }: { count: number; rate: number; random: Random },
  ): Promise<Town> {
    const residents = crowd.people.slice(0, count).map((person, n) => {
      const api = new Api(cluster, person.accessToken);
      const resident = new Resident(api, person.characterId, n % 2 === 0 ? "json" : "msgpack", new Random(random.seed + n));
      resident.backoffMax = BACKOFF_MSEC;
      resident.deafAfter = DEAF_MSEC;
      return resident;
    });
    owner.after(async () => residents.forEach((resident) => resident.leave())); // also when the test has failed
    await Promise.all(residents.map((resident) => resident.join()));
    const town = new Town(cluster, residents, new Pulse(owner));
    town.items = [...(await readStore(cluster)).items.keys()];
    assert.ok(town.items.length > 0, "there are items");
    residents.forEach((resident) => resident.stay(rate));
    return town;
  }

  acked(): number {
    return this.sum(({ ledger }) => [...ledger.values()].filter(({ ack }) => ack !== undefined).length);
  }

  sum(of: (resident: Resident) => number): number {
    return this.residents.reduce((all, one) => all + of(one), 0);
  }

  /** How often each code refused something. */
  refusals(): Record<string, number> {
    const all: Record<string, number> = {};
    for (const [code, count] of this.residents.flatMap(({ refusals }) => [...refusals])) {
      all[code] = (all[code] ?? 0) + count;
    }
    return all;
  }

  /** Returns when everybody has got acks for what they sent after this call; answers how long that took, in ms. */
  async playsOn(what: string, ms: number): Promise<number> {
    const begin = performance.now();
    const again = (one: Resident): boolean =>
      [...one.ledger.values()].some(({ sent, ack }) => sent >= begin && ack !== undefined);
    const silent = (): string[] => this.residents.filter((one) => !again(one)).map((one) => one.characterId);
    await eventually(() => silent().length === 0, `${what}: everybody plays on`, ms).catch((error: unknown) => {
      throw new Error(`${String(error)}; not: ${silent().join(", ")}`);
    });
    return performance.now() - begin;
  }

  /** The longest time, in ms in which this machine ran, that anybody was without an answer that stands since then. */
  longestSilence(since: number): number {
    const now = performance.now();
    return Math.max(...this.residents.map((one) => {
      const moments = [since, ...heardOf(one).filter((heard) => heard > since).sort((a, b) => a - b), now];
      return Math.max(...moments.slice(1).map((moment, n) => this.pulse.between(moments[n] ?? 0, moment)));
    }));
  }

  acks(from: number, to: number): Acks {
    const times = this.residents
      .flatMap(({ ledger }) => [...ledger.values()])
      .filter(({ sent, ack }) => ack !== undefined && sent >= from && sent < to)
      .map(({ sent, heard = 0 }) => heard - sent)
      .sort((a, b) => a - b);
    const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? NaN;
    return { count: times.length, p50: at(0.5), p99: at(0.99), most: at(1) };
  }

  /** Nobody sends anything, until `play`; who has lost the connection comes back meanwhile. */
  async pause(): Promise<void> {
    this.residents.forEach((resident) => resident.pause());
    const back = (): boolean => this.residents.every((resident) => resident.client?.isOpen === true);
    await eventually(back, "everybody is there", REST_MSEC);
  }

  play(rate: number): void {
    this.residents.forEach((resident) => resident.goOn(rate));
  }

  /** Everybody stops, and sends again what has no answer that stands; then the store is what they were told. */
  async rest(): Promise<void> {
    await Promise.all(this.residents.map((resident) => resident.rest(REST_MSEC)));
    const stored = await readStore(this.cluster);
    this.items.forEach((id) => assert.ok(stored.items.has(id), `the item ${id} is still there`));
    for (const resident of this.residents) {
      compare(resident, stored);
      assert.deepEqual(resident.unknown(), [], "everything has an answer");
    }
  }
}

/** When it was answered. */
function heardOf(resident: Resident): number[] {
  return [...resident.ledger.values()].flatMap(({ heard }) => (heard === undefined ? [] : [heard]));
}
