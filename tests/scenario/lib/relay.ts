// A program of its own, run on another host: http://ADDRESS:PORT/8081/path is asked of 127.0.0.1:8081/path there, where
// the operators' listeners are. Prints its port.
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

const address = process.argv[2] ?? "127.0.0.1";

const server = createServer((asked, answer) => {
  const [, port = "0", path = "/"] = /^\/(\d+)(\/.*)?$/.exec(asked.url ?? "") ?? [];
  const headers = { ...asked.headers, host: `127.0.0.1:${port}` };
  const passed = request({ host: "127.0.0.1", port, path, method: asked.method, headers }, (heard) => {
    answer.writeHead(heard.statusCode ?? 502, heard.headers);
    heard.pipe(answer);
  });
  passed.on("error", () => answer.destroy());
  asked.pipe(passed);
});

process.stdin.on("end", () => process.exit(0)); // whoever started it is gone
process.stdin.resume();
server.listen(0, address, () => console.log((server.address() as AddressInfo).port));
