/**
 * Who may be reading shared memory on other threads. A reader has a mailbox in it (assembly/reader.ts) whose first word, its
 * pin, is odd while it reads, and raised at each beginning and end.
 *
 * What the owner takes out of the readers' way at some moment, nobody can find who begins to read later. So its memory may be
 * reused once every pin that was odd at that moment has changed: the moment has passed. Readers never wait for the owner, and
 * no clock, counter or lock is common to them.
 *
 * Both sides use atomic operations alone, which are sequentially consistent: the owner changes the word that leads to the
 * memory, then looks at the pins; a reader raises its pin, then follows that word. One of them sees what the other did.
 */

/** The readers that were reading at some moment, and still may be. */
export interface Moment {
  /** Of those readers: the indexes of their pins, and what the pins were. */
  pins: number[];
  values: number[];
  /** When it was, by `performance.now`. */
  readonly atMs: number;
}

/** A moment that has not passed after so long is not waited for any more: a reader is stuck, or its thread has died. */
const PATIENCE_MS = 1000;
/** Between two looks at a pin. */
const PAUSE_MS = 0.05;

export class Readers {
  /** The whole memory. */
  readonly #words: Int32Array;
  /** The indexes of the pins. */
  readonly #pins = new Set<number>();

  constructor(memory: ArrayBufferLike) {
    this.#words = new Int32Array(memory);
  }

  get count(): number {
    return this.#pins.size;
  }

  /** A reader may begin to use the mailbox at `address`. */
  add(address: number): void {
    Atomics.store(this.#words, address >>> 2, 0);
    this.#pins.add(address >>> 2);
  }

  /** The reader of a mailbox reads no more: it said so, or its thread has ended. */
  remove(address: number): void {
    this.#pins.delete(address >>> 2);
    // It may have ended in the middle of a read.
    Atomics.store(this.#words, address >>> 2, 0);
  }

  /** Now. */
  moment(): Moment {
    const moment: Moment = { pins: [], values: [], atMs: performance.now() };
    for (const pin of this.#pins) {
      const value = Atomics.load(this.#words, pin);
      if ((value & 1) === 0) continue;
      moment.pins.push(pin);
      moment.values.push(value);
    }
    return moment;
  }

  /** Whether every reader of that moment has gone on. */
  hasPassed(moment: Moment): boolean {
    for (let i = moment.pins.length - 1; i >= 0; i--) {
      if (Atomics.load(this.#words, moment.pins[i]) === moment.values[i]) return false;
      moment.pins.pop();
      moment.values.pop();
    }
    return true;
  }

  /** Waits until a moment has passed, for a second after it at most: false where it has not. */
  waitFor(moment: Moment): boolean {
    while (!this.hasPassed(moment)) {
      if (performance.now() - moment.atMs > PATIENCE_MS) return false;
      this.#pause(moment);
    }
    return true;
  }

  /** Lets the reader that is waited for have the processor. */
  #pause({ pins, values }: Moment): void {
    const last = pins.length - 1;
    try {
      Atomics.wait(this.#words, pins[last], values[last], PAUSE_MS);
    } catch {
      // The main thread of a browser must not sleep: look again at once.
    }
  }
}
