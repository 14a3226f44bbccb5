// A port that nobody listens on at this moment.
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

export async function freePort(address = "127.0.0.1"): Promise<number> {
  const socket = createServer().listen(0, address);
  await once(socket, "listening");
  const { port } = socket.address() as AddressInfo;
  socket.close();
  await once(socket, "close");
  return port;
}
