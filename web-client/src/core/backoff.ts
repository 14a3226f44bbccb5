/** Back-off with full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
export const BACKOFF_BASE_MS = 400;
export const BACKOFF_CAP_MS = 10_000;
/** How long before the end of the grace the last try within it is made. */
export const LAST_TRY_MS = 1_500;

/** How long to wait before try number `attempt` (from 1). `random` in [0, 1). Never less than `floorMs`. */
export function backoffDelay(attempt: number, random: number, floorMs = 0): number {
  const ceiling = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(attempt, 20));
  return Math.max(floorMs, Math.round(random * ceiling));
}

/** A wait that would sleep through the end of the grace, which is in `leftMs`, becomes one last try before it. */
export function withinGrace(delay: number, leftMs: number, floorMs = 0): number {
  const last = leftMs - LAST_TRY_MS;
  return last > 0 && delay > last ? Math.max(floorMs, last) : delay;
}
