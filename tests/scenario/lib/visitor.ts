// Somebody who comes and goes: connects, waits when it must, plays a little, drops, comes back, leaves, and all that
// again; and knows at each moment what is certain of it. For load with failures.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "./client.ts";
import type { Player } from "./player.ts";
import type { ConnectResult, Reason, SessionView } from "./protocol.ts";
import type { Random } from "./random.ts";
import type { Spans } from "./spans.ts";
import { here } from "./walk.ts";

/** What a connect may fail for under load and failures: all of it may go better next time. */
const MAY_FAIL_FOR = new Set<Reason | undefined>([
  "QUEUE_FULL",
  "REPLACEMENT_REQUIRED",
  "DEPENDENCY_UNAVAILABLE",
  "TIMEOUT",
  "OVERLOADED",
]);

/** Tells many that it is enough. */
export class Stop {
  now = false;
  /** Resolves, with nothing, when it is said. */
  readonly said: Promise<undefined>;
  private tell: () => void = () => undefined;

  constructor() {
    this.said = new Promise((done) => (this.tell = () => done(undefined)));
  }

  say(): void {
    this.now = true;
    this.tell();
  }
}

export class Visitor {
  /** unsure: something was asked, and nothing answered yet. */
  state: "away" | "unsure" | "waiting" | "playing" = "away";
  visits = 0;
  private sessionId: string | undefined;
  private since = 0;

  constructor(
    readonly player: Player,
    private readonly random: Random,
    private readonly seated: Spans,
    /** Connects anew when its connection breaks; else that is the end of its coming and going. */
    private readonly hardy: boolean,
  ) {}

  /** Comes and goes until `stopped`, and then leaves. */
  async live(stopped: Stop): Promise<void> {
    do {
      try {
        await this.comeAndGo(stopped);
        return;
      } catch (error) {
        if (error instanceof assert.AssertionError) {
          throw error;
        }
        this.letGo(performance.now()); // it held the seat so long at least
      }
      this.state = this.hardy ? "away" : this.state;
    } while (this.hardy);
  }

  /** After an outage: what was certain before has to be so still. `sessions` is what the server knows now. */
  async comeBack(sessions: readonly SessionView[]): Promise<void> {
    const known = sessions.find(({ sessionId }) => sessionId === this.sessionId);
    const offered = this.state === "waiting" && known?.state === "connecting";
    if (this.state === "playing" || offered) {
      assert.ok(known !== undefined && known.state !== "waiting", `the seat of ${this.player.characterId} is kept`);
      this.begin(await this.player.resume());
      assert.equal(this.sessionId, known.sessionId);
    } else if (this.state === "waiting") {
      assert.equal(known?.state, "waiting", `the place of ${this.player.characterId} is kept`);
      await this.player.watch();
    } else {
      this.state = "away";
    }
  }

  private async comeAndGo(stopped: Stop): Promise<void> {
    while (!stopped.now) {
      if (this.state !== "playing") {
        await this.comeIn(stopped);
      }
      if (this.state === "playing") {
        await this.stay(stopped);
      }
    }
    this.letGo(performance.now());
    await this.player.leave();
    this.state = "away";
  }

  private async comeIn(stopped: Stop): Promise<void> {
    const places = this.state === "waiting" ? this.player.client : undefined;
    if (places !== undefined) {
      await this.wait(places, stopped);
      return;
    }
    this.state = "unsure";
    let result = await this.player.connect();
    if (result.replaceToken !== undefined) {
      result = await this.player.connect({ replaceToken: result.replaceToken });
    }
    this.sessionId = result.sessionId;
    if (result.outcome === "admitted") {
      this.begin(await this.player.join(result.ticket, this.format()));
    } else if (result.outcome === "queued") {
      await this.wait(await this.player.watchAt(result.reconnectToken, this.format()), stopped);
    } else {
      await this.refused(result);
    }
  }

  private async refused(result: ConnectResult): Promise<void> {
    assert.ok(MAY_FAIL_FOR.has(result.reason), JSON.stringify(result));
    this.state = "away";
    await pause(this.random.between(5, 50)); // as a client backs off
  }

  private async wait(client: Client, stopped: Stop): Promise<void> {
    this.state = "waiting";
    const offer = client.offer(60_000);
    offer.catch(() => undefined); // told by the race, or nobody waits for it any more
    if ((await Promise.race([offer, stopped.said])) === undefined) {
      return;
    }
    this.state = "unsure";
    this.begin(await this.player.take());
  }

  private begin(client: Client): void {
    this.sessionId = client.welcome?.sessionId;
    this.since = performance.now();
    this.visits++;
    this.state = "playing";
  }

  private letGo(at: number): void {
    if (this.since > 0) {
      this.seated.add(this.since, at, `${this.player.characterId} ${this.sessionId}`);
      this.since = 0;
    }
  }

  private async stay(stopped: Stop): Promise<void> {
    for (let moves = Math.ceil(this.random.between(1, 8)); moves > 0 && !stopped.now; moves--) {
      const { x, y } = here(this.player.playing);
      await this.player.playing.move(x, y);
      await pause(this.random.between(5, 60)); // the pace of a player
    }
    if (this.random.next() < 0.4) {
      this.state = "unsure";
      await this.player.drop();
      await this.player.resume(this.format());
      this.state = "playing";
    }
    if (this.random.next() < 0.4) {
      this.letGo(performance.now());
      this.state = "unsure";
      await this.player.playing.leave();
      this.state = "away";
    }
  }

  private format(): "json" | "msgpack" {
    return this.random.next() < 0.5 ? "json" : "msgpack";
  }
}
