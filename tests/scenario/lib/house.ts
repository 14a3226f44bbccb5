// A deployment in either form of the registry. memory is one process with its SQLite file. redis is what is meant for
// real ones: one process on a real Redis and a real PostgreSQL; or two that share the Redis, with a SQLite file each, as
// two whole servers do not play in one room. With PLAYHOUSE_FORM=processes there is one form, redis, with every kind of
// actor in a process of its own. The same crowd is at home in all of them.
import { after, beforeEach, describe } from "node:test";
import { change, instance, kick, sessions, stands } from "./admin.ts";
import { buildOf } from "./api.ts";
import { Face, startCluster } from "./cluster.ts";
import { Crowd } from "./crowd.ts";
import { Player } from "./player.ts";
import { startPostgres } from "./postgres.ts";
import { startRedis, type Redis } from "./redis.ts";
import { inProcesses, stack, startServer, type Owner, type Server } from "./server.ts";

export type Form = "memory" | "redis";
export const forms: readonly Form[] = inProcesses ? ["redis"] : ["memory", "redis"];

export interface HouseOptions {
  owner: Owner;
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  people?: number;
  /** Two gateways: two threads of the one process (memory), two processes (redis). */
  wide?: boolean;
  /** A SQLite file in each form, for who is after its disk. */
  embedded?: boolean;
  /** Called before the first start of each server, after the crowd was written into its store. */
  prepare?: (server: Server) => Promise<void>;
}

/** Nobody is locked out, however often it fails: for tests about something else. */
export const patient: readonly string[] = ["--admission.attempts", "1000", "--admission.attempts_per_address", "100000"];

/** Two gateway threads, and one for each other kind. */
export const twoGateways: readonly string[] = [
  "--broker.placement",
  "gateway*2 room persistence auth admission queue metrics front",
];

export class House {
  private readonly players = new Map<number, Player>();

  constructor(
    readonly form: Form,
    readonly crowd: Crowd,
    readonly servers: readonly [Server, ...Server[]],
    /** That of all its servers. */
    readonly build: string,
    private readonly ownRedis: Redis | undefined,
  ) {}

  get server(): Server {
    return this.servers[0];
  }

  /** The other process where there are two, else the same again: there, another thread of it may answer. */
  get other(): Server {
    return this.servers.at(-1) ?? this.server;
  }

  get redis(): Redis {
    if (this.ownRedis === undefined) {
      throw new Error("this house has no Redis");
    }
    return this.ownRedis;
  }

  /** The same one for the same number. At first it speaks to the processes in turn. */
  player(n: number): Player {
    let player = this.players.get(n);
    if (player === undefined) {
      const person = this.crowd.people[n] ?? failNobody(n);
      player = new Player(person, this.servers[n % this.servers.length] ?? this.server);
      this.players.set(n, player);
    }
    return player;
  }

  /** Nobody is in, and nothing is switched: so that what one test left does not fail the next one. */
  async empty(): Promise<void> {
    const { server } = this;
    const { drain, maintenance } = await instance(server);
    if (drain || maintenance) {
      await change(server, { drain: false, maintenance: false });
    }
    for (const { sessionId } of await sessions(server)) {
      await kick(server, { sessionId });
    }
    await stands(server, { seats: 0, waiting: 0 }, "nobody is in");
  }

  some(count: number, from = 0): Player[] {
    return Array.from({ length: count }, (_, n) => this.player(from + n));
  }
}

function failNobody(n: number): never {
  throw new Error(`the crowd has no person ${n}; see people`);
}

export async function openHouse(form: Form, options: HouseOptions): Promise<House> {
  const owner = stack(options.owner);
  const crowd = new Crowd(options.people ?? 0, owner);
  const redis = form === "redis" ? await startRedis({ owner }) : undefined;
  const args = [
    ...crowd.args,
    ...(redis === undefined ? [] : ["--registry.url", redis.url]),
    ...(form === "memory" && options.wide === true ? twoGateways : []),
    ...(options.args ?? []),
  ];
  const prepare = async (server: Server): Promise<void> => {
    await crowd.settle(server);
    await options.prepare?.(server);
  };
  if (inProcesses) {
    const cluster = await startCluster({ owner, dev: false, args, prepare, env: options.env ?? {} });
    const [one, two] = cluster.with("gateway").map((gateway) => new Face(cluster, gateway));
    const servers: [Server, ...Server[]] = options.wide === true && one && two ? [one, two] : [cluster];
    return new House(form, crowd, servers, await buildOf(cluster), redis);
  }
  const embedded = form === "memory" || options.wide === true || options.embedded === true;
  const common = { owner, dev: false, args, prepare, env: options.env ?? {} };
  const start = embedded ? common : { ...common, database: { from: await startPostgres({ owner }) } };
  const first = await startServer(start);
  const wide = form === "redis" && options.wide === true;
  const servers: [Server, ...Server[]] = wide ? [first, await startServer(start)] : [first];
  return new House(form, crowd, servers, await buildOf(first), redis);
}

/** The same tests in a house of each form, which stand side by side: what most of them do is wait. Once in a file. */
export async function bothForms(options: Omit<HouseOptions, "owner">, tests: (house: House) => void): Promise<void> {
  const houses = await Promise.all(forms.map((form) => openHouse(form, { owner: { after }, ...options })));
  describe("registry", { concurrency: forms.length }, () => {
    for (const house of houses) {
      describe(house.form, { concurrency: 1 }, () => {
        beforeEach(() => house.empty());
        tests(house);
      });
    }
  });
}
