/**
 * Waiting for a signal to fire. A signal may be given to thousands of calls at once, and Node warns of a leak from the eleventh
 * listener on: so a signal has one of ours, for all who wait.
 */

interface Waiters {
  readonly wakes: Set<() => void>;
  readonly listener: () => void;
}

const waiters = new WeakMap<AbortSignal, Waiters>();

/**
 * Calls `wake` once the signal fires: not where it has fired before, so look at it first.
 *
 * @param wake Does not throw. Another function for each call.
 * @returns What ends the wait.
 */
export function onAbort(signal: AbortSignal | undefined, wake: () => void): () => void {
  if (signal === undefined) return () => {};
  const { wakes, listener } = waiters.get(signal) ?? listen(signal);
  wakes.add(wake);
  return () => {
    wakes.delete(wake);
    if (wakes.size === 0 && waiters.get(signal)?.wakes === wakes) forget(signal, listener);
  };
}

function listen(signal: AbortSignal): Waiters {
  const wakes = new Set<() => void>();
  const listener = () => {
    forget(signal, listener);
    for (const wake of wakes) wake();
  };
  signal.addEventListener("abort", listener);
  waiters.set(signal, { wakes, listener });
  return { wakes, listener };
}

function forget(signal: AbortSignal, listener: () => void): void {
  signal.removeEventListener("abort", listener);
  waiters.delete(signal);
}
