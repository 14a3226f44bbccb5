// What a client may get wrong over /ws, and what it is told. Run with the sanitizers' build where there is one.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { encode } from "@msgpack/msgpack";
import WebSocket from "ws";
import { enter, firstCharacter, signIn } from "./lib/api.ts";
import { Client, Refused } from "./lib/client.ts";
import { startServer, strictBinary } from "./lib/server.ts";
import { within } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const server = await startServer({ owner: { after }, binary: strictBinary, args: ["--gateway.join_seconds", "2"] });

/** Each breaks one rule of the schema; with an actionId that can be read, the error carries it. */
const refusedBySchema: [string, object, number?][] = [
  ["an unknown type", { type: "intent.fly", actionId: 1 }],
  ["a server's type", { type: "event.ack", actionId: 1, sequence: 1, roomVersion: 1 }],
  ["an actor's type", { type: "room.move", member: 1, actionId: 1, x: 1, y: 1 }],
  ["no type", { actionId: 1, x: 1, y: 1 }],
  ["a type that is a number", { type: 7 }],
  ["a missing field", { type: "intent.move", actionId: 1, x: 1 }],
  ["an unknown field", { type: "intent.move", actionId: 1, x: 1, y: 1, z: 1 }],
  ["text for a number", { type: "intent.move", actionId: 1, x: "1", y: 1 }],
  ["a fraction for an integer", { type: "intent.move", actionId: 1.5, x: 1, y: 1 }],
  ["an actionId of 0", { type: "intent.move", actionId: 0, x: 1, y: 1 }],
  ["a negative actionId", { type: "intent.move", actionId: -1, x: 1, y: 1 }],
  ["an actionId over 2^53 - 1", { type: "intent.move", actionId: 2 ** 53, x: 1, y: 1 }],
  ["null", { type: "intent.move", actionId: 1, x: null, y: 1 }],
  ["an unknown enum value", { type: "intent.action", actionId: 1, action: "eat", itemId: "a" }],
  ["an empty chat", { type: "intent.chat", actionId: 1, text: "" }],
  ["281 characters of chat", { type: "intent.chat", actionId: 1, text: "é".repeat(281) }],
  ["an itemId with a blank", { type: "intent.action", actionId: 1, action: "drop", itemId: "a b" }],
  ["an object for text", { type: "intent.chat", actionId: 1, text: { a: [[[[[[1]]]]]] } }],
];

for (const format of ["json", "msgpack"] as const) {
  for (const [what, message] of refusedBySchema) {
    test(`${format}: ${what} is refused with BAD_REQUEST and the connection goes on`, async () => {
      const client = await enter(server, `Schema ${format}`, format);
      client.raw(format === "json" ? JSON.stringify(message) : encode(message));
      const error = await client.next("event.error");
      assert.equal(error.code, "BAD_REQUEST");
      assert.equal(error.transient, false);
      assert.match(error.traceId, /^[0-9a-f]{32}$/);
      const { x, y } = here(client);
      await client.move(x, y);
      await client.leave();
    });
  }

  test(`${format}: a place outside the world is refused`, async () => {
    const client = await enter(server, `Outside ${format}`, format);
    for (const [x, y] of [[-1, 1], [1, 1000.5]] as const) {
      await assert.rejects(client.move(x, y), (error: unknown) => {
        return error instanceof Refused && ["OUT_OF_BOUNDS", "BAD_REQUEST"].includes(error.refusal.code);
      });
    }
    await client.leave();
  });

  test(`${format}: one frame may carry several messages, and each gets its answer`, async () => {
    const client = await enter(server, `Several ${format}`, format);
    const { x, y } = here(client);
    const first = client.number({ type: "intent.move", x, y });
    const second = client.number({ type: "intent.chat", text: "two" });
    const third = client.number({ type: "intent.move", x, y });
    const answers = Promise.all([first, second, third].map(({ actionId }) => client.answer(actionId)));
    client.send(first, second, third);
    const acks = await answers;
    assert.deepEqual(acks.map(({ sequence }) => sequence), [1, 2, 3].map((n) => (acks[0]?.sequence ?? 0) + n - 1));
    await client.leave();
  });

  test(`${format}: in an array one bad message does not spoil the others`, async () => {
    const client = await enter(server, `Mixed ${format}`, format);
    const { x, y } = here(client);
    const good = client.number({ type: "intent.move", x, y });
    const answer = client.answer(good.actionId);
    const body = [{ type: "intent.fly" }, good];
    client.raw(format === "json" ? JSON.stringify(body) : encode(body));
    assert.equal((await client.next("event.error")).code, "BAD_REQUEST");
    await answer;
    await client.leave();
  });

  test(`${format}: intents before session.join are refused with NOT_JOINED`, async () => {
    const client = await Client.open(server, format);
    client.send({ type: "intent.move", actionId: 1, x: 1, y: 1 });
    const error = await client.next("event.error");
    assert.equal(error.code, "NOT_JOINED");
    assert.equal(error.actionId, 1);
    await client.cut();
  });

  test(`${format}: a second session.join is refused with ALREADY_JOINED`, async () => {
    const client = await enter(server, `Twice ${format}`, format);
    client.send({ type: "session.join", ticket: "A".repeat(43), build: client.welcome?.build ?? "" });
    assert.equal((await client.next("event.error")).code, "ALREADY_JOINED");
    const { x, y } = here(client);
    await client.move(x, y);
    await client.leave();
  });

  test(`${format}: a ticket that is not one closes with 4004`, async () => {
    const build = await (await signIn(server, "Nobody")).build();
    const client = await Client.open(server, format);
    client.send({ type: "session.join", ticket: "A".repeat(43), build });
    assert.equal((await client.next("event.error")).code, "TICKET_INVALID");
    assert.equal((await client.gone()).code, 4004);
  });

  test(`${format}: a reconnect token and a place that are none close with 4014`, async () => {
    const build = await (await signIn(server, "Nobody")).build();
    const secret = "A".repeat(43);
    for (const message of [
      { type: "session.join", reconnectToken: secret, build },
      { type: "queue.watch", queueToken: secret, build },
    ] as const) {
      const client = await Client.open(server, format);
      client.send(message);
      assert.equal((await client.next("event.error")).code, "RECONNECT_INVALID");
      assert.equal((await client.gone()).code, 4014);
    }
  });

  test(`${format}: session.join with both secrets, or with none, is refused with BAD_REQUEST`, async () => {
    const build = await (await signIn(server, "Nobody")).build();
    const secret = "A".repeat(43);
    const client = await Client.open(server, format);
    for (const secrets of [{ ticket: secret, reconnectToken: secret }, {}]) {
      client.send({ type: "session.join", build, ...secrets });
      assert.equal((await client.next("event.error")).code, "BAD_REQUEST");
    }
    await client.cut();
  });

  test(`${format}: queue.watch on a connection that has joined is refused with ALREADY_JOINED`, async () => {
    const client = await enter(server, `Watcher ${format}`, format);
    client.send({ type: "queue.watch", queueToken: "A".repeat(43), build: client.welcome?.build ?? "" });
    assert.equal((await client.next("event.error")).code, "ALREADY_JOINED");
    const { x, y } = here(client);
    await client.move(x, y);
    await client.leave();
  });

  test(`${format}: a ticket is good once`, async () => {
    const api = await signIn(server, `Once ${format}`);
    const character = await firstCharacter(api, `Once ${format}`);
    const ticket = await api.ticket(character.id);
    const build = await api.build();
    const client = await Client.open(server, format);
    await client.join(ticket, build);
    const second = await Client.open(server, format);
    second.send({ type: "session.join", ticket, build });
    assert.equal((await second.next("event.error")).code, "TICKET_INVALID");
    assert.equal((await second.gone()).code, 4004);
    await client.leave();
  });
}

const unreadable: [string, "json" | "msgpack", string | Uint8Array][] = [
  ["no JSON", "json", "hello"],
  ["half an object", "json", '{"type":"session.leave"'],
  ["something after the object", "json", '{"type":"intent.move","actionId":1,"x":1,"y":1}{}'],
  ["an empty frame", "json", ""],
  ["a thousand brackets", "json", "[".repeat(1000)],
  ["binary on a JSON connection", "json", encode({ type: "session.leave" })],
  ["text on a msgpack connection", "msgpack", '{"type":"session.leave"}'],
  ["a map cut short", "msgpack", encode({ type: "session.leave" }).subarray(0, 5)],
  ["a length that lies", "msgpack", new Uint8Array([0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1])],
  ["the byte that is never used", "msgpack", new Uint8Array([0xc1])],
  ["bytes after the message", "msgpack", new Uint8Array([...encode({ type: "intent.fly" }), 0xc0])],
  ["a thousand arrays", "msgpack", new Uint8Array(1000).fill(0x91)],
];

for (const [what, format, frame] of unreadable) {
  test(`${format}: ${what} is told as BAD_REQUEST, and closes with 4001`, async () => {
    const client = await Client.open(server, format);
    const error = client.next("event.error", ({ code }) => code === "BAD_REQUEST");
    client.raw(frame);
    await error;
    assert.equal((await client.gone()).code, 4001);
  });
}

for (const frame of ["1", "null", '"session.leave"', '{"type":"intent.chat","actionId":1,"text":"\\ud800"}']) {
  test(`json: ${frame} can be read, and is only refused`, async () => {
    const client = await Client.open(server);
    client.raw(frame);
    await client.next("event.error", ({ code }) => code === "BAD_REQUEST");
    client.send({ type: "intent.move", actionId: 1, x: 1, y: 1 });
    await client.next("event.error", ({ code }) => code === "NOT_JOINED");
    await client.cut();
  });
}

test("refusals have a limit: who sends nothing but bad messages is closed with 4001", async () => {
  const client = await Client.open(server);
  let open = true;
  const end = client.gone().finally(() => (open = false));
  for (let sent = 0; open && sent < 1000; sent++) {
    client.raw('{"type":"intent.fly"}');
    await Promise.race([client.next("event.error").catch(() => undefined), end]);
  }
  assert.equal((await end).code, 4001);
});

test("a frame over the limit closes with 1009", async () => {
  const client = await enter(server, "Large");
  client.raw(JSON.stringify({ type: "intent.chat", actionId: 1, text: "x".repeat(17_000) }));
  assert.equal((await client.gone()).code, 1009);
});

test("a frame of 16 KiB that breaks a rule is only refused", async () => {
  const client = await enter(server, "Just");
  const frame = JSON.stringify({ type: "intent.chat", actionId: 1, text: "x".repeat(15_000) });
  client.raw(frame.padEnd(16_384, " "));
  assert.equal((await client.next("event.error")).code, "BAD_REQUEST");
  await client.leave();
});

test("who never joins is closed with 4002", async () => {
  const client = await Client.open(server);
  assert.equal((await client.gone()).code, 4002);
});

async function upgrade(
  protocols: string[],
  headers: Record<string, string> = {},
  url = server.wsUrl,
): Promise<number> {
  const socket = new WebSocket(url, protocols, { headers });
  const status = new Promise<number>((done) => {
    socket.on("unexpected-response", (_request, response) => {
      response.resume();
      done(response.statusCode ?? 0);
    });
    socket.on("open", () => done(101));
    socket.on("error", () => done(-1));
  });
  const result = await within(status, 10_000, "an answer to the upgrade");
  socket.terminate();
  return result;
}

test("an unknown subprotocol, and none, get no connection", async () => {
  assert.notEqual(await upgrade(["playhouse.v9.xml"]), 101);
  assert.notEqual(await upgrade([]), 101);
});

test("a foreign origin gets no connection, the server's own does", async () => {
  const protocol = ["playhouse.v1.json"];
  for (const origin of ["https://evil.example", "null", `${server.url}.evil.example`, "http://127.0.0.1:1"]) {
    assert.equal(await upgrade(protocol, { origin }), 403, origin);
  }
  const own = server.url; // of many gateways each has its own
  assert.equal(await upgrade(protocol, { origin: own }, `${own.replace(/^http/, "ws")}/ws`), 101);
  assert.equal(await upgrade(protocol), 101, "programs send none");
});

test("after all that the server is well", async () => {
  const client = await enter(server, "Still there", "msgpack");
  const { x, y } = here(client);
  await client.move(x, y);
  await client.leave();
});
