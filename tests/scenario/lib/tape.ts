// A wire that remembers what a client sent, and can send it again.
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import type { Owner } from "./server.ts";

export class Tape {
  /** What the client of each connection sent, in order. */
  readonly recordings: Buffer[][] = [];

  private constructor(
    readonly port: number,
    private readonly target: number,
  ) {}

  static async start(owner: Owner, target: number): Promise<Tape> {
    const listener = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const tape = new Tape((listener.address() as AddressInfo).port, target);
    listener.on("connection", (near) => {
      const recording: Buffer[] = [];
      tape.recordings.push(recording);
      const far = connect(target, "127.0.0.1");
      near.on("data", (data) => recording.push(Buffer.from(data)));
      near.pipe(far).pipe(near);
      for (const [one, other] of [[near, far], [far, near]] as const) {
        one.on("error", () => undefined); // always followed by close
        one.on("close", () => other.destroy());
      }
    });
    owner.after(async () => {
      listener.close();
    });
    return tape;
  }

  /** Plays a recording to the server, each piece when the server has said something, or all at once; answers how many
   *  bytes came back, when the server has closed. */
  async play(pieces: readonly Buffer[], inStep: boolean): Promise<number> {
    const socket = connect(this.target, "127.0.0.1");
    const closed = new Promise((done) => socket.on("error", () => undefined).once("close", done));
    const rest = [...pieces];
    let heard = 0;
    const next = (): void => {
      const piece = rest.shift();
      if (piece !== undefined) {
        socket.write(piece);
      }
    };
    socket.on("data", (data) => {
      heard += data.length;
      if (inStep) {
        next();
      }
    });
    if (inStep) {
      next();
    } else {
      socket.write(Buffer.concat(rest));
    }
    await closed;
    return heard;
  }
}
