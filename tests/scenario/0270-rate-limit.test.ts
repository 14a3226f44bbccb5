// Who fails too often is locked out for a while: a user, and an address. Successes, and what may go better next time,
// do not count.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { change } from "./lib/admin.ts";
import { metric } from "./lib/api.ts";
import { bothForms } from "./lib/house.ts";
import type { Player } from "./lib/player.ts";
import { Pool, type Told } from "./lib/pool.ts";
import type { Server } from "./lib/server.ts";
import { eventually } from "./lib/wait.ts";

const ATTEMPTS = 5;
const PER_ADDRESS = 8;
const WINDOW_SECONDS = 2;
const LOCK_SECONDS = 2;

const args = [
  ...["--admission.attempts", String(ATTEMPTS), "--admission.attempts_per_address", String(PER_ADDRESS)],
  ...["--admission.attempt_seconds", String(WINDOW_SECONDS), "--admission.lock_seconds", String(LOCK_SECONDS)],
];

let addresses = 1;

/** A way to ask from an address that nobody has asked from before. */
function somewhere(): Pool {
  const pool = new Pool({ from: `127.0.0.${++addresses}`, sockets: 4 });
  after(() => pool.close());
  return pool;
}

await bothForms({ args, people: 20, wide: true }, (house) => {
  const { server, other, build } = house;

  const connect = (pool: Pool, player: Player, wish: object = {}, at: Server = player.server): Promise<Told<any>> =>
    pool.post(at, "/instances/plaza/connect", player.person.accessToken, { characterId: player.characterId, build, ...wish });

  async function fail(pool: Pool, player: Player, times: number, at: Server = player.server): Promise<void> {
    for (let n = 0; n < times; n++) {
      const { status, body } = await connect(pool, player, { characterId: "nobody" }, at);
      assert.deepEqual([status, body.reason], [200, "NOT_OWNER"], `failure ${n + 1}`);
    }
  }

  function expectLocked({ status, headers, body }: Told<any>): number {
    assert.deepEqual([status, body.code, body.transient], [429, "RATE_LIMITED", true]);
    const seconds = Number(headers["retry-after"]);
    assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= LOCK_SECONDS, `Retry-After: ${headers["retry-after"]}`);
    assert.ok(body.retryAfterMs > 0 && body.retryAfterMs <= LOCK_SECONDS * 1000, `retryAfterMs ${body.retryAfterMs}`);
    return performance.now() + seconds * 1000;
  }

  async function succeeds(pool: Pool, player: Player): Promise<void> {
    const { status, body } = await connect(pool, player);
    assert.deepEqual([status, body.outcome], [200, "admitted"], JSON.stringify(body));
    assert.equal(await player.leave(), true);
  }

  const until = (moment: number): Promise<unknown> =>
    eventually(() => performance.now() >= moment, "the time that was told has passed", 10_000);

  test("5 failures lock the user, at every gateway, for the time that is told; and nobody else", async () => {
    const [pool, player] = [somewhere(), house.player(0)];
    await fail(pool, player, 3, server);
    await fail(pool, player, ATTEMPTS - 3, other);
    const free = expectLocked(await connect(pool, player, {}, server));
    expectLocked(await connect(pool, player, {}, other));
    expectLocked(await connect(somewhere(), player));
    await succeeds(pool, house.player(1));
    await until(free);
    await succeeds(pool, player);
    assert.ok((await metric(server, "playhouse_lockouts_total")) + (await metric(other, "playhouse_lockouts_total")) >= 1);
  });

  test("the window slides: failures that are older than it do not count", async () => {
    const [pool, player] = [somewhere(), house.player(2)];
    await fail(pool, player, ATTEMPTS - 1);
    const old = performance.now() + WINDOW_SECONDS * 1000;
    await until(old);
    await fail(pool, player, ATTEMPTS - 1);
    await succeeds(pool, player);
  });

  test("successes do not count", async () => {
    const [pool, player] = [somewhere(), house.player(3)];
    for (let n = 0; n < ATTEMPTS * 3; n++) {
      await succeeds(pool, player);
    }
    await fail(pool, player, ATTEMPTS - 1);
    await succeeds(pool, player);
  });

  test("what may go better next time does not count", async () => {
    const [pool, player] = [somewhere(), house.player(4)];
    await change(server, { drain: true });
    for (let n = 0; n < PER_ADDRESS + 2; n++) {
      assert.equal((await connect(pool, player)).body.reason, "DRAINING");
    }
    await change(server, { drain: false });
    await succeeds(pool, player);
    await player.connect();
    for (let n = 0; n < PER_ADDRESS + 2; n++) {
      assert.equal((await connect(pool, player)).body.reason, "REPLACEMENT_REQUIRED");
    }
    assert.equal(await player.leave(), true);
  });

  test("failures of many users at one address lock the address, and no other", async () => {
    const [pool, elsewhere] = [somewhere(), somewhere()];
    for (const player of house.some(PER_ADDRESS, 5)) {
      await fail(pool, player, 1);
    }
    const free = expectLocked(await connect(pool, house.player(14)));
    await succeeds(elsewhere, house.player(14));
    await until(free);
    await succeeds(pool, house.player(14));
  });

  test("access tokens that are not good count for the address", async () => {
    const [pool, player] = [somewhere(), house.player(15)];
    for (let n = 0; n < PER_ADDRESS; n++) {
      const { status } = await pool.post(player.server, "/instances/plaza/connect", `not.a.token${n}`, { build });
      assert.equal(status, 401, `attempt ${n + 1}`);
    }
    expectLocked(await connect(pool, player));
    const { status, body } = await pool.post(player.server, "/instances/plaza/connect", "not.a.token", { build });
    assert.deepEqual([status, body.code], [429, "RATE_LIMITED"]);
    await succeeds(somewhere(), player);
  });
});
