import type { Draft, Intent } from './protocol';

interface Entry {
  readonly intent: Intent;
  readonly sentAt: number;
}

/** Intents that the server has not acknowledged, oldest first, and the numbering of new ones. */
export class Pending {
  private readonly entries = new Map<number, Entry>();
  private lastId = 0;

  constructor(private readonly max: number) {}

  get size(): number {
    return this.entries.size;
  }

  get full(): boolean {
    return this.entries.size >= this.max;
  }

  /** Milliseconds since 1970 or any clock: when the oldest was sent last. */
  get oldestSentAt(): number | undefined {
    return this.entries.values().next().value?.sentAt;
  }

  /** The next new intent gets a greater number than the server and this client have used. */
  raise(lastActionId: number): void {
    this.lastId = Math.max(this.lastId, lastActionId);
  }

  add(draft: Draft, now: number): Intent {
    this.lastId += 1;
    const intent = { ...draft, actionId: this.lastId } as Intent;
    this.entries.set(intent.actionId, { intent, sentAt: now });
    return intent;
  }

  /** Takes out what was answered; undefined when it is not waited for. */
  settle(actionId: number): Entry | undefined {
    const entry = this.entries.get(actionId);
    this.entries.delete(actionId);
    return entry;
  }

  /** All of them, in order, with the numbers they had, counted as sent now. */
  resend(now: number): Intent[] {
    for (const [actionId, entry] of this.entries) this.entries.set(actionId, { ...entry, sentAt: now });
    return [...this.entries.values()].map((entry) => entry.intent);
  }

  clear(): void {
    this.entries.clear();
    this.lastId = 0;
  }
}
