/**
 * One request that several callers wait for. Each may give up by its own signal; when every one of them has, the request is
 * cancelled.
 */
import { onAbort } from "../core/abort.js";
import { Aborted, throwIfAborted } from "../core/errors.js";

export class SharedRequest<T> {
  readonly result: Promise<T>;
  readonly #what: string;
  readonly #controller = new AbortController();
  #waiting = 0;

  constructor(what: string, send: (signal: AbortSignal) => Promise<T>) {
    this.#what = what;
    // Not in place: whoever makes it can know it before it ends.
    this.result = Promise.resolve().then(() => send(this.#controller.signal));
    // Whoever waits hears of it; once all have given up, nobody does.
    this.result.catch(() => undefined);
  }

  /** Nobody may join it any more. */
  get isCancelled(): boolean {
    return this.#controller.signal.aborted;
  }

  /** @throws Aborted as soon as `signal` fires; what the request throws. */
  async wait(signal: AbortSignal | undefined): Promise<T> {
    throwIfAborted(signal, this.#what);
    this.#waiting++;
    try {
      return await unlessAborted(this.result, signal, this.#what);
    } catch (error) {
      if (this.#waiting === 1 && signal?.aborted) this.#controller.abort(signal.reason);
      throw error;
    } finally {
      this.#waiting--;
    }
  }
}

/** What `promise` gives; `Aborted` as soon as `signal` fires. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(new Aborted(`${what} was aborted`, { cause: signal.reason }));
    if (signal.aborted) abort();
    promise.then(resolve, reject).finally(onAbort(signal, abort));
  });
}
