import { beforeEach, describe, expect, it } from 'vitest';
import { Api } from '../src/core/api';
import { DevSource } from '../src/core/dev-source';
import { SIGN_IN_NEEDED, SignedIn } from '../src/core/identity';
import { claimsName, takeReturn } from '../src/sign-in/errand';
import { Oidc, forgetGrant } from '../src/sign-in/oidc';
import type { Arrival } from '../src/sign-in/oidc';
import { SIGN_IN_FAILED } from '../src/sign-in/trouble';
import { Ways } from '../src/sign-in/ways';
import { keepIn } from './fake-server';

const ISSUER = 'https://id.example';
const PAGE = 'https://play.example';
const provider = {
  issuer: ISSUER,
  clientId: 'page',
  scope: 'openid offline_access',
  resource: 'https://api.example',
  redirectUri: `${PAGE}/`,
};

const base64 = (value: string | Uint8Array): string => Buffer.from(value).toString('base64url');
const json = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), { status, headers: { 'Content-Type': 'application/json' } });

/** What an identity provider answers; the browser tests have a real one. */
class FakeProvider {
  readonly asked: URLSearchParams[] = [];
  readonly revoked: string[] = [];
  nonce = '';
  /** Claims of the next id token that are not as they should be. */
  wrong: Record<string, unknown> = {};
  given = 0;
  /** What the token endpoint answers instead. */
  trouble: (() => Response) | undefined;

  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(String(input));
    if (url.pathname === '/.well-known/openid-configuration') return json(this.about());
    const body = new URLSearchParams(String(init.body));
    if (url.pathname === '/revoke') {
      this.revoked.push(String(body.get('token')));
      return new Response(null, { status: 200 });
    }
    this.asked.push(body);
    return this.trouble?.() ?? json(this.tokens());
  };

  private about(): object {
    return {
      issuer: ISSUER,
      authorization_endpoint: `${ISSUER}/auth`,
      token_endpoint: `${ISSUER}/token`,
      revocation_endpoint: `${ISSUER}/revoke`,
      authorization_response_iss_parameter_supported: true,
    };
  }

  private tokens(): object {
    this.given += 1;
    return {
      access_token: `access-${this.given}`,
      refresh_token: `refresh-${this.given}`,
      token_type: 'Bearer',
      expires_in: 600,
      ...(this.given === 1 ? { id_token: this.idToken() } : {}),
    };
  }

  private idToken(): string {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: ISSUER, sub: 'sub-1', aud: 'page', iat: now, exp: now + 60, nonce: this.nonce, preferred_username: 'Ada' };
    const header = base64(JSON.stringify({ alg: 'RS256' }));
    return `${header}.${base64(JSON.stringify({ ...claims, ...this.wrong }))}.${base64(new Uint8Array(8))}`;
  }
}

let theirs: FakeProvider;
let kept: Map<string, string>;
let oidc: Oidc;

beforeEach(() => {
  theirs = new FakeProvider();
  kept = new Map();
  oidc = new Oidc(provider, keepIn(kept), theirs.fetch);
});

/** Goes to the provider and comes back with a code; `change` is what happens to the answer on the way. */
async function goThere(change: (answer: URL) => void = () => {}): Promise<{ way: URL; clean: string | undefined; arrive: () => Promise<Arrival> }> {
  const way = new URL(await oidc.wayOut(`${PAGE}/?room=attic#here`, false));
  theirs.nonce = way.searchParams.get('nonce') ?? '';
  const answer = new URL(way.searchParams.get('redirect_uri') ?? '');
  answer.searchParams.set('code', 'code-1');
  answer.searchParams.set('state', way.searchParams.get('state') ?? '');
  answer.searchParams.set('iss', ISSUER);
  change(answer);
  const { clean, returned } = takeReturn(answer, keepIn(kept));
  const arrive = async (): Promise<Arrival> => {
    if (returned === undefined) throw new Error('nobody has come back');
    return oidc.redeem(returned.answer, returned.errand);
  };
  return { way, clean, arrive };
}

describe('the way to the provider', () => {
  it('asks for a code with PKCE, and says for what', async () => {
    const { way } = await goThere();
    expect(way.origin + way.pathname).toBe(`${ISSUER}/auth`);
    expect(Object.fromEntries(way.searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'page',
      redirect_uri: `${PAGE}/`,
      scope: 'openid offline_access',
      code_challenge_method: 'S256',
      prompt: 'consent',
      resource: 'https://api.example',
    });
  });

  it('is another each time, and never has the verifier in it', async () => {
    const [one, other] = [new URL(await oidc.wayOut(PAGE, false)), new URL(await oidc.wayOut(PAGE, true))];
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(one.searchParams.get(name)).toMatch(/^[\w-]{43}$/u);
      expect(one.searchParams.get(name)).not.toBe(other.searchParams.get(name));
    }
    const { verifier } = JSON.parse(kept.get('playhouse.errand') ?? '{}') as { verifier: string };
    expect(other.href).not.toContain(verifier);
    expect(other.searchParams.get('prompt')).toBe('login consent');
  });
});

describe('the way back', () => {
  it('is to where one was, without anything of the provider in the address', async () => {
    const { clean, arrive } = await goThere();
    expect(clean).toBe(`${PAGE}/?room=attic#here`);
    expect(await arrive()).toEqual({
      person: { user: 'sub-1', name: 'Ada' },
      grant: { accessToken: 'access-1', expiresInSeconds: 600 },
    });
    const [asked] = theirs.asked;
    expect(asked?.get('grant_type')).toBe('authorization_code');
    expect(asked?.get('code_verifier')).toMatch(/^[\w-]{43}$/u);
    expect(asked?.get('resource')).toBe('https://api.example');
  });

  it('is good once', async () => {
    await goThere();
    const again = new URL(`${PAGE}/?code=code-1&state=x`);
    expect(takeReturn(again, keepIn(kept))).toEqual({ clean: `${PAGE}/` });
  });

  it('never leads to another origin', async () => {
    const { clean } = await goThere(() => {
      const errand = JSON.parse(kept.get('playhouse.errand') ?? '{}') as object;
      kept.set('playhouse.errand', JSON.stringify({ ...errand, back: 'https://elsewhere.example/' }));
    });
    expect(clean).toBe(`${PAGE}/`);
  });

  it('is none where the address is just an address', () => {
    expect(takeReturn(new URL(`${PAGE}/?code=7`), keepIn(kept))).toEqual({});
    expect(takeReturn(new URL(`${PAGE}/?state=of-mind`), keepIn(kept))).toEqual({});
  });

  for (const [what, change] of [
    ['another state', (answer: URL) => answer.searchParams.set('state', 'forged')],
    ['the answer of another provider', (answer: URL) => answer.searchParams.set('iss', 'https://evil.example')],
  ] as const) {
    it(`with ${what} is refused, and the code is not spent`, async () => {
      const { arrive } = await goThere(change);
      await expect(arrive()).rejects.toMatchObject({ code: SIGN_IN_FAILED, transient: false });
      expect(theirs.asked).toEqual([]);
      expect(kept.has('playhouse.grant')).toBe(false);
    });
  }

  for (const [what, wrong] of [
    ['another nonce', { nonce: 'replayed' }],
    ['for somebody else', { aud: 'another-page' }],
    ['of another issuer', { iss: 'https://evil.example' }],
    ['that is long over', { exp: 1 }],
  ] as const) {
    it(`with an id token ${what} is refused`, async () => {
      theirs.wrong = wrong;
      const { arrive } = await goThere();
      await expect(arrive()).rejects.toMatchObject({ code: SIGN_IN_FAILED });
      expect(kept.has('playhouse.grant')).toBe(false);
    });
  }

  it('of who did not want to says so', async () => {
    const { arrive } = await goThere((answer) => {
      answer.searchParams.delete('code');
      answer.searchParams.set('error', 'access_denied');
    });
    await expect(arrive()).rejects.toMatchObject({ code: SIGN_IN_FAILED, message: 'you did not sign in' });
  });
});

describe('another token', () => {
  beforeEach(async () => {
    const { arrive } = await goThere();
    await arrive();
    theirs.asked.length = 0;
  });

  it('is got with a refresh token that is good once: each brings the next', async () => {
    expect(await oidc.renew()).toEqual({ accessToken: 'access-2', expiresInSeconds: 600 });
    await oidc.renew();
    expect(theirs.asked.map((asked) => asked.get('refresh_token'))).toEqual(['refresh-1', 'refresh-2']);
    expect(theirs.asked.every((asked) => asked.get('resource') === 'https://api.example')).toBe(true);
  });

  it('is asked for once by however many want it', async () => {
    const signedIn = new SignedIn(oidc, keepIn(kept), () => 0);
    signedIn.start({ user: 'sub-1', name: 'Ada' });
    await Promise.all([signedIn.token(), signedIn.token()]);
    expect(theirs.asked).toHaveLength(1);
  });

  it('cannot be had by a copy of the tab, which has to sign in for a grant of its own', async () => {
    const copy = new Map(kept);
    forgetGrant(keepIn(copy));
    await expect(new Oidc(provider, keepIn(copy), theirs.fetch).renew()).rejects.toMatchObject({ code: SIGN_IN_NEEDED });
    expect(theirs.asked).toEqual([]);
  });

  for (const [what, trouble, expected] of [
    ['that the provider refuses leads to the sign-in', () => json({ error: 'invalid_grant' }, 400), { code: SIGN_IN_NEEDED, transient: false }],
    ['from a provider that is busy is asked for again', () => json({ error: 'busy' }, 503), { transient: true }],
    ['from a proxy that knows nothing is asked for again', () => new Response('bad gateway', { status: 502 }), { transient: true }],
    ['from a provider that is away is asked for again', () => { throw new TypeError('network'); }, { transient: true }],
    ['that is none is no use', () => json({ hello: 'there' }), { code: SIGN_IN_FAILED, transient: false }],
  ] as const) {
    it(what, async () => {
      theirs.trouble = trouble;
      await expect(oidc.renew()).rejects.toMatchObject(expected);
      expect(kept.get('playhouse.grant')).toBe('refresh-1');
    });
  }

  it('cannot be had any more after signing out, by nobody', async () => {
    oidc.end();
    await expect(oidc.renew()).rejects.toMatchObject({ code: SIGN_IN_NEEDED });
    await expect.poll(() => theirs.revoked).toEqual(['refresh-1']);
  });
});

describe('a name', () => {
  it('is what the provider calls somebody, cut to what a character may be called', () => {
    expect(claimsName({ preferred_username: 'Ada', name: 'Ada Lovelace' })).toBe('Ada');
    expect(claimsName({ preferred_username: ' ', name: 'Ada Lovelace' })).toBe('Ada Lovelace');
    expect([...claimsName({ name: '🎭'.repeat(40) })]).toHaveLength(32);
    expect(claimsName({ name: 7 })).toBe('Guest');
    expect(claimsName(undefined)).toBe('Guest');
  });
});

describe('the way to sign in', () => {
  const ways = (answer: () => Response): Ways => {
    const api = new Api(async (path) => (path === '/dev/token' ? json({ accessToken: 'dev', tokenType: 'Bearer', expiresIn: 9 }) : answer()), 'plaza');
    return new Ways(api, new DevSource(api), (settings) => new Oidc({ ...settings, redirectUri: `${PAGE}/` }, keepIn(kept), theirs.fetch));
  };
  const ada = { user: 'Ada', name: 'Ada' };

  it('is what the server says: a name', async () => {
    expect(await ways(() => json({ kind: 'dev' })).renew(ada)).toEqual({ accessToken: 'dev', expiresInSeconds: 9 });
  });

  it('is what the server says: a provider', async () => {
    kept.set('playhouse.grant', 'refresh-0');
    const { clientId, issuer } = provider;
    expect(await ways(() => json({ kind: 'oidc', issuer, clientId })).renew(ada)).toMatchObject({ accessToken: 'access-1' });
  });

  it('is what the server says: none', async () => {
    await expect(ways(() => json({ kind: 'none' })).renew(ada)).rejects.toMatchObject({ code: SIGN_IN_NEEDED });
  });

  it('is asked again when the server did not say', async () => {
    let away = true;
    const server = ways(() => {
      if (away) throw new TypeError('network');
      return json({ kind: 'dev' });
    });
    await expect(server.get()).rejects.toMatchObject({ transient: true });
    away = false;
    expect(await server.get()).toEqual({ kind: 'dev' });
  });
});
