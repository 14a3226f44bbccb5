// What is in the store, read from outside: PostgreSQL is asked, the SQLite file read with the sqlite3 command; and a
// hand in the file while the server is down.
//
// The server locks its file. So a copy is read: of the file and its write-ahead log as they are at that moment, which
// is what a killed server would leave behind.
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./cli.ts";
import type { Server } from "./server.ts";

/** Stops the clock of a running server for the length of `work`: nothing is written meanwhile. */
function frozen(server: Server, work: () => void): void {
  freeze(server);
  try {
    work();
  } finally {
    goOn(server);
  }
}

/** Returns when every thread of the server stands still. Harmless when it does already, or does not run. */
export function freeze(server: Server): void {
  server.freeze();
}

/** Ends what freeze began. */
export function goOn(server: Server): void {
  server.goOn();
}

/** Every row, as of now. A server that runs goes on afterwards. */
export async function query<Row>(server: Server, sql: string): Promise<Row[]> {
  if (server.database !== undefined) {
    const rows = await server.database.query<Row>(sql);
    goOn(server);
    return rows;
  }
  const directory = mkdtempSync(join(tmpdir(), "playhouse-store-"));
  const copy = join(directory, "copy.db");
  try {
    frozen(server, () => {
      for (const part of ["", "-wal"].filter((suffix) => existsSync(server.store + suffix))) {
        copyFileSync(server.store + part, copy + part);
      }
    });
    const { code, out, err } = await run("sqlite3", ["-json", copy, sql], { ms: 30_000 });
    assert.equal(code, 0, `sqlite3: ${err}`);
    return out.trim() === "" ? [] : (JSON.parse(out) as Row[]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Runs these statements: in a PostgreSQL at any time, in the SQLite file of a server that is stopped. */
export function change(server: Server, sql: string): Promise<void> {
  return server.database === undefined ? changeFile(server.store, sql) : server.database.execute(sql);
}

export async function changeFile(path: string, sql: string): Promise<void> {
  const { code, err } = await run("sqlite3", ["-bail", path], { input: sql });
  assert.equal(code, 0, `sqlite3: ${err}`);
}

export const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
