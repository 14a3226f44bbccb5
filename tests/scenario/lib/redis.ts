// A real redis-server of our own, which keeps nothing: started, killed, started again empty, emptied by parts.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./port.ts";
import type { Random } from "./random.ts";
import type { Owner } from "./process.ts";
import { eventually, within } from "./wait.ts";

const START_MSEC = 10_000;
const ANSWER_MSEC = 20_000;
const CRLF = "\r\n";

/** An answer of Redis; texts as bytes. */
export type Reply = Buffer | number | null | Reply[];

const alive = new Set<ChildProcess>();
process.on("exit", () => alive.forEach((child) => child.kill("SIGKILL")));

/** The first reply in these bytes and where it ends; undefined when it is not whole. */
function parse(bytes: Buffer, from: number): { reply: Reply; end: number } | undefined {
  const lineEnd = bytes.indexOf(CRLF, from);
  if (lineEnd < 0) {
    return undefined;
  }
  const line = bytes.toString("utf8", from + 1, lineEnd);
  let end = lineEnd + CRLF.length;
  switch (String.fromCharCode(bytes[from] ?? 0)) {
    case "+":
      return { reply: Buffer.from(line), end };
    case ":":
      return { reply: Number(line), end };
    case "$": {
      const length = Number(line);
      if (length < 0) {
        return { reply: null, end };
      }
      const after = end + length + CRLF.length;
      return bytes.length < after ? undefined : { reply: bytes.subarray(end, end + length), end: after };
    }
    case "*": {
      const parts: Reply[] = [];
      for (let left = Number(line); left > 0; left--) {
        const part = parse(bytes, end);
        if (part === undefined) {
          return undefined;
        }
        parts.push(part.reply);
        end = part.end;
      }
      return { reply: parts, end };
    }
    default:
      throw new Error(`redis: ${line}`);
  }
}

export class Redis {
  private readonly directory = mkdtempSync(join(tmpdir(), "playhouse-redis-"));
  private child: ChildProcess | undefined;
  private ended: Promise<unknown> = Promise.resolve();

  constructor(
    readonly port: number,
    private readonly address = "127.0.0.1",
  ) {}

  get url(): string {
    return `redis://${this.address}:${this.port}`;
  }

  /** Starts it (again), with nothing in it, and waits until it answers. */
  async start(): Promise<void> {
    assert.equal(this.child, undefined, "this Redis is not running yet");
    const args = ["--port", String(this.port), "--bind", this.address, "--dir", this.directory, "--save", ""];
    const more = ["--appendonly", "no", "--rdbcompression", "no", "--protected-mode", "no"]; // so that DUMP shows texts as they are
    const child = spawn("redis-server", [...args, ...more], { stdio: "ignore" });
    this.child = child;
    alive.add(child);
    let failed: Error | undefined;
    child.on("error", (error) => (failed = error));
    this.ended = new Promise((done) => child.on("close", done));
    const answers = async (): Promise<boolean> => {
      assert.ok(failed === undefined && child.exitCode === null, `redis-server did not start: ${failed ?? "it ended"}`);
      return this.ask("PING").then(() => true, () => false);
    };
    await eventually(answers, "redis-server answers", START_MSEC);
  }

  /** The power cord: returns when the process is gone, and all that it knew. */
  async kill(): Promise<void> {
    const child = this.child;
    child?.kill("SIGKILL");
    await within(this.ended, ANSWER_MSEC, "the killed redis-server is gone");
    if (child !== undefined) {
      alive.delete(child);
    }
    this.child = undefined;
  }

  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async ask(...words: (string | Buffer)[]): Promise<Reply> {
    const socket = connect(this.port, this.address);
    const answer = new Promise<Reply>((done, fail) => {
      let heard = Buffer.alloc(0);
      socket.on("data", (data) => {
        heard = Buffer.concat([heard, data]);
        try {
          const whole = parse(heard, 0);
          if (whole !== undefined) {
            done(whole.reply);
          }
        } catch (error) {
          fail(error);
        }
      });
      socket.on("error", fail);
      socket.on("close", () => fail(new Error("redis closed the connection")));
    });
    const parts = words.flatMap((word) => [`$${Buffer.byteLength(word)}${CRLF}`, word, CRLF]);
    socket.write(Buffer.concat([`*${words.length}${CRLF}`, ...parts].map((part) => Buffer.from(part))));
    try {
      return await within(answer, ANSWER_MSEC, `redis answers ${words[0]?.toString()}`);
    } finally {
      socket.destroy();
    }
  }

  async keys(): Promise<Buffer[]> {
    const keys = (await this.ask("KEYS", "*")) as Buffer[];
    return keys.sort(Buffer.compare);
  }

  async flush(): Promise<void> {
    await this.ask("FLUSHALL");
  }

  /** About that part of its keys is gone, all at one moment. Answers how many. */
  async loseKeys(fraction: number, random: Random): Promise<number> {
    const lost = (await this.keys()).filter(() => random.next() < fraction);
    return lost.length === 0 ? 0 : ((await this.ask("UNLINK", ...lost)) as number);
  }

  /** All that it knows, keys and values, as bytes to search through. */
  async contents(): Promise<Buffer> {
    const keys = await this.keys();
    const values = await Promise.all(keys.map((key) => this.ask("DUMP", key)));
    return Buffer.concat([...keys, ...values.filter((value) => Buffer.isBuffer(value))]);
  }
}

export async function startRedis({ owner, address }: { owner: Owner; address?: string }): Promise<Redis> {
  const redis = new Redis(await freePort(address), address);
  owner.after(() => redis.dispose());
  await redis.start();
  return redis;
}
