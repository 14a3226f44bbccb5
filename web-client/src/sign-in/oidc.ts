import * as oauth from 'oauth4webapi';
import { Refusal } from '../core/api';
import { SIGN_IN_NEEDED } from '../core/identity';
import type { Grant, Keep, Person, TokenSource } from '../core/identity';
import { asked, claimsName } from './errand';
import type { Errand } from './errand';
import { troubleOf } from './trouble';

const GRANT_KEY = 'playhouse.grant';
const TIMEOUT_MS = 12_000;
/** When the provider does not say how long a token is good for (RFC 6749 only recommends that it does). */
const LIFE_SECONDS = 300;

/** The provider, and who the page is to it. */
export interface Provider {
  readonly issuer: string;
  readonly clientId: string;
  readonly scope: string;
  readonly resource?: string | undefined;
  /** Where the provider sends people back to; it has to know the address. */
  readonly redirectUri: string;
}

/** How the provider is spoken to. */
interface Http {
  readonly signal: () => AbortSignal;
  readonly [oauth.allowInsecureRequests]: boolean;
  readonly [oauth.customFetch]: (url: string, init: oauth.CustomFetchOptions<string, BodyInit | undefined>) => Promise<Response>;
}

/** Who has come back from the provider. */
export interface Arrival {
  readonly person: Person;
  readonly grant: Grant;
}

/**
 * Signing in with an OpenID Connect provider: authorization code with PKCE, no secret of the page's own. Refresh tokens are
 * single use, so each tab has a grant of its own, and `SignedIn` asks for one token at a time.
 */
export class Oidc implements TokenSource {
  private readonly client: oauth.Client;
  private asking: Promise<oauth.AuthorizationServer> | undefined;

  constructor(
    private readonly provider: Provider,
    private readonly keep: Keep,
    private readonly fetch: typeof globalThis.fetch,
  ) {
    this.client = { client_id: provider.clientId };
  }

  /** Where to go to sign in; `other`: as somebody else than the provider remembers. `back` is where to be afterwards. */
  async wayOut(back: string, other: boolean): Promise<string> {
    return this.told(async () => {
      const server = await this.discover();
      const endpoint = new URL(server.authorization_endpoint ?? '');
      const errand: Errand = {
        state: oauth.generateRandomState(),
        nonce: oauth.generateRandomNonce(),
        verifier: oauth.generateRandomCodeVerifier(),
        back,
      };
      for (const [name, value] of Object.entries(await this.question(errand, other))) {
        endpoint.searchParams.set(name, value);
      }
      asked(this.keep, errand);
      return endpoint.href;
    });
  }

  /** What the provider has sent with who came back, in exchange for tokens. */
  async redeem(answer: URLSearchParams, errand: Errand): Promise<Arrival> {
    return this.told(async () => {
      const server = await this.discover();
      const proven = oauth.validateAuthResponse(server, this.client, answer, errand.state);
      const { redirectUri } = this.provider;
      const options = this.asksFor();
      const none = oauth.None();
      const response = await oauth.authorizationCodeGrantRequest(
        server, this.client, none, proven, redirectUri, errand.verifier, options,
      );
      const result = await oauth.processAuthorizationCodeResponse(server, this.client, response, {
        expectedNonce: errand.nonce,
        requireIdToken: true,
      });
      const claims = oauth.getValidatedIdTokenClaims(result);
      return { person: { user: claims?.sub ?? '', name: claimsName(claims) }, grant: this.granted(result) };
    });
  }

  async renew(): Promise<Grant> {
    const refreshToken = this.keep.getItem(GRANT_KEY);
    if (refreshToken === null) throw new Refusal(SIGN_IN_NEEDED, 'the sign-in has run out', false);
    return this.told(async () => {
      const server = await this.discover();
      const none = oauth.None();
      const response = await oauth.refreshTokenGrantRequest(server, this.client, none, refreshToken, this.asksFor());
      return this.granted(await oauth.processRefreshTokenResponse(server, this.client, response));
    });
  }

  end(): void {
    const refreshToken = this.keep.getItem(GRANT_KEY);
    forgetGrant(this.keep);
    // Nobody waits for it: a token that could not be revoked runs out.
    if (refreshToken !== null) this.revoke(refreshToken).catch(() => {});
  }

  private async question({ state, nonce, verifier }: Errand, other: boolean): Promise<Record<string, string>> {
    const { clientId, redirectUri, scope, resource } = this.provider;
    // OpenID Connect Core, 11: offline_access is to be consented to.
    const prompt = [...(other ? ['login'] : []), ...(scope.split(' ').includes('offline_access') ? ['consent'] : [])];
    return {
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      scope,
      state,
      nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...(prompt.length > 0 ? { prompt: prompt.join(' ') } : {}),
      ...(resource === undefined ? {} : { resource }),
    };
  }

  private granted(result: oauth.TokenEndpointResponse): Grant {
    if (result.refresh_token !== undefined) this.keep.setItem(GRANT_KEY, result.refresh_token);
    return { accessToken: result.access_token, expiresInSeconds: result.expires_in ?? LIFE_SECONDS };
  }

  private async revoke(refreshToken: string): Promise<void> {
    const server = await this.discover();
    if (server.revocation_endpoint === undefined) return;
    await oauth.revocationRequest(server, this.client, oauth.None(), refreshToken, this.http());
  }

  /** What the provider says of itself, once. */
  private async discover(): Promise<oauth.AuthorizationServer> {
    this.asking ??= this.readAbout();
    try {
      return await this.asking;
    } catch (error) {
      this.asking = undefined;
      throw error;
    }
  }

  private async readAbout(): Promise<oauth.AuthorizationServer> {
    const issuer = new URL(this.provider.issuer);
    return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, this.http()));
  }

  private asksFor(): oauth.TokenEndpointRequestOptions {
    const { resource } = this.provider;
    return { ...this.http(), ...(resource === undefined ? {} : { additionalParameters: { resource } }) };
  }

  /** Without TLS only a provider on this machine is spoken to. */
  private http(): Http {
    const { protocol, hostname } = new URL(this.provider.issuer);
    const local = protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
    return {
      signal: () => AbortSignal.timeout(TIMEOUT_MS),
      [oauth.allowInsecureRequests]: local,
      [oauth.customFetch]: (url: string, init: oauth.CustomFetchOptions<string, BodyInit | undefined>) =>
        this.fetch(url, init as RequestInit),
    };
  }

  private async told<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw troubleOf(error);
    }
  }
}

/** A tab that is a copy of another has its grant too, and must not use it. */
export function forgetGrant(keep: Keep): void {
  keep.removeItem(GRANT_KEY);
}
