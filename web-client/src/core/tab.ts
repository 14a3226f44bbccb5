import type { Keep } from './identity';

const STORAGE_KEY = 'playhouse.tab';
const WHO = 'who';
const HERE = 'here';

/** In ms. */
export interface Waits {
  /** For a lock whose holder does not answer: a page that is being reloaded, which takes its time on a busy machine. */
  readonly silent: number;
  /** After an answer: the page that gave it may have been about to go. */
  readonly answered: number;
}

const WAITS: Waits = { silent: 15_000, answered: 1_000 };

/** The part of navigator.locks that is used. */
export interface Locks {
  request(name: string, options: { signal?: AbortSignal }, run: () => Promise<void>): Promise<void>;
}

/** The part of a BroadcastChannel that is used. */
export interface Channel {
  onmessage: ((event: { data: unknown }) => void) | null;
  postMessage(word: string): void;
  close(): void;
}

/** What one tab has to do with the others of this browser. */
export interface Tabs {
  readonly locks: Locks;
  channel(name: string): Channel;
}

/** Undefined where a browser cannot do that. */
export function tabsOf(browser: typeof globalThis): Tabs | undefined {
  const locks = browser.navigator.locks as LockManager | undefined; // for secure contexts only
  return locks && { locks: locks as Locks, channel: (name) => new BroadcastChannel(name) as Channel };
}

/**
 * A tab that was duplicated begins with a copy of the other one's storage, pass included: using it would end the
 * other's session without a question. So each tab holds a lock with a name of its own, and who finds it taken, and hears
 * from its holder, is the copy. Answers whether the storage is this tab's own; true also where nobody can say.
 */
export async function isOwnTab(keep: Keep, tabs: Tabs | undefined, id: () => string, waits = WAITS): Promise<boolean> {
  if (tabs === undefined) return true;
  const kept = keep.getItem(STORAGE_KEY);
  if (kept !== null && (await becomes(tabs, kept, waits))) return true;
  const fresh = id();
  keep.setItem(STORAGE_KEY, fresh);
  await becomes(tabs, fresh, waits);
  return kept === null;
}

/** Takes the name for as long as the page lives, when nobody else who lives has it. */
async function becomes({ locks, channel }: Tabs, tab: string, waits: Waits): Promise<boolean> {
  const name = `${STORAGE_KEY}.${tab}`;
  const others = channel(name);
  const taken = new AbortController();
  const giveUpIn = (ms: number): unknown => setTimeout(() => taken.abort(), ms);
  giveUpIn(waits.silent);
  others.onmessage = ({ data }) => data === HERE && giveUpIn(waits.answered);
  others.postMessage(WHO);
  if (!(await hold(locks, name, taken.signal))) {
    others.close();
    return false;
  }
  others.onmessage = ({ data }) => data === WHO && others.postMessage(HERE);
  others.postMessage(HERE); // to those who have asked meanwhile
  return true;
}

async function hold(locks: Locks, name: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((answer) => {
    const forever = (): Promise<void> => {
      answer(true);
      return new Promise(() => {});
    };
    locks.request(name, { signal }, forever).catch(() => answer(false));
  });
}
