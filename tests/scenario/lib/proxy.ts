// A wire between a server and what it leans on that can be cut, stopped and made long.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Owner } from "./server.ts";

type Pair = readonly [Socket, Socket];

/** What is to be sent to `to`, when its time has come; in order, however long the wire was when it came in. */
class Direction {
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    from: Socket,
    private readonly to: Socket,
    private readonly wire: Proxy,
  ) {
    from.on("data", (data: Buffer) => this.pass(data));
  }

  private pass(data: Buffer): void {
    const arrives = performance.now() + this.wire.delayMsec;
    this.last = this.last.then(async () => {
      const left = arrives - performance.now();
      if (left > 0) {
        await new Promise((done) => setTimeout(done, left)); // the length of the wire
      }
      await this.wire.open;
      if (this.to.writable) {
        this.to.write(data);
      }
    });
  }
}

export class Proxy {
  /** How long a byte is on its way, each way. */
  delayMsec = 0;
  /** Resolves while bytes may pass. */
  open: Promise<void> = Promise.resolve();
  private letGo: () => void = () => undefined;
  private refusing = false;
  private readonly pairs = new Set<Pair>();

  private constructor(
    private readonly listener: Server,
    private readonly target: number,
  ) {
    listener.on("connection", (near: Socket) => this.accept(near));
  }

  static async start({ owner, target }: { owner: Owner; target: number }): Promise<Proxy> {
    const listener = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const proxy = new Proxy(listener, target);
    owner.after(async () => {
      proxy.refuse();
      listener.close();
      await once(listener, "close");
    });
    return proxy;
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port;
  }

  /** Every connection breaks, now; new ones are taken. Answers how many there were. */
  cut(): number {
    const count = this.pairs.size;
    this.pairs.forEach((pair) => pair.forEach((socket) => socket.destroy()));
    this.pairs.clear();
    return count;
  }

  /** Every connection breaks, and new ones do as soon as they are made, until `restore`. */
  refuse(): void {
    this.refusing = true;
    this.cut();
  }

  restore(): void {
    this.refusing = false;
  }

  /** Nothing passes any more, and nobody is told, until `go`. */
  stall(): void {
    this.open = new Promise((done) => (this.letGo = done));
  }

  go(): void {
    this.letGo();
    this.open = Promise.resolve();
  }

  private accept(near: Socket): void {
    if (this.refusing) {
      near.destroy();
      return;
    }
    const far = connect(this.target, "127.0.0.1");
    const pair: Pair = [near, far];
    this.pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", () => undefined); // always followed by close
      socket.on("close", () => {
        this.pairs.delete(pair);
        pair.forEach((one) => one.destroy());
      });
    }
    new Direction(near, far, this);
    new Direction(far, near, this);
  }
}
