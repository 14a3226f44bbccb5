// Requests that really arrive at once: on connections that are open already, written while the server stands still.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { buildOf, type Api } from "./api.ts";
import type { Player } from "./player.ts";
import type { ConnectResult, ConnectWish } from "./protocol.ts";
import { remember } from "./secrets.ts";
import { freeze, goOn } from "./store.ts";
import { within } from "./wait.ts";

export interface Post {
  api: Api;
  path: string;
  body: object;
}

function request({ api, path, body }: Post): string {
  const json = JSON.stringify(body);
  const head = [
    `POST ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    `authorization: Bearer ${api.accessToken}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(json)}`,
    "connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${json}`;
}

async function answer(socket: Socket): Promise<any> {
  let text = "";
  socket.setEncoding("utf8").on("data", (part: string) => (text += part));
  await within(once(socket, "close"), 20_000, "an answer, and the end of the connection");
  const [head = "", body = ""] = text.split("\r\n\r\n");
  assert.match(head, /^HTTP\/1\.1 200 /, text);
  return JSON.parse(body);
}

/** The bodies of the answers, each of which has to be 200, in the order of the requests. */
export async function postAtOnce(posts: readonly Post[]): Promise<any[]> {
  const servers = new Set(posts.map(({ api }) => api.server));
  const sockets = posts.map(({ api }) => {
    const { hostname, port } = new URL(api.server.url);
    return connect(Number(port), hostname);
  });
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  servers.forEach(freeze);
  sockets.forEach((socket, n) => socket.write(request(posts[n] ?? assert.fail())));
  const answers = Promise.all(sockets.map(answer));
  servers.forEach(goOn);
  return answers;
}

/** Each of them connects, all at the same time. */
export async function connectAtOnce(players: readonly Player[], wish: ConnectWish = {}): Promise<ConnectResult[]> {
  const { instance = "plaza", ...more } = wish;
  const path = `/instances/${instance}/connect`;
  const posts = players.map(async ({ api, characterId }) => {
    return { api, path, body: { characterId, build: await buildOf(api.server), ...more } };
  });
  const results: ConnectResult[] = await postAtOnce(await Promise.all(posts));
  results.forEach(({ ticket, reconnectToken, replaceToken }) => remember(ticket, reconnectToken, replaceToken));
  return results;
}
