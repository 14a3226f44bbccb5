// What one client sees of its room: the snapshot, and every delta since.
import assert from "node:assert/strict";
import type { ChatLine, Delta, ItemView, MemberView, Welcome } from "./protocol.ts";

export class World {
  version = 0;
  readonly members = new Map<string, MemberView>();
  readonly items = new Map<string, ItemView>();
  readonly chats: ChatLine[] = [];
  /** Deltas that were the whole state. */
  fulls = 0;
  /** Welcomes that brought what had changed since; and those that said that some chat is lost. */
  resumes = 0;
  losses = 0;

  /** `before`: what a connection before this one saw, and said so when it joined. */
  welcome(message: Welcome, before?: World): void {
    this.version = message.roomVersion;
    if (message.snapshot !== undefined) {
      assert.equal(message.changes, undefined, "either the whole or what has changed");
      this.replace(message.snapshot.members, message.snapshot.items);
    } else {
      assert.ok(message.changes && before, "changes are for who has said what it has");
      assert.equal(message.changes.since, before.version, "and since that");
      this.replace([...before.members.values()], [...before.items.values()]);
      this.change(message.changes);
      this.resumes++;
    }
    this.chats.push(...(before?.chats ?? []), ...(message.chats ?? []));
    this.fulls += before?.fulls ?? 0;
    this.resumes += before?.resumes ?? 0;
    this.losses += (before?.losses ?? 0) + (message.chatsLost === true ? 1 : 0);
  }

  delta(message: Delta): void {
    assert.ok(message.roomVersion >= this.version, "the room's version never falls");
    this.version = message.roomVersion;
    if (message.full === true) {
      this.fulls++;
      this.replace(message.members ?? [], message.items ?? []);
      message.left?.forEach((id) => this.members.delete(id));
    } else {
      this.change(message);
    }
    this.chats.push(...(message.chats ?? []));
  }

  /** Members and items in a fixed order, to compare with what another client sees. */
  picture(): { members: MemberView[]; items: ItemView[] } {
    return {
      members: [...this.members.values()].sort((a, b) => a.characterId.localeCompare(b.characterId)),
      items: [...this.items.values()].sort((a, b) => a.itemId.localeCompare(b.itemId)),
    };
  }

  private change(what: Pick<Delta, "members" | "items" | "left">): void {
    what.left?.forEach((id) => this.members.delete(id));
    what.members?.forEach((member) => this.members.set(member.characterId, member));
    what.items?.forEach((item) => this.items.set(item.itemId, item));
  }

  private replace(members: readonly MemberView[], items: readonly ItemView[]): void {
    this.members.clear();
    this.items.clear();
    members.forEach((member) => this.members.set(member.characterId, member));
    items.forEach((item) => this.items.set(item.itemId, item));
  }
}
