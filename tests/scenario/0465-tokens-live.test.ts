// Access tokens that run out while their bearers play: they are asked for a newer one, and end without it. The seat is
// kept for the grace, and takes a new token to come back to.
import assert from "node:assert/strict";
import { describe, test, after } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { sessionOf } from "./lib/admin.ts";
import { Api } from "./lib/api.ts";
import { Client, refused, Refused } from "./lib/client.ts";
import { closeName, errorOf, expectError } from "./lib/errors.ts";
import { forms, openHouse, patient, type Form, type House } from "./lib/house.ts";
import { Player } from "./lib/player.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const LIFETIME_SECONDS = 5;
const WARNING_SECONDS = 3;
/** Nobody else has anything to tell a new Redis, and these tokens are too short to wait for it. */
const args = [...patient, "--gateway.auth_warning_seconds", String(WARNING_SECONDS), "--registry.rebuild_ms", "500"];

interface Guest {
  readonly player: Player;
  readonly client: Client;
  /** When its access token runs out, in ms since 1970. */
  readonly until: number;
}

/** Somebody in the room whose token runs out soon. */
async function enterBriefly(house: House, n: number, lifetime = LIFETIME_SECONDS): Promise<Guest> {
  const person = house.crowd.people[n] ?? assert.fail();
  const until = (Math.floor(Date.now() / 1000) + lifetime) * 1000;
  const player = new Player({ ...person, accessToken: house.crowd.token(person.userId, { lifetime }) }, house.server);
  return { player, client: await player.enter(), until };
}

const isOver = ({ until }: Guest, more = 0): Promise<boolean> =>
  eventually(() => Date.now() > until + more, "the token has run out", 30_000);

const stays = async (client: Client): Promise<void> => {
  const { x, y } = here(client);
  await client.move(x, y);
};

/** Shows a token, as often as it is told to wait; gives the seconds it is good for. */
async function refresh(client: Client, accessToken: string): Promise<number> {
  for (;;) {
    client.send({ type: "session.refresh", accessToken });
    const answer = await Promise.race([client.next("event.refreshed"), client.next("event.error")]);
    if (answer.type === "event.refreshed") {
      return answer.expiresInSeconds;
    }
    expectError(answer);
    if (answer.code !== "RATE_LIMITED") {
      throw new Refused(answer);
    }
    await pause(answer.retryAfterMs ?? assert.fail("it says for how long"));
  }
}

const open = (form: Form, more: readonly string[]): Promise<House> =>
  openHouse(form, { owner: { after }, args: [...args, ...more], people: 10 });
const houses = await Promise.all(forms.map((form) => open(form, [])));
const halls = await Promise.all(forms.map((form) => open(form, ["--admission.capacity", "1"])));
describe("tokens", { concurrency: 20 }, () => {
  for (const house of houses) {
    const fresh = (n: number): string => house.crowd.token(house.crowd.people[n]?.userId ?? assert.fail());

    test(`${house.form}: who shows a newer token in time plays on`, async () => {
      const guest = await enterBriefly(house, 0);
      const { seconds } = await guest.client.next("event.auth_expiring");
      assert.ok(seconds <= WARNING_SECONDS && seconds > 0, `${seconds} s`);
      const good = await refresh(guest.client, fresh(0));
      assert.ok(good > 3500 && good <= 3600, `${good} s`);
      await isOver(guest, 2000);
      await stays(guest.client);
      await guest.player.drop();
      await stays(await guest.player.resume()); // the newer token holds for its next connections, too
      await guest.player.playing.leave();
    });

    const wrong: [what: string, code: string, make: (userId: string) => string][] = [
      ["one that is no token", "UNAUTHENTICATED", (userId) => `${house.crowd.token(userId).slice(0, -8)}AAAAAAAA`],
      ["another user's", "FORBIDDEN", () => fresh(9)],
      ["one that has run out", "UNAUTHENTICATED", (userId) => house.crowd.token(userId, { lifetime: -1 })],
    ];
    for (const [n, [what, code, make]] of wrong.entries()) {
      test(`${house.form}: ${what} changes nothing, and without a good one the session ends`, async () => {
        const guest = await enterBriefly(house, 5 + n);
        const { client } = guest;
        await refused(refresh(client, make(guest.player.person.userId)), code);
        await stays(client);
        const { seconds } = await client.next("event.auth_expiring");
        assert.ok(seconds <= WARNING_SECONDS, "the end is where it was");
        assert.equal(closeName(await client.gone()), "TOKEN_EXPIRED");
        assert.ok(Date.now() >= guest.until, "not before its time");
      });
    }

    test(`${house.form}: the seat is kept, a reconnect token alone does not open it, a new access token does`, async () => {
      const guest = await enterBriefly(house, 3);
      const { player, client } = guest;
      const sessionId = client.welcome?.sessionId;
      assert.equal(closeName(await client.gone()), "TOKEN_EXPIRED");
      await eventually(async () => (await sessionOf(house.server, player.characterId))?.state === "grace", "the seat is kept");

      const again = await Client.open(house.server);
      const alone = again.resume(client.reconnectToken ?? assert.fail(), house.build, client);
      const { message } = await refused(alone, "UNAUTHENTICATED");
      assert.match(message, /sign in/);
      assert.equal(closeName(await again.gone()), "TOKEN_EXPIRED");
      assert.equal(again.welcome, undefined, "it has seen nothing of the room");
      await eventually(async () => (await sessionOf(house.server, player.characterId))?.state === "grace", "it is kept still");

      const back = new Player({ ...player.person, accessToken: fresh(3) }, house.server);
      const result = await back.connect({ reconnectToken: again.reconnectToken ?? assert.fail("a token for the next time") });
      assert.equal(result.outcome, "admitted", JSON.stringify(result));
      const playing = await back.join(result.ticket);
      assert.equal(playing.welcome?.sessionId, sessionId, "the same session");
      await stays(playing);
      await playing.leave();
    });

    test(`${house.form}: with a token that has run out nobody connects, nor with what it got before`, async () => {
      const guest = await enterBriefly(house, 4);
      await guest.client.leave();
      const result = await guest.player.connect();
      assert.equal(result.outcome, "admitted");
      await isOver(guest);
      const late = await Client.open(house.server);
      await refused(late.join(result.ticket ?? assert.fail(), house.build), "UNAUTHENTICATED");
      assert.equal(closeName(await late.gone()), "TOKEN_EXPIRED");
      const old = house.crowd.token(guest.player.person.userId, { lifetime: -60 });
      assert.equal(errorOf(await new Api(house.server, old).tryConnect()).code, "UNAUTHENTICATED");
    });

    test(`${house.form}: who waits in the queue may show a newer token, too`, async () => {
      const full = halls.find(({ form }) => form === house.form) ?? assert.fail();
      const seated = await full.player(0).enter();
      const person = full.crowd.people[1] ?? assert.fail();
      const brief = { ...person, accessToken: full.crowd.token(person.userId, { lifetime: 3 }) };
      const until = Date.now() + 3000;
      const player = new Player(brief, full.server);
      const waiting = await player.wait();
      assert.ok((await refresh(waiting, full.crowd.token(person.userId))) > 3500);
      await eventually(() => Date.now() > until + 1000, "its first token has run out", 10_000);
      await seated.leave();
      await stays(await player.take());
      await waiting.leave();
    });
  }
});
