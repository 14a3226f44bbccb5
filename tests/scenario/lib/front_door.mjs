// Asks at the front door with Node's zeromq.
//
//     front_door.mjs ENDPOINT line LINE              one line of text over a REQ socket
//     front_door.mjs ENDPOINT envelope TYPE KEY BODY one msgpack array over a DEALER; BODY is JSON
//
// Prints the answer as JSON.
import { decode, encode } from "@msgpack/msgpack";
import { Dealer, Request } from "zeromq";

const [endpoint, form, ...words] = process.argv.slice(2);
const socket = form === "line" ? new Request() : new Dealer();
socket.receiveTimeout = 10_000;
socket.linger = 0;
socket.connect(endpoint);
if (form === "line") {
  await socket.send(words[0]);
  const [answer] = await socket.receive();
  console.log(answer.toString());
} else {
  const [type, key, body] = words;
  await socket.send(Buffer.from(encode([type, key, "", 7, 5000, new Uint8Array(16), JSON.parse(body)])));
  const [answer] = await socket.receive();
  if (answer[0] === "{".charCodeAt(0)) {
    console.log(answer.toString()); // what the front door itself has to say is a line
  } else {
    const [name, , , correlation, , , fields] = decode(answer);
    console.log(JSON.stringify({ type: name, correlation, body: fields }));
  }
}
socket.close();
