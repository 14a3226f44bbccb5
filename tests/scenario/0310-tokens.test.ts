// Every way in which an access token may be wrong, over HTTP, against the keys of an issuer of our own.
import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Api, metric } from "./lib/api.ts";
import { patient } from "./lib/house.ts";
import { startServer } from "./lib/server.ts";
import { hmacWithPublicKey, jwks, newKey, token, unsigned, type Claims } from "./lib/tokens.ts";

const ISSUER = "https://issuer.example";
const directory = mkdtempSync(join(tmpdir(), "playhouse-keys-"));
const keyFile = join(directory, "jwks.json");
const ec = newKey("ec-1", "ES256");
const rsa = newKey("rsa-1", "RS256");

after(() => rmSync(directory, { recursive: true, force: true }));

writeFileSync(keyFile, jwks([ec, rsa]));
const args = ["--auth.jwks", keyFile, "--auth.issuer", ISSUER, "--auth.audience", "playhouse", ...patient];
const server = await startServer({ owner: { after }, dev: false, args });

const now = (): number => Math.floor(Date.now() / 1000);

function claims(changes: Claims = {}): Claims {
  return { iss: ISSUER, aud: "playhouse", sub: "user-1", iat: now(), exp: now() + 600, ...changes };
}

async function statusOf(accessToken: string): Promise<number> {
  return (await new Api(server, accessToken).get("/api/characters")).status;
}

function tampered(): string {
  const [head, body, signature] = token(ec, claims()).split(".");
  const other = Buffer.from(JSON.stringify(claims({ sub: "somebody else" }))).toString("base64url");
  assert.notEqual(body, other);
  return `${head}.${other}.${signature}`;
}

function otherSignature(): string {
  const [head, body] = token(ec, claims()).split(".");
  return `${head}.${body}.${token(ec, claims({ sub: "x" })).split(".")[2]}`;
}

const good: [string, () => string][] = [
  ["ES256", () => token(ec, claims())],
  ["RS256", () => token(rsa, claims())],
  ["an audience among several", () => token(ec, claims({ aud: ["other", "playhouse"] }))],
  ["expired 10 s ago: clocks differ by up to 30 s", () => token(ec, claims({ exp: now() - 10 }))],
  ["valid in 10 s: clocks differ by up to 30 s", () => token(ec, claims({ nbf: now() + 10 }))],
  ["claims that we do not know", () => token(ec, claims({ email: "a@b.example", nested: { a: [1] } }))],
];

for (const [what, make] of good) {
  test(`accepted: ${what}`, async () => {
    assert.equal(await statusOf(make()), 200);
  });
}

const bad: [string, string, () => string][] = [
  ["expired", "EXPIRED", () => token(ec, claims({ exp: now() - 60 }))],
  ["not yet valid", "NOT_YET_VALID", () => token(ec, claims({ nbf: now() + 60 }))],
  ["wrong issuer", "ISSUER", () => token(ec, claims({ iss: "https://other.example" }))],
  ["no issuer", "ISSUER", () => token(ec, claims({ iss: undefined }))],
  ["wrong audience", "AUDIENCE", () => token(ec, claims({ aud: "other" }))],
  ["no audience", "AUDIENCE", () => token(ec, claims({ aud: undefined }))],
  ["an audience that is almost ours", "AUDIENCE", () => token(ec, claims({ aud: ["playhouse2"] }))],
  ["unknown key", "UNKNOWN_KEY", () => token(newKey("ec-9", "ES256"), claims())],
  ["alg none", "ALGORITHM", () => unsigned(claims(), "ec-1")],
  ["HS256 with the public RSA key", "ALGORITHM", () => hmacWithPublicKey(rsa, claims())],
  ["HS256 with the public EC key", "ALGORITHM", () => hmacWithPublicKey(ec, claims())],
  ["the algorithm of another key", "ALGORITHM", () => token(ec, claims(), { kid: "rsa-1" })],
  ["a body that was changed", "SIGNATURE", tampered],
  ["the signature of another token", "SIGNATURE", otherSignature],
  ["another key of the same name", "SIGNATURE", () => token(newKey("ec-1", "ES256"), claims())],
  ["no expiry", "CLAIMS", () => token(ec, claims({ exp: undefined }))],
  ["no subject", "CLAIMS", () => token(ec, claims({ sub: undefined }))],
  ["an empty subject", "CLAIMS", () => token(ec, claims({ sub: "" }))],
  ["an expiry that is text", "CLAIMS", () => token(ec, claims({ exp: "never" }))],
  ["two parts", "MALFORMED", () => token(ec, claims()).split(".").slice(0, 2).join(".")],
  ["no token at all", "MALFORMED", () => "hello"],
  ["base64 of nothing", "MALFORMED", () => "e30.e30.e30"],
];

for (const [what, fault, make] of bad) {
  test(`refused as ${fault}: ${what}`, async () => {
    const label = `playhouse_tokens_refused_total{fault="${fault}"}`;
    const counted = await metric(server, label);
    const accessToken = make();
    const { status, body, headers, text } = await new Api(server, accessToken).get("/api/characters");
    assert.equal(status, 401);
    assert.equal(body.code, "UNAUTHENTICATED");
    assert.match(headers.get("www-authenticate") ?? "", /^Bearer/);
    assert.ok(!text.includes(accessToken), "the answer does not repeat the token");
    assert.equal(await metric(server, label), counted + 1, `counted as ${fault}`);
  });
}

test("a token in the address is no token", async () => {
  const { status } = await new Api(server).get(`/api/characters?access_token=${token(ec, claims())}`);
  assert.equal(status, 401);
});

test("two subjects are two users", async () => {
  const [one, two] = ["user-a", "user-b"].map((sub) => new Api(server, token(ec, claims({ sub }))));
  assert.ok(one && two);
  const mine = await one.createCharacter("Mine");
  assert.deepEqual((await two.characters()).map(({ id }) => id), []);
  assert.deepEqual((await one.characters()).map(({ id }) => id), [mine.id]);
});

test("a new key of the issuer is found by its kid, and a withdrawn one no longer counts", async () => {
  const next = newKey("ec-2", "ES256");
  writeFileSync(`${keyFile}.new`, jwks([next]));
  renameSync(`${keyFile}.new`, keyFile);
  assert.equal(await statusOf(token(next, claims())), 200);
  assert.equal(await statusOf(token(ec, claims())), 401);
});

test("without --dev nobody gets a token here", async () => {
  assert.equal((await new Api(server).post("/dev/token", { name: "Ann" })).status, 404);
});
