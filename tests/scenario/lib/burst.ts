// Requests that really arrive at once: on connections that are open already, written while the server stands still.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Api } from "./api.ts";
import type { Server } from "./server.ts";
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
export async function postAtOnce(server: Server, posts: readonly Post[]): Promise<any[]> {
  const { hostname, port } = new URL(server.url);
  const sockets = posts.map(() => connect(Number(port), hostname));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  freeze(server);
  sockets.forEach((socket, n) => socket.write(request(posts[n] ?? assert.fail())));
  const answers = Promise.all(sockets.map(answer));
  goOn(server);
  return answers;
}
