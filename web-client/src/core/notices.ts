import type { EventDegraded, EventMaintenance } from './protocol';
import type { Notices } from './state';

/** What is known after this was heard too. */
export function heed(notices: Notices, message: EventDegraded | EventMaintenance, now: number): Notices {
  if (message.type === 'event.degraded') return { ...notices, degraded: message.on };
  if (!message.on) return { ...notices, maintenance: undefined };
  const { endsInSeconds, message: text } = message;
  const endsAt = endsInSeconds === undefined ? undefined : now + endsInSeconds * 1000;
  return { ...notices, maintenance: { endsAt, message: text } };
}
