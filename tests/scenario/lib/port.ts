// A port that nobody listens on at this moment, and that the kernel gives to nobody: from below its own range, where a
// connection that somebody opens cannot take it between now and then, or while its server is restarted. Each process
// begins elsewhere, so that test files which run side by side do not meet.
import { once } from "node:events";
import { createServer } from "node:net";

const FIRST = 10_000;
const PROCESSES = 100;
const OF_EACH = 200;

let used = 0;

function nextPort(): number {
  return FIRST + (process.pid % PROCESSES) * OF_EACH + (used++ % OF_EACH);
}

export async function freePort(address = "127.0.0.1"): Promise<number> {
  for (let tries = 0; tries < OF_EACH; tries++) {
    const port = nextPort();
    const socket = createServer().listen(port, address);
    const listens = await once(socket, "listening").then(
      () => true,
      () => false, // somebody else does
    );
    if (listens) {
      socket.close();
      await once(socket, "close");
      return port;
    }
  }
  throw new Error(`could not find a free port at ${address} among ${OF_EACH}`);
}
