// One character is in one place. A second connect is asked first: taking over moves the session with its seat, and
// taking the wish back leaves everything as it was.
import assert from "node:assert/strict";
import { test } from "node:test";
import { instance, seats, sessionOf, sessions, stands } from "./lib/admin.ts";
import { metric } from "./lib/api.ts";
import { connectAtOnce, postAtOnce } from "./lib/burst.ts";
import { Client, refused } from "./lib/client.ts";
import { bothForms, patient } from "./lib/house.ts";
import { Player } from "./lib/player.ts";
import type { ConnectResult } from "./lib/protocol.ts";
import { expectReason } from "./lib/reasons.ts";
import { query } from "./lib/store.ts";
import { eventually } from "./lib/wait.ts";

const AT_ONCE = 50;
const REPLACE_SECONDS = 2;

const tokenOf = (result: ConnectResult): string => {
  expectReason(result, "REPLACEMENT_REQUIRED");
  return result.replaceToken ?? assert.fail("it says how to confirm");
};

const args = [...patient, "--admission.capacity", "2", "--admission.replace_seconds", String(REPLACE_SECONDS)];
await bothForms({ args, people: 20, wide: true }, (house) => {
  const { server, other, build } = house;

  /** The same person, somewhere else. */
  const double = (player: Player): Player => new Player(player.person, player.server === server ? other : server);

  /** In all processes. */
  async function counted(name: string): Promise<number> {
    const each = await Promise.all(house.servers.map((one) => metric(one, name)));
    return each.reduce((sum, one) => sum + one, 0);
  }

  test("50 connects of one character at once: one session, and 49 are asked", async () => {
    const player = house.player(0);
    const everywhere = Array.from({ length: AT_ONCE }, (_, n) => (n % 2 === 0 ? player : double(player)));
    const results = await connectAtOnce(everywhere);
    const admitted = results.filter(({ outcome }) => outcome === "admitted");
    assert.equal(admitted.length, 1);
    const asked = results.filter(({ outcome }) => outcome !== "admitted").map(tokenOf);
    assert.equal(new Set(asked).size, AT_ONCE - 1, "each has a replaceToken of its own");
    assert.equal(seats(await instance(server)), 1);
    assert.equal((await sessions(server)).length, 1);
    const client = await player.join(admitted[0]?.ticket);
    await client.leave();
  });

  test("confirmed: the first is told and closed, its token is dead, and the session goes on elsewhere", async () => {
    const player = house.player(1);
    const first = await player.enter();
    const before = await sessionOf(server, player.characterId);
    const second = double(player);
    const replaceToken = tokenOf(await second.connect());
    await first.chat("nothing has happened yet");

    const result = await second.connect({ replaceToken });
    assert.deepEqual([result.outcome, result.sessionId], ["admitted", before?.sessionId]);
    assert.ok((await first.next("event.session_replaced")).message.length > 0);
    assert.equal((await first.gone()).code, 4011, "REPLACED");
    assert.equal(seats(await instance(server)), 1, "the seat was never given up");
    const moved = await second.join(result.ticket);
    assert.equal(moved.welcome?.sessionId, before?.sessionId);

    expectReason(await player.connect({ reconnectToken: first.reconnectToken ?? "" }), "RECONNECT_INVALID");
    const stranger = await Client.open(server);
    await refused(stranger.resume(first.reconnectToken ?? "", build), "RECONNECT_INVALID");
    assert.equal((await stranger.gone()).code, 4014);
    await moved.chat("and the new one goes on");
    assert.equal(await counted("playhouse_replacements_total"), 1);
    await moved.leave();
  });

  test("two confirm at once: one has it, the other is asked again", async () => {
    const player = house.player(2);
    const first = await player.enter();
    const rivals = [player, double(player)];
    const asks = await Promise.all(rivals.map(async (rival) => tokenOf(await rival.connect())));
    const results: ConnectResult[] = await postAtOnce(
      rivals.map(({ api, characterId }, n) => {
        const body = { characterId, build, replaceToken: asks[n] };
        return { api, path: "/instances/plaza/connect", body };
      }),
    );
    const won = results.filter(({ outcome }) => outcome === "admitted");
    assert.equal(won.length, 1, JSON.stringify(results));
    const again = tokenOf(results.find(({ outcome }) => outcome !== "admitted") ?? assert.fail());
    assert.ok(!asks.includes(again), "with another token");
    assert.equal((await first.gone()).code, 4011);
    const client = await player.join(won[0]?.ticket);
    await client.leave();
  });

  test("taken back: the first is untouched, and the token is dead", async () => {
    const player = house.player(3);
    const first = await player.enter();
    const second = double(player);
    const replaceToken = tokenOf(await second.connect());
    await second.api.leave({ replaceToken });
    tokenOf(await second.connect({ replaceToken }));
    await first.chat("nothing has happened");
    assert.equal(seats(await instance(server)), 1);
    await first.leave();
  });

  test("a replaceToken is good once, for its time, and for its user", async () => {
    const player = house.player(4);
    const first = await player.enter();
    const second = double(player);
    const spent = tokenOf(await second.connect());
    const { ticket } = await second.connect({ replaceToken: spent });
    await first.gone();
    const moved = await second.join(ticket);
    tokenOf(await player.connect({ replaceToken: spent }));

    const stolen = tokenOf(await player.connect());
    const thief = house.player(5);
    const theft = await thief.connect({ replaceToken: stolen });
    assert.notEqual(theft.characterId, player.characterId);
    await thief.leave();
    await moved.chat("still mine");

    const late = tokenOf(await player.connect());
    const asked = performance.now();
    await eventually(() => performance.now() > asked + REPLACE_SECONDS * 1000, "the token's time is over");
    tokenOf(await player.connect({ replaceToken: late }));
    await moved.chat("still here");
    await moved.leave();
  });

  test("a ticket that nobody has shown yet can be replaced, and is dead then", async () => {
    const player = house.player(6);
    const { ticket } = await player.connect();
    const second = double(player);
    const result = await second.connect({ replaceToken: tokenOf(await second.connect()) });
    const client = await Client.open(server);
    const moved = await second.join(result.ticket);
    await refused(client.join(ticket ?? "", build), "TICKET_INVALID");
    await moved.leave();
  });

  test("a session in its grace can be replaced, and the seat is the same", async () => {
    const player = house.player(7);
    await player.enter();
    const before = await sessionOf(server, player.characterId);
    await player.drop();
    await stands(server, { grace: 1 }, "the seat is held");
    const second = double(player);
    const result = await second.connect({ replaceToken: tokenOf(await second.connect()) });
    assert.deepEqual([result.outcome, result.sessionId], ["admitted", before?.sessionId]);
    expectReason(await player.connect({ reconnectToken: player.reconnectToken }), "RECONNECT_INVALID");
    await (await second.join(result.ticket)).leave();
  });

  test("replacing one who waits keeps the place", async () => {
    const seated = house.some(2, 8);
    await Promise.all(seated.map((player) => player.enter()));
    const queue = house.some(3, 10);
    for (const player of queue) {
      await player.wait();
    }
    const middle = queue[1] ?? assert.fail();
    const before = await sessionOf(server, middle.characterId);
    const watching = middle.playing;
    const second = double(middle);
    const result = await second.connect({ replaceToken: tokenOf(await second.connect()) });
    assert.deepEqual([result.outcome, result.position, result.sessionId], ["queued", 2, before?.sessionId]);
    assert.equal((await watching.gone()).code, 4011);
    const client = await Client.open(second.server);
    await client.watch(result.reconnectToken ?? "", build);
    assert.equal(client.position?.position, 2);

    await seated[0]?.playing.leave();
    await queue[0]?.take();
    await seated[1]?.playing.leave();
    const { ticket } = await client.offer();
    await client.join(ticket, build);
    await Promise.all([queue[0]?.leave(), middle.leave(), queue[2]?.leave()]);
  });

  test("no character has two sessions in the store", async () => {
    for (const one of house.servers) {
      const doubled = await query(one, "SELECT character_id FROM session WHERE state <> 'ended' GROUP BY 1 HAVING count(*) > 1");
      assert.deepEqual(doubled, []);
    }
  });
});
