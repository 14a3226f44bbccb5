import { Api } from './core/api';
import { Client } from './core/client';
import { Desk } from './core/desk';
import { DevSource } from './core/dev-source';
import { SignedIn } from './core/identity';
import { OwnBuild } from './core/own-build';
import type { Hooks, Surroundings } from './core/parts';
import { Passes } from './core/pass';
import type { ConnectionState } from './core/state';
import { isOwnTab, tabsOf } from './core/tab';
import { Game } from './game';
import { listen } from './input';
import type { Insets } from './scene/camera';
import { Scene } from './scene/scene';
import { Door } from './sign-in/door';
import type { Address } from './sign-in/door';
import { Oidc, forgetGrant } from './sign-in/oidc';
import { Ways } from './sign-in/ways';
import { Banner } from './ui/banner';
import { Chat } from './ui/chat';
import { byId } from './ui/dom';
import { Face } from './ui/face';
import type { FaceActions } from './ui/face';
import { Hands } from './ui/hands';
import { Hud } from './ui/hud';
import { Moderation } from './ui/moderation';
import { People } from './ui/people';
import { Toasts } from './ui/toasts';
import { sentence } from './ui/words';

const INSTANCE = 'plaza';
const LAST_NAME_KEY = 'playhouse.lastName';

const browser: Surroundings = {
  openSocket: (path, subprotocol) => new WebSocket(path, subprotocol),
  now: () => performance.now(),
  random: () => Math.random(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

const address: Address = {
  href: location.href,
  show: (href) => history.replaceState(null, '', href),
  goTo: (href) => location.assign(href),
};

/** Puts the parts together; the only place that knows all of them. */
function start(): void {
  const canvas = byId('plaza', HTMLCanvasElement);
  const scene = new Scene(canvas);
  const toasts = new Toasts();
  const chat: Chat = new Chat((text) => {
    const said = game.say(text);
    if (!said) toasts.show('Not connected just now.');
    return said;
  }, browser.now);
  const game: Game = new Game(browser.now, {
    onWelcome: (world) => chat.limit(world.limits.chatMax),
    onChat: (line) => chat.add(line),
    onArrival: (name, here) => chat.note(here ? `${name} is here` : `${name} has left`),
    onChatsLost: () => chat.note('Some messages were missed'),
    onMuted: (leftMs) => chat.mute(leftMs),
    onRefused: (message) => toasts.show(sentence(message)),
    onLatency: () => hud.showLatency(game.latency.read()),
  });
  const api = new Api((input, init) => fetch(input, init), INSTANCE);
  const ways = new Ways(api, new DevSource(api), oidcOf);
  const signedIn = new SignedIn(ways, sessionStorage, () => Date.now());
  const build = new OwnBuild(__BUILD__, api);
  const passes = new Passes(sessionStorage, INSTANCE);
  const desk = new Desk(api, signedIn);
  const hooks = hooksOf(game, (state) => show(state));
  const client = new Client({ api, desk, signedIn, passes, ownBuild: build, around: browser, hooks });
  game.client = client;
  const hud = new Hud(() => client.signOut());
  const door: Door = new Door(ways, address, sessionStorage, browser, ({ notice }) => {
    showFace(client.current);
    if (client.current.name === 'active' && notice !== undefined) toasts.show(sentence(notice));
  });
  const banner = new Banner({ stay: () => game.stay(), signIn: () => void door.leave(false) }, browser.now);
  const face = new Face(faceActions(client, door), browser.now);
  const moderation = new Moderation({
    kick: (characterId) => desk.kick(characterId),
    mute: (characterId, seconds) => desk.mute(characterId, seconds),
    tell: (text) => toasts.show(text),
  });
  const people = new People({ kick: (member) => moderation.kick(member), mute: (member) => moderation.mute(member) });
  let shown: ConnectionState['name'] = 'idle';
  const showFace = (state: ConnectionState): void =>
    face.show(state, door.current, sessionStorage.getItem(LAST_NAME_KEY) ?? '');
  const show = (state: ConnectionState): void => {
    hud.showState(state);
    banner.show(state);
    showFace(state);
    if (state.name === 'idle') {
      chat.clear();
      game.clear();
    }
    if (state.name !== 'active') moderation.close();
    // Who comes back, or is only told something, may be in the middle of a sentence.
    if (state.name === 'active' && shown !== 'active' && shown !== 'reconnecting') canvas.focus();
    shown = state.name;
  };
  const hands: Hands = new Hands(actionsOf(game, () => hands));
  listen(canvas, {
    ...actionsOf(game, () => hands),
    steer: (heading) => game.steer(heading),
    point: (at) => game.walkTo(scene.toPlane(at)),
    talk: () => chat.focus(),
  });
  addEventListener('online', () => {
    client.retryNow();
    void client.check();
  });
  addEventListener('offline', () => void client.check());
  if (isNarrow()) byId('crowd', HTMLDetailsElement).open = false;
  show(client.current);
  showBuild(hud, build);
  void begin({ client, signedIn, passes, door });
  paint(game, { scene, people, hands, face, banner, chat });
}

const oidcOf: ConstructorParameters<typeof Ways>[2] = (provider) =>
  new Oidc({ ...provider, redirectUri: `${location.origin}/` }, sessionStorage, (input, init) => fetch(input, init));

/** Goes on where this tab was; a copy of another tab asks for a place of its own, and does not use what is good once. */
async function begin(parts: { client: Client; signedIn: SignedIn; passes: Passes; door: Door }): Promise<void> {
  const { client, signedIn, passes, door } = parts;
  const own = await isOwnTab(sessionStorage, tabsOf(globalThis), tabId);
  if (!own) {
    passes.forget();
    forgetGrant(sessionStorage);
  }
  await door.open(client, signedIn.person !== undefined);
}

/** Not crypto.randomUUID: that is for secure contexts only, and this is no secret. */
function tabId(): string {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join('-');
}

function faceActions(client: Client, door: Door): FaceActions {
  return {
    goToProvider: (other) => void door.leave(other),
    signIn: (name) => {
      sessionStorage.setItem(LAST_NAME_KEY, name);
      client.start(name);
    },
    goAgain: () => client.start(),
    retryNow: () => client.retryNow(),
    takeOver: () => client.takeOver(),
    leaveItThere: () => client.leaveItThere('Nothing was changed: the visit in the other place goes on.'),
    signOut: () => client.signOut(),
    reload: () => location.reload(),
  };
}

function hooksOf(game: Game, onState: (state: ConnectionState) => void): Hooks {
  return {
    onState,
    onWelcome: (welcome, world) => game.onWelcome(welcome, world),
    onDelta: (delta, world) => game.onDelta(delta, world),
    onAck: (ack, intent, tookMs) => game.onAck(ack, intent, tookMs),
    onError: (error, intent) => game.onError(error, intent),
  };
}

function actionsOf(game: Game, hands: () => Hands): { pickUp(): void; drop(): void; give(): void } {
  return {
    pickUp: () => {
      const { item } = game.reach();
      if (item !== undefined) game.act('pickup', item.itemId);
    },
    drop: () => {
      const chosen = hands().chosen(game.reach().held);
      if (chosen !== undefined) game.act('drop', chosen.itemId);
    },
    give: () => {
      const { held, member } = game.reach();
      const chosen = hands().chosen(held);
      if (chosen !== undefined && member !== undefined) game.act('give', chosen.itemId, member.characterId);
    },
  };
}

function showBuild(hud: Hud, build: OwnBuild): void {
  build.get().then(
    (known) => hud.showBuild(known),
    () => hud.showBuild('unknown'),
  );
}

interface Painted {
  readonly scene: Scene;
  readonly people: People;
  readonly hands: Hands;
  readonly face: Face;
  readonly banner: Banner;
  readonly chat: Chat;
}

function paint(game: Game, parts: Painted): void {
  const turn = (): void => {
    const now = browser.now();
    game.step(now);
    const reach = game.reach();
    parts.face.tick();
    parts.banner.tick();
    parts.chat.tick();
    parts.hands.show(reach);
    if (game.world !== undefined) parts.people.show(game.world);
    parts.scene.draw({
      now,
      insets: insets(),
      world: game.world,
      destination: game.destination,
      reachableItem: reach.item?.itemId,
      reachableMember: reach.held.length > 0 ? reach.member?.characterId : undefined,
      presenceOf: (member) => game.presenceOf(member),
      bubbleOf: (id) => game.bubbleOf(id),
    });
    requestAnimationFrame(turn);
  };
  requestAnimationFrame(turn);
}

/** The same width as in panels.css. */
function isNarrow(): boolean {
  return innerWidth <= 820;
}

/** What the panels cover of the canvas: the plaza is centred in the rest. */
function insets(): Insets {
  if (document.body.dataset.state === 'idle') return { top: 20, right: 20, bottom: 20, left: 20 };
  return isNarrow() ? { top: 96, right: 4, bottom: 236, left: 4 } : { top: 96, right: 336, bottom: 108, left: 18 };
}

start();
