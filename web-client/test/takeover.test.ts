import { beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../src/core/client';
import { CLOSE_CODES } from '../src/core/protocol';
import { CONNECT, FakeServer, LEAVE, admitted, entryError, failed, queued, secret, settle } from './fake-server';

let server: FakeServer;
let client: Client;
const elsewhere = failed('REPLACEMENT_REQUIRED', { replaceToken: secret('ask') });

beforeEach(() => {
  server = new FakeServer();
  client = server.client();
});

async function play(): Promise<void> {
  client.start('Ada');
  await server.welcome();
  expect(client.current.name).toBe('active');
}

/** At the question. */
async function ask(): Promise<void> {
  server.answers.set(CONNECT, elsewhere);
  client.start('Ada');
  await settle();
  expect(client.current).toEqual({ name: 'replacement', characterName: 'Ada', again: false });
}

describe('a character that plays elsewhere', () => {
  it('is a question, and nothing happens before it is answered', async () => {
    await ask();
    await server.clock.advance(600_000);
    expect(client.current.name).toBe('replacement');
    expect(server.bodies(CONNECT)).toHaveLength(1);
    expect(server.sockets).toHaveLength(0);
    client.retryNow();
    client.start();
    expect(client.current.name).toBe('replacement');
  });

  it('yes: the session is moved here with the token of the question', async () => {
    await ask();
    server.answers.set(CONNECT, admitted());
    client.takeOver();
    expect(client.current).toEqual({ name: 'connecting', step: 'asking_for_a_seat' });
    await server.welcome();
    expect(server.bodies(CONNECT)[1]).toEqual({ build: 'b1', characterId: 'c1', replaceToken: secret('ask') });
    expect(client.current.name).toBe('active');
    expect(server.bodies(LEAVE)).toEqual([]);
  });

  it('yes to a place in the queue: one waits here', async () => {
    await ask();
    server.answers.set(CONNECT, queued(2));
    client.takeOver();
    await server.watched(2);
    expect(client.current).toMatchObject({ name: 'queued', position: 2 });
  });

  it('no: only the question is taken back, and one is where one was', async () => {
    await ask();
    client.leaveItThere('nothing was changed');
    expect(client.current).toEqual({ name: 'idle', notice: 'nothing was changed' });
    await settle();
    expect(server.bodies(LEAVE)).toEqual([{ characterId: 'c1', replaceToken: secret('ask') }]);
    expect(server.sockets).toHaveLength(0);
    expect(server.kept.size).toBe(0);
  });

  it('no, to a server that is away, is no just the same', async () => {
    await ask();
    server.answers.set(LEAVE, 'away');
    client.leaveItThere('nothing was changed');
    await settle();
    expect(client.current.name).toBe('idle');
  });

  it('yes, too late, is asked again with another token', async () => {
    await ask();
    server.answers.set(CONNECT, failed('REPLACEMENT_REQUIRED', { replaceToken: secret('ask2') }));
    client.takeOver();
    await settle();
    expect(client.current).toEqual({ name: 'replacement', characterName: 'Ada', again: true });
    server.answers.set(CONNECT, admitted());
    client.takeOver();
    await server.welcome();
    expect(server.bodies(CONNECT)[2]).toMatchObject({ replaceToken: secret('ask2') });
  });

  it('yes, unheard, is not repeated: its token was good once', async () => {
    await ask();
    server.answers.set(CONNECT, 'away');
    client.takeOver();
    await settle();
    expect(client.current).toMatchObject({ name: 'unavailable', code: 'UNREACHABLE' });
    server.answers.set(CONNECT, elsewhere);
    await server.clock.advance(400);
    expect(server.bodies(CONNECT)[2]).toEqual({ build: 'b1', characterId: 'c1' });
    expect(client.current).toMatchObject({ name: 'replacement', again: false });
  });

  it('an answer twice is one answer', async () => {
    await ask();
    server.answers.set(CONNECT, admitted());
    client.takeOver();
    client.takeOver();
    client.leaveItThere('no');
    await server.welcome();
    expect(server.bodies(CONNECT)).toHaveLength(2);
    expect(server.bodies(LEAVE)).toEqual([]);
    expect(client.current.name).toBe('active');
  });

  it('is not asked of who has gone meanwhile, and the other session is left alone', async () => {
    server.answers.set(CONNECT, elsewhere);
    client.start('Ada');
    while (server.bodies(CONNECT).length === 0) await Promise.resolve();
    client.signOut();
    await settle();
    expect(client.current.name).toBe('idle');
    expect(server.bodies(LEAVE)).toEqual([{ characterId: 'c1', replaceToken: secret('ask') }]);
  });

  it('after a drop that was not forgiven, is the same question', async () => {
    await play();
    client.send({ type: 'intent.chat', text: 'numbered 1 here' });
    server.answers.set(CONNECT, elsewhere);
    server.socket.drop();
    await server.clock.advance(400);
    server.socket.open();
    server.socket.say(entryError('RECONNECT_INVALID', false));
    await settle();
    expect(client.current.name).toBe('replacement');
    server.answers.set(CONNECT, admitted());
    client.takeOver();
    await server.welcome(5);
    expect(server.socket.intents()).toEqual([]);
  });
});

describe('a session that is taken over', () => {
  for (const how of ['says so', 'is closed so', 'says so and is closed so'] as const) {
    it(`${how}: it is not fought for`, async () => {
      await play();
      const { socket } = server;
      if (how !== 'is closed so') socket.say({ type: 'event.session_replaced', message: 'taken over in Lisbon' });
      if (how !== 'says so') socket.drop(CLOSE_CODES.REPLACED.code);
      const text = how === 'is closed so' ? CLOSE_CODES.REPLACED.text : 'taken over in Lisbon';
      expect(client.current).toEqual({ name: 'replaced', text });
      expect(server.pass()).toBeUndefined();
      await server.clock.advance(600_000);
      expect(server.sockets).toHaveLength(1);
    });
  }

  it('is asked for again only when the person wants it back, and that asks the person first', async () => {
    await play();
    server.socket.say({ type: 'event.session_replaced', message: 'taken over' });
    server.answers.set(CONNECT, elsewhere);
    client.start();
    await settle();
    expect(server.bodies(CONNECT).at(-1)).toEqual({ build: 'b1', characterId: 'c1' });
    expect(client.current.name).toBe('replacement');
    server.answers.set(CONNECT, admitted());
    client.takeOver();
    await server.welcome();
    expect(client.current.name).toBe('active');
  });

  it('may have been a place in the queue', async () => {
    server.answers.set(CONNECT, queued(2));
    client.start('Ada');
    await server.watched(2);
    server.socket.drop(CLOSE_CODES.REPLACED.code);
    expect(client.current.name).toBe('replaced');
  });

  it('and left leaves the other one alone', async () => {
    await play();
    server.socket.drop(CLOSE_CODES.REPLACED.code);
    client.signOut();
    await settle();
    expect(server.bodies(LEAVE)).toEqual([]);
  });
});
