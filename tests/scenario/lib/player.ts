// Somebody with one character: connects, waits, plays, drops and comes back, at whatever process of a deployment.
import assert from "node:assert/strict";
import { Api, buildOf } from "./api.ts";
import { Client } from "./client.ts";
import type { Person } from "./crowd.ts";
import type { ConnectResult, ConnectWish, Format, QueueStatus } from "./protocol.ts";
import type { Server } from "./server.ts";

export class Player {
  /** The newest connection. */
  client: Client | undefined;
  /** What takes up the session, or the place, while no connection has another. */
  private token: string | undefined;

  constructor(
    readonly person: Person,
    public server: Server,
  ) {}

  get characterId(): string {
    return this.person.characterId;
  }

  get api(): Api {
    return new Api(this.server, this.person.accessToken);
  }

  /** The newest reconnect token it was given. */
  get reconnectToken(): string {
    return this.client?.reconnectToken ?? this.token ?? assert.fail("it was given a reconnect token");
  }

  get playing(): Client {
    return this.client ?? assert.fail("it is connected");
  }

  connect(wish: ConnectWish = {}): Promise<ConnectResult> {
    return this.api.connect({ characterId: this.characterId, ...wish });
  }

  /** Connects and joins. */
  async enter(format: Format = "json"): Promise<Client> {
    const result = await this.connect();
    assert.equal(result.outcome, "admitted", JSON.stringify(result));
    return this.join(result.ticket, format);
  }

  async join(ticket: string | undefined, format: Format = "json"): Promise<Client> {
    const client = await Client.open(this.server, format);
    await client.join(ticket ?? assert.fail("an admitted connect has a ticket"), await buildOf(this.server));
    this.client = client;
    return client;
  }

  /** Connects, is told to wait, and does so without a connection. */
  async queue(): Promise<ConnectResult> {
    const result = await this.connect();
    assert.equal(result.outcome, "queued", JSON.stringify(result));
    this.client = undefined;
    this.token = result.reconnectToken;
    return result;
  }

  /** Goes on waiting with a connection. */
  watch(format: Format = "json"): Promise<Client> {
    return this.watchAt(this.reconnectToken, format);
  }

  async watchAt(queueToken: string | undefined, format: Format = "json"): Promise<Client> {
    const client = await Client.open(this.server, format);
    await client.watch(queueToken ?? assert.fail("a place has a token"), await buildOf(this.server));
    this.client = client;
    return client;
  }

  /** Connects, is told to wait, and does so with a connection. */
  async wait(format: Format = "json"): Promise<Client> {
    await this.queue();
    return this.watch(format);
  }

  /** Takes the seat that was offered to its connection. */
  async take(): Promise<Client> {
    const client = this.playing;
    const { ticket } = await client.offer();
    await client.join(ticket, await buildOf(this.server));
    return client;
  }

  /** Comes back with its token. */
  async resume(format: Format = "json", token = this.reconnectToken): Promise<Client> {
    const client = await Client.open(this.server, format);
    await client.resume(token, await buildOf(this.server));
    this.client = client;
    return client;
  }

  /** Its connection is gone, without a word. */
  async drop(): Promise<void> {
    const client = this.playing;
    this.token = client.reconnectToken;
    this.client = undefined;
    await client.cut();
  }

  /** Leaves over HTTP. Was there anything to leave? */
  leave(): Promise<boolean> {
    return this.api.leave({ characterId: this.characterId });
  }

  async status(): Promise<QueueStatus> {
    const { status, body, text } = await this.api.queueStatus(this.characterId);
    assert.equal(status, 200, text);
    return body;
  }
}
