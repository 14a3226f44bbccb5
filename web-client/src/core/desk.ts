import type { Api, Outcome, Wish } from './api';
import { Refusal } from './api';
import type { SignedIn } from './identity';
import type { Character, QueueStatus } from './protocol';

/** What came of asking for a seat. */
export interface Answer {
  readonly character: Character;
  readonly outcome: Outcome;
  /** Gives it back, for who does not want it any more. */
  readonly undo: () => Promise<void>;
}

export type AskFor = Omit<Wish, 'characterId'>;

/** All that is settled over HTTP for whoever is signed in. A token that is not taken is renewed, once each time. */
export class Desk {
  constructor(
    private readonly api: Api,
    private readonly signedIn: SignedIn,
  ) {}

  /** `signedIn` is called when it is known who asks. */
  async askForSeat(wish: AskFor, signedIn: () => void): Promise<Answer> {
    return this.authorised(async (token) => {
      signedIn();
      const character = await this.api.character(token, this.signedIn.person?.name ?? '');
      await this.api.bootstrap(token, wish.build);
      const outcome = await this.api.connect(token, { ...wish, characterId: character.id });
      const whole = { characterId: character.id };
      const what = outcome.kind === 'replacement' ? { ...whole, replaceToken: outcome.replaceToken } : whole;
      return { character, outcome, undo: () => this.api.leave(token, what) };
    });
  }

  async whereInQueue(characterId: string): Promise<QueueStatus> {
    return this.authorised((token) => this.api.queueStatus(token, characterId));
  }

  /** Ends whatever the character has there; with `replaceToken` only the wish to replace. */
  async leave(characterId: string, replaceToken?: string): Promise<void> {
    const wish = replaceToken === undefined ? { characterId } : { characterId, replaceToken };
    await this.authorised((token) => this.api.leave(token, wish));
  }

  /** A moderator ends what this character has here; false: there was nothing to end. */
  async kick(characterId: string): Promise<boolean> {
    return this.authorised((token) => this.api.kick(token, { characterId }));
  }

  /** A moderator takes its voice for so long, or with 0 gives it back. */
  async mute(characterId: string, seconds: number): Promise<void> {
    await this.authorised((token) => this.api.mute(token, { characterId, seconds }));
  }

  private async authorised<T>(run: (token: string) => Promise<T>): Promise<T> {
    const token = await this.signedIn.token();
    try {
      return await run(token);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'UNAUTHENTICATED') throw error;
      // The server may have new keys, or the token ran out.
      this.signedIn.spoil();
      return run(await this.signedIn.token());
    }
  }
}
