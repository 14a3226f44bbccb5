// What a stranger may send to a ZeroMQ port: bytes that are no ZMTP, ZMTP that breaks off, and ZMTP with frames in it.
import { connect, type Socket } from "node:net";
import { encode } from "@msgpack/msgpack";
import { Random } from "./random.ts";

const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};

/** ZMTP 3.0 without security, up to and with READY, as a socket of this type opens. */
export function opening(type: "PUSH" | "DEALER" | "REQ"): Buffer {
  const greeting = Buffer.alloc(64);
  Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]).copy(greeting);
  greeting.write("NULL", 12);
  const property = (name: string, value: string): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(value.length);
    return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), length, Buffer.from(value)]);
  };
  const body = Buffer.concat([Buffer.from("\x05READY"), property("Socket-Type", type), property("Identity", "")]);
  return Buffer.concat([greeting, Buffer.from([4, body.length]), body]);
}

export function frame(body: Uint8Array, more = false): Buffer {
  const flags = more ? 1 : 0;
  return body.length < 256
    ? Buffer.concat([Buffer.from([flags, body.length]), body])
    : Buffer.concat([Buffer.from([flags | 2]), u64(BigInt(body.length)), body]);
}

const bytes = (random: Random, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => Math.floor(random.next() * 256)));

/** Bytes that are no ZMTP, or not much of it; each is for a connection of its own. What is given as frames is sent when the
 *  other side is ready. */
export function brokenOpenings(random: Random): { what: string; bytes: Buffer; frames?: Buffer }[] {
  const good = opening("DEALER");
  const greeting = good.subarray(0, 64);
  const curve = Buffer.from(greeting);
  curve.fill(0, 12, 32).write("CURVE", 12);
  const huge = (length: bigint): Buffer => Buffer.concat([Buffer.from([2]), u64(length), bytes(random, 64)]);
  const openings: [string, Buffer][] = [
    ["nothing", Buffer.alloc(0)],
    ["noise", bytes(random, 5000)],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["ZMTP 1.0 with a long frame", Buffer.concat([Buffer.from([0xff]), u64(0x7fffffffffffffffn), bytes(random, 99)])],
    ["half a greeting", good.subarray(0, 31)],
    ["a greeting and noise", Buffer.concat([greeting, bytes(random, 5000)])],
    ["half a READY", good.subarray(0, 70)],
    ["a command of no length", Buffer.concat([greeting, Buffer.from([4, 0])])],
    ["a huge command", Buffer.concat([greeting, Buffer.from([6]), u64(1n << 40n), bytes(random, 64)])],
    ["an unknown mechanism", Buffer.concat([bytes(random, 64).fill(greeting.subarray(0, 12), 0, 12), bytes(random, 200)])],
    ["CURVE without HELLO", Buffer.concat([curve, good.subarray(64)])],
    ["CURVE with a false HELLO", Buffer.concat([curve, Buffer.from([4, 200]), Buffer.from("\x05HELLO\x01\x00"), bytes(random, 192)])],
    ["CURVE with a MESSAGE at once", Buffer.concat([curve, Buffer.from([0, 64]), Buffer.from("\x07MESSAGE"), bytes(random, 56)])],
    ["frames before it is ready", Buffer.concat([good, frame(bytes(random, 9)), frame(bytes(random, 300))])],
  ];
  const afterwards: [string, Buffer][] = [
    ["half a frame", Buffer.concat([Buffer.from([0, 200]), bytes(random, 100)])],
    ["a frame over the bound", huge(1n << 30n)],
    ["a frame of 2^63 - 1 bytes", huge(0x7fffffffffffffffn)],
    ["a frame of 2^64 - 1 bytes", huge(0xffffffffffffffffn)],
    ["reserved flags", Buffer.concat([Buffer.from([0xf8, 8]), bytes(random, 8)])],
    ["a command that is none", Buffer.concat([Buffer.from([4, 9]), Buffer.from("\x08NONSENSE")])],
    ["many frames of one message, which has no end", Buffer.concat(Array.from({ length: 500 }, () => frame(bytes(random, 50), true)))],
  ];
  return [
    ...openings.map(([what, some]) => ({ what, bytes: some })),
    ...afterwards.map(([what, frames]) => ({ what, bytes: good, frames })),
  ];
}

/** An envelope (broker/envelope.h) of these parts. */
export function envelope(type: unknown, key: unknown, from: unknown, correlation: unknown, body: unknown): Uint8Array {
  return encode([type, key, from, correlation, 5000, new Uint8Array(16), body]);
}

/** One frame that no honest process sends: noise, something like an envelope, or one that decodes and is for nobody. */
export function garbageFrame(random: Random, types: readonly string[]): Uint8Array {
  const number = (): number => Math.floor(random.next() * 2 ** 31);
  const type = random.pick(types) ?? "";
  const from = `${number()}:room:${Math.floor(random.next() * 300)}:nowhere/${number()}`;
  switch (Math.floor(random.next() * 6)) {
    case 0:
      return bytes(random, Math.floor(random.next() * 40));
    case 1: {
      const whole = envelope(type, "a/b", from, number(), {});
      return whole.subarray(0, Math.floor(random.next() * whole.length));
    }
    case 2: {
      const whole = Uint8Array.from(envelope(type, "a/b", from, number(), {}));
      whole[Math.floor(random.next() * whole.length)] = Math.floor(random.next() * 256);
      return whole;
    }
    case 3:
      return envelope(type, "k".repeat(Math.floor(random.next() * 100)), from, number(), { x: number() });
    case 4:
      return envelope(type, "", "4294967295:none:999:", -number(), []);
    default: // an answer to nobody, and answers that tell of a failure
      return envelope("act.no_answer", "", from, number(), { code: "UNAVAILABLE" });
  }
}

/** A connection that says this first. */
class Line {
  readonly socket: Socket;
  /** Settles when it is closed, whatever came before. */
  readonly closed: Promise<"closed">;
  /** The other side has greeted and is ready, or the connection is closed. */
  readonly ready: Promise<unknown>;

  constructor(port: number, first: Buffer) {
    this.socket = connect(port, "127.0.0.1");
    this.closed = new Promise((done) => {
      this.socket.on("error", () => undefined);
      this.socket.once("close", () => done("closed"));
    });
    const greeted = new Promise((done) => {
      let heard = Buffer.alloc(0);
      this.socket.on("data", (data) => {
        heard = heard.length < 200 ? Buffer.concat([heard, data]) : heard;
        if (heard.includes("READY")) {
          done(undefined);
        }
      });
    });
    this.ready = Promise.race([greeted, this.closed]);
    this.socket.write(first);
  }

  /** Returns when there is room for more. */
  async say(some: Buffer): Promise<void> {
    if (!this.socket.write(some)) {
      await Promise.race([new Promise((done) => this.socket.once("drain", done)), this.closed]);
    }
  }
}

/** Sends `count` frames over one connection, as fast as they are taken. Closed by the other side, it goes on with a new
 *  one. Answers how many connections it took. */
export async function flood(port: number, type: "PUSH" | "DEALER", frames: readonly Buffer[], count: number): Promise<number> {
  let connections = 0;
  for (let sent = 0; sent < count; ) {
    const line = new Line(port, opening(type));
    connections++;
    await line.ready;
    while (sent < count && !line.socket.destroyed) {
      const some = frames.slice(sent % frames.length).slice(0, Math.min(1000, count - sent));
      sent += some.length;
      await line.say(Buffer.concat(some));
    }
    line.socket.end(); // what was written is read before the other side sees the end
    await line.closed;
  }
  return connections;
}

/** Opens a connection, sends this, and waits until the other side has closed it or `ms` have gone; says which. */
export async function throwAt(port: number, bytes: Buffer, ms: number, frames?: Buffer): Promise<"closed" | "open"> {
  const line = new Line(port, bytes);
  if (frames !== undefined) {
    await line.ready;
    await line.say(frames);
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"open">((done) => (timer = setTimeout(() => done("open"), ms)));
  const end = await Promise.race([line.closed, late]);
  clearTimeout(timer);
  line.socket.destroy();
  return end;
}
