// Very many requests over a bounded number of connections that are kept, with the moments of each.
import { Agent, request, type IncomingHttpHeaders } from "node:http";
import type { Server } from "./server.ts";
import { within } from "./wait.ts";

const ANSWER_MSEC = 30_000;

export interface Told<Body> {
  status: number;
  headers: IncomingHttpHeaders;
  body: Body;
  /** When it went on its way, after it had a connection; and when all of the answer was there. In ms. */
  sent: number;
  heard: number;
}

export interface PoolOptions {
  /** Connections to one server. */
  sockets?: number;
  /** The address that requests come from: any of 127.0.0.0/8. */
  from?: string;
}

export class Pool {
  private readonly agent: Agent;

  constructor(private readonly options: PoolOptions = {}) {
    this.agent = new Agent({ keepAlive: true, maxSockets: options.sockets ?? 256 });
  }

  post<Body = any>(server: Server, path: string, accessToken: string, body: object = {}): Promise<Told<Body>> {
    return this.ask(server, "POST", path, accessToken, JSON.stringify(body));
  }

  get<Body = any>(server: Server, path: string, accessToken: string): Promise<Told<Body>> {
    return this.ask(server, "GET", path, accessToken);
  }

  close(): void {
    this.agent.destroy();
  }

  private ask<Body>(server: Server, method: string, path: string, accessToken: string, json?: string): Promise<Told<Body>> {
    const { hostname, port } = new URL(server.url);
    const headers: Record<string, string | number> = { authorization: `Bearer ${accessToken}` };
    if (json !== undefined) {
      headers["content-type"] = "application/json";
      headers["content-length"] = Buffer.byteLength(json);
    }
    const told = new Promise<Told<Body>>((done, fail) => {
      let sent = performance.now();
      const localAddress = this.options.from;
      const way = { hostname, port, path, method, headers, agent: this.agent, ...(localAddress && { localAddress }) };
      const asked = request(way, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("error", fail);
        response.on("end", () => {
          const { statusCode: status = 0, headers: heads } = response;
          const isJson = heads["content-type"]?.startsWith("application/json") ?? false;
          done({ status, headers: heads, body: isJson ? JSON.parse(text) : undefined, sent, heard: performance.now() });
        });
      });
      asked.on("socket", () => (sent = performance.now()));
      asked.on("error", fail);
      asked.end(json);
    });
    return within(told, ANSWER_MSEC, `an answer to ${method} ${path}`);
  }
}
