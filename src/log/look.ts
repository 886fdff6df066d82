/**
 * When a process last looked at what the newest manifest is. A record's absence or presence is only to be believed with a look
 * that is young against the time that a collector leaves between announcing a boundary and deleting (spec/log.md, "Collection").
 *
 * The age is the larger of two clocks' readings: the monotonic one stands still while a machine sleeps on some systems, and the
 * other may be set back.
 */

/** How long a collector waits, in milliseconds. A constant of the format. */
export const GRACE_MS = 60 * 60 * 1000;

export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export const NEVER: Instant = { monotonicMs: Number.NEGATIVE_INFINITY, wallMs: Number.NEGATIVE_INFINITY };

export const now = (): Instant => ({ monotonicMs: performance.now(), wallMs: Date.now() });

/** Whether a look that began then is too old to believe anything by. */
export function isOld(began: Instant): boolean {
  const age = Math.max(performance.now() - began.monotonicMs, Date.now() - began.wallMs);
  return age >= GRACE_MS / 2;
}
