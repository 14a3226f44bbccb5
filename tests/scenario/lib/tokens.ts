// An identity provider of a few lines: keys, a JWKS, and tokens that are right or wrong in one way.
import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";

export interface SigningKey {
  kid: string;
  alg: "ES256" | "RS256";
  publicKey: KeyObject;
  privateKey: KeyObject;
}

export type Claims = Record<string, unknown>;

export function newKey(kid: string, alg: "ES256" | "RS256"): SigningKey {
  const pair =
    alg === "ES256"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { kid, alg, ...pair };
}

export function jwks(keys: readonly SigningKey[]): string {
  const publicOnes = keys.map(({ kid, alg, publicKey }) => {
    return { ...publicKey.export({ format: "jwk" }), kid, alg, use: "sig" };
  });
  return JSON.stringify({ keys: publicOnes });
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

export function token(key: SigningKey, claims: Claims, header: object = {}): string {
  const body = `${part({ alg: key.alg, typ: "JWT", kid: key.kid, ...header })}.${part(claims)}`;
  const signature = sign("sha256", Buffer.from(body), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
  return `${body}.${signature.toString("base64url")}`;
}

export function unsigned(claims: Claims, kid: string): string {
  return `${part({ alg: "none", typ: "JWT", kid })}.${part(claims)}.`;
}

/** The classic: HMAC with the public key as its secret. */
export function hmacWithPublicKey(key: SigningKey, claims: Claims): string {
  const body = `${part({ alg: "HS256", typ: "JWT", kid: key.kid })}.${part(claims)}`;
  const secret = key.publicKey.export({ format: "pem", type: "spki" });
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}
