import type { EventDegraded, EventInactivityWarning, EventMaintenance } from './protocol';
import type { Notices } from './state';

/** What is known after this was heard too. */
export function heed(
  notices: Notices,
  message: EventDegraded | EventMaintenance | EventInactivityWarning,
  now: number,
): Notices {
  switch (message.type) {
    case 'event.degraded':
      return { ...notices, degraded: message.on };
    case 'event.inactivity_warning':
      return { ...notices, inactivity: { endsAt: now + message.seconds * 1000 } };
    case 'event.maintenance': {
      if (!message.on) return { ...notices, maintenance: undefined };
      const { endsInSeconds, message: text } = message;
      const endsAt = endsInSeconds === undefined ? undefined : now + endsInSeconds * 1000;
      return { ...notices, maintenance: { endsAt, message: text } };
    }
  }
}
