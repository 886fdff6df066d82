/**
 * Which blocks came into a cache a moment ago. A scan reads a block piece by piece, or has it read ahead: that it is found
 * again does not yet mean that it is wanted again (the correlated references of E. O'Neil, P. O'Neil and G. Weikum, The LRU-K
 * Page Replacement Algorithm, SIGMOD 1993). A block is fresh for so many reads of the cache after it came.
 */
export class FreshBlocks<Name> {
  readonly #freshReads: number;
  /** The number of the last read before the block came; the oldest first. */
  readonly #since = new Map<Name, number>();
  #reads = 0;

  constructor(freshReads: number) {
    this.#freshReads = freshReads;
  }

  /** Counts a read of the cache. */
  count(): void {
    this.#reads++;
  }

  /** A block has come. */
  add(block: Name): void {
    this.#since.delete(block);
    this.#since.set(block, this.#reads);
    if (this.#since.size > this.#freshReads) this.#since.delete(this.#since.keys().next().value!);
  }

  has(block: Name): boolean {
    const since = this.#since.get(block);
    return since !== undefined && this.#reads - since < this.#freshReads;
  }
}
