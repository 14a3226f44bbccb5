// Why a connect does not admit: every reason of the closed set, provoked over HTTP. Those that need a broken
// server are in 0225.
import assert from "node:assert/strict";
import { test } from "node:test";
import { change, stands } from "./lib/admin.ts";
import { Api } from "./lib/api.ts";
import { bothForms, openHouse, type Form, type House } from "./lib/house.ts";
import type { Player } from "./lib/player.ts";
import type { ConnectResult, Reason } from "./lib/protocol.ts";
import { failsFor, reasons } from "./lib/reasons.ts";
import type { Server } from "./lib/server.ts";
import { change as changeStore } from "./lib/store.ts";

const SEATED = 0;
const WAITING = 1;
const SUSPENDED = 2;

const ELSEWHERE: readonly Reason[] = ["TIMEOUT", "DEPENDENCY_UNAVAILABLE", "OVERLOADED"];
/** Nothing that a client does leads to it: it is for our own faults. */
const NOT_TO_BE_HAD: readonly Reason[] = ["INTERNAL"];

const base = ["--admission.capacity", "1", "--admission.queue_max", "1", "--admission.grace_seconds", "1"];
const lenient = ["--admission.attempts_per_address", "100000"];

const seen: Record<Form, Set<Reason>> = { memory: new Set(), redis: new Set() };

/** Its session's grace is over, and nobody has the seat. Answers the token that was good until then. */
async function expired(player: Player): Promise<string> {
  await player.enter();
  await player.drop();
  await stands(player.server, { seats: 0 }, "the grace is over");
  return player.reconnectToken;
}

/** What each reason takes. A user of its own for each, so that nobody is locked out by the others' failures. */
const cases: [Reason, string, (house: House, own: Player) => Promise<ConnectResult>][] = [
  ["NO_ACTIVE_CHARACTER", "none named, none selected", (house) => {
    return new Api(house.server, house.crowd.token("user-1-newcomer")).connect();
  }],
  ["NOT_OWNER", "somebody else's character", (house, own) => {
    return own.connect({ characterId: house.player(SEATED).characterId });
  }],
  ["NOT_OWNER", "nobody's character looks the same", (_, own) => own.connect({ characterId: "nobody" })],
  ["SUSPENDED", "named", (house) => house.player(SUSPENDED).connect()],
  ["SUSPENDED", "as the active character", (house) => house.player(SUSPENDED).api.connect()],
  ["INVALID_INSTANCE", "an instance that is not there", (_, own) => own.connect({ instance: "nowhere" })],
  ["VERSION_MISMATCH", "another build", (_, own) => own.connect({ build: "another" })],
  ["RECONNECT_INVALID", "a token that never was", (_, own) => own.connect({ reconnectToken: "A".repeat(43) })],
  ["RECONNECT_INVALID", "the token of another user", async (house, own) => {
    const player = house.player(SEATED);
    const client = await player.enter();
    const reconnectToken = player.reconnectToken;
    const result = await own.connect({ reconnectToken });
    assert.equal((await player.connect({ reconnectToken })).outcome, "admitted", "and it was not spent by that");
    await player.leave();
    await client.gone();
    return result;
  }],
  ["RECONNECT_EXPIRED", "after the grace", async (_, own) => own.connect({ reconnectToken: await expired(own) })],
  ["REPLACEMENT_REQUIRED", "the character plays", async (house) => {
    const client = await house.player(SEATED).enter();
    const result = await house.player(SEATED).connect();
    await client.leave();
    return result;
  }],
  ["REPLACEMENT_REQUIRED", "the character has a ticket", async (_, own) => {
    assert.equal((await own.connect()).outcome, "admitted");
    const result = await own.connect();
    assert.equal(await own.leave(), true);
    return result;
  }],
  ["QUEUE_FULL", "no seat and no place", async (house, own) => {
    await house.player(SEATED).connect();
    await house.player(WAITING).queue();
    const result = await own.connect();
    await house.player(WAITING).leave();
    await house.player(SEATED).leave();
    return result;
  }],
  ["DRAINING", "the operator drains", async (house, own) => {
    await change(house.server, { drain: true });
    const result = await own.connect();
    await change(house.server, { drain: false });
    return result;
  }],
  ["MAINTENANCE", "the operator is at work", async (house, own) => {
    await change(house.server, { maintenance: true });
    const result = await own.connect();
    await change(house.server, { maintenance: false });
    return result;
  }],
];

const people = cases.length + 10;
const prepare = (server: Server): Promise<void> =>
  changeStore(server, `UPDATE character SET suspended = true WHERE id = 'character-${SUSPENDED}'`);
await bothForms({ args: [...base, ...lenient], people, prepare }, (house) => {
  const { server } = house;

  for (const [n, [reason, what, provoke]] of cases.entries()) {
    test(`${reason}: ${what}`, async () => {
      await failsFor(server, reason, () => provoke(house, house.player(n + 10)));
      await stands(server, { seats: 0, waiting: 0 }, "and nothing is left of it");
      seen[house.form].add(reason);
    });
  }

  test("ALREADY_IN_SESSION: the instance lets nobody take over", async (t) => {
    const strict = await openHouse(house.form, { owner: t, args: ["--admission.replacement", "false"], people: 1 });
    const player = strict.player(0);
    const client = await player.enter();
    await failsFor(strict.server, "ALREADY_IN_SESSION", () => player.connect());
    await client.chat("still here");
    await client.leave();
    assert.equal((await player.connect()).outcome, "admitted", "and no longer after it left");
    seen[house.form].add("ALREADY_IN_SESSION");
  });

  test("UNAUTHENTICATED is HTTP 401", async () => {
    const { person } = house.player(SEATED);
    for (const token of [undefined, "nonsense", `${person.accessToken}x`, house.crowd.token(person.userId, { lifetime: -3600 })]) {
      const { status, body } = await new Api(server, token).tryConnect({ build: house.build });
      assert.equal(status, 401);
      assert.deepEqual([body.code, body.transient], ["UNAUTHENTICATED", reasons.UNAUTHENTICATED.transient]);
    }
    seen[house.form].add("UNAUTHENTICATED");
  });

  test("RATE_LIMITED is HTTP 429 and says when to come again", async () => {
    const player = house.player(people - 1);
    for (let failure = 0; failure < 5; failure++) {
      assert.equal((await player.connect({ characterId: "nobody" })).reason, "NOT_OWNER");
    }
    const { status, headers, body } = await player.api.tryConnect({ characterId: player.characterId });
    assert.equal(status, 429);
    assert.deepEqual([body.code, body.transient], ["RATE_LIMITED", reasons.RATE_LIMITED.transient]);
    const retryAfter = Number(headers.get("retry-after"));
    assert.ok(retryAfter > 50 && retryAfter <= 60, `Retry-After: ${retryAfter}`);
    assert.ok(Math.abs((body.retryAfterMs ?? 0) / 1000 - retryAfter) <= 1, `retryAfterMs ${body.retryAfterMs}`);
    seen[house.form].add("RATE_LIMITED");
  });

  test("there is no other reason", () => {
    assert.deepEqual([...seen[house.form], ...ELSEWHERE, ...NOT_TO_BE_HAD].sort(), Object.keys(reasons).sort());
  });
});
