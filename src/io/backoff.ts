/**
 * How long to wait before a request is sent again: a random time below a limit that doubles with every failure ("full
 * jitter", M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015), so that many callers whose requests
 * failed together do not come back together.
 */
import { onAbort } from "../core/abort.js";
import { throwIfAborted, Unavailable } from "../core/errors.js";

export interface BackoffPolicy {
  /** Requests in all, the first included. */
  readonly attempts: number;
  /** The first wait is below this, each further one below twice the limit before it. */
  readonly baseMs: number;
  /** No wait is longer, unless the storage itself asked for longer. */
  readonly capMs: number;
}

export const DEFAULT_BACKOFF: BackoffPolicy = { attempts: 5, baseMs: 50, capMs: 2000 };

/** A storage that asks to be left alone for longer is not asked again: its error says how long, and the caller decides. */
const LONGEST_RETRY_AFTER_MS = 30_000;

/**
 * The wait after `attempt` requests have failed, the last with `error`; `undefined` where it is not to be sent again: an
 * error that does not pass, or one too many. Where the storage said how long to stay away, the random time comes on top.
 */
export function delayAfter(attempt: number, error: unknown, policy: BackoffPolicy): number | undefined {
  if (!(error instanceof Unavailable) || attempt >= policy.attempts) return undefined;
  const askedMs = error.retryAfterMs ?? 0;
  if (askedMs > LONGEST_RETRY_AFTER_MS) return undefined;
  return askedMs + Math.random() * Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
}

/** @throws Aborted as soon as the signal fires; `what` was aborted then. */
export async function sleep(delayMs: number, what: string, signal?: AbortSignal): Promise<void> {
  throwIfAborted(signal, what);
  await new Promise<void>((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      endWait();
      resolve();
    };
    const timer = setTimeout(wake, delayMs);
    const endWait = onAbort(signal, wake);
  });
  throwIfAborted(signal, what);
}
