import { readFileSync } from 'node:fs';
import { decode, encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import {
  DecodeError,
  closeCodeOf,
  decodeClientMessage,
  decodeConnectResult,
  decodeFrame,
  decodeHealth,
  decodeMessages,
  decodeServerMessage,
  ERRORS,
} from '@gen/messages';

interface Golden {
  readonly name: string;
  readonly message: string;
  readonly value: { readonly type?: string };
  readonly json: string;
  readonly msgpack: string;
}
interface Invalid {
  readonly message: string;
  readonly rule: string;
  readonly error: string;
  readonly field: string;
  readonly json?: string;
}

const load = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const golden = (load('../../schemas/vectors/golden.json') as { vectors: Golden[] }).vectors;
const invalid = (load('../build/gen/invalid_vectors.json') as { vectors: Invalid[] }).vectors;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const isClient = (message: string): boolean => /^(session\.|intent\.|queue\.watch$)/.test(message);
const isServer = (message: string): boolean => message.startsWith('event.');
const decoderOf = (message: string): ((value: unknown) => unknown) =>
  isClient(message) ? decodeClientMessage : decodeServerMessage;

/** What JSON.parse does not show to a decoder: which of two equal names it dropped, how a number was spelled, depth. */
const unseen = /: (twice|nested too deep|an integer with a fraction of zero|an exponent)$/;

function faultOf(decoder: (value: unknown) => unknown, text: string): string {
  try {
    decoder(JSON.parse(text));
  } catch (error) {
    if (error instanceof DecodeError) return `${error.fault} of '${error.field}'`;
    if (error instanceof SyntaxError) return "SYNTAX of ''";
    throw error;
  }
  return 'accepted';
}

describe('golden vectors', () => {
  for (const vector of golden.filter(({ message }) => isClient(message) || isServer(message))) {
    it(`${vector.name}: the same value in JSON and msgpack, and the same bytes`, () => {
      const decoder = decoderOf(vector.message);
      expect(decoder(JSON.parse(vector.json))).toEqual(vector.value);
      expect(decoder(decode(Buffer.from(vector.msgpack, 'hex')))).toEqual(vector.value);
      expect(JSON.stringify(vector.value)).toBe(vector.json);
      expect(hex(encode(vector.value))).toBe(vector.msgpack);
    });
  }
});

describe('invalid vectors', () => {
  const messages = new Set(invalid.map(({ message }) => message).filter((name) => isClient(name) || isServer(name)));
  for (const message of messages) {
    it(`${message}: each breach is refused by the name of its rule and field`, () => {
      const rows = invalid.filter((row) => row.message === message && row.json !== undefined && !unseen.test(row.rule));
      expect(rows.length).toBeGreaterThan(3);
      for (const row of rows) {
        const fault = faultOf(decoderOf(message), row.json ?? '');
        expect(`${row.rule}: ${fault}`).toBe(`${row.rule}: ${row.error} of '${row.field}'`);
      }
    });
  }
});

describe('frames', () => {
  const ack = { type: 'event.ack', actionId: 1, sequence: 2, roomVersion: 3 };

  it('are one message or an array of them', () => {
    expect(decodeFrame(JSON.stringify(ack))).toEqual([ack]);
    expect(decodeFrame(JSON.stringify([ack, ack]))).toEqual([ack, ack]);
    expect(decodeMessages([])).toEqual([]);
  });

  it('that are no JSON are refused', () => {
    expect(() => decodeFrame('{')).toThrow(new DecodeError('SYNTAX', ''));
  });

  it('do not carry what clients say back to them', () => {
    expect(() => decodeFrame('{"type":"session.leave"}')).toThrow(new DecodeError('UNKNOWN', 'type'));
  });

  it('cannot reach the prototype', () => {
    expect(() => decodeFrame('{"type":"constructor"}')).toThrow(new DecodeError('UNKNOWN', 'type'));
    expect(() => decodeFrame('{"type":"event.version_mismatch","build":"a","__proto__":{}}')).toThrow(DecodeError);
  });
});

describe('bodies of HTTP', () => {
  it('are checked by the same rules', () => {
    const health = { ready: true, degraded: false, build: 'dev', dependencies: [{ name: 'store', ok: true }] };
    expect(decodeHealth(health)).toEqual(health);
    expect(() => decodeHealth({ ...health, more: 1 })).toThrow(new DecodeError('UNKNOWN', ''));
    expect(() => decodeConnectResult({ outcome: 'perhaps' })).toThrow(new DecodeError('ENUM', 'outcome'));
  });
});

describe('tables', () => {
  it('say what a client may do', () => {
    expect(ERRORS.RATE_LIMITED).toMatchObject({ transient: true, http: 429 });
    expect(closeCodeOf(4005)).toBe('SLOW_CONSUMER');
    expect(closeCodeOf(1000)).toBeUndefined();
  });
});
