// Both forms of the store, for tests that are to hold on either: the embedded file, and a real PostgreSQL.
import { startPostgres } from "./postgres.ts";
import { stack, startServer, type Server, type ServerOptions } from "./server.ts";

export const stores = ["sqlite", "postgres"] as const;
export type StoreForm = (typeof stores)[number];

/** A server on a store of that form, which ends with it. */
export async function startOn(form: StoreForm, options: ServerOptions): Promise<Server> {
  if (form === "sqlite") {
    return startServer(options);
  }
  const owner = stack(options.owner); // the server ends before its store
  const postgres = await startPostgres({ owner });
  return startServer({ ...options, owner, database: { from: postgres } });
}
