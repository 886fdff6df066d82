/**
 * The index probe in plain TypeScript, the twin of the WASM core: the same answers from arrays on JavaScript's heap.
 *
 * Offsets: a run is arithmetic; a bitmap is 32-bit words with the rank of each; any other set is its offsets with a
 * table that says where each stretch of 2^shift offsets begins, so that a probe looks at one or two of them. Versions:
 * the rLSNs as they are, bisected within an offset's group.
 *
 * Like the core, a batch takes two passes, offsets to ordinals and these to local page numbers, each with a loop of its
 * own for each kind, and compares by arithmetic where a branch would depend on chance. All typed arrays are of one type
 * for each purpose, and all volumes of one class, so that every loop meets one shape.
 */
import type { VolumeId } from "../core/ids.js";
import type { SegmentHeader } from "../format/segment-header.js";
import { type DecodedVolume, decodeIndex } from "../format/segment-index.js";
import type { Probe, SegmentIndex } from "./probe.js";

const RUN = 0;
const BITMAP = 1;
const SPARSE = 2;

const CONSTANT = 0;
const SINGLE = 1;
const UNIFORM = 2;
const CUMULATIVE = 3;

/** Offsets that are compared at once; longer buckets are bisected first. */
const LANES = 4;
/** Larger than every offset: stands behind the last, so that lanes may pass it. */
const PADDING = 0xffff_ffff;

const NONE = new Uint32Array(0);

/** As `LINES_PER_QUERY` in the core: a batch reads ahead arrays of at most so many elements for each query. */
const READ_AHEAD = 64;
const LINE = 16;
/** Where the sums of `readAhead` go, which would not be computed if they went nowhere. */
const sink = new Uint32Array(1);

/** Touches every cache line of the array in order, if the batch is large enough for that to be worth it. */
function readAhead(array: Uint32Array, count: number): void {
  if (array.length > count * READ_AHEAD) return;
  let sum = 0;
  for (let i = 0; i < array.length; i += LINE) sum |= array[i];
  sink[0] = sum;
}

function popcount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** All ones where a < b, of two u32; else 0. */
function less(a: number, b: number): number {
  return ((~a & b) | (~(a ^ b) & (a - b))) >> 31;
}

/** 1 where a = b, else 0. */
function equal(a: number, b: number): number {
  return Math.clz32(a ^ b) >>> 5;
}

/** The position of the bit `x` among the bitmap's, or -1. */
function bitmapOrdinal(words: Uint32Array, ranks: Uint32Array, x: number): number {
  const word = words[x >>> 5];
  const below = ranks[x >>> 5] + popcount(word & ((1 << (x & 31)) - 1));
  return below | (((word >>> (x & 31)) & 1) - 1);
}

/** The position of `x` in `offsets`, or -1. `buckets` says where those of `offset >>> shift` begin. */
function sparseOrdinal(offsets: Uint32Array, buckets: Uint32Array, shift: number, x: number): number {
  let start = buckets[x >>> shift];
  let end = buckets[(x >>> shift) + 1];
  while (end - start > LANES) {
    const middle = (start + end) >>> 1;
    if (offsets[middle] <= x) start = middle;
    else end = middle;
  }
  // Offsets are distinct, so that at most one lane matches, even among those of the next bucket: 1 to 4, or 0 for none.
  const lane =
    equal(offsets[start], x) +
    (equal(offsets[start + 1], x) << 1) +
    Math.imul(equal(offsets[start + 2], x), 3) +
    (equal(offsets[start + 3], x) << 2);
  return (start + lane - 1) | ((lane - 1) >> 31);
}

/** The last of the ascending `rlsns[start]` to `rlsns[end - 1]` that is at most `rlsn`, or -1. At least one is there. */
function newestAt(rlsns: Uint32Array, start: number, end: number, rlsn: number): number {
  let newest = start;
  for (let size = end - start; size > 1; ) {
    const half = size >>> 1;
    newest += ~less(rlsn, rlsns[newest + half]) & half;
    size -= half;
  }
  return newest | less(rlsn, rlsns[newest]);
}

/** One volume. Every field always has the same type, so that all volumes share one hidden class. */
class JsVolume {
  readonly #offsetsKind: number;
  // The first offset, the last less the first, and the constant rLSN are kept as signed 32-bit numbers, which V8 stores in
  // the object itself; `>>> 0` gives them back.
  readonly #first: number;
  readonly #span: number;
  /** Bitmap words, or the offsets less the first and some padding. */
  readonly #offsets: Uint32Array;
  /** Ranks of the words, or where the buckets begin. */
  readonly #directory: Uint32Array;
  readonly #shift: number;
  readonly #versionsKind: number;
  /** Where the versions of each offset begin, and the end; empty unless cumulative. */
  readonly #starts: Uint32Array;
  /** Versions of every offset; 0 where cumulative. */
  readonly #each: number;
  /** Empty where every version has the rLSN `constant`. */
  readonly #rlsns: Uint32Array;
  readonly #constant: number;
  readonly #firstLocal: number;
  readonly residentBytes: number;

  constructor(volume: DecodedVolume) {
    const { offsets, starts, rlsns, firstLocal } = volume;
    const count = offsets.length;
    const first = offsets[0];
    const span = offsets[count - 1] - first;
    this.#first = first | 0;
    this.#span = span | 0;
    this.#firstLocal = firstLocal;
    this.#offsetsKind = span === count - 1 ? RUN : volume.offsetEncoding === "bitmap" ? BITMAP : SPARSE;
    this.#shift = 0;
    if (this.#offsetsKind === RUN) {
      this.#offsets = NONE;
      this.#directory = NONE;
    } else if (this.#offsetsKind === BITMAP) {
      const words = (span >>> 5) + 1;
      this.#offsets = new Uint32Array(words);
      this.#directory = new Uint32Array(words);
      for (let i = 0; i < count; i++) {
        const x = offsets[i] - first;
        this.#offsets[x >>> 5] |= 1 << (x & 31);
      }
      for (let i = 1; i < words; i++) this.#directory[i] = this.#directory[i - 1] + popcount(this.#offsets[i - 1]);
    } else {
      while (2 ** (this.#shift + 1) * count <= span + 1) this.#shift++;
      this.#offsets = new Uint32Array(count + LANES - 1).fill(PADDING, count);
      const buckets = (span >>> this.#shift) + 1;
      this.#directory = new Uint32Array(buckets + 1);
      let bucket = 0;
      for (let i = 0; i < count; i++) {
        const x = offsets[i] - first;
        this.#offsets[i] = x;
        for (const to = x >>> this.#shift; bucket < to; ) this.#directory[++bucket] = i;
      }
      this.#directory[buckets] = count;
    }
    this.#constant = rlsns[0] | 0;
    const each = rlsns.length / count;
    const isConstant = volume.rlsnEncoding === "constant";
    const isUniform = each === 1 || (Number.isInteger(each) && starts.every((start, i) => start === i * each));
    this.#versionsKind = isConstant ? CONSTANT : each === 1 ? SINGLE : isUniform ? UNIFORM : CUMULATIVE;
    this.#each = isUniform ? each : 0;
    this.#starts = isUniform ? NONE : starts;
    this.#rlsns = isConstant ? NONE : rlsns;
    const arrays = [this.#offsets, this.#directory, this.#starts, this.#rlsns];
    this.residentBytes = arrays.reduce((sum, array) => sum + array.byteLength, 0);
  }

  find(offset: number, rlsn: number): number {
    const x = (offset - this.#first) >>> 0;
    if (x > this.#span >>> 0) return -1;
    let ordinal = x | 0;
    if (this.#offsetsKind === SPARSE) ordinal = sparseOrdinal(this.#offsets, this.#directory, this.#shift, x);
    else if (this.#offsetsKind === BITMAP) ordinal = bitmapOrdinal(this.#offsets, this.#directory, x);
    if (ordinal < 0) return -1;
    const firstLocal = this.#firstLocal;
    if (this.#versionsKind === CONSTANT) return rlsn >= this.#constant >>> 0 ? ordinal + firstLocal : -1;
    if (this.#versionsKind === SINGLE) return rlsn >= this.#rlsns[ordinal] ? ordinal + firstLocal : -1;
    const isUniform = this.#versionsKind === UNIFORM;
    const start = isUniform ? Math.imul(ordinal, this.#each) : this.#starts[ordinal] | 0;
    const end = isUniform ? (start + this.#each) | 0 : this.#starts[ordinal + 1] | 0;
    const newest = newestAt(this.#rlsns, start, end, rlsn);
    return newest < 0 ? -1 : newest + firstLocal;
  }

  findMany(offsets: Uint32Array, rlsns: Uint32Array, locals: Int32Array): void {
    // Between the passes, `locals` holds ordinals, or -1.
    if (this.#offsetsKind === RUN) this.#runOrdinals(offsets, locals);
    else if (this.#offsetsKind === BITMAP) this.#bitmapOrdinals(offsets, locals);
    else this.#sparseOrdinals(offsets, locals);
    if (this.#versionsKind === CONSTANT) this.#constantLocals(rlsns, locals);
    else if (this.#versionsKind === SINGLE) this.#singleLocals(rlsns, locals);
    else if (this.#versionsKind === UNIFORM) this.#uniformLocals(rlsns, locals);
    else this.#cumulativeLocals(rlsns, locals);
  }

  #runOrdinals(offsets: Uint32Array, ordinals: Int32Array): void {
    const first = this.#first;
    const span = this.#span >>> 0;
    for (let i = 0; i < offsets.length; i++) {
      const x = (offsets[i] - first) >>> 0;
      ordinals[i] = x > span ? -1 : x;
    }
  }

  #bitmapOrdinals(offsets: Uint32Array, ordinals: Int32Array): void {
    const first = this.#first;
    const span = this.#span >>> 0;
    const words = this.#offsets;
    const ranks = this.#directory;
    readAhead(words, offsets.length);
    readAhead(ranks, offsets.length);
    for (let i = 0; i < offsets.length; i++) {
      const x = (offsets[i] - first) >>> 0;
      ordinals[i] = x > span ? -1 : bitmapOrdinal(words, ranks, x);
    }
  }

  #sparseOrdinals(offsets: Uint32Array, ordinals: Int32Array): void {
    const first = this.#first;
    const span = this.#span >>> 0;
    const values = this.#offsets;
    const buckets = this.#directory;
    const shift = this.#shift;
    readAhead(buckets, offsets.length);
    readAhead(values, offsets.length);
    for (let i = 0; i < offsets.length; i++) {
      const x = (offsets[i] - first) >>> 0;
      ordinals[i] = x > span ? -1 : sparseOrdinal(values, buckets, shift, x);
    }
  }

  #constantLocals(rlsns: Uint32Array, locals: Int32Array): void {
    const constant = this.#constant >>> 0;
    const firstLocal = this.#firstLocal;
    for (let i = 0; i < rlsns.length; i++) {
      const ordinal = locals[i];
      locals[i] = (ordinal + firstLocal) | (ordinal >> 31) | less(rlsns[i], constant);
    }
  }

  #singleLocals(rlsns: Uint32Array, locals: Int32Array): void {
    const own = this.#rlsns;
    const firstLocal = this.#firstLocal;
    readAhead(own, rlsns.length);
    for (let i = 0; i < rlsns.length; i++) {
      const ordinal = locals[i];
      const absent = ordinal >> 31;
      locals[i] = (ordinal + firstLocal) | absent | less(rlsns[i], own[ordinal & ~absent]);
    }
  }

  #uniformLocals(rlsns: Uint32Array, locals: Int32Array): void {
    const own = this.#rlsns;
    const each = this.#each;
    const firstLocal = this.#firstLocal;
    readAhead(own, rlsns.length);
    for (let i = 0; i < rlsns.length; i++) {
      const ordinal = locals[i];
      const absent = ordinal >> 31;
      const start = Math.imul(ordinal & ~absent, each);
      const newest = newestAt(own, start, start + each, rlsns[i]);
      locals[i] = (newest + firstLocal) | (newest >> 31) | absent;
    }
  }

  #cumulativeLocals(rlsns: Uint32Array, locals: Int32Array): void {
    const own = this.#rlsns;
    const starts = this.#starts;
    const firstLocal = this.#firstLocal;
    readAhead(starts, rlsns.length);
    readAhead(own, rlsns.length);
    for (let i = 0; i < rlsns.length; i++) {
      const ordinal = locals[i];
      const absent = ordinal >> 31;
      const group = ordinal & ~absent;
      const newest = newestAt(own, starts[group], starts[group + 1], rlsns[i]);
      locals[i] = (newest + firstLocal) | (newest >> 31) | absent;
    }
  }

  rlsnAt(local: number): number {
    return this.#versionsKind === CONSTANT ? this.#constant >>> 0 : this.#rlsns[local - this.#firstLocal];
  }
}

export class JsProbe implements Probe {
  readonly kind = "js";

  openIndex(head: Uint8Array, key: string): SegmentIndex {
    const { header, volumes } = decodeIndex(head, key);
    return new JsIndex(
      header,
      volumes.map((volume) => volume.vid),
      volumes.map((volume) => new JsVolume(volume)),
    );
  }
}

class JsIndex implements SegmentIndex {
  readonly header: SegmentHeader;
  readonly residentBytes: number;
  readonly #ids: readonly VolumeId[];
  #volumes: readonly JsVolume[];

  constructor(header: SegmentHeader, ids: readonly VolumeId[], volumes: readonly JsVolume[]) {
    this.header = header;
    this.#ids = ids;
    this.#volumes = volumes;
    this.residentBytes = volumes.reduce((sum, volume) => sum + volume.residentBytes, 0);
  }

  volume(vid: VolumeId): number {
    let lo = 0;
    let hi = this.#ids.length;
    while (lo < hi) {
      const middle = (lo + hi) >>> 1;
      if (this.#ids[middle].compare(vid) < 0) lo = middle + 1;
      else hi = middle;
    }
    return lo < this.#ids.length && this.#ids[lo].equals(vid) ? lo : -1;
  }

  find(volume: number, offset: number, rlsn: number): number {
    return this.#volumes[volume].find(offset, rlsn);
  }

  findMany(volume: number, offsets: Uint32Array, rlsns: Uint32Array, locals: Int32Array): void {
    this.#volumes[volume].findMany(offsets, rlsns, locals);
  }

  rlsnAt(volume: number, local: number): number {
    return this.#volumes[volume].rlsnAt(local);
  }

  touch(): void {}

  close(): void {
    this.#volumes = [];
  }
}
