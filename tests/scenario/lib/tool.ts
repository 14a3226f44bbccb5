// Certificates made by `playhouse keys`, and ZeroMQ tools (pyzmq) that have them, or have not.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { playhouse } from "./cli.ts";
import { childEnv, type Owner } from "./server.ts";
import { within } from "./wait.ts";

const script = join(dirname(fileURLToPath(import.meta.url)), "curve_tool.py");

/** A folder with everybody's certificates, and folders of who is allowed. */
export class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), "playhouse-keys-"));

  constructor(owner: Owner) {
    owner.after(async () => rmSync(this.folder, { recursive: true, force: true }));
  }

  secret(name: string): string {
    return join(this.folder, `${name}.key_secret`);
  }

  certificate(name: string): string {
    return join(this.folder, `${name}.key`);
  }

  /** Makes keys for each name; answers the public key of the last. */
  async make(...names: string[]): Promise<string> {
    let key = "";
    for (const name of names) {
      const made = await playhouse(["keys", name, "--folder", this.folder]);
      assert.equal(made.code, 0, made.err);
      key = made.out.trim();
    }
    return key;
  }

  /** A folder of who is allowed. */
  list(which: string, ...names: string[]): string {
    const folder = join(this.folder, which);
    mkdirSync(folder, { recursive: true });
    names.forEach((name) => this.allow(folder, name));
    return folder;
  }

  allow(folder: string, name: string): void {
    copyFileSync(this.certificate(name), join(folder, `${name}.key`));
  }

  forbid(folder: string, name: string): void {
    rmSync(join(folder, `${name}.key`));
  }
}

export interface Said {
  /** What the front door answered, parsed. */
  readonly answer?: any;
  readonly refused?: true;
}

/** One connection of a tool, until the test ends. */
export class Tool {
  private readonly child;
  private readonly lines;

  /** `keys`: the files of its own secret and of the server's certificate. */
  constructor(owner: Owner, endpoint: string, keys: readonly [string, string] | readonly [] = []) {
    this.child = spawn("/usr/bin/python3", [script, endpoint, ...keys], {
      env: childEnv(),
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    owner.after(async () => {
      const end = once(this.child, "close");
      this.child.kill("SIGKILL");
      await within(end, 15_000, "the tool is gone");
    });
  }

  async ask(line: string): Promise<Said> {
    this.child.stdin.write(`${line}\n`);
    const { value } = await within(this.lines.next(), 40_000, `an answer to ${line}`);
    const said = JSON.parse(String(value)) as { answer?: string; refused?: true };
    return said.answer === undefined ? said : { answer: JSON.parse(said.answer) };
  }
}
