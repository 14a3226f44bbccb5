// Only a client of exactly this build is let in, over HTTP and over /ws.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { firstCharacter, signIn } from "./lib/api.ts";
import { Client } from "./lib/client.ts";
import { startServer } from "./lib/server.ts";

const server = await startServer({ owner: { after } });
const api = await signIn(server, "Old");
await firstCharacter(api, "Old");

for (const format of ["json", "msgpack"] as const) {
  test(`${format}: session.join of another build hears the server's build and is closed with 4003`, async () => {
    const [character] = await api.characters();
    const ticket = await api.ticket(character?.id ?? "");
    const client = await Client.open(server, format);
    client.send({ type: "session.join", ticket, build: "another" });
    assert.equal((await client.next("event.version_mismatch")).build, await api.build());
    assert.equal((await client.gone()).code, 4003);

    const right = await Client.open(server, format);
    await right.join(ticket, await api.build()); // the ticket was not spent
    await right.leave();
  });
}

test("queue.watch of another build is closed with 4003 as well, before anybody looks at its token", async () => {
  const client = await Client.open(server);
  client.send({ type: "queue.watch", queueToken: "A".repeat(43), build: "another" });
  assert.equal((await client.next("event.version_mismatch")).build, await api.build());
  assert.equal((await client.gone()).code, 4003);
});

test("bootstrap with another build answers 409 VERSION_MISMATCH", async () => {
  const { status, body } = await api.post("/api/session/bootstrap", { build: "another" });
  assert.equal(status, 409);
  assert.equal(body.code, "VERSION_MISMATCH");
});
