import type { Client } from './core/client';
import { Latency } from './core/latency';
import { Motion } from './core/motion';
import type { Hooks } from './core/parts';
import type { ChatLine, EventAck, EventError, EventStateDelta, EventWelcome, Intent, ItemAction, MemberView } from './core/protocol';
import { Walker } from './core/walker';
import { chatsOf, heldBy, nearestItem, nearestMember } from './core/world';
import type { Point, World } from './core/world';
import type { Presence } from './scene/scene';
import type { Facing } from './scene/people';

const BUBBLE_MS = 5000;
const BUBBLE_MS_PER_LETTER = 45;
/** How far prediction and server may lie apart, in units, once everything is acknowledged. */
const DRIFT_MAX = 0.5;

/** What the game tells the page. */
export interface GameEvents {
  onWelcome(world: World): void;
  onChat(line: { readonly characterId: string; readonly name: string; readonly text: string }): void;
  onArrival(name: string, here: boolean): void;
  /** Something was said that is not known any more. */
  onChatsLost(): void;
  /** What was said is not heard by anybody for so long yet. */
  onMuted(leftMs: number): void;
  onRefused(message: string): void;
  onLatency(): void;
}

/** The room as this page plays it: what the server says, and the own walk ahead of it. */
export class Game implements Omit<Hooks, 'onState'> {
  readonly latency = new Latency();
  world: World | undefined;
  private walker: Walker | undefined;
  private readonly motion = new Motion();
  private readonly facings = new Map<string, { at: Point; facing: Facing }>();
  private readonly bubbles = new Map<string, { text: string; until: number }>();
  private movesUnderWay = 0;
  /** The room version that has all acknowledged moves in it. */
  private movesVersion = 0;
  private seconds = 0;

  constructor(
    private readonly now: () => number,
    private readonly events: GameEvents,
  ) {}

  /** Set once the client exists; the two need each other. */
  client: Client | undefined;

  get destination(): Point | undefined {
    return this.walker?.destination;
  }

  onWelcome(welcome: EventWelcome, world: World): void {
    const resumed = welcome.changes !== undefined && this.walker !== undefined;
    // Who comes back to the same room goes on from where they see themselves; what is under way is sent again.
    if (!resumed) this.stand(world);
    this.events.onWelcome(world);
    if (welcome.chatsLost === true) this.events.onChatsLost();
    this.show(world, resumed, chatsOf(welcome));
  }

  onDelta(delta: EventStateDelta, world: World): void {
    this.show(world, true, chatsOf(delta));
  }

  onAck(ack: EventAck, intent: Intent, tookMs: number): void {
    this.latency.add(tookMs);
    this.events.onLatency();
    if (intent.type !== 'intent.move') return;
    this.movesUnderWay = Math.max(0, this.movesUnderWay - 1);
    this.movesVersion = Math.max(this.movesVersion, ack.roomVersion);
  }

  onError(error: EventError, intent: Intent | undefined): void {
    if (error.code === 'MUTED') {
      this.events.onMuted(error.retryAfterMs ?? 0);
      return;
    }
    if (intent?.type !== 'intent.move') {
      this.events.onRefused(error.transient ? `${error.message}; try again` : error.message);
      return;
    }
    this.movesUnderWay = Math.max(0, this.movesUnderWay - 1);
    if (error.transient) {
      this.walker?.tellAgain(error.retryAfterMs ?? 0, this.now());
      return;
    }
    const self = this.self();
    if (self !== undefined) this.walker?.correct(self);
    if (error.code === 'OUT_OF_BOUNDS') this.events.onRefused(error.message);
  }

  /** Nobody is in the room any more. */
  clear(): void {
    this.world = undefined;
    this.walker = undefined;
    this.bubbles.clear();
  }

  walkTo(point: Point): void {
    if (this.playing) this.walker?.walkTo(point);
  }

  steer(heading: Point): void {
    this.walker?.steer(this.playing ? heading : { x: 0, y: 0 });
  }

  say(text: string): boolean {
    return !this.watching && (this.client?.send({ type: 'intent.chat', text }) ?? false);
  }

  /** Says that one is still there, by being told to stand where one stands. */
  stay(): void {
    const at = this.walker?.at;
    if (at !== undefined) this.sendMove(at);
  }

  /** Does something with an item, after the server has been told where one stands. */
  act(action: ItemAction, itemId: string, targetId?: string): void {
    if (this.watching) return;
    const at = this.walker?.tellNow(this.now());
    if (at !== undefined) this.sendMove(at);
    const target = targetId === undefined ? {} : { targetId };
    const sent = this.client?.send({ type: 'intent.action', action, itemId, ...target }) ?? false;
    if (!sent) this.events.onRefused('not connected just now');
  }

  /** What is within reach, and what is held. */
  reach(): { item: ReturnType<typeof nearestItem>; member: MemberView | undefined; held: ReturnType<typeof heldBy> } {
    const world = this.world;
    const at = this.walker?.at;
    if (world === undefined || at === undefined || this.watching) return { item: undefined, member: undefined, held: [] };
    return { item: nearestItem(world, at), member: nearestMember(world, at), held: heldBy(world, world.selfId) };
  }

  /** One step of the own walk; called before each picture. */
  step(now: number): void {
    const seconds = (now - this.seconds) / 1000;
    this.seconds = now;
    for (const [id, bubble] of this.bubbles) if (bubble.until <= now) this.bubbles.delete(id);
    const walker = this.walker;
    if (walker === undefined || !this.playing) return;
    const place = walker.step(seconds, now);
    if (place !== undefined) this.sendMove(place);
    this.settle(walker);
  }

  presenceOf(member: MemberView): Presence {
    const now = this.now();
    const self = member.characterId === this.world?.selfId && this.walker !== undefined;
    const at = self && this.walker !== undefined ? this.walker.at : (this.motion.at(member.characterId, now) ?? member);
    const walking = self && this.walker !== undefined ? this.walker.walking : this.motion.walking(member.characterId, now);
    return { at, walking, facing: this.face(member.characterId, at) };
  }

  bubbleOf(characterId: string): { text: string; until: number } | undefined {
    return this.bubbles.get(characterId);
  }

  private get playing(): boolean {
    return this.client?.current.name === 'active' && !this.watching;
  }

  /** One sees all and may do nothing. */
  private get watching(): boolean {
    return this.world?.role === 'spectator';
  }

  /** Begins where the server says. */
  private stand(world: World): void {
    const self = world.members.get(world.selfId);
    this.walker = new Walker({ x: self?.x ?? world.limits.width / 2, y: self?.y ?? world.limits.height / 2 }, world.limits);
    this.movesUnderWay = 0;
    this.movesVersion = 0;
  }

  /** The room as it is now; who has come or gone since is worth a word only where nothing was missed. */
  private show(world: World, since: boolean, chats: readonly ChatLine[]): void {
    const before = since ? this.world : undefined;
    this.world = world;
    this.aimAll(world);
    if (before !== undefined) this.tellOfArrivals(before.members, world.members);
    for (const line of chats) {
      const until = this.now() + BUBBLE_MS + line.text.length * BUBBLE_MS_PER_LETTER;
      this.bubbles.set(line.characterId, { text: line.text, until });
      this.events.onChat(line);
    }
  }

  private tellOfArrivals(before: World['members'], now: World['members']): void {
    for (const [id, member] of now) if (!before.has(id)) this.events.onArrival(member.name, true);
    for (const [id, member] of before) if (!now.has(id)) this.events.onArrival(member.name, false);
  }

  private self(): MemberView | undefined {
    return this.world?.members.get(this.world.selfId);
  }

  private sendMove(place: Point): void {
    if (this.client?.send({ type: 'intent.move', x: place.x, y: place.y }) === true) this.movesUnderWay += 1;
    else this.walker?.tellAgain(0, this.now());
  }

  /** When nothing is under way any more the server is right about where one stands. */
  private settle(walker: Walker): void {
    const self = this.self();
    if (self === undefined || this.movesUnderWay > 0 || !walker.settled) return;
    if ((this.world?.version ?? 0) < this.movesVersion) return;
    if (Math.hypot(self.x - walker.at.x, self.y - walker.at.y) > DRIFT_MAX) walker.correct(self);
  }

  private aimAll(world: World): void {
    const now = this.now();
    for (const member of world.members.values()) this.motion.aim(member.characterId, member, now);
    this.motion.keepOnly(world.members);
    for (const id of this.facings.keys()) if (!world.members.has(id)) this.facings.delete(id);
  }

  /** People look where they walked last. */
  private face(id: string, at: Point): Facing {
    const last = this.facings.get(id);
    if (last === undefined) {
      this.facings.set(id, { at, facing: 'down' });
      return 'down';
    }
    const [dx, dy] = [at.x - last.at.x, at.y - last.at.y];
    if (Math.hypot(dx, dy) < 0.8) return last.facing;
    const sideways = Math.abs(dx) > Math.abs(dy);
    const facing: Facing = sideways ? (dx > 0 ? 'right' : 'left') : dy > 0 ? 'down' : 'up';
    this.facings.set(id, { at, facing });
    return facing;
  }
}
