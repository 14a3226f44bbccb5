// People, as many as are wanted: an issuer of our own that all processes believe, and a character for each of them,
// written into the stores before their servers start. So the same people are at home in several processes.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { playhouse } from "./cli.ts";
import { remember } from "./secrets.ts";
import type { Owner, Server } from "./server.ts";
import { change, text } from "./store.ts";
import { jwks, newKey, token } from "./tokens.ts";

const ISSUER = "https://issuer.example";
const HOUR_SECONDS = 3600;

export interface Person {
  /** sub of the token; begins with USER_PREFIX. */
  readonly userId: string;
  readonly name: string;
  readonly characterId: string;
  readonly accessToken: string;
}

/** What a token may say of its bearer; one that says nothing is a player's. */
export const roles = ["player", "spectator", "moderator", "admin"] as const;
export type Role = (typeof roles)[number];

/** What a token says besides who it is. */
export interface Bearer {
  /** In seconds from now. */
  lifetime?: number;
  role?: Role;
}

/** No line of a log has this in it. tools/scan-logs knows it too. */
export const USER_PREFIX = "user-1-";

export class Crowd {
  readonly people: readonly Person[];
  /** For a server that is to believe these tokens; it runs without --dev. */
  readonly args: readonly string[];
  private readonly key = newKey("crowd", "ES256");
  private readonly directory = mkdtempSync(join(tmpdir(), "playhouse-crowd-"));

  constructor(count: number, owner: Owner) {
    owner.after(async () => rmSync(this.directory, { recursive: true, force: true }));
    const keys = join(this.directory, "jwks.json");
    writeFileSync(keys, jwks([this.key]));
    this.args = ["--auth.jwks", keys, "--auth.issuer", ISSUER, "--auth.audience", "playhouse"];
    this.people = Array.from({ length: count }, (_, n) => {
      const userId = `${USER_PREFIX}${n}`;
      return { userId, name: `Person ${n}`, characterId: `character-${n}`, accessToken: this.token(userId) };
    });
  }

  /** Of anybody, also of somebody without a character; good for so many seconds from now. */
  token(userId: string, { lifetime = HOUR_SECONDS, role }: Bearer = {}): string {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: ISSUER, aud: "playhouse", sub: userId, iat: now, exp: now + lifetime };
    const made = token(this.key, role === undefined ? claims : { ...claims, role });
    remember(made);
    return made;
  }

  /** Writes each person's character into the store; a SQLite file is made. */
  async settle(server: Server): Promise<void> {
    if (server.database === undefined) {
      const made = await playhouse(["migrate", "up", "--store.path", server.store]);
      assert.equal(made.code, 0, made.err);
    }
    const rows = this.people.map(
      ({ characterId, userId, name }) => `(${text(characterId)}, ${text(userId)}, ${text(name)}, true, 500, 500, 0)`,
    );
    if (rows.length > 0) {
      await change(server, `INSERT INTO character (id, user_id, name, active, x, y, created_at) VALUES ${rows.join(",\n")};`);
    }
  }
}
