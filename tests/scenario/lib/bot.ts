// A player for load: walks, picks up, gives and drops, and keeps a ledger of what it asked and what it was told.
import assert from "node:assert/strict";
import { buildOf, rejoin, type Api } from "./api.ts";
import { Client } from "./client.ts";
import type { Ack, Format, Intent, ItemView, MemberView, Refusal } from "./protocol.ts";
import type { Random } from "./random.ts";
import { here, step } from "./walk.ts";

export interface Entry {
  readonly intent: Intent;
  /** When it was sent first, and when it was first answered for good, in ms. */
  readonly sent: number;
  heard?: number | undefined;
  ack?: Ack;
  refusal?: Refusal;
}

export class Bot {
  /** By actionId, in the order of sending. No ack and no refusal: nobody knows. */
  readonly ledger = new Map<number, Entry>();
  client: Client | undefined;
  /** How often each code refused something; and how many messages came while it did not see itself in its room. */
  readonly refusals = new Map<string, number>();
  unseen = 0;
  private nextId = 1;
  private at = { x: 0, y: 0 };
  private acting: NodeJS.Timeout | undefined;

  constructor(
    readonly api: Api,
    readonly characterId: string,
    private readonly format: Format,
    private readonly random: Random,
  ) {}

  /** Connects and joins; later it takes its session up again. */
  async join(): Promise<Client> {
    const token = this.client?.reconnectToken;
    const client =
      token === undefined ? await rejoin(this.api, this.characterId, this.format) : await this.resume(token);
    return this.arrive(client);
  }

  /** Joins with a ticket that it was given. */
  async joinWith(ticket: string): Promise<Client> {
    const client = await Client.open(this.api.server, this.format);
    await client.join(ticket, await buildOf(this.api.server));
    return this.arrive(client);
  }

  private arrive(client: Client): Client {
    client.onMessage = (message) => {
      this.unseen += client.world.members.has(this.characterId) ? 0 : 1;
      if ((message.type === "event.ack" || message.type === "event.error") && message.actionId !== undefined) {
        this.told(message as Ack | Refusal);
      }
    };
    this.client = client;
    this.at = here(client);
    return client;
  }

  /** Acts `rate` times a second until stop or the end of the connection. */
  start(rate: number): void {
    this.acting = setInterval(() => this.act(1 / rate), 1000 / rate);
  }

  stop(): void {
    clearInterval(this.acting);
  }

  unknown(): Entry[] {
    return [...this.ledger.values()].filter(({ ack, refusal }) => ack === undefined && refusal === undefined);
  }

  private async resume(token: string): Promise<Client> {
    const client = await Client.open(this.api.server, this.format);
    await client.resume(token, await buildOf(this.api.server), this.client);
    return client;
  }

  private told(message: Ack | Refusal): void {
    const entry = this.ledger.get(message.actionId ?? 0);
    assert.ok(entry, "only what was asked is answered");
    if (message.type === "event.ack") {
      assert.deepEqual(entry.ack ?? message, message, "a second ack is the same as the first");
      entry.ack = message;
      entry.heard ??= performance.now();
    } else {
      entry.refusal = message;
      entry.heard ??= message.transient ? undefined : performance.now();
      this.refusals.set(message.code, (this.refusals.get(message.code) ?? 0) + 1);
      this.at = this.client?.world.members.get(this.characterId) ?? this.at;
    }
  }

  /** One action, such as can be done in that many seconds. */
  act(seconds: number): void {
    const client = this.client;
    if (client === undefined || !client.isOpen) {
      return;
    }
    const intent = this.wish(client, seconds);
    this.ledger.set(intent.actionId, { intent, sent: performance.now() });
    client.send(intent);
  }

  private wish(client: Client, seconds: number): Intent {
    const actionId = this.nextId++;
    const { reach, speed } = client.welcome?.limits ?? assert.fail("welcomed");
    const near = (place: { x: number; y: number }): boolean =>
      Math.hypot(place.x - this.at.x, place.y - this.at.y) < reach * 0.8;
    const items = [...client.world.items.values()];
    const held = this.random.pick(items.filter(({ holder }) => holder === this.characterId));
    const free = this.random.pick(items.filter((item) => item.holder === undefined && near(item)));
    const chance = this.random.next();
    if (held !== undefined && chance < 0.4) {
      return this.part(actionId, held, [...client.world.members.values()].filter(near));
    }
    if (free !== undefined && chance < 0.7) {
      return { type: "intent.action", actionId, action: "pickup", itemId: free.itemId };
    }
    const goal = this.random.pick(items.filter(({ x, y }) => Math.hypot(x - 500, y - 500) < 150));
    this.at = step(this.at, goal ?? { x: 500, y: 500 }, speed * seconds * this.random.between(0.1, 0.6));
    return { type: "intent.move", actionId, ...this.at };
  }

  private part(actionId: number, item: ItemView, near: readonly MemberView[]): Intent {
    const target = this.random.pick(near.filter(({ characterId }) => characterId !== this.characterId));
    const action = { type: "intent.action", actionId, itemId: item.itemId } as const;
    return target === undefined || this.random.next() < 0.3
      ? { ...action, action: "drop" }
      : { ...action, action: "give", targetId: target.characterId };
  }
}
