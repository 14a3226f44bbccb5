// A disk that stands still or fails, for one server: its fdatasync is replaced by one that looks at a file of ours
// first. Made with the C compiler that the server was built with.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./cli.ts";
import type { Owner } from "./server.ts";

const SOURCE = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static int
stalled(const char *real, int fd)
{
    while (access(getenv("STALL_FILE"), F_OK) == 0) {
        poll(NULL, 0, 5);
    }
    if (access(getenv("FAIL_FILE"), F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return ((int (*)(int))dlsym(RTLD_NEXT, real))(fd);
}

int fdatasync(int fd) { return stalled("fdatasync", fd); }
int fsync(int fd) { return stalled("fsync", fd); }
`;

export class Disk {
  private readonly directory = mkdtempSync(join(tmpdir(), "playhouse-disk-"));
  private readonly preload = join(this.directory, "disk.so");
  private readonly stallFile = join(this.directory, "stall");
  private readonly failFile = join(this.directory, "fail");

  /** For the server that is to have this disk. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: this.preload,
      STALL_FILE: this.stallFile,
      FAIL_FILE: this.failFile,
      ASAN_OPTIONS: "verify_asan_link_order=0", // ours comes before the sanitizer's
    };
  }

  async make(): Promise<void> {
    const args = ["-shared", "-fPIC", "-O1", "-x", "c", "-o", this.preload, "-", "-ldl"];
    const { code, err } = await run("cc", args, { input: SOURCE, ms: 60_000 });
    assert.equal(code, 0, err);
  }

  /** From now on no commit ends. */
  stop(): void {
    writeFileSync(this.stallFile, "");
  }

  /** From now on each commit fails. */
  fail(): void {
    writeFileSync(this.failFile, "");
    rmSync(this.stallFile, { force: true });
  }

  goOn(): void {
    rmSync(this.failFile, { force: true });
    rmSync(this.stallFile, { force: true });
  }

  dispose(): void {
    this.goOn();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export async function newDisk(owner: Owner): Promise<Disk> {
  const disk = new Disk();
  owner.after(async () => disk.dispose());
  await disk.make();
  return disk;
}
