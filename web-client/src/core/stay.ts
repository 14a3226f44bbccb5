import { Intents } from './intents';
import type { Link } from './link';
import { heed } from './notices';
import type { Parts } from './parts';
import type {
  Draft,
  EventAck,
  EventAuthExpiring,
  EventDegraded,
  EventError,
  EventInactivityWarning,
  EventMaintenance,
  EventRefreshed,
  EventStateDelta,
  EventWelcome,
} from './protocol';
import { Refresher } from './refresher';
import { allIsWell } from './state';
import type { Notices } from './state';
import { View } from './view';
import type { Known } from './view';
import type { World } from './world';

/** What is said to who is in the room, or waits for it. */
export type Heard =
  | EventStateDelta
  | EventAck
  | EventDegraded
  | EventMaintenance
  | EventInactivityWarning
  | EventAuthExpiring
  | EventRefreshed;

/** The visit itself, over one connection and the next: the room as it is known, what is wanted, what is to be noticed. */
export class Stay {
  private readonly view = new View();
  private readonly intents: Intents;
  private readonly refresher: Refresher;
  private link: Link | undefined;
  private noticed: Notices = allIsWell;

  constructor(
    private readonly parts: Parts,
    onSilence: () => void,
    private readonly onNotices: (notices: Notices) => void,
  ) {
    const { around, hooks, signedIn } = parts;
    this.intents = new Intents(around, hooks, onSilence);
    this.refresher = new Refresher(signedIn, around, (endsAt) => this.notice({ ...this.noticed, signIn: needed(endsAt) }));
  }

  get known(): Known | undefined {
    return this.view.known;
  }

  get notices(): Notices {
    return this.noticed;
  }

  /** Another connection: what the last one was told of how things are may not be so any more. */
  pause(): void {
    this.link = undefined;
    this.noticed = allIsWell;
    this.intents.pause();
    this.refresher.stop();
  }

  /** It is over: nothing is sent again, and nothing of the room is known. */
  forget(): void {
    this.intents.forget();
    this.view.forget();
  }

  /** The room as the welcome leaves it; undefined when that cannot be told from it. */
  welcome(welcome: EventWelcome): World | undefined {
    return this.view.welcome(welcome);
  }

  /** What was not acknowledged is sent again. */
  resume(link: Link, { lastActionId }: EventWelcome): void {
    this.link = link;
    this.intents.resume(link, lastActionId);
  }

  hear(message: Heard): void {
    switch (message.type) {
      case 'event.state_delta':
        return this.onDelta(message);
      case 'event.ack':
        this.view.acknowledged(message.sequence);
        return this.intents.onAck(message);
      case 'event.auth_expiring':
        if (this.link !== undefined) this.refresher.expiring(this.link, message.seconds);
        return;
      case 'event.refreshed':
        return this.refresher.refreshed();
      default:
        return this.notice(heed(this.noticed, message, this.parts.around.now()));
    }
  }

  onError(error: EventError): void {
    if (!this.refresher.refused(error)) this.intents.onError(error);
  }

  /** Numbers and sends an intent; false when there is no session or too many wait for their ack. */
  send(draft: Draft): boolean {
    if (!this.intents.send(draft)) return false;
    if (this.noticed.inactivity !== undefined) this.notice({ ...this.noticed, inactivity: undefined });
    return true;
  }

  private onDelta(delta: EventStateDelta): void {
    const world = this.link === undefined ? undefined : this.view.delta(delta);
    if (world !== undefined) this.parts.hooks.onDelta(delta, world);
  }

  private notice(notices: Notices): void {
    this.noticed = notices;
    this.onNotices(notices);
  }
}

function needed(endsAt: number | undefined): Notices['signIn'] {
  return endsAt === undefined ? undefined : { endsAt };
}
