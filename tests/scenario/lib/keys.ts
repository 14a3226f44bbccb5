// CURVE keys of processes, made by the binary: each has its own secret, and all allow each other.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { playhouse } from "./cli.ts";

export class Keys {
  private readonly secrets: string;
  /** The folder of public certificates. */
  readonly allowed: string;

  constructor(folder: string) {
    this.secrets = join(folder, "secrets");
    this.allowed = join(folder, "allowed");
    mkdirSync(this.secrets, { mode: 0o700 });
    mkdirSync(this.allowed);
  }

  /** New ones for it, which all others allow. */
  async make(name: string): Promise<void> {
    const { code, err } = await playhouse(["keys", name, "--folder", this.secrets]);
    assert.equal(code, 0, err);
    copyFileSync(join(this.secrets, `${name}.key`), join(this.allowed, `${name}.key`));
  }

  /** Flags of the process of that name. */
  args(name: string): string[] {
    return ["--keys.secret", join(this.secrets, `${name}.key_secret`), "--keys.allowed", this.allowed];
  }
}
