// Which character a connect is for, and what becomes of an attempt when its user changes the character.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sessionOf, stands } from "./lib/admin.ts";
import type { Api } from "./lib/api.ts";
import { Client, refused } from "./lib/client.ts";
import { bothForms } from "./lib/house.ts";

const args = ["--admission.capacity", "1"];
await bothForms({ args, people: 8 }, (house) => {
  const { server, build } = house;

  const select = async (api: Api, characterId: string): Promise<void> => {
    const { status, body } = await api.post(`/api/characters/${characterId}/select`);
    assert.deepEqual([status, body.active], [200, true]);
  };

  const ticketIsDead = async (ticket: string | undefined): Promise<void> => {
    const client = await Client.open(server);
    await refused(client.join(ticket ?? assert.fail("it had a ticket"), build), "TICKET_INVALID");
    assert.equal((await client.gone()).code, 4004);
  };

  test("without characterId the active character plays, and selecting another changes it", async () => {
    const { api, characterId: first } = house.player(0);
    const second = await api.createCharacter("Other");
    assert.equal(second.active, false);
    assert.equal((await api.connect()).characterId, first);
    assert.equal(await api.leave(), true);
    await select(api, second.id);
    const result = await api.connect();
    assert.deepEqual([result.outcome, result.characterId], ["admitted", second.id]);
    assert.equal(await api.leave(), true, "leave is for the active one too");
    const foreign = await house.player(1).api.post(`/api/characters/${second.id}/select`);
    assert.equal(foreign.status, 404, "not somebody else's");
  });

  test("selecting another character while connecting ends the first attempt", async () => {
    const player = house.player(2);
    const second = await player.api.createCharacter("Other");
    const { ticket } = await player.connect();
    await stands(server, { connecting: 1 }, "a seat is held");
    await select(player.api, second.id);
    await stands(server, { seats: 0 }, "the seat is free");
    await ticketIsDead(ticket);
  });

  test("connecting as another character ends the first attempt, and does not need a second seat", async () => {
    const player = house.player(3);
    const second = await player.api.createCharacter("Other");
    const { ticket } = await player.connect();
    const result = await player.connect({ characterId: second.id });
    assert.equal(result.outcome, "admitted");
    await ticketIsDead(ticket);
    await stands(server, { connecting: 1, seats: 1 }, "one seat is held");
    assert.equal(await player.api.leave({ characterId: second.id }), true);
  });

  test("a session that plays is no attempt: it goes on", async () => {
    const player = house.player(4);
    const second = await player.api.createCharacter("Other");
    const client = await player.enter();
    await select(player.api, second.id);
    assert.equal((await player.connect({ characterId: second.id })).outcome, "queued", "the one seat is taken");
    await client.chat("still here");
    assert.equal(await player.api.leave({ characterId: second.id }), true);
    await client.leave();
  });

  test("selecting another character while waiting gives the place up", async () => {
    const [seated, waiting] = house.some(2, 5);
    assert.ok(seated !== undefined && waiting !== undefined);
    const second = await waiting.api.createCharacter("Other");
    await seated.enter();
    const client = await waiting.wait();
    await select(waiting.api, second.id);
    assert.equal((await client.gone()).code, 4016, "CHARACTER_CHANGED");
    await stands(server, { waiting: 0, seats: 1 }, "nobody waits");
    assert.equal(await sessionOf(server, waiting.characterId), undefined);
    assert.equal((await waiting.api.queueStatus(waiting.characterId)).status, 404);
    await seated.playing.leave();
  });
});
