// Looks at an instance again and again while others do their work: never more seats than its capacity, and nobody has
// overtaken anybody.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { instance, page, seats } from "./admin.ts";
import type { SessionView } from "./protocol.ts";
import type { Server } from "./server.ts";

const BETWEEN_MSEC = 10;

/**
 * One page is of one moment, by number, which is the order of arrival. In a queue without overtaking everybody with a
 * seat came before everybody who waits.
 */
export function expectOrder(sessions: readonly SessionView[]): void {
  const firstWaiting = sessions.findIndex(({ state }) => state === "waiting");
  const later = firstWaiting < 0 ? [] : sessions.slice(firstWaiting);
  const overtaker = later.find(({ state }) => state !== "waiting");
  const waiting = JSON.stringify(sessions[firstWaiting]);
  assert.equal(overtaker, undefined, `${JSON.stringify(overtaker)} has a seat while ${waiting} waits`);
}

export class Watchman {
  looks = 0;
  mostSeats = 0;
  private busy = true;
  private readonly work: Promise<unknown>;

  constructor(
    servers: readonly Server[],
    private readonly capacity: number,
    /** Sees nothing while it gets no answer, and goes on looking: for when things die. */
    private readonly hardy = false,
  ) {
    this.work = Promise.all(servers.flatMap((server) => [this.countSeats(server), this.checkOrder(server)]));
    this.work.catch(() => undefined); // told by stop
  }

  /** Fails if anything was wrong at any time. */
  async stop(): Promise<void> {
    this.busy = false;
    await this.work;
    assert.ok(this.looks > 0, "it looked at least once");
  }

  private async countSeats(server: Server): Promise<void> {
    for (; this.busy; await pause(BETWEEN_MSEC)) {
      const info = await this.look(() => instance(server));
      if (info === undefined) {
        continue;
      }
      const taken = seats(info);
      assert.ok(taken <= this.capacity, `${taken} seats of ${this.capacity}`);
      this.mostSeats = Math.max(this.mostSeats, taken);
      this.looks++;
    }
  }

  private async checkOrder(server: Server): Promise<void> {
    let after = 0;
    for (; this.busy; await pause(BETWEEN_MSEC)) {
      const sessions = await this.look(() => page(server, after));
      expectOrder(sessions ?? []);
      after = sessions?.at(-1)?.number ?? 0; // and from the start again after the last page
    }
  }

  private async look<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (!this.hardy) {
        throw error;
      }
      return undefined;
    }
  }
}
