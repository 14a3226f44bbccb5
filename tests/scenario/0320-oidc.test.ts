// A real identity provider: its keys are found by discovery, change while people play, and are away; tokens of two
// algorithms are good, and each that is wrong in some way is refused and stands in no log.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { Api, firstCharacter, metric, rejoin, type Answer } from "./lib/api.ts";
import { patient } from "./lib/house.ts";
import type { HttpError } from "./lib/protocol.ts";
import { AUDIENCE, CLIENT_ID, startProvider, type Algorithm, type Provider } from "./lib/provider.ts";
import { foundIn } from "./lib/secrets.ts";
import { startServer, type Owner, type Server } from "./lib/server.ts";
import { refreshAt, signInAt } from "./lib/sign_in.ts";
import { hmacWithPublicKey, newKey, token, unsigned, type Claims } from "./lib/tokens.ts";
import { eventually } from "./lib/wait.ts";
import { here } from "./lib/walk.ts";

/** An unknown key has the key set read again at most every 10 s, and one that could not be read is tried as often. */
const READING_MSEC = 20_000;

const now = (): number => Math.floor(Date.now() / 1000);

function serverAt(owner: Owner, provider: Provider, more: readonly string[] = []): Promise<Server> {
  const args = [...provider.args, ...patient, "--log.level", "debug", ...more];
  return startServer({ owner, dev: false, args });
}

async function answerTo(server: Server, accessToken: string): Promise<Answer<HttpError>> {
  return new Api(server, accessToken).get<HttpError>("/api/characters");
}

async function statusOf(server: Server, accessToken: string): Promise<number> {
  return (await answerTo(server, accessToken)).status;
}

function claimsOf(provider: Provider, changes: Claims = {}): Claims {
  return { iss: provider.issuer, aud: AUDIENCE, sub: "user-1-claims", iat: now(), exp: now() + 600, ...changes };
}

/** Of a key that the provider never had: so that the server asks for its keys again. */
const stranger = newKey("stranger", "ES256");

function ofStranger(provider: Provider): string {
  return token(stranger, claimsOf(provider));
}

/** The server comes to answer so, asked again and again. */
async function comesTo(server: Server, accessToken: () => string, status: number, what: string): Promise<void> {
  await eventually(async () => (await statusOf(server, accessToken())) === status, what, READING_MSEC);
}

describe("one provider and one server", { concurrency: 1 }, async () => {
  const provider = await startProvider({ owner: { after } });
  provider.accessTokenSeconds = 120;
  const server = await serverAt({ after }, provider);

  test("the keys are found by what the provider says of itself", async () => {
    const { accessToken, expiresInSeconds } = await signInAt(provider, "Ada");
    assert.equal(expiresInSeconds, provider.accessTokenSeconds);
    assert.equal(await statusOf(server, accessToken), 200);
    assert.deepEqual(provider.readings, { discovery: 1, keys: 1 });
  });

  for (const algorithm of ["ES256", "RS256"] as const satisfies Algorithm[]) {
    test(`who signs in by code and PKCE plays, with ${algorithm}`, async () => {
      provider.algorithm = algorithm;
      const { accessToken, idToken } = await signInAt(provider, `Player ${algorithm}`);
      const head = JSON.parse(Buffer.from(accessToken.split(".")[0] ?? "", "base64url").toString()) as Claims;
      assert.equal(head["alg"], algorithm);
      assert.notEqual(accessToken, idToken);
      const api = new Api(server, accessToken);
      const character = await firstCharacter(api, `Player ${algorithm}`);
      const client = await rejoin(api, character.id);
      const { x, y } = here(client);
      assert.equal((await client.move(x, y)).type, "event.ack");
      await client.leave();
    });
  }

  test("a refresh token brings a new access token of the same person, once", async () => {
    const first = await signInAt(provider, "Grace");
    const { id } = await new Api(server, first.accessToken).createCharacter("Grace");
    const second = await refreshAt(provider, first.refreshToken);
    assert.notEqual(second.accessToken, first.accessToken);
    assert.deepEqual((await new Api(server, second.accessToken).characters()).map((one) => one.id), [id]);
    await assert.rejects(refreshAt(provider, first.refreshToken), /invalid_grant/);
  });
});

// Each of these waits some 10 s for the server to ask again: side by side.
describe("keys that come and go", { concurrency: true }, () => {
  test("new keys are good at once, old ones as long as they are published, and nobody is thrown out", async (t) => {
    const provider = await startProvider({ owner: t });
    const server = await serverAt(t, provider);
    const old = await signInAt(provider, "Ada");
    const api = new Api(server, old.accessToken);
    const client = await rejoin(api, (await firstCharacter(api, "Ada")).id);
    const move = async (): Promise<void> => {
      const { x, y } = here(client);
      await client.move(x, y);
    };
    provider.addKeys();
    const young = await signInAt(provider, "Ben");
    assert.equal(await statusOf(server, young.accessToken), 200, "read again because its key was not known");
    assert.equal(await statusOf(server, old.accessToken), 200, "the old key is still there");
    await move();
    provider.withdrawOldKeys();
    const withdrawn = async (): Promise<boolean> => {
      await statusOf(server, ofStranger(provider)); // has the keys read again, when 10 s have passed
      return (await statusOf(server, old.accessToken)) === 401;
    };
    await eventually(withdrawn, "the withdrawn key is no longer good", READING_MSEC);
    assert.equal(await statusOf(server, young.accessToken), 200);
    assert.equal(await statusOf(server, (await refreshAt(provider, old.refreshToken)).accessToken), 200);
    await move();
  });

  test("known keys go on while the provider is away, others hear that it is; new ones are found after", async (t) => {
    const provider = await startProvider({ owner: t });
    const server = await serverAt(t, provider);
    const known = await signInAt(provider, "Ada");
    assert.equal(await statusOf(server, known.accessToken), 200);
    await provider.stop();
    await comesTo(server, () => ofStranger(provider), 503, "an unknown key is refused for want of keys");
    const { status, body } = await answerTo(server, ofStranger(provider));
    assert.deepEqual([status, body.code, body.transient], [503, "UNAVAILABLE", true]);
    assert.equal(await statusOf(server, known.accessToken), 200, "its key is known");
    const back = (): boolean => server.log.some(({ event }) => event === "keys-back");
    assert.ok(!back());
    provider.rotate();
    await provider.start();
    await eventually(back, "the server finds by itself that the provider is back", READING_MSEC);
    assert.equal(await statusOf(server, (await signInAt(provider, "Ben")).accessToken), 200);
    assert.equal(await statusOf(server, known.accessToken), 401, "its key went while the provider was away");
  });

  test("a server that starts without the provider lets people in when it comes", async (t) => {
    const provider = await startProvider({ owner: t });
    const { accessToken } = await signInAt(provider, "Ada");
    await provider.stop();
    const server = await serverAt(t, provider);
    await comesTo(server, () => accessToken, 503, "there are no keys yet");
    const { body } = await answerTo(server, accessToken);
    assert.deepEqual([body.code, body.transient], ["UNAVAILABLE", true]);
    await provider.start();
    await comesTo(server, () => accessToken, 200, "the provider is there, and so are its keys");
  });

  test("a provider that calls itself otherwise is not believed", async (t) => {
    const provider = await startProvider({ owner: t });
    const { accessToken } = await signInAt(provider, "Ada");
    const server = await serverAt(t, provider, ["--auth.issuer", `${provider.issuer}/`]);
    await comesTo(server, () => accessToken, 503, "there are no keys that could be believed");
    const line = server.log.find(({ event }) => event === "discovery-bad");
    assert.match(String(line?.["why"]), /issuer/);
    assert.deepEqual(provider.readings.keys, 0, "its keys were not even asked for");
  });
});

describe("tokens that are wrong in one way", { concurrency: 1 }, async () => {
  const provider = await startProvider({ owner: { after } });
  const server = await serverAt({ after }, provider);
  const real = await signInAt(provider, "Mallory", { role: "admin" });
  const opaque = (await signInAt(provider, "Mallory", { resource: "" })).accessToken;
  const shown: string[] = [];
  const make = (changes: Claims = {}, header: object = {}): string => {
    return token(provider.key, claimsOf(provider, changes), header);
  };

  const rsa = provider.keys.find(({ alg }) => alg === "RS256") ?? assert.fail();
  const good: [string, () => string][] = [
    ["the provider's own", () => real.accessToken],
    ["one that we sign as the provider does", () => make()],
    ["expired 25 s ago: clocks differ by up to 30 s", () => make({ exp: now() - 25 })],
    ["valid in 25 s: clocks differ by up to 30 s", () => make({ nbf: now() + 25 })],
    ["typ at+jwt", () => make({}, { typ: "at+jwt" })],
  ];
  const bad: [string, string | undefined, () => string][] = [
    ["alg none", "ALGORITHM", () => unsigned(claimsOf(provider), provider.key.kid)],
    ["HS256 with the public EC key", "ALGORITHM", () => hmacWithPublicKey(provider.key, claimsOf(provider))],
    ["HS256 with the public RSA key", "ALGORITHM", () => hmacWithPublicKey(rsa, claimsOf(provider))],
    ["the kid of a key of the other algorithm", "ALGORITHM", () => make({}, { kid: rsa.kid })],
    ["another issuer", "ISSUER", () => make({ iss: "http://127.0.0.1:1" })],
    ["the issuer with a slash", "ISSUER", () => make({ iss: `${provider.issuer}/` })],
    ["another audience", "AUDIENCE", () => make({ aud: "another" })],
    ["expired, beyond the skew", "EXPIRED", () => make({ exp: now() - 31 })],
    ["not valid for a minute", "NOT_YET_VALID", () => make({ nbf: now() + 60 })],
    ["another key of the same kid", "SIGNATURE", () => token(newKey(provider.key.kid, "ES256"), claimsOf(provider))],
    ["no subject", "CLAIMS", () => make({ sub: undefined })],
    ["a role that there is not", "CLAIMS", () => make({ role: "owner" })],
    ["typ of a logout", "MALFORMED", () => make({}, { typ: "logout+jwt" })],
    ["a crit header", "MALFORMED", () => make({}, { crit: ["exp"] })],
    ["a letter more", "SIGNATURE", () => `${real.accessToken}AA`],
    ["a part more", "MALFORMED", () => `${real.accessToken}.AAAA`],
    ["padding", "MALFORMED", () => `${real.accessToken}==`],
    ["a letter that no token has", undefined, () => `${real.accessToken}!`],
    ["5 kB", undefined, () => make({ more: "m".repeat(3600) })],
    ["the id token, which is for the page", "AUDIENCE", () => real.idToken],
    ["the refresh token", "MALFORMED", () => real.refreshToken],
    ["an opaque access token", "MALFORMED", () => opaque],
  ];

  for (const [what, made] of good) {
    test(`accepted: ${what}`, async () => {
      const accessToken = made();
      shown.push(accessToken);
      assert.equal(await statusOf(server, accessToken), 200);
    });
  }

  for (const [what, fault, made] of bad) {
    test(`refused${fault === undefined ? "" : ` as ${fault}`}: ${what}`, async () => {
      const label = `playhouse_tokens_refused_total{fault="${fault}"}`;
      const counted = fault === undefined ? 0 : await metric(server, label);
      const accessToken = made();
      shown.push(accessToken);
      const { status, body, text } = await answerTo(server, accessToken);
      assert.deepEqual([status, body.code, body.transient], [401, "UNAUTHENTICATED", false]);
      assert.ok(!text.includes(accessToken), "the answer does not repeat it");
      if (fault !== undefined) {
        assert.equal(await metric(server, label), counted + 1, `counted as ${fault}`);
      }
    });
  }

  test("a long token is one that is too long, and not wrong in another way", () => {
    assert.ok(make({ more: "m".repeat(3600) }).length > 5000);
    assert.ok(JSON.parse(Buffer.from(real.idToken.split(".")[1] ?? "", "base64url").toString()).aud === CLIENT_ID);
    assert.ok(!opaque.includes("."), "the opaque one is opaque");
  });

  test("none of them stands in a log, nor any part of one, nor whose it is", () => {
    assert.equal(shown.length, good.length + bad.length, "all of them were shown");
    const secrets = shown.flatMap((one) => [one, ...one.split(".").slice(1)]).filter((part) => part.length >= 16);
    const logs = server.logFiles.map((path) => readFileSync(path));
    assert.ok(logs.some((bytes) => bytes.includes("token-refused")), "it logs all that it may");
    for (const bytes of logs) {
      assert.deepEqual(foundIn(bytes, [...secrets, "user-1-Mallory", "user-1-claims"]), []);
    }
  });
});
