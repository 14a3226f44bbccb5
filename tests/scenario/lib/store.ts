// A second, read-only look into the SQLite file, with the sqlite3 command; and a hand in it while the server is down.
import assert from "node:assert/strict";
import { run } from "./cli.ts";

export async function query<Row>(path: string, sql: string): Promise<Row[]> {
  const { code, out, err } = await run("sqlite3", ["-readonly", "-json", path, ".timeout 5000", sql], { ms: 30_000 });
  assert.equal(code, 0, `sqlite3: ${err}`);
  return out.trim() === "" ? [] : (JSON.parse(out) as Row[]);
}

/** Changes the store. Only while the server is stopped. */
export async function change(path: string, sql: string): Promise<void> {
  const { code, err } = await run("sqlite3", [path, sql]);
  assert.equal(code, 0, `sqlite3: ${err}`);
}

export const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
