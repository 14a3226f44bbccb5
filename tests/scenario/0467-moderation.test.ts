// Moderators end sessions and take voices: at once, durably, and nobody else does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sessionOf } from "./lib/admin.ts";
import { Api, type Answer } from "./lib/api.ts";
import { refused, type Client } from "./lib/client.ts";
import { roles, type Role } from "./lib/crowd.ts";
import { closeName, errorOf } from "./lib/errors.ts";
import { bothForms, patient } from "./lib/house.ts";
import type { Player } from "./lib/player.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const LONG_SECONDS = 600;

await bothForms({ args: [...patient, "--gateway.chats_per_second", "1000"], people: 8 }, (house) => {
  const { server, crowd } = house;
  const moderator = crowd.people[0] ?? assert.fail();

  const as = (role: Role): Api => new Api(server, crowd.token(moderator.userId, { role }));
  const mute = ({ characterId }: Player, seconds: number, role: Role = "moderator"): Promise<Answer> =>
    as(role).post("/instances/plaza/mute", { characterId, seconds });
  const kick = ({ characterId }: Player, role: Role): Promise<Answer> =>
    as(role).post("/instances/plaza/kick", { characterId });

  const muted = async (player: Player, seconds: number): Promise<void> => {
    const { status, body, text } = await mute(player, seconds);
    assert.equal(status, 200, text);
    const due = seconds === 0 ? 0 : Date.now() + seconds * 1000;
    assert.ok(Math.abs(body.mutedUntil - due) < 5000, `until ${body.mutedUntil}`);
  };

  /** Its chats are refused, it is told for how long, and everything else goes on. */
  const isMute = async (client: Client, seconds: number): Promise<void> => {
    const { retryAfterMs, transient } = await refused(client.chat("you do not hear this"), "MUTED");
    assert.equal(transient, false);
    assert.ok(retryAfterMs !== undefined && retryAfterMs <= seconds * 1000, `${retryAfterMs} ms`);
    assert.ok(retryAfterMs > (seconds - 30) * 1000, `${retryAfterMs} ms`);
    const { x, y } = here(client);
    await client.move(x, y);
  };

  const becomesMute = (client: Client): Promise<boolean> =>
    eventually(() => client.chat("for now").then(() => false, () => true), "the room knows");

  test("a mute lasts over a reconnect, a new session and a restart, and is lifted", async () => {
    const [player, witness] = [house.player(1), house.player(2)];
    const listening = await witness.enter();
    let client = await player.enter();
    await client.chat("hello");
    await muted(player, LONG_SECONDS);
    await becomesMute(client);
    await isMute(client, LONG_SECONDS);

    await player.drop();
    client = await player.resume();
    await isMute(client, LONG_SECONDS);
    await client.leave();
    client = await player.enter();
    await isMute(client, LONG_SECONDS);

    await server.kill9();
    await client.gone();
    await listening.gone();
    await server.start();
    client = await player.resume();
    await isMute(client, LONG_SECONDS);
    const heard = await witness.resume();
    await heard.chat("I may speak");
    assert.ok([...listening.world.chats, ...heard.world.chats].every(({ text }) => text !== "you do not hear this"));

    await muted(player, 0);
    await eventually(() => client.chat("at last").then(() => true, () => false), "it may speak again");
    await heard.until(() => heard.world.chats.some(({ text }) => text === "at last"), "and is heard");
    await client.leave();
    await heard.leave();
  });

  test("a mute ends by itself", async () => {
    const player = house.player(3);
    const client = await player.enter();
    await muted(player, 2);
    await becomesMute(client);
    await refused(client.chat("not yet"), "MUTED");
    await eventually(() => client.chat("over").then(() => true, () => false), "it may speak again", 5000);
    await client.leave();
  });

  test("who is muted while away finds it so", async () => {
    const player = house.player(4);
    await muted(player, LONG_SECONDS);
    const client = await player.enter();
    await isMute(client, LONG_SECONDS);
    await muted(player, 0);
    await client.leave();
  });

  test("a kick ends the session: it is told, its seat is free, its tokens are void", async () => {
    for (const role of ["moderator", "admin"] as const) {
      const player = house.player(5);
      const client = await player.enter();
      assert.deepEqual((await kick(player, role)).body, { left: true });
      assert.equal(closeName(await client.gone()), "KICKED");
      assert.equal(await sessionOf(server, player.characterId), undefined);
      await refused(player.resume(), "RECONNECT_INVALID");
      assert.deepEqual((await kick(player, role)).body, { left: false }, "there is nobody any more");
    }
  });

  test("nobody else mutes or kicks", async () => {
    const player = house.player(6);
    const client = await player.enter();
    for (const role of roles.filter((one) => one === "player" || one === "spectator")) {
      assert.equal(errorOf(await mute(player, LONG_SECONDS, role)).code, "FORBIDDEN");
      assert.equal(errorOf(await kick(player, role)).code, "FORBIDDEN");
    }
    const anonymous = new Api(server);
    for (const what of ["mute", "kick"]) {
      const body = { characterId: player.characterId, ...(what === "mute" ? { seconds: LONG_SECONDS } : {}) };
      assert.equal(errorOf(await anonymous.post(`/instances/plaza/${what}`, body)).code, "UNAUTHENTICATED");
    }
    await client.chat("as before");
    await client.leave();
  });

  test("a mute of nobody is told so", async () => {
    const answer = await as("moderator").post("/instances/plaza/mute", { characterId: "nobody", seconds: 1 });
    assert.equal(errorOf(answer).code, "NOT_FOUND");
    const elsewhere = await as("moderator").post("/instances/nowhere/mute", { characterId: "nobody", seconds: 1 });
    assert.equal(errorOf(elsewhere).code, "NOT_FOUND");
  });
});
