import { asRefusal } from '../core/api';
import type { Client } from '../core/client';
import type { Keep } from '../core/identity';
import type { Surroundings } from '../core/parts';
import type { SignInKind } from '../core/protocol';
import { takeReturn } from './errand';
import type { Return } from './errand';
import type { Ways } from './ways';

/** How often a server that does not say how one signs in is asked again. */
export const ASK_AGAIN_MS = 3_000;

/** How one gets in from here. */
export interface Doorway {
  /** asking, away: the server has not said yet. leaving, returning: on the way to the provider, and back. */
  readonly way: SignInKind | 'asking' | 'away' | 'leaving' | 'returning';
  /** Why it did not work the last time. */
  readonly notice?: string | undefined;
}

/** The part of the browser that is used. */
export interface Address {
  readonly href: string;
  /** Shows another address without going there. */
  show(href: string): void;
  goTo(href: string): void;
}

/** The page's way to the provider and back, and what it can say of it. */
export class Door {
  private doorway: Doorway = { way: 'asking' };
  private returned: Return | undefined;

  constructor(
    private readonly ways: Ways,
    private readonly address: Address,
    keep: Keep,
    private readonly around: Pick<Surroundings, 'after'>,
    private readonly onChange: (doorway: Doorway) => void,
  ) {
    const { clean, returned } = takeReturn(new URL(address.href), keep);
    if (clean !== undefined) address.show(clean);
    this.returned = returned;
    if (returned !== undefined) this.doorway = { way: 'returning' };
  }

  get current(): Doorway {
    return this.doorway;
  }

  /** Lets in who has come back from the provider, or who is still signed in; then it is known how others get in. */
  async open(client: Client, known: boolean): Promise<void> {
    const { returned } = this;
    this.returned = undefined;
    if (returned !== undefined) await this.welcomeBack(client, returned);
    else if (known) client.start();
    await this.ask();
  }

  /** Off to the provider; as somebody else than it remembers with `other`. */
  async leave(other: boolean): Promise<void> {
    this.become({ way: 'leaving' });
    try {
      const oidc = await this.ways.oidc();
      if (oidc === undefined) return await this.ask();
      this.address.goTo(await oidc.wayOut(this.address.href, other));
    } catch (error) {
      await this.ask(asRefusal(error).message);
    }
  }

  private async welcomeBack(client: Client, { answer, errand }: Return): Promise<void> {
    try {
      const oidc = await this.ways.oidc();
      if (oidc === undefined) return;
      const { person, grant } = await oidc.redeem(answer, errand);
      client.startAs(person, grant);
    } catch (error) {
      this.become({ way: 'oidc', notice: asRefusal(error).message });
    }
  }

  private async ask(notice = this.doorway.notice): Promise<void> {
    try {
      const { kind } = await this.ways.get();
      this.become({ way: kind, notice });
    } catch {
      // Whatever it was, there is no way in as long as the server does not say which.
      this.become({ way: 'away', notice });
      this.around.after(ASK_AGAIN_MS, () => void this.ask());
    }
  }

  private become(doorway: Doorway): void {
    this.doorway = doorway;
    this.onChange(doorway);
  }
}
