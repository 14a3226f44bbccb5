// People who come and go while things die: whatever is answered, they try again. It is the watchman who looks.
import { setTimeout as pause } from "node:timers/promises";
import type { Player } from "./player.ts";
import type { Owner } from "./server.ts";
import { within } from "./wait.ts";

const STAY_MSEC = 300;
const BETWEEN_MSEC = 100;
const END_MSEC = 60_000;

export class Passers {
  visits = 0;
  private passing = false;
  private work: Promise<unknown> = Promise.resolve();

  constructor(
    owner: Owner,
    private readonly players: readonly Player[],
  ) {
    owner.after(() => this.pause()); // also when the test has failed
    this.go();
  }

  go(): void {
    if (!this.passing) {
      this.passing = true;
      this.work = Promise.all(this.players.map((player) => this.comeAndGo(player)));
    }
  }

  /** Returns when they have had enough. */
  async pause(): Promise<void> {
    this.passing = false;
    await within(this.work, END_MSEC, "those who pass have passed");
  }

  private async comeAndGo(player: Player): Promise<void> {
    while (this.passing) {
      await this.visit(player).then(() => this.visits++, () => undefined); // what died is tried again
      await pause(BETWEEN_MSEC); // the pace of people
    }
  }

  private async visit(player: Player): Promise<void> {
    let result = await player.connect();
    if (result.replaceToken !== undefined) {
      result = await player.connect({ replaceToken: result.replaceToken });
    }
    if (result.outcome === "admitted") {
      await player.join(result.ticket);
    }
    await pause(STAY_MSEC); // the visit, or the wait
    await player.leave();
    player.client?.socket.terminate();
  }
}
