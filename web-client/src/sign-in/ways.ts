import { Refusal } from '../core/api';
import type { Api } from '../core/api';
import { SIGN_IN_NEEDED } from '../core/identity';
import type { Grant, Person, TokenSource } from '../core/identity';
import type { SignIn } from '../core/protocol';
import type { Oidc, Provider } from './oidc';

const DEFAULT_SCOPE = 'openid';

/** How one signs in here, which the server says; and the source of tokens that goes with it. */
export class Ways implements TokenSource {
  private asking: Promise<SignIn> | undefined;
  private provider: Oidc | undefined;

  constructor(
    private readonly api: Api,
    private readonly dev: TokenSource,
    private readonly oidcOf: (provider: Omit<Provider, 'redirectUri'>) => Oidc,
  ) {}

  /** Asked once; a server that did not answer is asked again the next time. */
  async get(): Promise<SignIn> {
    this.asking ??= this.api.signIn();
    try {
      return await this.asking;
    } catch (error) {
      this.asking = undefined;
      throw error;
    }
  }

  /** The provider; undefined when people do not sign in with one. */
  async oidc(): Promise<Oidc | undefined> {
    const { kind, issuer, clientId, scope, resource } = await this.get();
    if (kind !== 'oidc' || issuer === undefined || clientId === undefined) return undefined;
    this.provider ??= this.oidcOf({ issuer, clientId, scope: scope ?? DEFAULT_SCOPE, resource });
    return this.provider;
  }

  async renew(person: Person): Promise<Grant> {
    const { kind } = await this.get();
    const source = kind === 'dev' ? this.dev : await this.oidc();
    if (source === undefined) throw new Refusal(SIGN_IN_NEEDED, 'there is no way to sign in here', false);
    return source.renew(person);
  }

  end(): void {
    this.provider?.end();
  }
}
