// The HTTP API, and the usual way into a room: token, character, connect, join.
import assert from "node:assert/strict";
import { Client, type OpenOptions } from "./client.ts";
import type {
  Character,
  ConnectResult,
  ConnectWish,
  Format,
  Health,
  HttpError,
  LeaveRequest,
  QueueStatus,
} from "./protocol.ts";
import { remember } from "./secrets.ts";
import type { Server } from "./server.ts";

export interface Answer<Body = any> {
  status: number;
  headers: Headers;
  body: Body;
  text: string;
}

const REQUEST_MSEC = 20_000;

export async function http<Body = any>(url: string, init: RequestInit = {}): Promise<Answer<Body>> {
  const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(REQUEST_MSEC), ...init });
  const text = await response.text();
  const json = (response.headers.get("content-type") ?? "").startsWith("application/json");
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : undefined, text };
}

/** The API as one user sees it. */
export class Api {
  constructor(
    readonly server: Server,
    readonly accessToken?: string,
  ) {}

  get<Body = any>(path: string): Promise<Answer<Body>> {
    return http<Body>(this.server.url + path, { headers: this.headers() });
  }

  post<Body = any>(path: string, body: unknown = {}): Promise<Answer<Body>> {
    const headers = { ...this.headers(), "content-type": "application/json" };
    return http<Body>(this.server.url + path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  async build(): Promise<string> {
    return (await this.get<{ build: string }>("/api/version")).body.build;
  }

  async characters(): Promise<Character[]> {
    const { status, body } = await this.get<{ characters: Character[] }>("/api/characters");
    assert.equal(status, 200);
    return body.characters;
  }

  async createCharacter(name: string): Promise<Character> {
    const { status, body, text } = await this.post<Character>("/api/characters", { name });
    assert.equal(status, 201, text);
    return body;
  }

  /** The answer to a connect, whatever it is. */
  async tryConnect(wish: ConnectWish = {}): Promise<Answer<ConnectResult & HttpError>> {
    const { instance = "plaza", ...body } = wish;
    const build = body.build ?? (await buildOf(this.server));
    const answer = await this.post<ConnectResult & HttpError>(`/instances/${instance}/connect`, { ...body, build });
    remember(answer.body?.ticket, answer.body?.reconnectToken, answer.body?.replaceToken);
    return answer;
  }

  /** The decision, whatever it is; anything but HTTP 200 fails. */
  async connect(wish: ConnectWish = {}): Promise<ConnectResult> {
    const { status, body, text } = await this.tryConnect(wish);
    assert.equal(status, 200, text);
    return body;
  }

  /** Was there anything to leave? */
  async leave({ instance = "plaza", ...body }: LeaveRequest & { instance?: string } = {}): Promise<boolean> {
    const { status, body: result, text } = await this.post<{ left: boolean }>(`/instances/${instance}/leave`, body);
    assert.equal(status, 200, text);
    return result.left;
  }

  queueStatus(characterId: string, instance = "plaza"): Promise<Answer<QueueStatus>> {
    return this.get(`/instances/${instance}/queue/status?characterId=${encodeURIComponent(characterId)}`);
  }

  async ticket(characterId: string): Promise<string> {
    const result = await this.connect({ characterId });
    assert.equal(result.outcome, "admitted", JSON.stringify(result));
    assert.ok(result.ticket, "an admitted connect has a ticket");
    return result.ticket;
  }

  private headers(): Record<string, string> {
    return this.accessToken === undefined ? {} : { authorization: `Bearer ${this.accessToken}` };
  }
}

const builds = new WeakMap<Server, Promise<string>>();

/** The build of a server's binary, asked for once. */
export function buildOf(server: Server): Promise<string> {
  const known = builds.get(server) ?? new Api(server).build();
  builds.set(server, known);
  return known;
}

export async function health(server: Server): Promise<Answer<Health>> {
  return new Api(server).get<Health>("/api/health");
}

/** The API for somebody whom the local issuer signs in by name. */
export async function signIn(server: Server, name: string): Promise<Api> {
  const { status, body, text } = await new Api(server).post("/dev/token", { name });
  assert.equal(status, 200, text);
  return new Api(server, body.accessToken);
}

/** The user's first character, made when there is none. */
export async function firstCharacter(api: Api, name: string): Promise<Character> {
  return (await api.characters())[0] ?? (await api.createCharacter(name));
}

/** Signs in, connects and joins. */
export async function enter(
  server: Server,
  name: string,
  format: Format = "json",
  options: OpenOptions = {},
): Promise<Client> {
  const api = await signIn(server, name);
  const character = await firstCharacter(api, name);
  return rejoin(api, character.id, format, options);
}

/** Connects and joins with a character that is there already. */
export async function rejoin(
  api: Api,
  characterId: string,
  format: Format = "json",
  options: OpenOptions = {},
): Promise<Client> {
  const ticket = await api.ticket(characterId);
  const client = await Client.open(api.server, format, options);
  await client.join(ticket, await buildOf(api.server));
  return client;
}

/** Without the labels that say of which process a sample is. */
function anywhere(name: string): string {
  return name.replace(/(?<=[{,])(node|roles)="[^"]*",?/g, "").replace(/,?\}$/, "}").replace("{}", "");
}

/** Prometheus text as a map from "name{labels}" to value, which is the sum over all processes. */
export async function metrics(server: Server): Promise<Map<string, number>> {
  const samples = new Map<string, number>();
  for (const { status, text } of await Promise.all(server.admins.map((admin) => http(`${admin}/metrics`)))) {
    assert.equal(status, 200);
    for (const line of text.split("\n")) {
      const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{.*\})?) (\S+)$/.exec(line);
      if (sample?.[1] !== undefined) {
        const name = anywhere(sample[1]);
        samples.set(name, Number(sample[2]) + (samples.get(name) ?? 0));
      }
    }
  }
  return samples;
}

export async function metric(server: Server, name: string): Promise<number> {
  return (await metrics(server)).get(name) ?? 0;
}
