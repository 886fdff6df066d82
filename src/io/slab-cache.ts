/**
 * A block cache in one file of fixed size (the bytes: slab-layout.ts), which several processes may share without a lock. All
 * of them read and write it as they please: a slot that is being replaced, was torn by a crash, or was damaged on disk does
 * not fit the checksum in its entry, and is a miss. The checksum covers whose block it is as well: it begins with bits of the
 * key's SHA-256 that the entry does not hold.
 *
 * It stands against accidents. Whoever may write the file can put any bytes there with a checksum that fits: what must
 * withstand that is checked above, by the sums in segments and records.
 *
 * A failure of the disk never fails a call. The cache rests for a minute: after a failed write it drops writes, after a failed
 * read it finds nothing either.
 */
import { murmur3, type Seed128 } from "../core/murmur3.js";
import { sha256 } from "../core/sha256.js";
import { type BlockCache, newCacheStats } from "./block-cache.js";
import { FreshBlocks } from "./fresh-blocks.js";
import type { SlabFile } from "./slab-file.js";
import type { SlabLayout } from "./slab-layout.js";
import { type BlockIdentity, type SetChange, SlabSet } from "./slab-set.js";

const REST_MS = 60_000;
/** Hashes of keys that are kept: a key is asked for many times in a row. */
const KEPT_KEYS = 512;
/** See fresh-blocks.ts: 64 blocks read ahead, page by page. In a small slab a quarter of it. */
const FRESH_READS = 256;

/** Where and under what name a block may be found. */
interface Place {
  readonly identity: BlockIdentity;
  readonly set: number;
  readonly seed: Seed128;
}

export class SlabCache implements BlockCache {
  readonly stats = newCacheStats();
  readonly #file: SlabFile;
  readonly #layout: SlabLayout;
  /** SHA-256 of keys, the oldest first. */
  readonly #keys = new Map<string, Uint32Array>();
  /** Slots that this cache has filled a moment ago. */
  readonly #fresh: FreshBlocks<number>;
  /** One write after another: two that chose the same way would spoil each other. */
  #writing: Promise<void> = Promise.resolve();
  #noReadsBeforeMs = 0;
  #noWritesBeforeMs = 0;
  #isClosed = false;

  /** @param file of exactly this layout. The cache closes it. */
  constructor(file: SlabFile, layout: SlabLayout) {
    this.#file = file;
    this.#layout = layout;
    this.#fresh = new FreshBlocks(Math.min(FRESH_READS, layout.slotCount / 4));
  }

  get blockBytes(): number {
    return this.#layout.blockBytes;
  }

  async read(key: string, block: number): Promise<Uint8Array | undefined> {
    this.#fresh.count();
    const bytes = this.#isClosed || Date.now() < this.#noReadsBeforeMs ? undefined : await this.#find(key, block);
    if (bytes === undefined) this.stats.misses++;
    else this.stats.hits++;
    return bytes;
  }

  async #find(key: string, block: number): Promise<Uint8Array | undefined> {
    try {
      const place = this.#placeOf(key, block);
      const set = await this.#readSet(place.set);
      const way = set.find(place.identity);
      if (way === -1) return undefined;
      const bytes = await this.#readSlot(place, set, way);
      if (bytes === undefined) await this.#discard(place, set, way);
      // Nobody waits for that: at worst it is lost, or noted of a block that has just taken the place.
      else if (!this.#fresh.has(this.#layout.slotAt(place.set, way))) void this.#apply(place.set, set.touch(way));
      return bytes;
    } catch {
      this.#restFrom("reads");
      return undefined;
    }
  }

  /** The content of a slot, where it is what the entry says. */
  async #readSlot(place: Place, set: SlabSet, way: number): Promise<Uint8Array | undefined> {
    const length = set.lengthOf(way);
    if (length > this.blockBytes) return undefined;
    const bytes = new Uint8Array(length);
    const count = await this.#file.read(this.#layout.slotAt(place.set, way), bytes);
    this.stats.bytesRead += count;
    return count === length && set.hasSum(way, length, sumOf(place, bytes)) ? bytes : undefined;
  }

  /** Clears an entry whose slot holds something else, so that the block can be written again. */
  async #discard(place: Place, seen: SlabSet, way: number): Promise<void> {
    const set = await this.#readSet(place.set);
    const before = seen.entry(way);
    // Another process may have replaced both since the entry was read: that was no damage, and its block is good.
    if (!set.entry(way).every((word, i) => word === before[i])) return;
    this.stats.damaged++;
    await this.#apply(place.set, [set.clear(way)]);
  }

  async write(key: string, block: number, bytes: Uint8Array): Promise<void> {
    if (this.#isClosed || bytes.length > this.blockBytes) return;
    this.#writing = this.#writing.then(() => this.#write(key, block, bytes));
    await this.#writing;
  }

  async #write(key: string, block: number, bytes: Uint8Array): Promise<void> {
    if (Date.now() < this.#noWritesBeforeMs) return;
    try {
      const place = this.#placeOf(key, block);
      const sum = sumOf(place, bytes);
      const set = await this.#readSet(place.set);
      const found = set.find(place.identity);
      if (found !== -1 && set.hasSum(found, bytes.length, sum)) return;
      const way = found === -1 ? set.victim(place.identity) : found;
      const slot = this.#layout.slotAt(place.set, way);
      if (found === -1 && !set.isEmpty(way)) this.stats.evictions++;
      await this.#file.write(slot, bytes);
      this.stats.bytesWritten += bytes.length;
      await this.#apply(place.set, [set.fill(way, place.identity, bytes.length, sum)]);
      this.#fresh.add(slot);
    } catch {
      this.#restFrom("writes");
    }
  }

  async #readSet(number: number): Promise<SlabSet> {
    const set = new SlabSet();
    this.stats.bytesRead += await this.#file.read(this.#layout.setAt(number), set.bytes);
    return set;
  }

  /** Writes what has changed in a set. What was read before is right all the same where that fails. */
  async #apply(number: number, changes: readonly SetChange[]): Promise<void> {
    if (Date.now() < this.#noWritesBeforeMs) return;
    try {
      for (const { at, bytes } of changes) {
        await this.#file.write(this.#layout.setAt(number) + at, bytes);
        this.stats.bytesWritten += bytes.length;
      }
    } catch {
      this.#restFrom("writes");
    }
  }

  #restFrom(what: "reads" | "writes"): void {
    if (this.#isClosed) return;
    this.stats.failures++;
    this.#noWritesBeforeMs = Date.now() + REST_MS;
    if (what === "reads") this.#noReadsBeforeMs = this.#noWritesBeforeMs;
  }

  #placeOf(key: string, block: number): Place {
    const hash = this.#hashOf(key);
    // Neighbours go to sets far apart, whatever the number of sets.
    const spread = murmur3(new Uint8Array(0), [hash[3], block, hash[4], block])[0];
    return {
      identity: [hash[0], hash[1], hash[2], block],
      set: spread % this.#layout.setCount,
      seed: [hash[4], hash[5], hash[6], hash[7] ^ block],
    };
  }

  #hashOf(key: string): Uint32Array {
    let hash = this.#keys.get(key);
    if (hash === undefined) {
      hash = new Uint32Array(sha256(new TextEncoder().encode(key)).slice().buffer);
      if (this.#keys.size >= KEPT_KEYS) this.#keys.delete(this.#keys.keys().next().value!);
      this.#keys.set(key, hash);
    }
    return hash;
  }

  /** After the writes that were begun. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing;
    await this.#file.close();
  }
}

/** Of a block's content and length, and of whose it is. */
function sumOf(place: Place, bytes: Uint8Array): Uint32Array {
  return murmur3(bytes, place.seed);
}
