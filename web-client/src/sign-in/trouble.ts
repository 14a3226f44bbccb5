import * as oauth from 'oauth4webapi';
import { Refusal } from '../core/api';
import { SIGN_IN_NEEDED } from '../core/identity';

/** The code of a Refusal: what the provider has answered cannot be used. */
export const SIGN_IN_FAILED = 'SIGN_IN_FAILED';

/** What went wrong at the provider, as a refusal: is it away, does it want the person again, or is it no use at all? */
export function troubleOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof oauth.AuthorizationResponseError) return fromAnswer(error);
  if (error instanceof oauth.ResponseBodyError) {
    if (busy(error.status)) return away();
    const text = `the identity provider refuses (${error.error})`;
    return new Refusal(error.error === 'invalid_grant' ? SIGN_IN_NEEDED : SIGN_IN_FAILED, text, false);
  }
  if (error instanceof oauth.OperationProcessingError) {
    const { cause } = error;
    if (cause instanceof Response && busy(cause.status)) return away();
    return new Refusal(SIGN_IN_FAILED, 'the answer of the identity provider cannot be used', false);
  }
  if (error instanceof oauth.UnsupportedOperationError) {
    return new Refusal(SIGN_IN_FAILED, 'the identity provider asks for something this page cannot do', false);
  }
  // What fetch throws, or a time-out.
  return away();
}

function fromAnswer({ error }: oauth.AuthorizationResponseError): Refusal {
  if (error === 'access_denied') return new Refusal(SIGN_IN_FAILED, 'you did not sign in', false);
  const transient = error === 'temporarily_unavailable' || error === 'server_error';
  return new Refusal(SIGN_IN_FAILED, `the identity provider refuses (${error})`, transient);
}

const busy = (status: number): boolean => status >= 500 || status === 429;

function away(): Refusal {
  return new Refusal('UNREACHABLE', 'the identity provider does not answer', true);
}
