import type { Keep } from './identity';

const STORAGE_KEY = 'playhouse.tab';
/** A page that is being reloaded lets go of its lock about when the next one asks for it. */
const WAIT_MS = 1_000;

/** The part of navigator.locks that is used. */
export interface Locks {
  request(name: string, options: { signal?: AbortSignal }, run: () => Promise<void>): Promise<void>;
}

/**
 * A tab that was duplicated begins with a copy of the other one's storage, pass included: using it would end the
 * other's session without a question. So each tab holds a lock with a name of its own, and who finds it taken is the
 * copy. Answers whether the storage is this tab's own; true also where a browser has no locks.
 */
export async function isOwnTab(
  keep: Keep,
  locks: Locks | undefined,
  id: () => string,
  waitMs = WAIT_MS,
): Promise<boolean> {
  if (locks === undefined) return true;
  const kept = keep.getItem(STORAGE_KEY);
  if (kept !== null && (await hold(locks, kept, AbortSignal.timeout(waitMs)))) return true;
  const fresh = id();
  keep.setItem(STORAGE_KEY, fresh);
  await hold(locks, fresh);
  return kept === null;
}

/** Takes the lock for as long as the page lives. */
async function hold(locks: Locks, tab: string, signal?: AbortSignal): Promise<boolean> {
  return new Promise((answer) => {
    const forever = (): Promise<void> => {
      answer(true);
      return new Promise(() => {});
    };
    locks.request(`${STORAGE_KEY}.${tab}`, signal === undefined ? {} : { signal }, forever).catch(() => answer(false));
  });
}
