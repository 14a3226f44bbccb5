// Signing in at a provider over HTTP, as the page does in a browser: authorization code with PKCE, a form, and refresh
// tokens.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { CLIENT_ID, RESOURCE, SCOPE, type Provider, type Role } from "./provider.ts";
import { remember } from "./secrets.ts";

/** Nobody listens there: the way back is only looked at. */
const BACK = "http://127.0.0.1:9/";
const REDIRECTS_MAX = 10;
const REQUEST_MSEC = 20_000;

export interface Tokens {
  accessToken: string;
  refreshToken: string;
  idToken: string;
  expiresInSeconds: number;
}

export interface SignInOptions {
  role?: Role;
  /** "" asks for none: the access token is then an opaque one. */
  resource?: string;
}

const random = (): string => randomBytes(32).toString("base64url");

/** A browser's part in it: cookies, and one redirect at a time. */
class Browser {
  private readonly cookies = new Map<string, string>();

  async visit(url: string, body?: URLSearchParams): Promise<{ status: number; location?: string; text: string }> {
    const response = await fetch(url, {
      method: body === undefined ? "GET" : "POST",
      headers: { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(body === undefined ? {} : { body }),
      redirect: "manual",
      signal: AbortSignal.timeout(REQUEST_MSEC),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [name = "", value = ""] = cookie.split(";", 1)[0]?.split(/=(.*)/s) ?? [];
      this.cookies.set(name, value);
    }
    const location = response.headers.get("location");
    const text = await response.text();
    return { status: response.status, text, ...(location === null ? {} : { location: new URL(location, url).href }) };
  }
}

async function ask(provider: Provider, fields: Record<string, string>): Promise<Tokens> {
  const body = new URLSearchParams({ client_id: CLIENT_ID, ...fields });
  const signal = AbortSignal.timeout(REQUEST_MSEC);
  const response = await fetch(`${provider.issuer}/token`, { method: "POST", body, signal });
  const answer = (await response.json()) as Record<string, string> & { expires_in: number };
  assert.equal(response.status, 200, JSON.stringify(answer));
  const { access_token: accessToken, refresh_token: refreshToken, id_token: idToken, expires_in } = answer;
  assert.ok(accessToken !== undefined && refreshToken !== undefined && idToken !== undefined, "all three tokens");
  remember(accessToken, refreshToken, idToken);
  return { accessToken, refreshToken, idToken, expiresInSeconds: expires_in };
}

function question(state: string, verifier: string, resource: string): URLSearchParams {
  return new URLSearchParams({
    ...{ client_id: CLIENT_ID, response_type: "code", redirect_uri: BACK, scope: SCOPE, prompt: "consent", state },
    ...{ code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256" },
    ...(resource === "" ? {} : { resource }),
  });
}

/** Follows the way from the provider's door to the address it sends back to, and fills in the form on it. */
async function wayBack(door: string, fields: URLSearchParams): Promise<URLSearchParams> {
  const browser = new Browser();
  let url = door;
  for (let step = 0; step < REDIRECTS_MAX; step++) {
    const seen = await browser.visit(url);
    const { location } = seen.status === 200 ? await browser.visit(url, fields) : seen;
    url = location ?? assert.fail(`the provider answers ${seen.status}: ${seen.text}`);
    if (url.startsWith(BACK)) {
      return new URL(url).searchParams;
    }
  }
  return assert.fail("the provider sends from one page to the next without an end");
}

/** Signs somebody in by name; the same name is the same person. */
export async function signInAt(provider: Provider, name: string, options: SignInOptions = {}): Promise<Tokens> {
  const { role = "player", resource = RESOURCE } = options;
  const [state, verifier] = [random(), random()];
  const door = `${provider.issuer}/auth?${question(state, verifier, resource).toString()}`;
  const answer = await wayBack(door, new URLSearchParams({ name, role }));
  const code = answer.get("code") ?? assert.fail(`a code: ${answer.toString()}`);
  assert.equal(answer.get("state"), state);
  assert.equal(answer.get("iss"), provider.issuer);
  const fields = { grant_type: "authorization_code", code, redirect_uri: BACK, code_verifier: verifier };
  return ask(provider, resource === "" ? fields : { ...fields, resource });
}

/** New tokens for a refresh token, which is then spent. */
export function refreshAt(provider: Provider, refreshToken: string): Promise<Tokens> {
  return ask(provider, { grant_type: "refresh_token", refresh_token: refreshToken, resource: RESOURCE });
}
