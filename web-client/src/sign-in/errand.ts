import type { Keep } from '../core/identity';

const ERRAND_KEY = 'playhouse.errand';
const NAME_MAX = 32;

/** What the page has to remember while somebody is at the provider. */
export interface Errand {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** Where they were. */
  readonly back: string;
}

/** Somebody has come back, with this. */
export interface Return {
  readonly answer: URLSearchParams;
  readonly errand: Errand;
}

export function asked(keep: Keep, errand: Errand): void {
  keep.setItem(ERRAND_KEY, JSON.stringify(errand));
}

/** What the provider answers stands in the address; all else that stands there is the page's own. */
const ANSWERS = ['code', 'state', 'iss', 'session_state', 'error', 'error_description', 'error_uri'];

/**
 * What this address brings back, which is good once: the errand is forgotten. `clean` is the address to show instead;
 * undefined when there is nothing in it to hide. An answer that nobody has asked for is cleaned away and not used.
 */
export function takeReturn(address: URL, keep: Keep): { clean?: string; returned?: Return } {
  const answer = new URLSearchParams([...address.searchParams].filter(([name]) => ANSWERS.includes(name)));
  if (!answer.has('state') || !(answer.has('code') || answer.has('error'))) return {};
  const errand = read(keep);
  keep.removeItem(ERRAND_KEY);
  const clean = new URL(address);
  for (const name of ANSWERS) clean.searchParams.delete(name);
  if (errand === undefined) return { clean: clean.href };
  const back = new URL(errand.back, address);
  return { clean: back.origin === address.origin ? back.href : clean.href, returned: { answer, errand } };
}

/** What somebody is called who has no character yet. */
export function claimsName(claims: Readonly<Record<string, unknown>> | undefined): string {
  for (const claim of ['preferred_username', 'nickname', 'name', 'given_name']) {
    const value = claims?.[claim];
    const name = typeof value === 'string' ? [...value.trim()].slice(0, NAME_MAX).join('').trim() : '';
    if (name !== '') return name;
  }
  return 'Guest';
}

function read(keep: Keep): Errand | undefined {
  try {
    const { state, nonce, verifier, back } = JSON.parse(keep.getItem(ERRAND_KEY) ?? '{}') as Partial<Errand>;
    if ([state, nonce, verifier, back].some((part) => typeof part !== 'string')) return undefined;
    return { state, nonce, verifier, back } as Errand;
  } catch {
    return undefined;
  }
}
