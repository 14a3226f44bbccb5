import { beforeEach, describe, expect, it } from 'vitest';
import { LAST_TRY_MS } from '../src/core/backoff';
import { WELCOME_TIMEOUT_MS } from '../src/core/client';
import type { Client } from '../src/core/client';
import { ACK_TIMEOUT_MS } from '../src/core/intents';
import { CLOSE_CODES } from '../src/core/protocol';
import {
  CONNECT,
  FakeServer,
  LEAVE,
  TICKET,
  entryError,
  failed,
  httpError,
  queued,
  reconnectToken,
  secret,
  settle,
} from './fake-server';

let server: FakeServer;
let client: Client;

beforeEach(() => {
  server = new FakeServer();
  client = server.client();
});

async function play(): Promise<void> {
  client.start('Ada');
  await server.welcome();
  expect(client.current.name).toBe('active');
}

/** Lets the retry come and the socket open. */
async function retry(ms = 400): Promise<void> {
  await server.clock.advance(ms);
  server.socket.open();
}

describe('a drop of the connection', () => {
  it('is a countdown to the next try and to the end of the grace', async () => {
    await play();
    server.socket.drop();
    expect(client.current).toEqual({
      name: 'reconnecting',
      held: 'seat',
      attempt: 1,
      cause: 'the connection was lost',
      retryAt: server.clock.now + 400,
      graceEndsAt: server.clock.now + 60_000,
    });
  });

  it('is over with the token, without HTTP, and the next drop with the next one', async () => {
    await play();
    const calls = server.calls.length;
    for (const [before, after] of [['seat1', 'seat2'], ['seat2', 'seat3']] as const) {
      server.socket.drop();
      await retry();
      const join = { type: 'session.join', reconnectToken: secret(before), instance: 'plaza', build: 'b1' };
      expect(server.socket.sent).toEqual([{ ...join, roomVersion: 1, lastSequence: 0 }]);
      await server.welcome();
      expect(client.current.name).toBe('active');
      expect(server.pass()).toMatchObject({ kind: 'seat', secret: secret(after) });
    }
    expect(server.calls).toHaveLength(calls);
  });

  it('keeps the end of the grace where the first loss has put it, until a new token has come', async () => {
    await play();
    server.socket.drop();
    const end = server.clock.now + 60_000;
    for (const wait of [400, 800]) {
      await server.clock.advance(wait);
      server.socket.drop();
      expect(client.current).toMatchObject({ graceEndsAt: end });
    }
    await server.clock.advance(1600);
    await server.welcome();
    server.socket.drop();
    expect(client.current).toMatchObject({ attempt: 1, graceEndsAt: server.clock.now + 60_000 });
  });

  it('has a grace of its own from each token on', async () => {
    await play();
    server.socket.drop();
    await retry(4000);
    server.socket.say(reconnectToken('seat2', 30));
    server.socket.drop();
    expect(client.current).toMatchObject({ attempt: 2, graceEndsAt: server.clock.now + 30_000 });
  });

  it('is not counted twice: what the lost connection was waited for is waited for no more', async () => {
    await play();
    client.send({ type: 'intent.chat', text: 'hi' });
    server.socket.drop();
    await server.clock.advance(ACK_TIMEOUT_MS + 400);
    expect(server.sockets).toHaveLength(2);
    expect(server.socket.closed).toBe(false);
    expect(client.current).toMatchObject({ name: 'reconnecting', attempt: 1 });
  });

  it('leaves nothing of the old connection: no late opening, no late words', async () => {
    await play();
    server.socket.drop();
    await server.clock.advance(400);
    const late = server.socket;
    await server.clock.advance(WELCOME_TIMEOUT_MS);
    expect(late.closed).toBe(true);
    late.open();
    expect(late.sent).toEqual([]);
    await server.clock.advance(800);
    await server.welcome();
    late.say({ type: 'event.nonsense' });
    expect(client.current.name).toBe('active');
  });

  it('is tried once more just before the grace ends, and after it as long as it takes', async () => {
    await play();
    server.chance = 0.999;
    server.socket.drop();
    const end = server.clock.now + 60_000;
    const tries: number[] = [];
    while (server.clock.now < end + 20_000) {
      const before = server.sockets.length;
      await server.clock.advance(10);
      if (server.sockets.length === before) continue;
      tries.push(server.clock.now - end);
      server.socket.drop();
    }
    expect(tries.filter((at) => at < 0).at(-1)).toBeCloseTo(-LAST_TRY_MS, -2);
    expect(tries.filter((at) => at > 0).length).toBeGreaterThan(1);
    expect(client.current.name).toBe('reconnecting');
  });

  for (const code of ['RECONNECT_EXPIRED', 'RECONNECT_INVALID'] as const) {
    it(`that the server does not forgive (${code}) leads to a fresh connect by itself`, async () => {
      await play();
      server.socket.drop();
      await retry();
      const { socket } = server;
      socket.say(entryError(code, false));
      expect(socket.closed).toBe(true);
      expect(client.current).toEqual({ name: 'connecting', step: 'asking_for_a_seat' });
      await settle();
      expect(server.bodies(CONNECT).at(-1)).toEqual({ build: 'b1', characterId: 'c1' });
      server.socket.open();
      expect(server.socket.sent[0]).toMatchObject({ ticket: TICKET });
      await server.welcome();
      expect(client.current.name).toBe('active');
    });
  }

  it('that the server does not forgive, again and again, is each time a fresh connect at once', async () => {
    await play();
    for (const connects of [2, 3]) {
      server.socket.drop();
      await retry();
      server.socket.say(entryError('RECONNECT_EXPIRED', false), reconnectToken('late'));
      expect(client.current.name).toBe('connecting');
      await server.welcome();
      expect(server.bodies(CONNECT)).toHaveLength(connects);
      expect(client.current.name).toBe('active');
    }
  });

  it('that the server does not forgive, said by its close alone, does so too', async () => {
    await play();
    server.socket.drop();
    await retry();
    server.socket.drop(CLOSE_CODES.RECONNECT_INVALID.code);
    await server.welcome();
    expect(server.bodies(CONNECT)).toHaveLength(2);
    expect(client.current.name).toBe('active');
  });

  it('does not go round in circles when nothing opens', async () => {
    await play();
    server.socket.drop();
    await retry();
    server.socket.say(entryError('RECONNECT_INVALID', false));
    await settle();
    server.socket.open();
    server.socket.say(entryError('TICKET_INVALID', false));
    await settle();
    expect(client.current).toMatchObject({ name: 'unavailable', code: 'TICKET_INVALID' });
    expect(server.bodies(CONNECT)).toHaveLength(2);
    await server.clock.advance(800);
    expect(server.bodies(CONNECT)).toHaveLength(3);
  });

  it('in which somebody else has taken the seat may end in the queue', async () => {
    await play();
    server.socket.drop();
    await retry();
    server.answers.set(CONNECT, queued(4));
    server.socket.say(entryError('RECONNECT_EXPIRED', false));
    await settle();
    expect(client.current).toMatchObject({ name: 'queued', position: 4 });
  });

  it('is tried again when the server could not decide, with the same token', async () => {
    await play();
    server.socket.drop();
    await retry();
    server.socket.say(entryError('UNAVAILABLE', true, { retryAfterMs: 3000 }));
    expect(client.current).toMatchObject({ name: 'reconnecting', attempt: 2, retryAt: server.clock.now + 3000 });
    await retry(3000);
    expect(server.socket.sent[0]).toMatchObject({ reconnectToken: secret('seat1') });
  });

  it('is not waited for when one asks', async () => {
    await play();
    server.socket.drop();
    client.retryNow();
    expect(client.current).toMatchObject({ name: 'reconnecting', retryAt: undefined });
    await server.welcome();
    expect(server.sockets).toHaveLength(2);
    await server.clock.advance(5000);
    expect(server.sockets).toHaveLength(2);
  });

  it('ends at once for who leaves meanwhile, at the server too', async () => {
    await play();
    server.socket.drop();
    client.signOut();
    await settle();
    expect(server.bodies(LEAVE)).toEqual([{ characterId: 'c1' }]);
    expect(server.calls.at(-1)?.token).toBe('Bearer token-1');
    expect(client.current.name).toBe('idle');
    expect(server.kept.size).toBe(0);
  });
});

describe('a reload of the page', () => {
  it('goes on in the session with the kept token, and asks nothing over HTTP', async () => {
    await play();
    const calls = server.calls.length;
    client = server.client();
    client.start();
    await server.welcome(7);
    expect(server.socket.sent[0]).toMatchObject({ type: 'session.join', reconnectToken: secret('seat1') });
    expect(server.calls).toHaveLength(calls);
    expect(client.current.name).toBe('active');
    client.send({ type: 'intent.chat', text: 'back' });
    expect(server.socket.intents()).toMatchObject([{ actionId: 8 }]);
  });

  it('while the server is away comes back as from a drop', async () => {
    await play();
    client = server.client();
    client.start();
    await settle();
    server.socket.drop();
    expect(client.current).toMatchObject({ name: 'reconnecting', held: 'seat', graceEndsAt: server.clock.now + 60_000 });
  });

  it('after the grace begins afresh', async () => {
    await play();
    client = server.client();
    client.start();
    await settle();
    server.socket.open();
    server.socket.say(entryError('RECONNECT_EXPIRED', false));
    await server.welcome();
    expect(client.current.name).toBe('active');
  });

  it('with the page of another build says so, and keeps the pass for the new page', async () => {
    await play();
    client = server.client('b0');
    client.start();
    await settle();
    server.socket.open();
    server.socket.say({ type: 'event.version_mismatch', build: 'b1' });
    expect(client.current).toEqual({ name: 'update_required', serverBuild: 'b1' });
    client = server.client();
    client.start();
    await server.welcome();
    expect(client.current.name).toBe('active');
    expect(server.bodies(CONNECT)).toHaveLength(1);
  });

  it('by somebody else begins afresh', async () => {
    await play();
    client = server.client();
    client.start('Bo');
    await settle();
    expect(server.bodies(CONNECT)).toHaveLength(2);
  });
});

describe('a check of the connection', () => {
  it('lets a session be that the server still answers for', async () => {
    await play();
    await client.check();
    expect(client.current.name).toBe('active');
    server.answers.set('GET /api/version', httpError(503, 'UNAVAILABLE', true));
    await client.check();
    expect(client.current.name).toBe('active');
  });

  it('finds a network that is gone before the socket notices', async () => {
    await play();
    server.answers.set('GET /api/version', 'away');
    await client.check();
    expect(client.current).toMatchObject({ name: 'reconnecting', held: 'seat' });
    expect(server.socket.closed).toBe(true);
  });

  it('that answers late says nothing of the connection after', async () => {
    await play();
    server.answers.set('GET /api/version', 'away');
    const release = server.hold();
    const check = client.check();
    server.socket.drop();
    await release();
    await check;
    expect(client.current).toMatchObject({ name: 'reconnecting', attempt: 1 });
  });

  it('does nothing where there is nothing to check', async () => {
    await client.check();
    expect(server.calls).toEqual([]);
  });
});

describe('what everybody has to know', () => {
  it('stands beside the session while it lasts', async () => {
    await play();
    server.socket.say({ type: 'event.degraded', on: true });
    expect(client.current).toMatchObject({ name: 'active', notices: { degraded: true } });
    server.socket.say({ type: 'event.maintenance', on: true, endsInSeconds: 120, message: 'new lanterns' });
    const endsAt = server.clock.now + 120_000;
    expect(client.current).toMatchObject({ notices: { degraded: true, maintenance: { endsAt, message: 'new lanterns' } } });
    server.socket.say({ type: 'event.degraded', on: false }, { type: 'event.maintenance', on: false });
    expect(client.current).toMatchObject({ notices: { degraded: false, maintenance: undefined } });
  });

  it('may be said before the welcome, and is said anew on each connection', async () => {
    client.start('Ada');
    await settle();
    server.socket.open();
    server.socket.say({ type: 'event.degraded', on: true });
    await server.welcome();
    expect(client.current).toMatchObject({ name: 'active', notices: { degraded: true } });
    server.socket.drop();
    await retry();
    await server.welcome();
    expect(client.current).toMatchObject({ name: 'active', notices: { degraded: false } });
  });
});

describe('the end of a session', () => {
  it('by maintenance is tried again, from the beginning, with the words of the operator', async () => {
    await play();
    server.socket.say({ type: 'event.maintenance', on: true, endsInSeconds: 0, message: 'back at noon' });
    server.socket.drop(CLOSE_CODES.MAINTENANCE.code);
    expect(client.current).toMatchObject({ name: 'unavailable', code: 'MAINTENANCE', cause: 'back at noon', attempt: 1 });
    expect(server.pass()).toBeUndefined();
    server.answers.set(CONNECT, failed('MAINTENANCE', { retryAfterSeconds: 30, message: 'back at one' }));
    await server.clock.advance(400);
    expect(client.current).toMatchObject({ name: 'unavailable', cause: 'back at one', retryAt: server.clock.now + 30_000 });
  });

  for (const name of ['KICKED', 'CHARACTER_CHANGED'] as const) {
    it(`by ${name} is final`, async () => {
      await play();
      client.send({ type: 'intent.chat', text: 'but' });
      server.socket.drop(CLOSE_CODES[name].code);
      expect(client.current).toEqual({ name: 'failed', code: name, text: CLOSE_CODES[name].text });
      expect(server.pass()).toBeUndefined();
      await server.clock.advance(60_000);
      expect(server.sockets).toHaveLength(1);
      expect(server.bodies(LEAVE)).toEqual([]);
    });
  }

  it('that the player has asked for in another place ends here too', async () => {
    await play();
    server.socket.drop(CLOSE_CODES.LEFT.code);
    expect(client.current).toMatchObject({ name: 'idle', notice: expect.stringContaining('left') });
    await settle();
    expect(server.bodies(LEAVE)).toEqual([]);
  });

  it('for frames that could not be read is final here, and leaving it frees the seat', async () => {
    await play();
    server.socket.drop(CLOSE_CODES.BAD_FRAME.code);
    expect(client.current).toMatchObject({ name: 'failed', code: 'BAD_FRAME' });
    client.signOut();
    await settle();
    expect(server.bodies(LEAVE)).toEqual([{ characterId: 'c1' }]);
  });
});

describe('no way in', () => {
  const reasons = ['DRAINING', 'MAINTENANCE', 'QUEUE_FULL', 'ALREADY_IN_SESSION', 'DEPENDENCY_UNAVAILABLE', 'OVERLOADED'];
  for (const reason of [...reasons, 'TIMEOUT', 'INTERNAL']) {
    it(`because of ${reason} is tried again with back-off, not before the server asked`, async () => {
      server.answers.set(CONNECT, failed(reason, { retryAfterSeconds: 2 }));
      client.start('Ada');
      await settle();
      expect(client.current).toMatchObject({ name: 'unavailable', code: reason, attempt: 1, retryAt: 1000 + 2000 });
      server.answers.set(CONNECT, failed(reason));
      await server.clock.advance(2000);
      expect(client.current).toMatchObject({ code: reason, attempt: 2, retryAt: server.clock.now + 800 });
    });
  }

  it('because of too many attempts waits as long as the header says', async () => {
    server.answers.set(CONNECT, { ...httpError(429, 'RATE_LIMITED', true), headers: { 'Retry-After': '42' } });
    client.start('Ada');
    await settle();
    expect(client.current).toMatchObject({ name: 'unavailable', code: 'RATE_LIMITED', retryAt: 1000 + 42_000 });
    server.answers.set(CONNECT, httpError(429, 'RATE_LIMITED', true, 7000));
    await server.clock.advance(42_000);
    expect(client.current).toMatchObject({ retryAt: server.clock.now + 7000 });
  });

  it('because the decision took too long is tried again', async () => {
    server.answers.set(CONNECT, { status: 200, body: { outcome: 'timeout' } });
    client.start('Ada');
    await settle();
    expect(client.current).toMatchObject({ name: 'unavailable', code: 'TIMEOUT' });
  });

  for (const reason of ['NO_ACTIVE_CHARACTER', 'NOT_OWNER', 'SUSPENDED', 'INVALID_INSTANCE']) {
    it(`because of ${reason} is final`, async () => {
      server.answers.set(CONNECT, failed(reason));
      client.start('Ada');
      await settle();
      expect(client.current).toMatchObject({ name: 'failed', code: reason });
      await server.clock.advance(60_000);
      expect(server.bodies(CONNECT)).toHaveLength(1);
    });
  }

  it('a queued answer without its token is not one', async () => {
    server.answers.set(CONNECT, { status: 200, body: { outcome: 'queued', position: 1 } });
    client.start('Ada');
    await settle();
    expect(client.current).toMatchObject({ name: 'unavailable' });
  });

  it('a try that was given up does not disturb the next one', async () => {
    client = server.client('');
    client.start('Ada');
    client.signOut();
    client.start('Bo');
    await settle();
    expect(server.bodies('POST /dev/token')).toEqual([{ name: 'Bo' }]);
    expect(server.bodies(CONNECT)).toHaveLength(1);
    await server.welcome();
    expect(client.current.name).toBe('active');
  });

  it('a try that was given up and fails late does not disturb the next one either', async () => {
    const release = server.hold();
    client.start('Ada');
    await settle();
    client.signOut();
    client.start('Bo');
    await release();
    expect(client.current).toEqual({ name: 'connecting', step: 'entering' });
  });

  it('a seat that comes when nobody wants it any more is given back', async () => {
    client.start('Ada');
    while (server.bodies(CONNECT).length === 0) await Promise.resolve();
    client.signOut();
    await settle();
    expect(server.sockets).toHaveLength(0);
    expect(server.bodies(LEAVE)).toEqual([{ characterId: 'c1' }]);
    expect(server.kept.size).toBe(0);
  });
});
