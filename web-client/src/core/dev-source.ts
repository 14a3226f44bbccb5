import type { Api } from './api';
import type { Grant, Person, TokenSource } from './identity';

/** The developer sign-in of a server that runs with --dev: a token for any name. */
export class DevSource implements TokenSource {
  constructor(private readonly api: Api) {}

  async renew({ name }: Person): Promise<Grant> {
    const { accessToken, expiresIn } = await this.api.devToken(name);
    return { accessToken, expiresInSeconds: expiresIn };
  }

  end(): void {}
}
