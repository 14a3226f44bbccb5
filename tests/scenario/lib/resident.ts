// A player who never gives up: whatever happens to its connection it comes back by itself, as the page does, sends again
// what it has no answer to, and plays on.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { Bot, type Entry } from "./bot.ts";
import { Refused, type Client } from "./client.ts";
import { within } from "./wait.ts";

/** With which a token opens nothing: a fresh connect is what is left. */
const AFRESH = new Set(["RECONNECT_INVALID", "RECONNECT_EXPIRED", "TICKET_INVALID"]);
const RESEND_MSEC = 100;
/** So many wait for an answer at once, and so long, before they are sent again. */
const RESENDS_AT_ONCE = 16;
const PATIENCE_MSEC = 3000;
const LOOK_MSEC = 250;

export class Resident extends Bot {
  /** How long it waits at most before it tries again to come back, in ms. */
  backoffMax = 1000;
  /** When nothing is heard for so long, in ms, it hangs up and comes back: the network may have lost it. */
  deafAfter = Infinity;
  /** How often it has come back, and how often its token was no good any more. */
  returns = 0;
  afresh = 0;
  /** Codes with which its connections were closed. */
  readonly closes = new Map<number, number>();
  private rate = 0;
  private live = false;
  private readonly resent = new Map<Entry, number>();
  private life: Promise<void> = Promise.resolve();

  /** Plays, and stays whatever happens, until `rest`. */
  stay(rate: number): void {
    this.rate = rate;
    this.live = true;
    this.life = this.keepComing();
    this.life.catch(() => undefined); // told by rest
  }

  /** Stays, and does nothing, until goOn. */
  pause(): void {
    this.rate = 0;
    this.stop();
  }

  goOn(rate: number): void {
    this.rate = rate;
    if (this.connected()) {
      this.stop();
      this.start(rate);
    }
  }

  /** Stops acting and waits until everything it ever asked is answered. */
  async rest(ms: number): Promise<void> {
    this.stop();
    this.rate = 0;
    await this.settled(ms);
    this.leave();
    await within(this.life, ms, `${this.characterId} is gone`);
  }

  /** Does not come back any more. */
  leave(): void {
    this.stop();
    this.live = false;
    this.client?.socket.terminate();
  }

  /** Sends what has no answer, or was refused only for the moment, until it has one that stands. */
  private async settled(ms: number): Promise<void> {
    for (const deadline = performance.now() + ms; this.open().length > 0; ) {
      const [first] = this.open();
      const left = `${this.open().length} of ${this.characterId} have no answer, the first is ${JSON.stringify(first)}`;
      assert.ok(performance.now() < deadline, `${left}; connected: ${this.connected()}`);
      this.resend();
      await pause(RESEND_MSEC); // as a client waits for its answers
    }
  }

  private open(): Entry[] {
    return [...this.ledger.values()].filter(({ ack, refusal }) => ack === undefined && (refusal?.transient ?? true));
  }

  private connected(): boolean {
    return this.client?.isOpen === true && this.client.welcome !== undefined;
  }

  /** In the order of their actionIds, as they were sent first; a few at a time. */
  private resend(): void {
    if (!this.connected()) {
      return;
    }
    const now = performance.now();
    for (const entry of this.open().slice(0, RESENDS_AT_ONCE)) {
      if (entry.refusal !== undefined || now - (this.resent.get(entry) ?? -PATIENCE_MSEC) >= PATIENCE_MSEC) {
        delete entry.refusal;
        this.resent.set(entry, now);
        this.client?.send(entry.intent);
      }
    }
  }

  private async keepComing(): Promise<void> {
    while (this.live) {
      const client = this.client ?? assert.fail("it joined before it stays");
      if (this.rate > 0) {
        this.start(this.rate);
      }
      const watch = this.hangUpWhenDeaf(client);
      const { code } = await client.closed;
      clearInterval(watch);
      this.stop();
      this.closes.set(code, (this.closes.get(code) ?? 0) + 1);
      if (this.live) {
        await this.comeBack();
        this.returns++;
        this.resent.clear();
        this.resend();
      }
    }
  }

  /** By looks, and not by a clock: when this machine stood still, what has come meanwhile is not read yet. */
  private hangUpWhenDeaf(client: Client): NodeJS.Timeout {
    let silent = 0;
    let heard = client.lastHeard;
    return setInterval(() => {
      silent = this.rate > 0 && client.lastHeard === heard ? silent + LOOK_MSEC : 0;
      heard = client.lastHeard;
      if (silent > this.deafAfter) {
        client.socket.terminate();
      }
    }, LOOK_MSEC);
  }

  private async comeBack(): Promise<void> {
    for (let backoff = 50; this.live; backoff = Math.min(backoff * 2, this.backoffMax)) {
      try {
        await this.join();
        return;
      } catch (error) {
        if (error instanceof Refused && AFRESH.has(error.refusal.code)) {
          this.afresh++;
          await this.enterAfresh().catch(() => undefined); // tried again
          if (this.client?.isOpen === true) {
            return;
          }
        }
      }
      await pause(backoff * (0.5 + Math.random())); // as a client backs off
    }
  }

  private async enterAfresh(): Promise<Client> {
    let result = await this.api.connect({ characterId: this.characterId });
    if (result.replaceToken !== undefined) {
      result = await this.api.connect({ characterId: this.characterId, replaceToken: result.replaceToken });
    }
    assert.ok(result.ticket, JSON.stringify(result));
    return this.joinWith(result.ticket);
  }
}
