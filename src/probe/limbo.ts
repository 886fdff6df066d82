/**
 * Memory that was given up while readers on other threads may still be reading it: kept until they cannot any more. What is
 * added must be out of the way of those who begin to read from now on.
 */
import type { Moment, Readers } from "./readers.js";

interface Batch {
  readonly moment: Moment;
  readonly addresses: readonly number[];
}

export class Limbo {
  readonly #readers: Readers;
  /** Added since the last batch was made. */
  #added: number[] = [];
  /** The oldest first. */
  readonly #batches: Batch[] = [];

  constructor(readers: Readers) {
    this.#readers = readers;
  }

  get isEmpty(): boolean {
    return this.#added.length === 0 && this.#batches.length === 0;
  }

  add(address: number): void {
    this.#added.push(address);
  }

  /** Takes out, batch by batch, what can be reused now. */
  take(reuse: (address: number) => void): void {
    this.#seal();
    for (let batch = this.#batches[0]; batch && this.#readers.hasPassed(batch.moment); batch = this.#batches[0]) {
      this.#batches.shift();
      for (const address of batch.addresses) reuse(address);
    }
  }

  /** Waits until the oldest batch, or all that is here, can be reused, and takes it out: false where the wait was in vain. */
  waitAndTake(all: boolean, reuse: (address: number) => void): boolean {
    this.#seal();
    const batch = all ? this.#batches.at(-1) : this.#batches[0];
    if (!batch) return true;
    const passed = this.#readers.waitFor(batch.moment);
    this.take(reuse);
    return passed;
  }

  #seal(): void {
    if (this.#added.length === 0) return;
    this.#batches.push({ moment: this.#readers.moment(), addresses: this.#added });
    this.#added = [];
  }
}
