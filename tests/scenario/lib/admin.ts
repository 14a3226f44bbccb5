// What operators see and switch, on the loopback listener.
import assert from "node:assert/strict";
import { http, type Answer } from "./api.ts";
import type { InstanceChange, InstanceInfo, KickRequest, SessionView } from "./protocol.ts";
import type { Server } from "./server.ts";
import { eventually } from "./wait.ts";

export const INSTANCE = "plaza";

async function good<Body>(asked: Promise<Answer<Body>>): Promise<Body> {
  const { status, body, text } = await asked;
  assert.equal(status, 200, text);
  return body;
}

export function adminPost<Body>(server: Server, path: string, body: object): Promise<Answer<Body>> {
  const headers = { "content-type": "application/json" };
  return http<Body>(`${server.admin}/admin${path}`, { method: "POST", headers, body: JSON.stringify(body) });
}

export async function instance(server: Server, id = INSTANCE): Promise<InstanceInfo> {
  const { instances } = await good(http<{ instances: InstanceInfo[] }>(`${server.admin}/admin/instances`));
  return instances.find((one) => one.id === id) ?? assert.fail(`the instance ${id} is listed`);
}

export function change(server: Server, wish: InstanceChange, id = INSTANCE): Promise<InstanceInfo> {
  return good(adminPost<InstanceInfo>(server, `/instances/${id}`, wish));
}

export async function kick(server: Server, whom: KickRequest, id = INSTANCE): Promise<boolean> {
  return (await good(adminPost<{ left: boolean }>(server, `/instances/${id}/kick`, whom))).left;
}

/** One page, which is of one moment: sessions by number, from above `after`. */
export async function page(server: Server, after = 0, id = INSTANCE): Promise<SessionView[]> {
  const path = `${server.admin}/admin/instances/${id}/sessions?after=${after}`;
  return (await good(http<{ sessions: SessionView[] }>(path))).sessions;
}

/** All sessions by number, page after page. */
export async function sessions(server: Server, id = INSTANCE): Promise<SessionView[]> {
  const all: SessionView[] = [];
  for (;;) {
    const more = await page(server, all.at(-1)?.number ?? 0, id);
    if (more.length === 0) {
      return all;
    }
    all.push(...more);
  }
}

export async function sessionOf(server: Server, characterId: string): Promise<SessionView | undefined> {
  return (await sessions(server)).find((one) => one.characterId === characterId);
}

export const seats = ({ connecting, active, grace }: InstanceInfo): number => connecting + active + grace;

/** Waits until the instance stands like this. */
export function stands(
  server: Server,
  wanted: Partial<InstanceInfo> & { seats?: number },
  what: string,
  ms?: number,
): Promise<InstanceInfo> {
  let last: InstanceInfo | undefined;
  const asked = eventually(async () => {
    last = await instance(server);
    const now: Record<string, unknown> = { ...last, seats: seats(last) };
    return Object.entries(wanted).every(([name, value]) => now[name] === value) ? last : undefined;
  }, what, ms);
  return asked.catch((error: unknown) => {
    throw new Error(`${String(error)}; the instance stands like ${JSON.stringify(last)}`);
  });
}
