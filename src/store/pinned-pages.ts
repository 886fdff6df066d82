/**
 * Pages of a volume in memory that another thread owns: found and read in place. What is found stays as it is until `unpin`,
 * so that is called as soon as may be, and nothing waits in between.
 */
import { ReaderCore, type ReaderExports } from "../probe/core.js";
import { PageViews } from "../segment/page-views.js";
import { NOT_RESIDENT } from "./resolver.js";
import type { SharedPlace } from "./volume-handle.js";

export class PinnedPages {
  readonly #exports: ReaderExports;
  readonly #mailbox: number;
  readonly #cell: number;
  readonly #pageSize: number;
  readonly #views: PageViews;
  readonly #offsets: Uint32Array;
  readonly #found: Uint32Array;

  constructor({ memory, mailbox, cell }: SharedPlace, pageSize: number) {
    const core = new ReaderCore(memory);
    const { exports } = core;
    const batch = exports.readerBatch();
    this.#exports = exports;
    this.#mailbox = mailbox;
    this.#cell = cell;
    this.#pageSize = pageSize;
    this.#views = new PageViews(core.memory);
    this.#offsets = new Uint32Array(memory.buffer, mailbox + exports.mailboxOffsetsAt(), batch);
    this.#found = new Uint32Array(memory.buffer, mailbox + exports.mailboxFoundAt(), batch);
  }

  /** The volume's newest LSN, 0 where there is none. */
  get latestLsn(): number {
    return this.#exports.readerNewestLsn(this.#mailbox, this.#cell);
  }

  /** An address, which leaves this reader pinned; or `ABSENT`, `NEEDS_LOAD` or `NOT_RESIDENT`. */
  find(offset: number, lsn: number): number {
    return this.#exports.readerResolve(this.#mailbox, this.#cell, offset, lsn) >>> 0;
  }

  /** The page at an address that was found. */
  page(address: number): Uint8Array {
    return this.#views.of(address, this.#pageSize);
  }

  unpin(): void {
    this.#exports.unpin(this.#mailbox);
  }

  /**
   * Finds a batch of the offsets from number `first` on, and calls `use` with the position of each in `offsets` and its page;
   * or `miss`, for what is not at hand. Returns the position of the first that is not in the batch.
   */
  useMany(
    offsets: ArrayLike<number>,
    first: number,
    lsn: number,
    use: (i: number, page: Uint8Array | undefined) => void,
    miss: (i: number) => void,
  ): number {
    const count = Math.min(offsets.length - first, this.#offsets.length);
    for (let i = 0; i < count; i++) this.#offsets[i] = offsets[first + i];
    this.#exports.readerResolveMany(this.#mailbox, this.#cell, count, lsn);
    try {
      for (let i = 0; i < count; i++) {
        const found = this.#found[i];
        if (found > NOT_RESIDENT) use(first + i, this.page(found));
        else if (found === 0) use(first + i, undefined);
        else miss(first + i);
      }
    } finally {
      this.unpin();
    }
    return first + count;
  }
}
