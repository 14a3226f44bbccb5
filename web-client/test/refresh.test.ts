import { beforeEach, describe, expect, it } from 'vitest';
import { Refusal } from '../src/core/api';
import type { Client } from '../src/core/client';
import { SIGN_IN_NEEDED, SignedIn } from '../src/core/identity';
import type { Grant, TokenSource } from '../src/core/identity';
import { CLOSE_CODES } from '../src/core/protocol';
import { REFRESH_AGAIN_MS } from '../src/core/refresher';
import { CONNECT, FakeServer, entryError, httpError, keepIn, queued, reconnectToken, refused, secret, settle, welcome } from './fake-server';

/** Gives token-1, token-2, ... until it is told otherwise. */
class Source implements TokenSource {
  given = 0;
  ended = 0;
  lifeSeconds = 90;
  trouble: Refusal | undefined;

  async renew(): Promise<Grant> {
    if (this.trouble !== undefined) throw this.trouble;
    this.given += 1;
    return { accessToken: `token-${this.given}`, expiresInSeconds: this.lifeSeconds };
  }

  end(): void {
    this.ended += 1;
  }
}

const gone = new Refusal(SIGN_IN_NEEDED, 'the sign-in has run out', false);
const away = new Refusal('UNREACHABLE', 'the identity provider does not answer', true);
const ADA = { user: 'sub-1', name: 'Ada' };
const expiring = (seconds: number): object => ({ type: 'event.auth_expiring', seconds });
const taken: object = { type: 'event.refreshed', expiresInSeconds: 90 };

let server: FakeServer;
let source: Source;
let client: Client;

beforeEach(() => {
  server = new FakeServer();
  source = new Source();
  client = server.client('b1', source);
});

async function play(): Promise<void> {
  client.startAs(ADA, await source.renew());
  await server.welcome();
  expect(client.current.name).toBe('active');
}

const refreshes = (): unknown[] => server.socket.sent.filter(({ type }) => type === 'session.refresh');
const notice = (): unknown => (client.current.name === 'active' ? client.current.notices.signIn : 'not active');

async function hear(...messages: object[]): Promise<void> {
  server.socket.say(...messages);
  await server.clock.advance(0);
  await settle();
}

describe('a token that runs out while one plays', () => {
  it('is followed by a newer one, without a word to anybody', async () => {
    await play();
    await server.clock.advance(30_000);
    await hear(expiring(60));
    expect(refreshes()).toEqual([{ type: 'session.refresh', accessToken: 'token-2' }]);
    await hear(taken);
    expect(client.current.name).toBe('active');
    expect(notice()).toBeUndefined();
  });

  it('is followed by the one that is here already, when that lasts longer', async () => {
    source.lifeSeconds = 3600;
    await play();
    await hear(expiring(60));
    expect(refreshes()).toEqual([{ type: 'session.refresh', accessToken: 'token-1' }]);
  });

  it('is asked for again while the provider is away, as long as there is a connection', async () => {
    source.lifeSeconds = 60;
    await play();
    source.trouble = away;
    await hear(expiring(60));
    await server.clock.advance(REFRESH_AGAIN_MS);
    expect(refreshes()).toEqual([]);
    expect(notice()).toBeUndefined();
    source.trouble = undefined;
    await server.clock.advance(REFRESH_AGAIN_MS);
    expect(refreshes()).toHaveLength(1);
    server.socket.drop();
    source.trouble = away;
    await server.clock.advance(60_000);
    expect(source.given).toBe(2);
  });

  it('is sent again when the server could not look at it', async () => {
    await play();
    await hear(expiring(60));
    await hear(entryError('UNAVAILABLE', true, { retryAfterMs: 7000 }));
    await server.clock.advance(6_999);
    expect(refreshes()).toHaveLength(1);
    await server.clock.advance(1);
    expect(refreshes()).toHaveLength(2);
    expect(client.current.name).toBe('active');
  });

  it('does not go round in circles when each lasts a moment only', async () => {
    source.lifeSeconds = 1;
    await play();
    for (let turn = 0; turn < 10; turn += 1) {
      await hear(expiring(1));
      await hear(taken);
    }
    expect(refreshes().length).toBeLessThan(3);
  });

  it('that the server does not take asks for the person, who sees until when', async () => {
    await play();
    await hear(expiring(60));
    await hear(entryError('UNAUTHENTICATED', false));
    expect(notice()).toEqual({ endsAt: server.clock.now + 60_000 });
    expect(server.errors).toEqual([]);
  });

  it('that cannot be had without the person asks for them, until a newer one is taken', async () => {
    source.lifeSeconds = 62;
    await play();
    source.trouble = gone;
    await hear(expiring(60));
    expect(notice()).toEqual({ endsAt: server.clock.now + 60_000 });
    await hear(taken);
    expect(notice()).toBeUndefined();
  });

  it('leaves the errors of intents to whom they belong', async () => {
    await play();
    client.send({ type: 'intent.chat', text: 'hi' });
    await hear(expiring(60));
    await hear(refused(1, 'RATE_LIMITED', true));
    expect(server.errors).toMatchObject([{ intent: { text: 'hi' } }]);
  });
});

describe('a token that has run out', () => {
  it('leads to the sign-in when only the person can get another, and the seat is kept meanwhile', async () => {
    await play();
    source.trouble = gone;
    server.socket.drop(CLOSE_CODES.TOKEN_EXPIRED.code);
    const graceEndsAt = server.clock.now + 60_000;
    await server.clock.advance(400);
    expect(client.current).toEqual({ name: 'sign_in', held: 'seat', graceEndsAt });
    await server.clock.advance(30_000);
    expect(server.sockets).toHaveLength(1);
  });

  it('and from there back into the same session, with the reconnect token and the new access token', async () => {
    await play();
    source.trouble = gone;
    server.socket.drop(CLOSE_CODES.TOKEN_EXPIRED.code);
    await server.clock.advance(400);
    // The way to the provider leads away from the page: another page comes back.
    client = server.client('b1', source);
    client.startAs(ADA, { accessToken: 'token-new', expiresInSeconds: 90 });
    await settle();
    expect(client.current).toEqual({ name: 'connecting', step: 'entering' });
    expect(server.bodies(CONNECT).at(-1)).toEqual({ build: 'b1', characterId: 'c1', reconnectToken: secret('seat1') });
    expect(server.calls.at(-1)?.token).toBe('Bearer token-new');
    await server.welcome();
    expect(client.current.name).toBe('active');
  });

  it('while one was away is renewed on the way back, in which the token of the seat was spent and given anew', async () => {
    await play();
    server.socket.drop();
    await server.clock.advance(400);
    server.socket.open();
    await hear(reconnectToken('seat2'), entryError('UNAUTHENTICATED', false));
    expect(client.current).toMatchObject({ name: 'reconnecting', held: 'seat' });
    await server.clock.advance(800);
    expect(server.bodies(CONNECT).at(-1)).toMatchObject({ reconnectToken: secret('seat2') });
    expect(server.calls.at(-1)?.token).toBe('Bearer token-2');
    await server.welcome();
    expect(client.current.name).toBe('active');
  });

  it('is no way back for somebody else who signs in', async () => {
    await play();
    client = server.client('b1', source);
    client.startAs({ user: 'sub-2', name: 'Ada' }, { accessToken: 'token-other', expiresInSeconds: 90 });
    await settle();
    expect(server.bodies(CONNECT).at(-1)).toEqual({ build: 'b1', characterId: 'c1' });
  });

  it('keeps a place in the queue too', async () => {
    server.answers.set(CONNECT, queued(3));
    client.startAs(ADA, await source.renew());
    await server.watched(3);
    source.trouble = gone;
    server.socket.drop(CLOSE_CODES.TOKEN_EXPIRED.code);
    await server.clock.advance(400);
    expect(client.current).toMatchObject({ name: 'sign_in', held: 'place' });
    source.trouble = undefined;
    client.start();
    await settle();
    expect(server.bodies(CONNECT).at(-1)).toMatchObject({ reconnectToken: secret('place2') });
  });

  it('is a sign-in also when nothing is held', async () => {
    source.trouble = gone;
    client.start('Ada');
    await settle();
    expect(client.current).toEqual({ name: 'sign_in', held: undefined, graceEndsAt: undefined });
    client.signOut();
    expect(client.current.name).toBe('idle');
    expect(source.ended).toBe(1);
  });

  it('is no sign-in again and again: a new one that is not taken is refused', async () => {
    server.answers.set('GET /api/characters', httpError(401, 'UNAUTHENTICATED', false));
    client.startAs(ADA, await source.renew());
    await settle();
    expect(client.current).toMatchObject({ name: 'failed', code: 'UNAUTHENTICATED' });
  });
});

describe('who is signed in', () => {
  it('asks for one token at a time, however many want it: it may be got with what is good once', async () => {
    const signedIn = new SignedIn(source, keepIn(new Map()), () => 0);
    signedIn.start(ADA);
    expect(await Promise.all([signedIn.token(), signedIn.token(), signedIn.token()])).toEqual(Array(3).fill('token-1'));
    signedIn.spoil();
    expect(await signedIn.token()).toBe('token-2');
  });

  it('tries again after it could not be had', async () => {
    const signedIn = new SignedIn(source, keepIn(new Map()), () => 0);
    signedIn.start(ADA);
    source.trouble = away;
    await expect(signedIn.token()).rejects.toBe(away);
    source.trouble = undefined;
    expect(await signedIn.token()).toBe('token-1');
  });

  it('does not get what was asked for somebody who has signed out meanwhile', async () => {
    const kept = new Map<string, string>();
    const signedIn = new SignedIn(source, keepIn(kept), () => 0);
    signedIn.start(ADA);
    const token = signedIn.token();
    signedIn.end();
    await expect(token).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(kept.size).toBe(0);
  });
});

describe('nothing done for long', () => {
  const warning = { type: 'event.inactivity_warning', seconds: 60 };
  const inactivity = (): unknown => (client.current.name === 'active' ? client.current.notices.inactivity : 'not active');

  it('is a notice with its end, which any intent takes away', async () => {
    await play();
    await hear(warning);
    expect(inactivity()).toEqual({ endsAt: server.clock.now + 60_000 });
    client.send({ type: 'intent.move', x: 1, y: 1 });
    expect(inactivity()).toBeUndefined();
  });

  it('is forgotten with the connection', async () => {
    await play();
    await hear(warning);
    server.socket.drop();
    await server.clock.advance(400);
    await server.welcome();
    expect(inactivity()).toBeUndefined();
  });

  it('ends the visit, and joining again is a fresh connect', async () => {
    await play();
    client.send({ type: 'intent.chat', text: 'z' });
    server.socket.drop(CLOSE_CODES.INACTIVE.code);
    expect(client.current).toMatchObject({ name: 'failed', code: 'INACTIVE' });
    expect(server.pass()).toBeUndefined();
    client.start();
    await server.welcome();
    expect(server.bodies(CONNECT).at(-1)).toEqual({ build: 'b1', characterId: 'c1' });
    expect(server.socket.intents()).toEqual([]);
    expect(client.current.name).toBe('active');
  });
});

describe('what one may do', () => {
  it('that has become less begins afresh by itself, with the new token and without the old session', async () => {
    await play();
    server.socket.drop(CLOSE_CODES.ROLE_CHANGED.code);
    expect(client.current).toMatchObject({ name: 'unavailable', code: 'ROLE_CHANGED' });
    await server.clock.advance(400);
    expect(server.bodies(CONNECT).at(-1)).toEqual({ build: 'b1', characterId: 'c1' });
    await server.welcome();
    expect(client.current.name).toBe('active');
  });

  it('is what the welcome says; without a word one is a player', async () => {
    await play();
    expect(client.current).toMatchObject({ role: 'player' });
    server.socket.drop();
    await server.clock.advance(400);
    server.socket.open();
    await hear({ ...welcome(0), role: 'moderator' });
    expect(client.current).toMatchObject({ role: 'moderator' });
    expect(server.world?.role).toBe('moderator');
  });
});
