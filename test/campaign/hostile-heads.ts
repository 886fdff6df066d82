/**
 * Heads of segments for the fuzzing campaign: volumes drawn at random, written by a free encoder (any encoding that the spec
 * allows, not only those that ours would pick), then edited by a few bits, bytes or fields, and sealed again, so that what
 * reads them gets past the checksum to the structure. All from one seed.
 */
import { VolumeId } from "../../src/core/ids.js";
import { MAX_OFFSET, MAX_RLSN } from "../../src/core/numbers.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import { Core } from "../../src/probe/core.js";
import type { Random } from "../helpers/random.js";
import { randomVersions, randomVid, type Shape } from "../helpers/versions.js";
import { lowWidth } from "./index-oracle.js";

export interface HostileHead {
  readonly head: Uint8Array;
  /** False where something was changed behind the seal: such a head is refused, whatever else it says. */
  readonly sealed: boolean;
  /** What was written before the edits: worth asking for. Never empty. */
  readonly volumes: readonly VolumeVersions[];
}

/** Edited copies of one drawing, before the next is made. */
const COPIES = 8;
const HEADER_BYTES = 64;
const ID_BYTES = 16;
/** The longest span that is written as a bitmap. */
const MAX_BITMAP_SPAN = 3000;

class BitString {
  readonly bytes: number[] = [];
  length = 0;

  put(value: number, width: number): void {
    let rest = value;
    for (let i = 0; i < width; i++) {
      this.set(this.length++, rest % 2 === 1);
      rest = Math.floor(rest / 2);
    }
  }

  /** Appends `size` bits, of which these are set. */
  putSet(positions: readonly number[], size: number): void {
    const start = this.length;
    this.length += size;
    if (size > 0) this.set(this.length - 1, false);
    for (const position of positions) this.set(start + position, true);
  }

  set(bit: number, value: boolean): void {
    while (this.bytes.length * 8 <= bit) this.bytes.push(0);
    if (value) this.bytes[bit >> 3] |= 1 << (bit & 7);
  }
}

const highBits = (values: readonly number[], width: number) =>
  values.map((value, i) => Math.floor(value / 2 ** width) + i);

const bitWidth = (value: number) => Math.max(1, 32 - Math.clz32(value));

function eliasFano(values: readonly number[], last: number): number[] {
  const width = lowWidth(values.length, last + 1);
  const low = new BitString();
  for (const value of values) low.put(value, width);
  const high = new BitString();
  high.putSet(highBits(values, width), values.length + Math.floor(last / 2 ** width));
  return [...low.bytes, ...high.bytes];
}

function partitioned(groups: readonly (readonly number[])[], largest: number): number[] {
  const low = new BitString();
  const high = new BitString();
  const endWidth = bitWidth(largest);
  for (const rlsns of groups) {
    const n = rlsns.length;
    const [first, last] = [rlsns[0], rlsns[n - 1]];
    const missing = last - first - (n - 1);
    low.put(first, endWidth);
    if (n > 1) low.put(missing, endWidth);
    if (n <= 2 || missing === 0) continue;
    const values = rlsns.slice(1, -1).map((rlsn) => rlsn - first - 1);
    const room = values.length + missing;
    const width = lowWidth(values.length, room);
    for (const value of values) low.put(value, width);
    if (width === 0) high.putSet(values, room);
    else high.putSet(highBits(values, width), values.length + Math.floor((room - 1) / 2 ** width));
  }
  return [...low.bytes, ...high.bytes];
}

function byteDeltas(groups: readonly (readonly number[])[]): number[] {
  return groups.flatMap((rlsns) =>
    rlsns.flatMap((rlsn, i) => {
      const delta = i === 0 ? rlsn : rlsn - rlsns[i - 1] - 1;
      return delta < 255 ? [delta] : [255, delta & 255, (delta >>> 8) & 255, (delta >>> 16) & 255, delta >>> 24];
    }),
  );
}

export class HostileHeads {
  readonly #random: Random;
  readonly #seal: (head: Uint8Array) => void;
  #copies = 0;
  #volumes: VolumeVersions[] = [];
  #pageCount = 0;
  #index: number[] = [];

  /** @param seal Puts the right checksum into a head. */
  constructor(random: Random, seal: (head: Uint8Array) => void) {
    this.#random = random;
    this.#seal = seal;
  }

  next(): HostileHead {
    if (this.#copies-- <= 0) this.#draw();
    const random = this.#random;
    const index = this.#index.slice();
    if (!random.chance(0.15)) this.#edit(index, this.#volumes.length * ID_BYTES);
    const bodyOffset = (HEADER_BYTES + index.length + 7) & ~7;
    const head = new Uint8Array(bodyOffset);
    const view = new DataView(head.buffer);
    head.set([0x89, 0x50, 0x53, 0x45, 0x47, 0x0d, 0x0a, 0x1a, random.chance(0.05) ? 0 : 1]);
    view.setUint32(12, 512, true);
    head.fill(random.below(256), 16, 32);
    view.setUint32(32, this.#pageCount, true);
    view.setUint32(36, this.#volumes.length, true);
    view.setUint32(40, index.length, true);
    view.setUint32(44, bodyOffset, true);
    head.set(index, HEADER_BYTES);
    if (random.chance(0.06)) this.#editHeader(head, view);
    const paddingBytes = bodyOffset - HEADER_BYTES - index.length;
    if (paddingBytes > 0 && random.chance(0.02))
      head[bodyOffset - 1 - random.below(paddingBytes)] ^= 1 << random.below(8);
    this.#seal(head);
    const sealed = !random.chance(0.01);
    if (!sealed) head[random.below(bodyOffset)] ^= 1 << random.below(8);
    return { head, sealed, volumes: this.#volumes };
  }

  /** Changes some of the index, mostly of its blocks. */
  #edit(index: number[], tableBytes: number): void {
    const random = this.#random;
    const anywhere = () =>
      random.chance(0.97) ? tableBytes + random.below(index.length - tableBytes) : random.below(index.length);
    const kind = random.below(100);
    if (kind < 55) {
      for (let edits = random.between(1, 3); edits > 0; edits--) {
        if (random.chance(0.5)) index[anywhere()] ^= 1 << random.below(8);
        else index[anywhere()] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
      }
    } else if (kind < 80) {
      // Moves a bit: as many are set as before.
      const from = anywhere();
      const to = Math.min(index.length - 1, from + random.below(3));
      const [a, b] = [1 << random.below(8), 1 << random.below(8)];
      const moved = (index[from] & a) !== 0 && (index[to] & b) === 0;
      if (moved) {
        index[from] ^= a;
        index[to] ^= b;
      }
    } else if (kind < 88) {
      index.splice(anywhere(), 0, random.pick([0, 0x80, random.below(256)]));
    } else if (kind < 95) {
      index.splice(anywhere(), 1);
    } else {
      index.splice(random.between(tableBytes, index.length));
    }
  }

  #editHeader(head: Uint8Array, view: DataView): void {
    const random = this.#random;
    const at = random.pick([32, 32, 32, 36, 40, 44]);
    if (random.chance(0.7)) view.setUint32(at, view.getUint32(at, true) + random.pick([-1, 1, -8, 8, 2 ** 29]), true);
    else head[random.below(56)] ^= 1 << random.below(8);
  }

  #draw(): void {
    const random = this.#random;
    this.#copies = COPIES - 1;
    const count = random.chance(0.85) ? 1 : random.between(2, 4);
    const volumes = Array.from({ length: count }, () => this.#drawVersions());
    // Ids may be alike but for a byte, so that an edit makes them equal or turns their order.
    if (random.chance(0.5)) {
      const id = random.bytes(ID_BYTES);
      const last = random.below(256 - count);
      for (const [i, volume] of volumes.entries()) {
        id[ID_BYTES - 1] = last + i;
        volumes[i] = { ...volume, vid: VolumeId.fromBytes(id) };
      }
    }
    this.#volumes = volumes.sort((a, b) => a.vid.compare(b.vid));
    this.#pageCount = volumes.reduce((sum, { rlsns }) => sum + rlsns.length, 0);
    const table = new Uint8Array(count * ID_BYTES);
    for (const [i, { vid }] of this.#volumes.entries()) vid.writeTo(table, i * ID_BYTES);
    const slips = random.chance(0.1);
    this.#index = [...table, ...this.#volumes.flatMap((volume) => this.#block(volume, slips))];
  }

  #drawVersions(): VolumeVersions {
    const random = this.#random;
    const offsets = random.chance(0.98) ? random.between(1, 7) : random.between(20, 120);
    const universe = random.pick([offsets, offsets + 1, offsets * 3, offsets * 9, 2 ** 20, MAX_OFFSET + 1]);
    const rlsns = random.pick([1, 2, 5, 16, 30, 64, 255, 256, 257, 600, 65_536, 2 ** 32]);
    const most = random.pick([1, 1, 2, 3, offsets > 7 ? 4 : 8, random.chance(0.05) ? 40 : 5]);
    const shape: Shape = { offsets, universe, rlsns, versions: Math.min(most, rlsns), uniform: random.chance(0.5) };
    const versions = randomVersions(random, shape, randomVid(random));
    // Near the ends of the ranges things overflow.
    if (random.chance(0.1)) shift(versions.offsets, MAX_OFFSET - versions.offsets[versions.offsets.length - 1]);
    if (random.chance(0.1)) shift(versions.rlsns, MAX_RLSN - versions.rlsns.reduce((a, b) => Math.max(a, b)));
    return versions;
  }

  /** A block with these versions, in one of the encodings that can hold them; with `slips`, parameters are wrong at times. */
  #block({ offsets, starts, rlsns }: VolumeVersions, slips: boolean): number[] {
    const random = this.#random;
    const k = offsets.length;
    const n = rlsns.length;
    const span = offsets[k - 1] - offsets[0];
    const largest = rlsns.reduce((a, b) => Math.max(a, b));
    const groups = Array.from({ length: k }, (_, i) => [...rlsns.subarray(starts[i], starts[i + 1])]);
    const relative = Array.from(offsets, (offset) => offset - offsets[0]);
    const uniform = groups.every((group) => group.length === groups[0].length);

    const offsetKinds = [2, ...(span < MAX_BITMAP_SPAN ? [1, 1] : []), ...(span === k - 1 ? [0, 0, 0] : [])];
    const offsetKind = random.pick(offsetKinds);
    const counts = random.pick([2, 3, ...(n === k ? [0, 0, 0] : uniform ? [1, 1] : [2])]);
    const constant = n === k && rlsns.every((rlsn) => rlsn === largest);
    const rlsnKind = counts === 3 ? 3 : random.pick(counts > 0 ? [1, 2, 3, 3] : constant ? [0, 1, 2] : [1, 2]);
    const out = [offsetKind | (counts << 2) | (rlsnKind << 4)];
    const varint = (exact: number) => {
      let value = exact;
      if (slips && random.chance(0.15)) value += random.pick([1, -1, 2 ** 32, 2 ** random.between(20, 52)]);
      for (value = Math.max(value, 0); value >= 128; value = Math.floor(value / 128)) out.push((value % 128) | 128);
      if (slips && random.chance(0.03)) out.push(value | 128, 0);
      else out.push(value);
    };
    varint(k);
    varint(offsets[0]);
    if (offsetKind > 0) varint(span);
    if (counts === 1) varint(n / k);
    else if (counts > 1) varint(n);

    let payload: number[] = [];
    if (rlsnKind === 0) {
      varint(largest);
    } else if (rlsnKind === 1) {
      const needed = bitWidth(largest);
      const width = random.chance(0.8) ? needed : random.between(needed, slips ? 34 : 32);
      out.push(slips && random.chance(0.1) ? random.pick([0, width - 1, 33, 64, 255]) : width);
      const stream = new BitString();
      for (const rlsn of rlsns) stream.put(rlsn, width);
      payload = stream.bytes;
    } else if (rlsnKind === 2) {
      payload = byteDeltas(groups);
      varint(payload.length);
    } else {
      varint(largest);
      const t = largest + 1;
      if (counts === 3) {
        const merged = groups.flatMap((group, ordinal) => group.map((rlsn) => ordinal * t + rlsn));
        payload = eliasFano(merged, k * t - 1);
      } else {
        payload = partitioned(groups, largest);
        varint(payload.length);
      }
    }
    if (offsetKind === 1) {
      const bitmap = new BitString();
      bitmap.putSet(relative, span + 1);
      out.push(...bitmap.bytes);
    } else if (offsetKind === 2) {
      out.push(...eliasFano(relative, span));
    }
    if (counts === 2 && k > 1) {
      out.push(
        ...eliasFano(
          Array.from(starts.subarray(1, k), (end, i) => end - (i + 1)),
          n - k,
        ),
      );
    }
    out.push(...payload);
    return out;
  }
}

function shift(values: Uint32Array, by: number): void {
  for (let i = 0; i < values.length; i++) values[i] += by;
}

/** Puts the right checksum into heads, with a core of its own. */
export function sealer(): (head: Uint8Array) => void {
  const { memory, view, exports, stagingAddress } = Core.create({ memoryBytes: 1 << 20 });
  const result = exports.resultAddress();
  const hash = (bytes: Uint8Array, seed: bigint) => {
    memory.set(bytes, stagingAddress);
    exports.hash(stagingAddress, bytes.length, seed);
    return view.getBigUint64(result, true);
  };
  return (head) => {
    const sum = hash(head.subarray(64), hash(head.subarray(0, 56), 0n));
    new DataView(head.buffer).setBigUint64(56, sum, true);
  };
}
