/**
 * The index probe in plain TypeScript, the twin of the WASM core: the same answers from arrays on JavaScript's heap.
 *
 * Offsets: a run is arithmetic; a bitmap is 32-bit words with the rank of each; any other set is its offsets with a
 * table that says where each stretch of 2^shift offsets begins, so that a probe looks at one or two of them. Versions:
 * the rLSNs as they are, bisected within an offset's group.
 */
import type { VolumeId } from "../core/ids.js";
import type { SegmentHeader } from "../format/segment-header.js";
import { type DecodedVolume, decodeIndex } from "../format/segment-index.js";
import type { Probe, SegmentIndex } from "./probe.js";

const RUN = 0;
const BITMAP = 1;
const SPARSE = 2;

/** Buckets up to this many offsets are scanned, longer ones bisected. */
const SCAN_LIMIT = 8;

const NONE = new Uint32Array(0);

function popcount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** One volume. Every field always has the same type, so that all volumes share one hidden class. */
class JsVolume {
  readonly #kind: number;
  readonly #first: number;
  readonly #span: number;
  /** Bitmap words, or the offsets less the first. */
  readonly #offsets: Uint32Array;
  /** Ranks of the words, or where the buckets begin. */
  readonly #directory: Uint32Array;
  readonly #shift: number;
  /** Empty where every offset has one version. */
  readonly #starts: Uint32Array;
  /** Empty where every version has the rLSN `constant`. */
  readonly #rlsns: Uint32Array;
  readonly #constant: number;
  readonly #firstLocal: number;
  readonly residentBytes: number;

  constructor(volume: DecodedVolume) {
    const { offsets, starts, rlsns, firstLocal } = volume;
    const count = offsets.length;
    this.#first = offsets[0];
    this.#span = offsets[count - 1] - this.#first;
    this.#firstLocal = firstLocal;
    const isConstant = volume.rlsnEncoding === "constant";
    this.#constant = rlsns[0];
    this.#rlsns = isConstant ? NONE : rlsns;
    this.#starts = rlsns.length === count ? NONE : starts;
    this.#kind = this.#span === count - 1 ? RUN : volume.offsetEncoding === "bitmap" ? BITMAP : SPARSE;
    this.#shift = 0;
    if (this.#kind === RUN) {
      this.#offsets = NONE;
      this.#directory = NONE;
    } else if (this.#kind === BITMAP) {
      const words = (this.#span >>> 5) + 1;
      this.#offsets = new Uint32Array(words);
      this.#directory = new Uint32Array(words);
      for (const offset of offsets) {
        const x = offset - this.#first;
        this.#offsets[x >>> 5] |= 1 << (x & 31);
      }
      for (let i = 1; i < words; i++) this.#directory[i] = this.#directory[i - 1] + popcount(this.#offsets[i - 1]);
    } else {
      while (2 ** (this.#shift + 1) * count <= this.#span + 1) this.#shift++;
      this.#offsets = offsets.map((offset) => offset - this.#first);
      const buckets = (this.#span >>> this.#shift) + 1;
      this.#directory = new Uint32Array(buckets + 1);
      for (const x of this.#offsets) this.#directory[(x >>> this.#shift) + 1]++;
      for (let i = 0; i < buckets; i++) this.#directory[i + 1] += this.#directory[i];
    }
    const arrays = [this.#offsets, this.#directory, this.#starts, this.#rlsns];
    this.residentBytes = arrays.reduce((sum, array) => sum + array.byteLength, 0);
  }

  #ordinalOf(offset: number): number {
    const x = offset - this.#first;
    if (x < 0 || x > this.#span) return -1;
    if (this.#kind === RUN) return x;
    const offsets = this.#offsets;
    if (this.#kind === BITMAP) {
      const word = offsets[x >>> 5];
      if (((word >>> (x & 31)) & 1) === 0) return -1;
      return this.#directory[x >>> 5] + popcount(word & ((1 << (x & 31)) - 1));
    }
    const bucket = x >>> this.#shift;
    let start = this.#directory[bucket];
    let end = this.#directory[bucket + 1];
    const bucketEnd = end;
    while (end - start > SCAN_LIMIT) {
      const middle = (start + end) >>> 1;
      if (offsets[middle] < x) start = middle + 1;
      else end = middle;
    }
    while (start < end && offsets[start] < x) start++;
    return start < bucketEnd && offsets[start] === x ? start : -1;
  }

  find(offset: number, rlsn: number): number {
    const ordinal = this.#ordinalOf(offset);
    if (ordinal < 0) return -1;
    const rlsns = this.#rlsns;
    if (rlsns.length === 0) return rlsn >= this.#constant ? ordinal + this.#firstLocal : -1;
    if (this.#starts.length === 0) return rlsn >= rlsns[ordinal] ? ordinal + this.#firstLocal : -1;
    const first = this.#starts[ordinal];
    let start = first;
    let end = this.#starts[ordinal + 1];
    while (start < end) {
      const middle = (start + end) >>> 1;
      if (rlsns[middle] <= rlsn) start = middle + 1;
      else end = middle;
    }
    return start > first ? start - 1 + this.#firstLocal : -1;
  }

  rlsnAt(local: number): number {
    return this.#rlsns.length === 0 ? this.#constant : this.#rlsns[local - this.#firstLocal];
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
    const probed = this.#volumes[volume];
    for (let i = 0; i < offsets.length; i++) locals[i] = probed.find(offsets[i], rlsns[i]);
  }

  rlsnAt(volume: number, local: number): number {
    return this.#volumes[volume].rlsnAt(local);
  }

  touch(): void {}

  close(): void {
    this.#volumes = [];
  }
}
