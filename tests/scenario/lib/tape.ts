// A wire that remembers what a client sent, and can send it again.
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import type { Owner } from "./server.ts";

const HELLO_END = 64 + 202; // greeting, HELLO
/** How far a server goes along with a client that says HELLO: greeting, WELCOME with its cookie. */
export const WELCOME_END = 64 + 170;

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

  /** Plays what a CURVE client sent to the server: in step as far as its cookie, or all at once. Returns when the server
   *  has closed; answers how many bytes came back. */
  async play(pieces: readonly Buffer[], inStep: boolean): Promise<number> {
    const recording = Buffer.concat(pieces);
    const socket = connect(this.target, "127.0.0.1");
    const closed = new Promise((done) => socket.on("error", () => undefined).once("close", done));
    let heard = 0;
    let told = inStep ? HELLO_END : recording.length;
    socket.on("data", (data) => {
      heard += data.length;
      if (told < recording.length && heard >= WELCOME_END) {
        socket.write(recording.subarray(told));
        told = recording.length;
      }
    });
    socket.write(recording.subarray(0, told));
    await closed;
    return heard;
  }
}
