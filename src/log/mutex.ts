import { unlessAborted } from "../io/shared-request.js";

/** Runs tasks one after another, in the order in which they were given. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  /** @throws Aborted where the signal fires before it is the task's turn: then the task is not run. */
  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#last;
    const result = unlessAborted(before, signal, "waiting for another call").then(task);
    // Also where this one gave up waiting: who comes after it waits for those before it.
    this.#last = Promise.allSettled([before, result]).then(() => undefined);
    return result;
  }
}
