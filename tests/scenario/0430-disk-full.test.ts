// The SQLite file on a file system that is full: a clear error, nothing acknowledged that is not stored, and all goes on
// by itself when there is room.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { enter, health, metric } from "./lib/api.ts";
import { run } from "./lib/cli.ts";
import { Refused } from "./lib/client.ts";
import { stack, startServer, type Owner } from "./lib/server.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

const SIZE = "4m";

/** A file system of four megabytes. Only root may make one. */
async function smallDisk(owner: Owner): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "playhouse-small-"));
  const mounted = await run("mount", ["-t", "tmpfs", "-o", `size=${SIZE}`, "playhouse-test", folder]);
  assert.equal(mounted.code, 0, `a small file system, as root: ${mounted.err}`);
  owner.after(async () => {
    const gone = await run("umount", ["-l", folder]);
    assert.equal(gone.code, 0, gone.err);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

test("the disk is full, and then it is not any more", async (t) => {
  const owner = stack(t);
  const disk = await smallDisk(owner);
  const ballast = join(disk, "ballast");
  const server = await startServer({ owner, args: ["--store.path", join(disk, "playhouse.db")] });
  const client = await enter(server, "Ada");
  const { x, y } = here(client);
  await client.move(x + 1, y);

  const fill = await run("dd", ["if=/dev/zero", `of=${ballast}`, "bs=4k"]);
  assert.match(fill.err, /No space left/, "the disk is full");
  const isRefused = async (): Promise<boolean> => {
    try {
      await client.chat("x".repeat(280));
      return false;
    } catch (error) {
      assert.ok(error instanceof Refused, String(error));
      assert.deepEqual([error.refusal.code, error.refusal.transient], ["UNAVAILABLE", true]);
      return true;
    }
  };
  await eventually(isRefused, "an intent is refused", 30_000);
  const { status, body } = await health(server);
  assert.deepEqual([status, body.ready], [503, false]);
  const failed = server.log.find(({ event }) => event === "commit-failed");
  assert.match(String(failed?.["why"]), /full/, "the operator is told why");
  const acked = client.lastSequence;

  writeFileSync(ballast, "");
  const last = await eventually(() => client.move(x + 1, y + 1).catch(() => undefined), "there is room again", 30_000);
  assert.equal(last.sequence, acked + 1, "nothing that was refused is in between");
  assert.ok((await metric(server, "playhouse_commit_failures_total")) > 0);
  assert.equal((await health(server)).status, 200);
  await client.leave();
});
