// Why a connect does not admit: each reason that there is now, provoked.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Api, firstCharacter, metric, rejoin, signIn } from "./lib/api.ts";
import { startServer } from "./lib/server.ts";
import { change, text } from "./lib/store.ts";

const server = await startServer({ owner: { after } });
const [ann, bob] = [await signIn(server, "Ann"), await signIn(server, "Bob")];
const [hers, his] = [await firstCharacter(ann, "Anna"), await firstCharacter(bob, "Robert")];

async function expectReason(
  asker: Api,
  wish: { characterId?: string; build?: string; instance?: string },
  reason: string,
  isTransient: boolean,
): Promise<void> {
  const label = `playhouse_connect_refusals_total{reason="${reason}"}`;
  const counted = await metric(server, label);
  const result = await asker.connect(wish);
  assert.deepEqual(
    { outcome: result.outcome, reason: result.reason, transient: result.transient, ticket: result.ticket },
    { outcome: "failed", reason, transient: isTransient, ticket: undefined },
  );
  assert.equal(await metric(server, label), counted + 1, "counted by reason");
}

test("NO_ACTIVE_CHARACTER: none named, none selected", async () => {
  await expectReason(await signIn(server, "Newcomer"), {}, "NO_ACTIVE_CHARACTER", false);
});

test("NOT_OWNER: somebody else's character, and nobody's, look the same", async () => {
  await expectReason(bob, { characterId: hers.id }, "NOT_OWNER", false);
  await expectReason(bob, { characterId: "nobody" }, "NOT_OWNER", false);
});

test("INVALID_INSTANCE", async () => {
  await expectReason(ann, { characterId: hers.id, instance: "nowhere" }, "INVALID_INSTANCE", false);
});

test("VERSION_MISMATCH", async () => {
  await expectReason(ann, { characterId: hers.id, build: "another" }, "VERSION_MISMATCH", false);
});

test("ALREADY_IN_SESSION: also when it was only admitted, and no longer after it left", async () => {
  const client = await rejoin(ann, hers.id);
  await expectReason(ann, { characterId: hers.id }, "ALREADY_IN_SESSION", true);
  await client.leave();
  await ann.ticket(hers.id);
  await expectReason(ann, { characterId: hers.id }, "ALREADY_IN_SESSION", true);
});

test("SUSPENDED", async () => {
  await server.stop();
  await change(server.store, `UPDATE character SET suspended = 1 WHERE id = ${text(his.id)}`);
  await server.start();
  await expectReason(bob, { characterId: his.id }, "SUSPENDED", false);
  await expectReason(bob, {}, "SUSPENDED", false);
});

test("UNAUTHENTICATED is HTTP 401", async () => {
  for (const token of [undefined, "nonsense", `${ann.accessToken}x`]) {
    const { status, body } = await new Api(server, token).post("/instances/plaza/connect", { build: "any" });
    assert.equal(status, 401);
    assert.equal(body.code, "UNAUTHENTICATED");
    assert.equal(body.transient, false);
  }
});

test("without characterId the active character plays, and selecting another changes it", async () => {
  const user = await signIn(server, "Two");
  const first = await user.createCharacter("One");
  const second = await user.createCharacter("Other");
  assert.deepEqual([first.active, second.active], [true, false]);
  const { status, body } = await user.post(`/api/characters/${second.id}/select`);
  assert.deepEqual([status, body.active], [200, true]);
  const result = await user.connect({});
  assert.deepEqual([result.outcome, result.characterId], ["admitted", second.id]);
  assert.equal((await ann.post(`/api/characters/${second.id}/select`)).status, 404, "not somebody else's");
});
