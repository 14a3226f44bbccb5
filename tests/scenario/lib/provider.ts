// A certified OpenID Connect provider (oidc-provider) on a port of this process: authorization code with
// PKCE for one public client, refresh tokens that are used once, JWT access tokens for the playhouse. Its keys change,
// and it goes away and comes back, when the test says so. Who signs in says in a form who they are and in which role.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text as bodyOf } from "node:stream/consumers";
import { Provider as Oidc, type Account, type Configuration, type ResourceServer } from "oidc-provider";
import { USER_PREFIX } from "./crowd.ts";
import { newMemory } from "./provider_memory.ts";
import type { Owner } from "./server.ts";
import { newKey, type SigningKey } from "./tokens.ts";

export const CLIENT_ID = "playhouse-page";
export const AUDIENCE = "playhouse";
/** The resource parameter that makes an access token one for the playhouse. */
export const RESOURCE = "https://playhouse.example/";
/** As the page asks. */
export const SCOPE = "openid profile offline_access";
/** Where the client may be, on any port of these hosts: its page is sent back to "/". */
const PAGES = ["http://127.0.0.1/", "http://localhost/", "http://[::1]/"];

const DAY_SECONDS = 86_400;

export const roles = ["player", "spectator", "moderator", "admin"] as const;
export type Role = (typeof roles)[number];
export type Algorithm = SigningKey["alg"];

interface Person {
  name: string;
  role: Role;
}

function isPage(origin: string): boolean {
  return URL.canParse(origin) && PAGES.some((page) => new URL(page).hostname === new URL(origin).hostname);
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

function form(action: string, hint: string): string {
  const options = roles.map((role) => `<option>${role}</option>`).join("");
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title>
<h1>Sign in</h1>
<form method="post" action="${escaped(action)}">
<p><label>Name <input id="name" name="name" required maxlength="32" value="${escaped(hint)}"></label></p>
<p><label>Role <select id="role" name="role">${options}</select></label></p>
<p><button id="sign-in" type="submit">Sign in</button></p>
</form></html>`;
}

export class Provider {
  /** http://127.0.0.1:PORT unless it was told another; the same for its whole life. */
  issuer: string;
  /** What the access tokens of the next sign-in or refresh are like. */
  algorithm: Algorithm = "ES256";
  accessTokenSeconds = 600;
  /** Those that it publishes. The newest of each algorithm, which signs, stands first. */
  keys: readonly SigningKey[] = [];
  /** How often each path was asked for. */
  readonly asked = new Map<string, number>();
  private readonly memory = newMemory();
  private readonly people = new Map<string, Person>();
  private readonly cookieKeys = [randomBytes(16).toString("hex")];
  private readonly host: string;
  private made = 0;
  private oidc: Oidc | undefined;
  private http: HttpServer | undefined;

  /** Without an issuer it takes any port. */
  constructor({ issuer = "", host = "127.0.0.1" }: { issuer?: string; host?: string } = {}) {
    this.issuer = issuer;
    this.host = host;
  }

  /** Flags of a server that lets people in by this provider, whose keys it finds by discovery. */
  get args(): string[] {
    return [
      ...["--auth.issuer", this.issuer, "--auth.audience", AUDIENCE, "--auth.client_id", CLIENT_ID],
      ...["--auth.scope", SCOPE, "--auth.resource", RESOURCE],
    ];
  }

  /** The key that signs now. */
  get key(): SigningKey {
    return this.keys.find(({ alg }) => alg === this.algorithm) ?? assert.fail(`a key for ${this.algorithm}`);
  }

  /** Starts it (again, on the port it had). */
  async start(): Promise<void> {
    assert.equal(this.http, undefined, "this provider is not running yet");
    const http = createServer((request, response) => void this.serve(request, response));
    this.http = http;
    http.listen(this.issuer === "" ? 0 : Number(new URL(this.issuer).port), this.host);
    await once(http, "listening");
    if (this.issuer === "") {
      this.issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    }
    if (this.keys.length === 0) {
      this.addKeys();
    }
  }

  /** From now on nobody answers at its port; what it knows it keeps. */
  async stop(): Promise<void> {
    const http = this.http;
    this.http = undefined;
    if (http !== undefined) {
      http.close();
      http.closeAllConnections();
      await once(http, "close");
    }
  }

  /** New keys sign; the old ones are still published. */
  addKeys(): void {
    this.made++;
    const made = [newKey(`es-${this.made}`, "ES256"), newKey(`rs-${this.made}`, "RS256")];
    this.publish([...made, ...this.keys]);
  }

  /** Only the keys that sign are still published. */
  withdrawOldKeys(): void {
    this.publish(this.keys.slice(0, 2));
  }

  /** New keys at once, and the old ones gone. */
  rotate(): void {
    this.addKeys();
    this.withdrawOldKeys();
  }

  /** How often it said where its keys are, and which they are. */
  get readings(): { discovery: number; keys: number } {
    const count = (path: string): number => this.asked.get(path) ?? 0;
    return { discovery: count("/.well-known/openid-configuration"), keys: count("/jwks") };
  }

  private publish(keys: readonly SigningKey[]): void {
    this.keys = keys;
    this.oidc = new Oidc(this.issuer, this.configuration());
    this.oidc.on("server_error", (_context, error) => console.error("provider:", error));
  }

  private configuration(): Configuration {
    return {
      adapter: this.memory,
      clients: [
        {
          client_id: CLIENT_ID,
          application_type: "native", // its loopback addresses are good with any port (RFC 8252)
          token_endpoint_auth_method: "none",
          redirect_uris: PAGES,
          grant_types: ["authorization_code", "refresh_token"],
          response_types: ["code"],
          scope: SCOPE,
        },
      ],
      claims: { openid: ["sub", "role"], profile: ["preferred_username"] },
      clientBasedCORS: (_context, origin) => isPage(origin),
      conformIdTokenClaims: false, // the page reads the name in the id token
      cookies: { keys: this.cookieKeys },
      extraTokenClaims: (_context, token) => ("accountId" in token ? this.claimsOf(token.accountId) : undefined),
      features: {
        devInteractions: { enabled: false },
        resourceIndicators: {
          enabled: true,
          defaultResource: (_context, _client, oneOf) => oneOf, // who asks for none gets an opaque access token
          useGrantedResource: () => true,
          getResourceServerInfo: () => this.resourceServer(),
        },
        revocation: { enabled: true },
      },
      findAccount: (_context, sub) => this.account(sub),
      interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
      jwks: {
        keys: this.keys.map(({ kid, alg, privateKey }) => {
          return { ...privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
        }),
      },
      pkce: { required: () => true },
      rotateRefreshToken: true,
      ttl: {
        AccessToken: () => this.accessTokenSeconds,
        ...{ AuthorizationCode: 60, IdToken: 600, Interaction: 600 },
        ...{ Grant: DAY_SECONDS, RefreshToken: DAY_SECONDS, Session: DAY_SECONDS },
      },
    };
  }

  private resourceServer(): ResourceServer {
    return {
      scope: "",
      audience: AUDIENCE,
      accessTokenFormat: "jwt",
      jwt: { sign: { alg: this.algorithm, kid: this.key.kid } },
    };
  }

  private claimsOf(sub: string): { preferred_username: string; role: Role } | undefined {
    const person = this.people.get(sub);
    return person && { preferred_username: person.name, role: person.role };
  }

  private account(sub: string): Account | undefined {
    return this.people.has(sub) ? { accountId: sub, claims: () => ({ sub, ...this.claimsOf(sub) }) } : undefined;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? "/", this.issuer).pathname;
    this.asked.set(path, (this.asked.get(path) ?? 0) + 1);
    const oidc = this.oidc ?? assert.fail("it was started");
    try {
      if (path.startsWith("/interaction/")) {
        await this.interact(oidc, request, response);
      } else {
        await oidc.callback()(request, response);
      }
    } catch (error) {
      response.writeHead(400, { "content-type": "text/plain" }).end(String(error));
    }
  }

  /** Whoever says a name is let in by it, and agrees to everything. */
  private async interact(oidc: Oidc, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { prompt, params, session, uid } = await oidc.interactionDetails(request, response);
    if (prompt.name === "consent") {
      const grantId = await this.grant(oidc, session?.accountId ?? assert.fail("somebody has signed in"));
      await oidc.interactionFinished(request, response, { consent: { grantId } });
    } else if (request.method === "POST") {
      const accountId = this.signIn(new URLSearchParams(await bodyOf(request)));
      await oidc.interactionFinished(request, response, { login: { accountId } }, { mergeWithLastSubmission: false });
    } else {
      const hint = typeof params["login_hint"] === "string" ? params["login_hint"] : "";
      response.writeHead(200, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" });
      response.end(form(`/interaction/${uid}`, hint));
    }
  }

  private signIn(fields: URLSearchParams): string {
    const name = fields.get("name") ?? "";
    const role = roles.find((one) => one === fields.get("role"));
    assert.ok(name !== "" && role !== undefined, "the form has a name and a role");
    const sub = `${USER_PREFIX}${name}`;
    this.people.set(sub, { name, role });
    return sub;
  }

  private async grant(oidc: Oidc, accountId: string): Promise<string> {
    const grant = new oidc.Grant({ accountId, clientId: CLIENT_ID });
    grant.addOIDCScope(SCOPE);
    grant.addResourceScope(RESOURCE, "");
    return grant.save();
  }
}

/** Runs when it returns; ends with its owner. */
export async function startProvider({ owner }: { owner: Owner }): Promise<Provider> {
  const provider = new Provider();
  owner.after(() => provider.stop());
  await provider.start();
  return provider;
}
