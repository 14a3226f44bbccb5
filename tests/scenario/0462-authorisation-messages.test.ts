// Who may say what over /ws: every message that a client can send, from a connection of each role and from one that has
// not joined. The table is the specification.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { change, sessionOf, stands } from "./lib/admin.ts";
import { Client } from "./lib/client.ts";
import { roles } from "./lib/crowd.ts";
import { closeName, expectError } from "./lib/errors.ts";
import { openHouse, patient } from "./lib/house.ts";
import { Player } from "./lib/player.ts";
import type { ServerMessage } from "./lib/protocol.ts";
import { root } from "./lib/server.ts";
import { holds, within } from "./lib/wait.ts";
import { approach, here, itemAt } from "./lib/walk.ts";

const ANSWER_MSEC = 10_000;

const callers = ["nobody", ...roles] as const;
type Caller = (typeof callers)[number];

const OTHER = 5;
const FULL = "hall"; // an instance with one seat, which is taken

/** The type of the answer without "event.", the code of a refusal, or "closed" and why. */
type Expected = string;
const NOT_YET = "NOT_JOINED";
const AGAIN = "ALREADY_JOINED";
const NOT = "FORBIDDEN"; // a spectator sees, and does nothing
const RULE = "BAD_REQUEST"; // the schema: no message names whose it is, other than by a secret

// prettier-ignore
const table: readonly (readonly [string, string, Expected, Expected, Expected, Expected, Expected])[] = [
  // message           about                       nobody               player       spectator    moderator    admin
  ["session.join",     "with its own ticket",      "welcome",           AGAIN, AGAIN, AGAIN, AGAIN],
  ["session.join",     "with a spent ticket",      "TICKET_INVALID",    AGAIN, AGAIN, AGAIN, AGAIN],
  ["session.join",     "as another's session",     RULE,                RULE,        RULE,        RULE,        RULE],
  ["queue.watch",      "with its own token",       "queue_position",    AGAIN, AGAIN, AGAIN, AGAIN],
  ["queue.watch",      "with no token of a place", "RECONNECT_INVALID", AGAIN, AGAIN, AGAIN, AGAIN],
  ["session.refresh",  "with its own token",       NOT_YET,             "refreshed", "refreshed", "refreshed", "refreshed"],
  ["session.refresh",  "with another's token",     NOT_YET,             NOT,         NOT,         NOT,         NOT],
  ["intent.move",      "its own character",        NOT_YET,             "ack",       NOT,         "ack",       "ack"],
  ["intent.move",      "another's character",      RULE,                RULE,        RULE,        RULE,        RULE],
  ["intent.chat",      "in its own name",          NOT_YET,             "ack",       NOT,         "ack",       "ack"],
  ["intent.chat",      "in another's name",        RULE,                RULE,        RULE,        RULE,        RULE],
  ["intent.action",    "what lies there",          NOT_YET,             "ack",       NOT,         "ack",       "ack"],
  ["intent.action",    "what another holds",       NOT_YET,             "NOT_HOLDER", NOT,        "NOT_HOLDER", "NOT_HOLDER"],
  ["session.leave",    "another's session",        RULE,                RULE,        RULE,        RULE,        RULE],
  ["session.leave",    "its own session",          "closed LEFT",       "closed LEFT", "closed LEFT", "closed LEFT", "closed LEFT"],
];

const args = [...patient, "--admission.instances", `plaza ${FULL}`, "--gateway.moves_per_second", "1000"];
const house = await openHouse("memory", { owner: { after }, args, people: 8 });
const { server, build, crowd } = house;

/** A connection of each; nobody's has not joined, and is opened anew for each message. */
class Speaker {
  readonly self: Player;
  readonly accessToken: string;
  client: Client | undefined;

  constructor(readonly caller: Caller) {
    const person = crowd.people[callers.indexOf(caller)] ?? assert.fail();
    this.accessToken = caller === "nobody" ? person.accessToken : crowd.token(person.userId, { role: caller });
    this.self = new Player({ ...person, accessToken: this.accessToken }, server);
  }

  async playing(): Promise<Client> {
    this.client ??= await this.self.enter();
    return this.client;
  }

  /** Sends it, and gives the answer in the words of the table. */
  async says(type: string, fields: object): Promise<string> {
    const client = this.caller === "nobody" ? await Client.open(server) : await this.playing();
    const isIntent = type.startsWith("intent.");
    const message = { type, ...(isIntent ? { actionId: ++client.lastActionId } : {}), ...fields };
    let [answer, wait] = await this.ask(client, message);
    if (answer === "RATE_LIMITED") {
      await pause(wait); // as it was told
      [answer] = await this.ask(client, message);
    }
    if (this.caller === "nobody") {
      await client.cut();
    } else if (answer.startsWith("closed")) {
      this.client = undefined;
    }
    return answer;
  }

  private async ask(client: Client, asked: { type: string; actionId?: number }): Promise<[answer: string, wait: number]> {
    const said = new Promise<[string, number]>((done) => {
      client.onMessage = (message) => this.answers(message, asked.actionId) && done(this.told(message));
      void client.closed.then((closed) => done([`closed ${closeName(closed)}`, 0]));
    });
    client.raw(JSON.stringify(asked));
    const answer = await within(said, ANSWER_MSEC, `an answer to ${asked.type}`);
    client.onMessage = undefined;
    return answer;
  }

  private answers(message: ServerMessage, actionId: number | undefined): boolean {
    const answer = ["event.error", "event.ack", "event.welcome", "event.refreshed", "event.queue_position"];
    return answer.includes(message.type) && (!("actionId" in message) || message.actionId === actionId || actionId === undefined);
  }

  private told(message: ServerMessage): [answer: string, wait: number] {
    if (message.type === "event.error") {
      expectError(message);
      return [message.code, message.retryAfterMs ?? 0];
    }
    return [message.type.replace("event.", ""), 0];
  }
}

const speakers = callers.map((caller) => new Speaker(caller));
const other = house.player(OTHER);
const theirs = await other.enter();
const prize = itemAt(theirs, ({ holder }) => holder === undefined);
await approach(theirs, prize);
await theirs.intent({ type: "intent.action", action: "pickup", itemId: prize.itemId });
await holds(() => change(server, { capacity: 1 }, FULL)); // its registry is told what the store knows first
assert.equal((await house.player(OTHER + 1).connect({ instance: FULL })).outcome, "admitted");
const spent = (await house.player(OTHER + 2).connect()).ticket ?? assert.fail();
await house.player(OTHER + 2).join(spent);

type Fields = (who: Speaker) => Promise<object>;

async function place({ self, caller }: Speaker): Promise<string> {
  assert.equal(caller, "nobody");
  const result = await self.connect({ instance: FULL });
  assert.equal(result.outcome, "queued");
  return result.reconnectToken ?? assert.fail();
}

const somewhere = async (who: Speaker): Promise<{ x: number; y: number }> => {
  const { x, y } = who.caller === "nobody" ? { x: 500, y: 500 } : here(await who.playing());
  return { x, y };
};

const says = new Map<string, Fields>([
  ["session.join with its own ticket", async ({ self, caller }) => {
    return { ticket: caller === "nobody" ? await self.api.ticket(self.characterId) : spent, build };
  }],
  ["session.join with a spent ticket", async () => ({ ticket: spent, build })],
  ["session.join as another's session", async () => ({ ticket: spent, build, characterId: other.characterId })],
  ["queue.watch with its own token", async (who) => {
    const queueToken = who.caller === "nobody" ? await place(who) : spent;
    return { queueToken, instance: FULL, build };
  }],
  ["queue.watch with no token of a place", async () => ({ queueToken: spent, build })],
  ["session.refresh with its own token", async ({ accessToken }) => ({ accessToken })],
  ["session.refresh with another's token", async () => ({ accessToken: other.person.accessToken })],
  ["intent.move its own character", somewhere],
  ["intent.move another's character", async (who) => ({ ...(await somewhere(who)), characterId: other.characterId })],
  ["intent.chat in its own name", async ({ caller }) => ({ text: `as ${caller}` })],
  ["intent.chat in another's name", async () => ({ text: "not me", name: other.person.name })],
  ["intent.action what lies there", async (who) => {
    if (who.caller === "nobody" || who.caller === "spectator") {
      return { action: "pickup", itemId: prize.itemId };
    }
    const client = await who.playing();
    const item = itemAt(client, ({ holder }) => holder === undefined);
    await approach(client, item);
    return { action: "pickup", itemId: item.itemId };
  }],
  ["intent.action what another holds", async () => ({ action: "drop", itemId: prize.itemId })],
  ["session.leave another's session", async () => ({ sessionId: theirs.welcome?.sessionId })],
  ["session.leave its own session", async () => ({})],
]);

/** What a connection of nobody has begun is over before the next message. */
async function forget(who: Speaker): Promise<void> {
  if (who.caller === "nobody") {
    await who.self.leave();
    await who.self.api.leave({ characterId: who.self.characterId, instance: FULL });
  }
}


for (const [type, about, ...expected] of table) {
  test(`${type}, ${about}: ${callers.map((who, n) => `${who} ${expected[n]}`).join(", ")}`, async () => {
    const fields = says.get(`${type} ${about}`) ?? assert.fail("the test knows how to say that");
    const told = await Promise.all(speakers.map(async (who) => {
      const answer = await who.says(type, await fields(who));
      await forget(who);
      return answer;
    }));
    assert.deepEqual(told, expected);
  });
}

test("every message that a client can send is in the table", () => {
  const { messages } = JSON.parse(readFileSync(join(root, "schemas/client.json"), "utf8")) as {
    messages: Record<string, { direction: string }>;
  };
  const known = Object.keys(messages).filter((type) => messages[type]?.direction === "in");
  assert.deepEqual([...new Set(table.map(([type]) => type))].sort(), known.sort());
  assert.deepEqual(table.map(([type, about]) => `${type} ${about}`), [...says.keys()]);
});

test("after all that, what is the other's is as it was", async () => {
  assert.equal((await sessionOf(server, other.characterId))?.state, "active");
  assert.equal(theirs.world.items.get(prize.itemId)?.holder, other.characterId);
  const { x, y } = here(theirs);
  await theirs.move(x, y);
  assert.ok(theirs.world.chats.every(({ text }) => text !== "not me"), "nobody has spoken for it");
  await stands(server, { seats: 2 }, "the others have left");
});
