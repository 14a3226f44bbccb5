import type { Api } from './api';
import type { Desk } from './desk';
import type { SignedIn } from './identity';
import type { Socket } from './link';
import type { OwnBuild } from './own-build';
import type { Passes } from './pass';
import type { EventAck, EventError, EventStateDelta, EventWelcome, Intent } from './protocol';
import type { ConnectionState } from './state';
import type { World } from './world';

/** All that is not the client's own: network, clock, chance. A test gives its own. */
export interface Surroundings {
  openSocket(path: string, subprotocol: string): Socket;
  /** Milliseconds; only differences and the times in states come from it. */
  now(): number;
  random(): number;
  after(ms: number, run: () => void): () => void;
}

/** Who is told of what comes. */
export interface Hooks {
  onState(state: ConnectionState): void;
  /** `world` is the room after it. */
  onWelcome(welcome: EventWelcome, world: World): void;
  onDelta(delta: EventStateDelta, world: World): void;
  onAck(ack: EventAck, intent: Intent, tookMs: number): void;
  onError(error: EventError, intent: Intent | undefined): void;
}

/** What the client works with. */
export interface Parts {
  readonly api: Api;
  readonly desk: Desk;
  readonly signedIn: SignedIn;
  readonly passes: Passes;
  readonly ownBuild: OwnBuild;
  readonly around: Surroundings;
  readonly hooks: Hooks;
}
