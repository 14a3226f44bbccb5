import type { Api } from './api';

/**
 * The build this page belongs to. A page that was built without one came from the server it talks to, so that one's build
 * at the first question is its own, and stays it when the server behind it changes.
 */
export class OwnBuild {
  private asking: Promise<string> | undefined;

  constructor(
    private known: string,
    private readonly api: Api,
  ) {}

  async get(): Promise<string> {
    if (this.known !== '') return this.known;
    this.asking ??= this.api.version();
    try {
      this.known = await this.asking;
      return this.known;
    } finally {
      this.asking = undefined;
    }
  }
}
