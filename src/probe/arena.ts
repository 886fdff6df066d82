/**
 * Places opened indexes and page frames in the heap of linear memory, and evicts them when it is full.
 *
 * The heap is cut into chunks of 64 KiB. A chunk holds slots of one size class (four classes to a doubling, so that at
 * most a fifth of a slot is waste and page sizes fit exactly), or belongs to a run of chunks that holds one large
 * allocation. When nothing is free, a clock hand goes round the chunks: what was touched since its last visit gains a credit, what
 * was not and has none is evicted. A page comes without credit, and most memory may be held by what has some: so one pass over
 * many pages takes the place of other such pages, and not of those that are in use. Only when nearly all have credit, or
 * nothing else is found, those untouched lose some (the two queues of S3-FIFO, J. Yang et al., FIFO Queues are All You Need for
 * Cache Eviction, SOSP 2023, in place). What has no owner to tell is never moved or taken.
 *
 * Where readers on other threads use the memory, what is freed or evicted is reused only when none of them can still be
 * reading it (limbo.ts). Whoever frees must have taken it out of their way before; so must `evict`.
 */
import { assert } from "../core/assert.js";
import { NoSpace } from "../core/errors.js";
import { Limbo } from "./limbo.js";
import type { Readers } from "./readers.js";

/** Whoever can do without an allocation. */
export interface Evictable {
  /** Forget the allocation that was made with `tag`: its memory is about to be reused. */
  evict(tag: number): void;
}

const CHUNK_BYTES = 65536;
const CHUNK_SHIFT = 16;
const MIN_SLOT_BYTES = 256;
const TOUCH_SHIFT = 8;

const SLOT_BYTES: number[] = [];
for (let base = MIN_SLOT_BYTES; base < CHUNK_BYTES; base *= 2) {
  for (let quarter = 4; quarter < 8; quarter++) SLOT_BYTES.push((base / 4) * quarter);
}
SLOT_BYTES.push(CHUNK_BYTES);

/** The smallest class whose slots hold `sizeBytes`. */
function classOf(sizeBytes: number): number {
  let sizeClass = 0;
  while (SLOT_BYTES[sizeClass] < sizeBytes) sizeClass++;
  return sizeClass;
}

/** The slots of one chunk, or, for a run of chunks, its one slot. */
interface Slab {
  readonly firstChunk: number;
  readonly chunkCount: number;
  readonly sizeClass: number;
  readonly slotBytes: number;
  readonly owners: (Evictable | undefined)[];
  readonly tags: number[];
  /** How often each slot was lately seen in use. */
  readonly credits: Uint8Array;
  /** `FREE`, `USED` or `GIVEN_UP` for each slot. */
  readonly used: Uint8Array;
  /** Slots that are not free. */
  usedCount: number;
}

const LARGE = -1;

/** Marks of touch: the core writes `TOUCHED` where there is none. */
const TOUCHED = 1;
const PASSING = 2;

/** What was seen in use more often ages no longer than this. */
const MAX_CREDIT = 3;
/** As long as what has credit holds at most this part of what is used, it does not age. */
const PROVEN_SHARE = 7 / 8;

const FREE = 0;
const USED = 1;
/** In limbo. */
const GIVEN_UP = 2;

/** At most this part of the memory is in limbo before an allocation waits for the readers. */
const LIMBO_SHARE = 1 / 16;

export class Arena {
  readonly #start: number;
  readonly #chunkCount: number;
  /** The slab that a chunk belongs to. */
  readonly #slabs: (Slab | undefined)[];
  /** By size class: slabs that have a free slot, or had one when they were put here. */
  readonly #roomy: Slab[][] = SLOT_BYTES.map(() => []);
  #freeChunks: number;
  /** Whether a slot was touched since the hand passed, by the first 256 bytes of the slot. */
  readonly #touched: Uint8Array;
  #hand = 0;
  #usedBytes = 0;
  /** Of the slots that have credit. */
  #provenBytes = 0;
  /** Where others may read the memory. */
  readonly #limbo: Limbo | undefined;
  #limboBytes = 0;
  readonly #reuse = (address: number) => {
    const slab = this.#slabAt(address)!;
    this.#limboBytes -= slab.slotBytes;
    this.#release(slab, this.#slotAt(slab, address));
  };

  /**
   * Manages the addresses from `start` up to `end`, both multiples of 64 KiB. `touched` has a byte for each 256 of them,
   * which others may set, too.
   *
   * @param readers On other threads.
   */
  constructor(start: number, end: number, touched: Uint8Array, readers?: Readers) {
    this.#start = start;
    this.#chunkCount = (end - start) / CHUNK_BYTES;
    this.#slabs = new Array(this.#chunkCount).fill(undefined);
    this.#freeChunks = this.#chunkCount;
    this.#touched = touched;
    this.#limbo = readers && new Limbo(readers);
  }

  /** The first address. */
  get start(): number {
    return this.#start;
  }

  get limitBytes(): number {
    return this.#chunkCount * CHUNK_BYTES;
  }

  /** Bytes of the slots in use, and of those that readers may still be using. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Reserves `sizeBytes` and returns their address, a multiple of 64. May evict other allocations, never the new one.
   *
   * @param owner Told when the allocation is evicted; without one it stays until `free`.
   * @throws NoSpace where what cannot be evicted leaves no room.
   */
  allocate(sizeBytes: number, owner?: Evictable, tag = 0): number {
    if (sizeBytes > CHUNK_BYTES) return this.#allocateRun(Math.ceil(sizeBytes / CHUNK_BYTES), owner, tag);
    const sizeClass = classOf(sizeBytes);
    const slab = this.#roomySlab(sizeClass) ?? this.#newSlab(sizeClass) ?? this.#reclaimSlab(sizeClass);
    if (!slab) throw this.#full(sizeBytes);
    return this.#take(slab, slab.used.indexOf(FREE), owner, tag);
  }

  /** Gives an allocation back: an address from `allocate` that was not freed or evicted since. */
  free(address: number): void {
    const slab = this.#slabAt(address);
    if (slab) this.#giveUp(slab, this.#slotAt(slab, address));
  }

  /** Marks an allocation as in demand, so that the hand spares it once. */
  touch(address: number): void {
    this.#touched[(address - this.#start) >>> TOUCH_SHIFT] = TOUCHED;
  }

  /**
   * Takes an allocation at the hand's next visit, unless it is touched before: what was read once does not push out what is read
   * again and again.
   */
  onProbation(address: number): void {
    this.#touched[(address - this.#start) >>> TOUCH_SHIFT] = 0;
  }

  /**
   * As `onProbation`, but takes it even if it is touched: of what was loaded before anybody asked, the first use says as little as
   * the loading of another.
   */
  toPass(address: number): void {
    this.#touched[(address - this.#start) >>> TOUCH_SHIFT] = PASSING;
  }

  /** Makes a pinned allocation evictable by giving it an owner. */
  release(address: number, owner: Evictable, tag = 0): void {
    const slab = this.#slabAt(address);
    assert(slab !== undefined, "released an address that was not allocated");
    const slot = this.#slotAt(slab, address);
    slab.owners[slot] = owner;
    slab.tags[slot] = tag;
  }

  /** Makes an allocation stay until `release` or `free`. */
  pin(address: number): void {
    const slab = this.#slabAt(address);
    assert(slab !== undefined, "pinned an address that was not allocated");
    slab.owners[this.#slotAt(slab, address)] = undefined;
  }

  #full(sizeBytes: number): NoSpace {
    const limbo = this.#limboBytes === 0 ? "" : ` (${this.#limboBytes} of them by readers on other threads)`;
    return new NoSpace(
      `${sizeBytes} bytes do not fit the memory limit of ${this.limitBytes} bytes, of which ${this.#usedBytes} are in ` +
        `use${limbo}. Open the store with a larger "memory", or close what is open.`,
    );
  }

  #slabAt(address: number): Slab | undefined {
    return this.#slabs[(address - this.#start) >>> CHUNK_SHIFT];
  }

  #slotAt(slab: Slab, address: number): number {
    return ((address - this.#start - slab.firstChunk * CHUNK_BYTES) / slab.slotBytes) | 0;
  }

  #take(slab: Slab, slot: number, owner: Evictable | undefined, tag: number): number {
    slab.used[slot] = USED;
    slab.owners[slot] = owner;
    slab.tags[slot] = tag;
    slab.usedCount++;
    this.#usedBytes += slab.slotBytes;
    const address = this.#addressOf(slab, slot);
    this.touch(address);
    return address;
  }

  #addressOf(slab: Slab, slot: number): number {
    return this.#start + slab.firstChunk * CHUNK_BYTES + slot * slab.slotBytes;
  }

  /** The hand's visit to a slot: whether it outlasts it. */
  #outlasts(slab: Slab, slot: number, mustAge: boolean): boolean {
    const mark = (this.#addressOf(slab, slot) - this.#start) >>> TOUCH_SHIFT;
    const credit = slab.credits[slot];
    const wasTouched = this.#touched[mark] === TOUCHED;
    this.#touched[mark] = 0;
    if (wasTouched) {
      this.#setCredit(slab, slot, Math.min(MAX_CREDIT, credit + 1));
      return true;
    }
    if (credit === 0) return false;
    if (mustAge || this.#provenBytes > this.#usedBytes * PROVEN_SHARE) this.#setCredit(slab, slot, credit - 1);
    return true;
  }

  #setCredit(slab: Slab, slot: number, credit: number): void {
    if (slab.credits[slot] === 0 && credit > 0) this.#provenBytes += slab.slotBytes;
    if (slab.credits[slot] > 0 && credit === 0) this.#provenBytes -= slab.slotBytes;
    slab.credits[slot] = credit;
  }

  /** Frees a slot in use as soon as nobody can be reading it. */
  #giveUp(slab: Slab, slot: number): void {
    if (slab.used[slot] !== USED) return;
    slab.owners[slot] = undefined;
    if (this.#limbo) {
      slab.used[slot] = GIVEN_UP;
      this.#limboBytes += slab.slotBytes;
      this.#limbo.add(this.#addressOf(slab, slot));
    } else {
      this.#release(slab, slot);
    }
  }

  /** Frees a slot, and its chunks with the last one. */
  #release(slab: Slab, slot: number): void {
    slab.used[slot] = FREE;
    this.#setCredit(slab, slot, 0);
    this.#usedBytes -= slab.slotBytes;
    const wasFull = slab.usedCount === slab.used.length;
    slab.usedCount--;
    if (slab.usedCount === 0) {
      for (let i = 0; i < slab.chunkCount; i++) this.#slabs[slab.firstChunk + i] = undefined;
      this.#freeChunks += slab.chunkCount;
    } else if (wasFull) {
      this.#roomy[slab.sizeClass].push(slab);
    }
  }

  #evict(slab: Slab, slot: number): void {
    slab.owners[slot]!.evict(slab.tags[slot]);
    this.#giveUp(slab, slot);
  }

  /** Waits until nothing is in limbo: at once where there are no readers. False where the wait was in vain. */
  #emptyLimbo(): boolean {
    return this.#limbo?.waitAndTake(true, this.#reuse) ?? true;
  }

  #roomySlab(sizeClass: number): Slab | undefined {
    const roomy = this.#roomy[sizeClass];
    for (let last = roomy.at(-1); last; last = roomy.at(-1)) {
      const isLive = last.usedCount > 0 && this.#slabs[last.firstChunk] === last;
      if (isLive && last.usedCount < last.used.length) return last;
      roomy.pop();
    }
    return undefined;
  }

  #newSlab(sizeClass: number): Slab | undefined {
    if (this.#freeChunks === 0) return undefined;
    for (let i = 0; i < this.#chunkCount; i++) {
      const chunk = (this.#hand + i) % this.#chunkCount;
      if (this.#slabs[chunk]) continue;
      const slab = this.#makeSlab(chunk, 1, sizeClass, SLOT_BYTES[sizeClass]);
      this.#roomy[sizeClass].push(slab);
      return slab;
    }
    return undefined;
  }

  #makeSlab(firstChunk: number, chunkCount: number, sizeClass: number, slotBytes: number): Slab {
    const slots = Math.floor((chunkCount * CHUNK_BYTES) / slotBytes);
    const slab: Slab = {
      firstChunk,
      chunkCount,
      sizeClass,
      slotBytes,
      owners: new Array(slots).fill(undefined),
      tags: new Array(slots).fill(0),
      credits: new Uint8Array(slots),
      used: new Uint8Array(slots),
      usedCount: 0,
    };
    for (let i = 0; i < chunkCount; i++) this.#slabs[firstChunk + i] = slab;
    this.#freeChunks -= chunkCount;
    return slab;
  }

  /** Moves the hand until a slot of the class, or a whole chunk, is free: round after round, as long as credits may last. */
  #reclaimSlab(sizeClass: number): Slab | undefined {
    if (this.#limbo && !this.#limbo.isEmpty) {
      this.#limbo.take(this.#reuse);
      const found = this.#roomySlab(sizeClass) ?? this.#newSlab(sizeClass);
      if (found) return found;
    }
    const limboLimit = Math.max(CHUNK_BYTES, this.limitBytes * LIMBO_SHARE);
    for (let steps = (MAX_CREDIT + 2) * this.#chunkCount + 1; steps > 0; steps--) {
      const chunk = this.#hand;
      this.#hand = (chunk + 1) % this.#chunkCount;
      const slab = this.#slabs[chunk];
      if (!slab || slab.firstChunk !== chunk) continue;
      // After a round in vain.
      const mustAge = steps <= (MAX_CREDIT + 1) * this.#chunkCount;
      const idle = this.#idleSlots(slab, mustAge);
      // Of another class only a whole chunk helps: leave it alone while any slot is in demand.
      if (slab.sizeClass === sizeClass || idle.length === slab.usedCount) {
        for (const slot of idle) if (slab.used[slot] === USED) this.#evict(slab, slot);
      }
      this.#limbo?.take(this.#reuse);
      if (this.#limboBytes > limboLimit && !this.#limbo!.waitAndTake(false, this.#reuse)) return undefined;
      const found = this.#roomySlab(sizeClass) ?? this.#newSlab(sizeClass);
      if (found) return found;
    }
    return this.#limboBytes > 0 && this.#emptyLimbo()
      ? (this.#roomySlab(sizeClass) ?? this.#newSlab(sizeClass))
      : undefined;
  }

  /** The hand's visit to a slab: the slots that can be evicted and do not outlast it. */
  #idleSlots(slab: Slab, mustAge: boolean): number[] {
    const idle: number[] = [];
    for (let slot = 0; slot < slab.used.length; slot++) {
      if (slab.used[slot] === USED && slab.owners[slot] && !this.#outlasts(slab, slot, mustAge)) idle.push(slot);
    }
    return idle;
  }

  #allocateRun(count: number, owner: Evictable | undefined, tag: number): number {
    this.#limbo?.take(this.#reuse);
    const first = this.#freeRun(count) ?? this.#reclaimRun(count);
    if (first === undefined) throw this.#full(count * CHUNK_BYTES);
    return this.#take(this.#makeSlab(first, count, LARGE, count * CHUNK_BYTES), 0, owner, tag);
  }

  #freeRun(count: number): number | undefined {
    if (this.#freeChunks < count) return undefined;
    let length = 0;
    for (let chunk = 0; chunk < this.#chunkCount; chunk++) {
      length = this.#slabs[chunk] ? 0 : length + 1;
      if (length === count) return chunk - count + 1;
    }
    return undefined;
  }

  /** Empties the next stretch of chunks at or behind the hand that holds nothing but what can be evicted. */
  #reclaimRun(count: number): number | undefined {
    if (count > this.#chunkCount) return undefined;
    for (let tries = 0; tries < this.#chunkCount; tries++) {
      const first = (this.#hand + tries) % this.#chunkCount;
      if (first + count > this.#chunkCount || !this.#isEvictable(first, count)) continue;
      for (let chunk = first; chunk < first + count; chunk++) {
        const slab = this.#slabs[chunk];
        if (!slab) continue;
        // An owner may give up its other allocations with one of them: look at each slot anew.
        for (let slot = 0; slot < slab.used.length; slot++) if (slab.used[slot] === USED) this.#evict(slab, slot);
      }
      if (!this.#emptyLimbo()) return undefined;
      this.#hand = (first + count) % this.#chunkCount;
      return first;
    }
    return undefined;
  }

  #isEvictable(first: number, count: number): boolean {
    for (let chunk = first; chunk < first + count; chunk++) {
      const slab = this.#slabs[chunk];
      if (slab?.used.some((used, slot) => used === USED && !slab.owners[slot])) return false;
    }
    return true;
  }
}
