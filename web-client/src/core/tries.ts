import { backoffDelay, withinGrace } from './backoff';
import type { Surroundings } from './parts';
import type { Pass } from './pass';

/** How often it has failed since all was well, and from that when the next try is. */
export class Tries {
  /** Passes that were refused since one was good: the first is replaced at once, more with back-off. */
  passesRefused = 0;
  private failures = 0;
  private endsAt: number | undefined;

  constructor(private readonly around: Surroundings) {}

  /** Until when what is held is held, as far as can be told. */
  get graceEndsAt(): number | undefined {
    return this.endsAt;
  }

  /** One more has failed; answers in how many ms the next is. The grace runs from the first failure with this pass. */
  failed(pass: Pass | undefined, floorMs: number): number {
    const now = this.around.now();
    if (pass?.graceSeconds !== undefined) this.endsAt ??= now + pass.graceSeconds * 1000;
    this.failures += 1;
    const jittered = backoffDelay(this.failures, this.around.random(), floorMs);
    return withinGrace(jittered, (this.endsAt ?? 0) - now, floorMs);
  }

  /** Another pass, or none: another grace. */
  passChanged(): void {
    this.endsAt = undefined;
  }

  /** All is well again. */
  begin(): void {
    this.failures = 0;
    this.passesRefused = 0;
    this.endsAt = undefined;
  }
}
