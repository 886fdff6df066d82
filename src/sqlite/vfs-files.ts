/** The two kinds of file that SQL at an LSN opens: the snapshot's pages one behind the other, and memory. No I/O of its own. */
import { ReadOnly } from "../core/errors.js";

/** What SQL needs of a snapshot. */
export interface SyncPages {
  readonly pageSize: number;
  readonly pageCount: number;
  /** Fills `target`, which is one page long; false where the page is absent. */
  readPageIntoSync(offset: number, target: Uint8Array): boolean;
}

export interface OpenFile {
  readonly sizeBytes: number;
  /** Fills `target` from `position`; both ends lie inside the file. */
  read(target: Uint8Array, position: number): void;
  write(bytes: Uint8Array, position: number): void;
  truncate(sizeBytes: number): void;
}

/** The database file. SQLite reads whole pages, but the file header in pieces of its own before it knows the page size. */
export class SnapshotFile implements OpenFile {
  readonly sizeBytes: number;
  readonly #pages: SyncPages;
  readonly #scratch: Uint8Array;

  constructor(pages: SyncPages) {
    this.sizeBytes = pages.pageCount * pages.pageSize;
    this.#pages = pages;
    this.#scratch = new Uint8Array(pages.pageSize);
  }

  read(target: Uint8Array, position: number): void {
    const { pageSize } = this.#pages;
    for (let done = 0; done < target.length; ) {
      const offset = Math.floor((position + done) / pageSize);
      const inPage = (position + done) % pageSize;
      const length = Math.min(pageSize - inPage, target.length - done);
      const part = target.subarray(done, done + length);
      const whole = length === pageSize;
      if (!this.#pages.readPageIntoSync(offset, whole ? part : this.#scratch)) part.fill(0);
      else if (!whole) part.set(this.#scratch.subarray(inPage, inPage + length));
      done += length;
    }
  }

  write(): never {
    throw new ReadOnly("a snapshot cannot be written; restore it and write to the restored file");
  }

  truncate(): never {
    this.write();
  }
}

const BLOCK_BYTES = 65536;

/** A temporary file: blocks of memory that go with it, so that a large sort never copies what it has written. */
export class MemoryFile implements OpenFile {
  sizeBytes = 0;
  readonly #blocks: Uint8Array[] = [];

  read(target: Uint8Array, position: number): void {
    this.#eachBlock(position, target.length, (block, from, to, done) => target.set(block.subarray(from, to), done));
  }

  write(bytes: Uint8Array, position: number): void {
    this.#resize(Math.max(this.sizeBytes, position + bytes.length));
    this.#eachBlock(position, bytes.length, (block, from, to, done) =>
      block.set(bytes.subarray(done, done + to - from), from),
    );
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.sizeBytes) this.#resize(sizeBytes);
  }

  #resize(sizeBytes: number): void {
    const count = Math.ceil(sizeBytes / BLOCK_BYTES);
    while (this.#blocks.length < count) this.#blocks.push(new Uint8Array(BLOCK_BYTES));
    this.#blocks.length = count;
    // What is cut off must read as zeros if the file grows again.
    if (sizeBytes < this.sizeBytes) this.#blocks.at(-1)?.fill(0, sizeBytes - (count - 1) * BLOCK_BYTES);
    this.sizeBytes = sizeBytes;
  }

  #eachBlock(
    position: number,
    length: number,
    visit: (block: Uint8Array, from: number, to: number, done: number) => void,
  ): void {
    for (let done = 0; done < length; ) {
      const from = (position + done) % BLOCK_BYTES;
      const to = Math.min(BLOCK_BYTES, from + length - done);
      visit(this.#blocks[Math.floor((position + done) / BLOCK_BYTES)], from, to, done);
      done += to - from;
    }
  }
}
