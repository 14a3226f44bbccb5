import { beforeEach, describe, expect, it } from 'vitest';
import { WELCOME_TIMEOUT_MS } from '../src/core/client';
import { NEWS_MS, QUIET_MS } from '../src/core/doubt';
import type { Client } from '../src/core/client';
import { POLLS_PER_SOCKET, POLL_MS } from '../src/core/place';
import { CLOSE_CODES } from '../src/core/protocol';
import {
  CONNECT,
  FakeServer,
  LEAVE,
  STATUS,
  TICKET,
  admitted,
  entryError,
  httpError,
  place,
  queued,
  reconnectToken,
  secret,
  settle,
  standing,
} from './fake-server';

let server: FakeServer;
let client: Client;

beforeEach(() => {
  server = new FakeServer();
  server.answers.set(CONNECT, queued(3, { etaSeconds: 90 }));
  client = server.client();
});

/** In the queue, with a socket that tells of it. */
async function wait(position = 3, depth = 4): Promise<void> {
  client.start('Ada');
  await server.watched(position, depth);
  expect(client.current).toMatchObject({ name: 'queued', position, depth, pushed: true });
}

/** In the queue, where no socket can be opened. */
async function waitWithoutSocket(): Promise<void> {
  client.start('Ada');
  await settle();
  server.socket.drop();
  expect(client.current).toMatchObject({ name: 'queued', pushed: false });
}

const asked = (): number => server.bodies(STATUS).length;
const admission = (name = 'offer'): object => ({ type: 'event.admitted', ticket: secret(name), seconds: 30 });

describe('the queue, told by push', () => {
  it('is where a connect that was queued waits, from the first answer on', async () => {
    client.start('Ada');
    await settle();
    expect(client.current).toMatchObject({ name: 'queued', position: 3, etaSeconds: 90 });
    expect(client.current).not.toMatchObject({ depth: expect.anything() });
    server.socket.open();
    expect(server.socket.sent).toEqual([
      { type: 'queue.watch', queueToken: secret('place'), instance: 'plaza', build: 'b1' },
    ]);
  });

  it('moves up as the server says, and has no estimate where the server has none', async () => {
    await wait();
    server.socket.say(place(2, 5, { etaSeconds: 40 }));
    expect(client.current).toMatchObject({ position: 2, depth: 5, etaSeconds: 40 });
    server.socket.say(place(1, 4));
    expect(client.current).toMatchObject({ position: 1, depth: 4, etaSeconds: undefined });
    expect(asked()).toBe(0);
  });

  it('ends in the room: the ticket of the offer is shown on the same connection', async () => {
    await wait();
    server.socket.say(admission());
    expect(client.current).toEqual({ name: 'connecting', step: 'entering' });
    const join = { type: 'session.join', ticket: secret('offer'), instance: 'plaza', build: 'b1' };
    expect(server.socket.sent.at(-1)).toEqual(join);
    expect(server.pass()).toMatchObject({ kind: 'ticket', secret: secret('offer') });
    await server.welcome();
    expect(server.sockets).toHaveLength(1);
    expect(client.current.name).toBe('active');
    expect(server.pass()).toMatchObject({ kind: 'seat', secret: secret('seat1') });
    await server.clock.advance(10 * QUIET_MS);
    expect(client.current.name).toBe('active');
  });

  it('does not wait for ever for the room after an offer, and keeps its ticket for the next try', async () => {
    await wait();
    server.socket.say(admission());
    await server.clock.advance(WELCOME_TIMEOUT_MS);
    expect(client.current).toMatchObject({ name: 'reconnecting', held: 'seat', cause: 'the room does not answer' });
    await server.clock.advance(400);
    server.socket.open();
    expect(server.socket.sent[0]).toMatchObject({ type: 'session.join', ticket: secret('offer') });
  });

  it('gives the offered seat up over HTTP when one leaves before the room has answered', async () => {
    await wait();
    server.socket.say(admission());
    client.signOut();
    await settle();
    expect(server.socket.sent.at(-1)).toMatchObject({ type: 'session.join' });
    expect(server.bodies(LEAVE)).toEqual([{ characterId: 'c1' }]);
  });

  it('gives the place up when one leaves, on the socket', async () => {
    await wait();
    const { socket } = server;
    client.signOut();
    expect(socket.sent.at(-1)).toEqual({ type: 'session.leave' });
    expect(socket.closed).toBe(true);
    expect(client.current.name).toBe('idle');
    expect(server.kept.size).toBe(0);
    await settle();
    expect(server.bodies(LEAVE)).toEqual([]);
  });

  it('tells of an offer that was not taken, and queues again when asked to', async () => {
    await wait();
    server.socket.drop(CLOSE_CODES.OFFER_EXPIRED.code);
    expect(client.current).toMatchObject({ name: 'failed', code: 'OFFER_EXPIRED' });
    expect(server.pass()).toBeUndefined();
    await server.clock.advance(60_000);
    expect(server.sockets).toHaveLength(1);
    client.start();
    await settle();
    expect(client.current.name).toBe('queued');
    expect(server.paths().filter((path) => path === 'POST /dev/token')).toHaveLength(1);
  });

  it('hears what everybody has to know', async () => {
    await wait();
    server.socket.say({ type: 'event.degraded', on: true });
    expect(client.current).toMatchObject({ name: 'queued', notices: { degraded: true } });
    server.socket.say(place(2));
    expect(client.current).toMatchObject({ position: 2, notices: { degraded: true } });
    server.socket.say({ type: 'event.degraded', on: false });
    expect(client.current).toMatchObject({ notices: { degraded: false } });
  });

  it('that says nothing is given up', async () => {
    client.start('Ada');
    await settle();
    server.socket.open();
    server.socket.say(reconnectToken('place2'));
    await server.clock.advance(WELCOME_TIMEOUT_MS);
    expect(client.current).toMatchObject({ name: 'reconnecting', held: 'place', cause: 'the queue does not answer' });
  });
});

describe('a quiet queue', () => {
  it('is asked over HTTP whether it is still there, and believed', async () => {
    server.answers.set(STATUS, standing(3));
    await wait();
    await server.clock.advance(QUIET_MS - 1);
    expect(asked()).toBe(0);
    await server.clock.advance(1);
    expect(asked()).toBe(1);
    await server.clock.advance(QUIET_MS);
    expect(asked()).toBe(2);
    expect(client.current).toMatchObject({ name: 'queued', pushed: true });
    expect(server.sockets).toHaveLength(1);
  });

  it('is also believed when the server is only busy', async () => {
    server.answers.set(STATUS, httpError(503, 'UNAVAILABLE', true));
    await wait();
    await server.clock.advance(2 * QUIET_MS);
    expect(asked()).toBe(2);
    expect(client.current.name).toBe('queued');
  });

  it('whose server is away is a lost connection', async () => {
    await wait();
    await server.clock.advance(QUIET_MS);
    expect(client.current).toMatchObject({ name: 'reconnecting', held: 'place', cause: 'the connection was lost' });
  });

  it('that should have told of a seat is watched anew', async () => {
    server.answers.set(STATUS, standing(0));
    await wait();
    await server.clock.advance(QUIET_MS + NEWS_MS - 1);
    expect(client.current.name).toBe('queued');
    await server.clock.advance(1 + 400);
    server.socket.open();
    expect(server.sockets).toHaveLength(2);
    expect(server.socket.sent[0]).toMatchObject({ type: 'queue.watch', queueToken: secret('place2') });
  });

  it('in which the place is gone leads to another one', async () => {
    server.answers.set(STATUS, httpError(404, 'NOT_FOUND', false));
    await wait();
    await server.clock.advance(QUIET_MS);
    expect(server.bodies(CONNECT)).toEqual([
      { build: 'b1', characterId: 'c1' },
      { build: 'b1', characterId: 'c1' },
    ]);
    expect(client.current.name).toBe('queued');
  });
});

describe('the queue without a socket', () => {
  it('is asked for the place every five seconds', async () => {
    server.answers.set(STATUS, standing(2, 6));
    await waitWithoutSocket();
    await server.clock.advance(POLL_MS - 1);
    expect(asked()).toBe(0);
    await server.clock.advance(1);
    expect(asked()).toBe(1);
    expect(client.current).toMatchObject({ name: 'queued', position: 2, depth: 6, pushed: false });
    server.answers.set(STATUS, standing(1, 5));
    await server.clock.advance(POLL_MS);
    expect(asked()).toBe(2);
    expect(client.current).toMatchObject({ position: 1, depth: 5 });
  });

  it('counts a socket that does not open in time as one that cannot be opened', async () => {
    client.start('Ada');
    await settle();
    await server.clock.advance(WELCOME_TIMEOUT_MS);
    expect(client.current).toMatchObject({ name: 'queued', pushed: false });
    expect(server.socket.closed).toBe(true);
  });

  it('tries a socket again now and then, and goes on by push when it opens', async () => {
    server.answers.set(STATUS, standing(2));
    await waitWithoutSocket();
    await server.clock.advance(POLLS_PER_SOCKET * POLL_MS);
    expect(server.sockets).toHaveLength(2);
    server.socket.drop();
    await server.clock.advance(POLLS_PER_SOCKET * POLL_MS);
    expect(asked()).toBe(2 * POLLS_PER_SOCKET);
    expect(server.sockets).toHaveLength(3);
    await server.watched(1);
    expect(client.current).toMatchObject({ name: 'queued', position: 1, pushed: true });
    await server.clock.advance(3 * POLL_MS);
    expect(asked()).toBe(2 * POLLS_PER_SOCKET);
  });

  it('at position 0 has a seat, which the token of the place takes over HTTP', async () => {
    server.answers.set(STATUS, standing(0, 3));
    server.answers.set(CONNECT, queued(1));
    await waitWithoutSocket();
    server.answers.set(CONNECT, admitted());
    await server.clock.advance(POLL_MS);
    expect(server.bodies(CONNECT).at(-1)).toEqual({ build: 'b1', characterId: 'c1', reconnectToken: secret('place') });
    await server.welcome();
    expect(server.socket.sent[0]).toMatchObject({ type: 'session.join', ticket: TICKET });
    expect(client.current.name).toBe('active');
  });

  it('goes on asking while the server is busy', async () => {
    server.answers.set(STATUS, httpError(503, 'UNAVAILABLE', true));
    await waitWithoutSocket();
    await server.clock.advance(4 * POLL_MS);
    expect(asked()).toBe(4);
    expect(client.current.name).toBe('queued');
  });

  it('whose server is away comes back with back-off, in its place', async () => {
    await waitWithoutSocket();
    await server.clock.advance(POLL_MS);
    expect(client.current).toMatchObject({ name: 'reconnecting', held: 'place', attempt: 1 });
    await server.clock.advance(400);
    server.socket.drop();
    await settle();
    expect(client.current).toMatchObject({ name: 'reconnecting', held: 'place', attempt: 2 });
    server.answers.set(STATUS, standing(2));
    await server.clock.advance(800);
    server.socket.drop();
    await settle();
    expect(client.current).toMatchObject({ name: 'queued', position: 2, pushed: false });
  });

  it('takes a new place when the old one is gone', async () => {
    server.answers.set(STATUS, httpError(404, 'NOT_FOUND', false));
    await waitWithoutSocket();
    server.answers.set(CONNECT, queued(9));
    await server.clock.advance(POLL_MS);
    expect(client.current).toMatchObject({ name: 'queued', position: 9 });
    expect(server.bodies(CONNECT).at(-1)).toEqual({ build: 'b1', characterId: 'c1' });
  });

  it('gives the place up over HTTP when one leaves', async () => {
    server.answers.set(STATUS, standing(2));
    await waitWithoutSocket();
    await server.clock.advance(POLL_MS);
    client.signOut();
    await settle();
    expect(server.bodies(LEAVE)).toEqual([{ characterId: 'c1' }]);
    expect(client.current.name).toBe('idle');
    await server.clock.advance(10 * POLL_MS);
    expect(asked()).toBe(1);
  });

  it('is not asked for any more by who has left it, also when an answer is still on its way', async () => {
    server.answers.set(STATUS, standing(2));
    await waitWithoutSocket();
    client.signOut();
    server.answers.set(CONNECT, admitted());
    client.start('Bo');
    await server.welcome();
    await server.clock.advance(10 * POLL_MS);
    expect(asked()).toBe(0);
  });

  const late = { 'a place': standing(1), 'a seat': standing(0), nothing: httpError(404, 'NOT_FOUND', false) };
  for (const [what, answer] of Object.entries(late)) {
    it(`that says late, to who has begun anew, that there is ${what}, is not heard`, async () => {
      await waitWithoutSocket();
      const release = server.hold();
      server.answers.set(STATUS, answer);
      await server.clock.advance(POLL_MS);
      expect(asked()).toBe(1);
      client.signOut();
      client.start('Bo');
      await release();
      expect(server.bodies(CONNECT)).toHaveLength(2);
      expect(client.current).toMatchObject({ name: 'queued', position: 3, pushed: true });
    });
  }

  it('renews an access token that is not taken any more, once', async () => {
    server.answers.set(STATUS, httpError(401, 'UNAUTHENTICATED', false));
    await waitWithoutSocket();
    await server.clock.advance(POLL_MS);
    expect(server.paths().filter((path) => path === 'POST /dev/token')).toHaveLength(2);
    expect(client.current).toMatchObject({ name: 'failed', code: 'UNAUTHENTICATED' });
  });
});

describe('a drop in the queue', () => {
  it('comes back to the place with its newest token', async () => {
    await wait();
    server.socket.drop();
    expect(client.current).toEqual({
      name: 'reconnecting',
      held: 'place',
      attempt: 1,
      cause: 'the connection was lost',
      retryAt: server.clock.now + 400,
      graceEndsAt: server.clock.now + 60_000,
    });
    await server.clock.advance(400);
    await server.watched(2);
    expect(server.socket.sent[0]).toMatchObject({ type: 'queue.watch', queueToken: secret('place2') });
    expect(client.current).toMatchObject({ name: 'queued', position: 2, pushed: true });
  });

  it('finds the seat that was offered meanwhile', async () => {
    await wait();
    server.socket.drop();
    await server.clock.advance(400);
    server.socket.open();
    server.socket.say(reconnectToken('place3'), admission());
    expect(server.socket.sent.at(-1)).toMatchObject({ type: 'session.join', ticket: secret('offer') });
    await server.welcome();
    expect(client.current.name).toBe('active');
  });

  it('that lasted too long leads to a fresh connect by itself', async () => {
    await wait();
    server.socket.drop();
    await server.clock.advance(400);
    server.socket.open();
    server.answers.set(CONNECT, queued(8));
    server.socket.say(entryError('RECONNECT_EXPIRED', false));
    await settle();
    expect(client.current).toMatchObject({ name: 'queued', position: 8 });
    expect(server.bodies(CONNECT).at(-1)).toEqual({ build: 'b1', characterId: 'c1' });
  });

  it('may be left before it is over', async () => {
    await wait();
    server.socket.drop();
    client.signOut();
    await settle();
    expect(server.bodies(LEAVE)).toEqual([{ characterId: 'c1' }]);
    await server.clock.advance(60_000);
    expect(server.sockets).toHaveLength(1);
  });

  it('by a reload goes on where it was', async () => {
    await wait();
    const calls = server.calls.length;
    client = server.client();
    client.start();
    expect(client.current).toEqual({ name: 'connecting', step: 'resuming' });
    await server.watched(1);
    expect(server.calls).toHaveLength(calls);
    expect(server.socket.sent[0]).toMatchObject({ type: 'queue.watch', queueToken: secret('place2') });
    expect(client.current).toMatchObject({ name: 'queued', position: 1 });
  });

  it('by a reload where no socket can be opened is asked for at once', async () => {
    await wait();
    server.answers.set(STATUS, standing(2));
    client = server.client();
    client.start();
    await settle();
    server.socket.drop();
    await settle();
    expect(client.current).toMatchObject({ name: 'queued', position: 2, pushed: false });
  });
});

describe('a session that has no seat yet', () => {
  it('is watched on the same connection instead', async () => {
    await wait();
    server.kept.set('playhouse.pass', JSON.stringify({ ...server.pass(), kind: 'seat' }));
    client = server.client();
    client.start();
    await settle();
    server.socket.open();
    expect(server.socket.sent[0]).toMatchObject({ type: 'session.join', reconnectToken: secret('place2') });
    server.socket.say(entryError('STILL_WAITING', true));
    expect(server.socket.sent[1]).toMatchObject({ type: 'queue.watch', queueToken: secret('place2') });
    server.socket.say(reconnectToken('place3'), place(2));
    expect(client.current).toMatchObject({ name: 'queued', position: 2 });
    expect(server.pass()).toMatchObject({ kind: 'place', secret: secret('place3') });
  });
});
