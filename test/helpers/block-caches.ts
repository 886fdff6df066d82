/** What tests of caches stand on: slabs in memory that can be damaged and fail, a cache of any size, a store that cannot read in place. */
import { type BlockCache, newCacheStats } from "../../src/io/block-cache.js";
import type { SlabFile } from "../../src/io/slab-file.js";
import type { SlabLayout } from "../../src/io/slab-layout.js";
import { StoreWrapper } from "../../src/io/store-wrapper.js";

export class MemorySlabFile implements SlabFile {
  bytes: Uint8Array;
  readonly #limit: number;
  /** Exchange them to fail, to count, to tear. */
  beforeRead: (at: number) => void = () => undefined;
  beforeWrite: (at: number, bytes: Uint8Array) => void = () => undefined;
  isClosed = false;

  constructor(layout: SlabLayout) {
    this.bytes = new Uint8Array(layout.sizeBytes);
    this.bytes.set(layout.header());
    this.#limit = layout.sizeBytes;
  }

  read(at: number, target: Uint8Array): number {
    this.#check(at, target.length);
    this.beforeRead(at);
    const piece = this.bytes.subarray(at, at + target.length);
    target.set(piece);
    return piece.length;
  }

  write(at: number, bytes: Uint8Array): void {
    this.#check(at, bytes.length);
    this.beforeWrite(at, bytes);
    this.bytes.set(bytes.subarray(0, Math.max(0, this.bytes.length - at)), at);
  }

  #check(at: number, length: number): void {
    if (this.isClosed || at < 0 || at + length > this.#limit) throw new Error(`slab: ${length} bytes at ${at}`);
  }

  close(): void {
    this.isClosed = true;
  }
}

/** Keeps everything, and fails when it is told to. */
export class MapCache implements BlockCache {
  readonly blockBytes: number;
  readonly stats = newCacheStats();
  readonly blocks = new Map<string, Uint8Array>();
  failReads = false;
  failWrites = false;
  /** Writes wait for it. */
  gate: Promise<void> | undefined;

  constructor(blockBytes: number) {
    this.blockBytes = blockBytes;
  }

  async read(key: string, block: number): Promise<Uint8Array | undefined> {
    if (this.failReads) throw new Error("injected: the cache cannot read");
    const found = this.blocks.get(`${block}/${key}`);
    if (found === undefined) this.stats.misses++;
    else this.stats.hits++;
    return found?.slice();
  }

  async write(key: string, block: number, bytes: Uint8Array): Promise<void> {
    await this.gate;
    if (this.failWrites) throw new Error("injected: the cache cannot write");
    this.blocks.set(`${block}/${key}`, new Uint8Array(bytes));
  }

  async close(): Promise<void> {}
}

/** Storage that is far away: nothing is read in place. */
export class RemoteStore extends StoreWrapper {
  override get sync(): undefined {
    return undefined;
  }
}
