// The binary's other subcommands, sqlite3 and small programs, run to their end.
import { spawn } from "node:child_process";
import { binary, childEnv } from "./process.ts";
import { within } from "./wait.ts";

export interface Finished {
  code: number | null;
  out: string;
  err: string;
}

export interface RunOptions {
  input?: string;
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  ms?: number;
}

export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = spawn(program, args, { cwd: options.cwd, env: childEnv(options.env) });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  child.stdin.on("error", () => undefined); // it may end without reading
  child.stdin.end(options.input ?? "");
  const end = new Promise<Finished>((done, fail) => {
    child.on("error", fail);
    child.on("close", (code) => done({ code, out, err }));
  });
  try {
    return await within(end, options.ms ?? 15_000, `${program} ${args.join(" ")} ends`);
  } finally {
    child.kill("SIGKILL");
  }
}

export function playhouse(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return run(binary, args, options);
}
