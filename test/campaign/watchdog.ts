/**
 * Ends the process when work stands still: a loop that never ends cannot be reported from its own thread, nor by the test
 * runner's timeout. A thread of its own looks at a counter that the work has to move.
 */
import { Worker } from "node:worker_threads";

const WATCH = `
  const { workerData: { beats, what, stallMs } } = require("node:worker_threads");
  let before = -1;
  setInterval(() => {
    const now = Atomics.load(beats, 0);
    if (now === before) {
      require("node:fs").writeSync(2, what + " stands still at beat " + now + ": ending the process\\n");
      process.kill(process.pid, "SIGKILL");
    }
    before = now;
  }, stallMs);
`;

export class Watchdog implements Disposable {
  readonly #beats = new Int32Array(new SharedArrayBuffer(4));
  readonly #worker: Worker;

  /** @param what Names the work, and how to run it again, in the last words. */
  constructor(what: string, stallMs: number) {
    this.#worker = new Worker(WATCH, { eval: true, workerData: { beats: this.#beats, what, stallMs } });
    this.#worker.unref();
  }

  /** Says that the work goes on. */
  beat(): void {
    Atomics.add(this.#beats, 0, 1);
  }

  [Symbol.dispose](): void {
    void this.#worker.terminate();
  }
}
