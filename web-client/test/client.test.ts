import { beforeEach, describe, expect, it } from 'vitest';
import { WELCOME_TIMEOUT_MS } from '../src/core/client';
import type { Client } from '../src/core/client';
import { ACK_TIMEOUT_MS, PENDING_MAX } from '../src/core/intents';
import { CLOSE_CODES } from '../src/core/protocol';
import { CONNECT, FakeServer, TICKET, ack, admitted, failed, httpError, refused, secret, settle } from './fake-server';

let server: FakeServer;
let client: Client;

beforeEach(() => {
  server = new FakeServer();
  client = server.client();
});

const names = (): string[] => server.states.map((state) => state.name);

async function play(): Promise<void> {
  client.start('Ada');
  await server.welcome();
  expect(client.current.name).toBe('active');
}

describe('getting in', () => {
  it('signs in, takes the character, compares builds, connects and joins', async () => {
    client.start('Ada');
    await settle();
    expect(server.paths()).toEqual([
      'POST /dev/token',
      'GET /api/characters',
      'POST /api/session/bootstrap',
      'POST /instances/plaza/connect',
    ]);
    expect(server.calls[0]?.body).toEqual({ name: 'Ada' });
    expect(server.calls[3]).toMatchObject({ token: 'Bearer token-1', body: { build: 'b1', characterId: 'c1' } });
    await server.welcome();
    expect(server.socket.sent[0]).toEqual({ type: 'session.join', ticket: TICKET, instance: 'plaza', build: 'b1' });
    expect(client.current).toMatchObject({ name: 'active', characterId: 'c1', characterName: 'Ada', build: 'b1' });
  });

  it('makes a character of that name when there is none', async () => {
    server.answers.set('GET /api/characters', { status: 200, body: { characters: [] } });
    client.start('Ada');
    await settle();
    expect(server.calls.find((call) => call.method === 'POST' && call.path === '/api/characters')?.body).toEqual({ name: 'Ada' });
    expect(server.calls.at(-1)?.body).toMatchObject({ characterId: 'c2' });
  });

  it('asks for the build when it has none of its own', async () => {
    client = server.client('');
    await play();
    expect(server.paths()[0]).toBe('GET /api/version');
    expect(server.socket.sent[0]).toMatchObject({ build: 'b1' });
    server.answers.set('GET /api/version', { status: 200, body: { build: 'b2' } });
    server.socket.drop();
    await server.clock.advance(400);
    server.socket.open();
    expect(server.socket.sent[0]).toMatchObject({ build: 'b1' });
  });

  it('is still signed in after a reload of the page, and not after signing out', async () => {
    await play();
    const reloaded = server.client();
    reloaded.start();
    await settle();
    expect(server.paths().filter((path) => path === 'POST /dev/token')).toHaveLength(1);
    reloaded.signOut();
    expect(server.kept.size).toBe(0);
  });

  it('gets a new token once when the server does not take the old one', async () => {
    server.answers.set('GET /api/characters', httpError(401, 'UNAUTHENTICATED', false));
    client.start('Ada');
    await settle();
    expect(server.paths().filter((path) => path === 'POST /dev/token')).toHaveLength(2);
    expect(client.current).toMatchObject({ name: 'failed', code: 'UNAUTHENTICATED' });
  });
});

describe('not getting in', () => {
  it('a terminal reason is final', async () => {
    server.answers.set(CONNECT, failed('SUSPENDED'));
    client.start('Ada');
    await settle();
    expect(client.current).toMatchObject({ name: 'failed', code: 'SUSPENDED', text: 'that character is suspended' });
  });

  it('a transient reason is tried again, not before the server asked', async () => {
    server.answers.set(CONNECT, failed('DRAINING', { retryAfterSeconds: 7 }));
    client.start('Ada');
    await settle();
    expect(client.current).toMatchObject({ name: 'unavailable', code: 'DRAINING', retryAt: 8000 });
    const before = server.calls.length;
    await server.clock.advance(6_999);
    expect(server.calls.length).toBe(before);
    await server.clock.advance(1);
    expect(server.calls.length).toBeGreaterThan(before);
    expect(client.current).toMatchObject({ name: 'unavailable', attempt: 2 });
  });

  it('a server that is away is tried again with back-off until it is there', async () => {
    server.answers.set('POST /dev/token', 'away');
    client.start('Ada');
    await settle();
    expect(client.current).toMatchObject({ name: 'unavailable', attempt: 1, retryAt: 1400 });
    await server.clock.advance(400);
    expect(client.current).toMatchObject({ attempt: 2, retryAt: 1400 + 800 });
    server.answers.set('POST /dev/token', { status: 200, body: { accessToken: 'x', tokenType: 'Bearer', expiresIn: 60 } });
    client.retryNow();
    await server.welcome();
    expect(client.current.name).toBe('active');
  });

  it('another build means an update, wherever it is noticed', async () => {
    server.answers.set('POST /api/session/bootstrap', httpError(409, 'VERSION_MISMATCH', false));
    client.start('Ada');
    await settle();
    expect(client.current).toEqual({ name: 'update_required' });

    const other = new FakeServer();
    const late = other.client();
    late.start('Ada');
    await settle();
    other.socket.say({ type: 'event.version_mismatch', build: 'b2' });
    expect(late.current).toEqual({ name: 'update_required', serverBuild: 'b2' });
    expect(other.socket.closed).toBe(true);
  });

  it('does not wait for ever for a welcome', async () => {
    client.start('Ada');
    await settle();
    await server.clock.advance(WELCOME_TIMEOUT_MS);
    expect(client.current).toMatchObject({ name: 'reconnecting', held: 'seat', cause: 'the room does not answer' });
    expect(server.socket.closed).toBe(true);
    await server.clock.advance(400);
    server.socket.open();
    expect(server.sockets).toHaveLength(2);
    expect(server.socket.sent[0]).toMatchObject({ ticket: TICKET });
  });

  it('signing out while the answers are on their way ends the try', async () => {
    client.start('Ada');
    client.signOut();
    await settle();
    expect(server.sockets).toHaveLength(0);
    expect(client.current.name).toBe('idle');
    expect(server.kept.size).toBe(0);
  });
});

describe('intents', () => {
  it('are numbered from the last accepted one and measured by their acks', async () => {
    client.start('Ada');
    await server.welcome(41);
    expect(client.send({ type: 'intent.move', x: 1, y: 2 })).toBe(true);
    expect(client.send({ type: 'intent.chat', text: 'hi' })).toBe(true);
    expect(server.socket.intents()).toEqual([
      { type: 'intent.move', x: 1, y: 2, actionId: 42 },
      { type: 'intent.chat', text: 'hi', actionId: 43 },
    ]);
    await server.clock.advance(12);
    server.socket.say(ack(42), refused(43, 'RATE_LIMITED', true));
    expect(server.acks).toMatchObject([{ intent: { actionId: 42 }, tookMs: 12 }]);
    expect(server.errors).toMatchObject([{ error: { code: 'RATE_LIMITED' }, intent: { type: 'intent.chat' } }]);
    server.socket.say(ack(42));
    expect(server.acks).toHaveLength(1);
  });

  it('are refused here when there is no session or too many wait', async () => {
    expect(client.send({ type: 'intent.chat', text: 'hi' })).toBe(false);
    await play();
    for (let n = 0; n < PENDING_MAX; n += 1) expect(client.send({ type: 'intent.move', x: n, y: 0 })).toBe(true);
    expect(client.send({ type: 'intent.move', x: 0, y: 0 })).toBe(false);
    server.socket.say(ack(1));
    expect(client.send({ type: 'intent.move', x: 0, y: 0 })).toBe(true);
  });

  it('that nobody answers end the connection', async () => {
    await play();
    client.send({ type: 'intent.chat', text: 'hi' });
    await server.clock.advance(ACK_TIMEOUT_MS - 1);
    expect(client.current.name).toBe('active');
    await server.clock.advance(1);
    expect(client.current).toMatchObject({ name: 'reconnecting', attempt: 1 });
  });
});

describe('coming back', () => {
  it('sends what was not acknowledged again, in order, in one frame, under the same numbers', async () => {
    await play();
    client.send({ type: 'intent.move', x: 1, y: 1 });
    client.send({ type: 'intent.chat', text: 'still there?' });
    client.send({ type: 'intent.move', x: 2, y: 2 });
    const first = server.socket;
    first.say(ack(1));
    first.drop();
    expect(client.current).toMatchObject({ name: 'reconnecting', attempt: 1, cause: 'the connection was lost' });
    await server.clock.advance(400);
    await server.welcome(2);
    expect(server.sockets).toHaveLength(2);
    expect(server.socket.intents()).toEqual(first.intents().slice(1));
    expect(server.socket.frames.at(-1)).toBe(2);
    server.socket.say(ack(2), ack(3));
    expect(server.acks.map((one) => one.intent.actionId)).toEqual([1, 2, 3]);
    client.send({ type: 'intent.chat', text: 'new' });
    expect(server.socket.intents().at(-1)).toMatchObject({ actionId: 4 });
  });

  it('backs off again and again, and begins anew once it was in', async () => {
    await play();
    server.socket.drop(CLOSE_CODES.SHUTDOWN.code);
    expect(client.current).toMatchObject({ cause: CLOSE_CODES.SHUTDOWN.text });
    for (const wait of [400, 800, 1600]) {
      await server.clock.advance(wait);
      server.socket.drop();
    }
    expect(client.current).toMatchObject({ name: 'reconnecting', attempt: 4 });
    client.retryNow();
    await server.welcome();
    server.socket.drop();
    expect(client.current).toMatchObject({ name: 'reconnecting', attempt: 1, retryAt: server.clock.now + 400 });
  });

  it('never hears a socket it has given up', async () => {
    await play();
    const old = server.socket;
    old.drop();
    await server.clock.advance(400);
    await server.welcome();
    old.say({ type: 'event.version_mismatch', build: 'b2' });
    old.drop(CLOSE_CODES.VERSION_MISMATCH.code);
    expect(client.current.name).toBe('active');
  });

  it('a frame that breaks the schema ends the connection', async () => {
    await play();
    server.socket.say({ type: 'event.ack', actionId: 'one', sequence: 1, roomVersion: 1 });
    expect(client.current).toMatchObject({ name: 'reconnecting', cause: 'the server sent something unreadable' });
  });

  it('an access token that ran out is renewed, and the session taken up again with the new one', async () => {
    await play();
    server.socket.drop(CLOSE_CODES.TOKEN_EXPIRED.code);
    await server.clock.advance(400);
    expect(server.bodies(CONNECT).at(-1)).toEqual({ build: 'b1', characterId: 'c1', reconnectToken: secret('seat1') });
    server.socket.drop();
    await server.clock.advance(800);
    server.socket.open();
    expect(server.socket.sent[0]).toMatchObject({ type: 'session.join', ticket: TICKET });
    await server.welcome();
    expect(server.bodies(CONNECT)).toHaveLength(2);
    expect(server.paths().filter((path) => path === 'POST /dev/token')).toHaveLength(2);
    expect(client.current.name).toBe('active');
  });

  it('a server that has forgotten its keys gets a sign-in anew', async () => {
    const list = server.answers.get('GET /api/characters');
    server.answers.set(CONNECT, 'away');
    client.start('Ada');
    await settle();
    server.answers.set('GET /api/characters', httpError(401, 'UNAUTHENTICATED', false));
    server.answers.set('POST /dev/token', 'away');
    await server.clock.advance(400);
    expect(client.current).toMatchObject({ name: 'unavailable', attempt: 2 });
    server.answers.set('POST /dev/token', { status: 200, body: { accessToken: 'token-2', tokenType: 'Bearer', expiresIn: 60 } });
    if (list !== undefined) server.answers.set('GET /api/characters', list);
    server.answers.set(CONNECT, admitted());
    client.retryNow();
    await server.welcome();
    expect(server.calls.at(-1)).toMatchObject({ token: 'Bearer token-2' });
    expect(client.current.name).toBe('active');
  });

  it('leaves when asked to, and says so', async () => {
    await play();
    const socket = server.socket;
    client.signOut();
    expect(socket.sent.at(-1)).toEqual({ type: 'session.leave' });
    expect(socket.closed).toBe(true);
    expect(names().at(-1)).toBe('idle');
    expect(server.kept.size).toBe(0);
    await server.clock.advance(60_000);
    expect(server.sockets).toHaveLength(1);
  });
});
