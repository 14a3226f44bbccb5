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

  welcome(message: Welcome): void {
    this.version = message.roomVersion;
    this.replace(message.snapshot.members, message.snapshot.items);
  }

  delta(message: Delta): void {
    assert.ok(message.roomVersion >= this.version, "the room's version never falls");
    this.version = message.roomVersion;
    if (message.full === true) {
      this.fulls++;
      this.replace(message.members ?? [], message.items ?? []);
    } else {
      message.members?.forEach((member) => this.members.set(member.characterId, member));
      message.items?.forEach((item) => this.items.set(item.itemId, item));
    }
    message.left?.forEach((id) => this.members.delete(id));
    this.chats.push(...(message.chats ?? []));
  }

  /** Members and items in a fixed order, to compare with what another client sees. */
  picture(): { members: MemberView[]; items: ItemView[] } {
    return {
      members: [...this.members.values()].sort((a, b) => a.characterId.localeCompare(b.characterId)),
      items: [...this.items.values()].sort((a, b) => a.itemId.localeCompare(b.itemId)),
    };
  }

  private replace(members: readonly MemberView[], items: readonly ItemView[]): void {
    this.members.clear();
    this.items.clear();
    members.forEach((member) => this.members.set(member.characterId, member));
    items.forEach((item) => this.items.set(item.itemId, item));
  }
}
