// The one error contract, over HTTP and WebSocket: what each refusal has to look like.
import assert from "node:assert/strict";
import { CLOSE_CODES, ERRORS } from "../../../build/release/gen/messages.ts";
import type { Answer } from "./api.ts";
import type { Closed } from "./client.ts";
import type { HttpError, Refusal } from "./protocol.ts";

type CloseName = keyof typeof CLOSE_CODES;

/** An error says code, words, whether trying again may help, and where to look in the log; and nothing else. */
export function expectError(error: HttpError | Refusal): void {
  const known = ERRORS[error.code] ?? assert.fail(`${error.code} is in the schema`);
  assert.equal(error.transient, known.transient, error.code);
  assert.ok(error.message.length > 0, "it says something for people");
  assert.match(error.traceId, /^[0-9a-f]{32}$/);
  const { code: _, message: _m, transient: _t, traceId: _i, retryAfterMs: _r, ...rest } = error;
  assert.deepEqual(Object.keys(rest).filter((name) => name !== "type" && name !== "actionId"), [], "and nothing else");
}

/** The error of an answer that is one. */
export function errorOf({ status, body, text }: Answer): HttpError {
  const error = (body ?? assert.fail(text)) as HttpError;
  expectError(error);
  assert.equal(status, ERRORS[error.code].http, `the status of ${error.code}`);
  return error;
}

/** LEFT, KICKED and so on. */
export function closeName({ code }: Closed): CloseName | undefined {
  return (Object.keys(CLOSE_CODES) as CloseName[]).find((name) => CLOSE_CODES[name].code === code);
}
