import { describe, expect, it } from 'vitest';
import { isOwnTab } from '../src/core/tab';
import type { Channel, Tabs } from '../src/core/tab';
import { keepIn } from './fake-server';

/** One browser: its locks, and the channels between its pages. A page that is gone answers nobody. */
class Browser {
  private readonly waiting = new Map<string, (() => void)[]>();
  private readonly channels = new Map<string, Set<Channel>>();

  /** What one page sees of it. */
  page(): Tabs & { goes(): void; lets(): void } {
    const mine: Channel[] = [];
    const held: string[] = [];
    return {
      locks: {
        request: (name, { signal }, run) =>
          new Promise((_, reject) => {
            const queue = this.waiting.get(name) ?? [];
            const take = (): void => void (held.push(name), run());
            if (!this.waiting.has(name)) take();
            else queue.push(take);
            this.waiting.set(name, queue);
            signal?.addEventListener('abort', () => reject(new Error('aborted')));
          }),
      },
      channel: (name) => {
        const all = this.channels.get(name) ?? new Set();
        this.channels.set(name, all);
        const own: Channel = {
          onmessage: null,
          postMessage: (data) =>
            queueMicrotask(() => [...all].forEach((other) => other !== own && other.onmessage?.({ data }))),
          close: () => all.delete(own),
        };
        all.add(own);
        mine.push(own);
        return own;
      },
      goes: () => mine.forEach((channel) => channel.close()),
      lets: () => held.forEach((name) => this.waiting.get(name)?.shift()?.()),
    };
  }
}

const forEver = { silent: 1e9, answered: 1e9 };

describe('a tab', () => {
  let ids = 0;
  const id = (): string => `tab${(ids += 1)}`;

  it('is its own the first time', async () => {
    const kept = new Map<string, string>();
    expect(await isOwnTab(keepIn(kept), new Browser().page(), id, forEver)).toBe(true);
    expect(kept.size).toBe(1);
  });

  it('is its own after a reload, however long the page that goes takes to let go', async () => {
    const kept = new Map<string, string>();
    const browser = new Browser();
    const old = browser.page();
    await isOwnTab(keepIn(kept), old, id, forEver);
    old.goes();
    const answer = isOwnTab(keepIn(kept), browser.page(), id, { silent: 1e9, answered: 0 });
    setTimeout(() => old.lets(), 20);
    expect(await answer).toBe(true);
  });

  it('is its own also when the page that goes has still answered', async () => {
    const kept = new Map<string, string>();
    const browser = new Browser();
    const old = browser.page();
    await isOwnTab(keepIn(kept), old, id, forEver);
    const answer = isOwnTab(keepIn(kept), browser.page(), id, forEver);
    setTimeout(() => old.lets(), 20);
    expect(await answer).toBe(true);
  });

  it('that was duplicated hears so, is not the one it was copied from, and then one of its own', async () => {
    const original = new Map<string, string>();
    const browser = new Browser();
    await isOwnTab(keepIn(original), browser.page(), id, forEver);
    const copy = new Map(original);
    expect(await isOwnTab(keepIn(copy), browser.page(), id, { silent: 1e9, answered: 1 })).toBe(false);
    expect([...copy.values()]).not.toEqual([...original.values()]);
    expect(await isOwnTab(keepIn(new Map(copy)), browser.page(), id, { silent: 1e9, answered: 1 })).toBe(false);
  });

  it('gives up a name whose holder neither answers nor lets go', async () => {
    const kept = new Map<string, string>();
    const browser = new Browser();
    const old = browser.page();
    await isOwnTab(keepIn(kept), old, id, forEver);
    old.goes();
    expect(await isOwnTab(keepIn(kept), browser.page(), id, { silent: 1, answered: 1e9 })).toBe(false);
  });

  it('hears also from one that was only about to be there', async () => {
    const kept = new Map<string, string>();
    const browser = new Browser();
    const old = browser.page();
    await isOwnTab(keepIn(kept), old, id, forEver);
    old.goes();
    const waits = { silent: 1e9, answered: 1 };
    const [one, two] = [isOwnTab(keepIn(new Map(kept)), browser.page(), id, waits), isOwnTab(keepIn(new Map(kept)), browser.page(), id, waits)];
    setTimeout(() => old.lets(), 20);
    expect((await Promise.all([one, two])).sort()).toEqual([false, true]);
  });

  it('is taken as its own where nobody can say', async () => {
    expect(await isOwnTab(keepIn(new Map()), undefined, id)).toBe(true);
  });
});
