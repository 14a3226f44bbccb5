// Every ticket and token that a test's clients were given, to look for them where none may be.
import type { Random } from "./random.ts";

const seen = new Set<string>();

export function remember(...secrets: (string | undefined)[]): void {
  secrets.forEach((secret) => secret !== undefined && seen.add(secret));
}

/** Some of them, chosen at random: to look for thousands in megabytes takes too long. */
export function someSecrets(count: number, random: Random): string[] {
  const all = [...seen];
  return Array.from({ length: Math.min(count, all.length) }, () => random.pick(all) ?? "");
}

/** Those that these bytes have in them, as text or as the bits they stand for. */
export function foundIn(bytes: Buffer, secrets: readonly string[]): string[] {
  return secrets.filter((secret) => bytes.includes(secret) || bytes.includes(Buffer.from(secret, "base64url")));
}
