/**
 * Design c: a two-level hash, `Map<VolumeId, Map<Offset, [(rLSN, local)]>>`, with only the first local page number of
 * each offset's list stored. Positions count from the first byte of the index; K and V are at most 65,535.
 *
 * Inline: tables are packed, entries in the order of their buckets. A table of n entries has B buckets: 1 for n <= 8,
 * else ceil(n / 4); the bucket of hash h is floor(floor(h / 2^16) * B / 2^16). Its directory is there when B > 1: the
 * entries of bucket b are number directory[b] to directory[b + 1] - 1.
 *
 *     0   u8                   tag (frame.ts)
 *     1   u8                   zero
 *     2   u16                  V, volumes
 *     4   u16 x (B + 1)        directory of the volume table, if B > 1
 *         20 bytes x V         volume table: id (16 bytes), position of its block (u32)
 *         blocks               of each volume, ascending by id
 *
 *     block, inline:
 *     0   8 or 12 bytes        set header (keyed-versions.ts)
 *         u16 x (B + 1)        directory of its offsets, if B > 1
 *         (6 + tail) x K       entries: offset (u32), first local page number (u16), tail (keyed-versions.ts)
 *         rest                 keyed-versions.ts
 *
 * Separate: tables are open, with 2^bits slots, at most three quarters of them taken (`slotBits` of tables.ts); the slot
 * of hash h is its high `bits` bits, or the next free one, round the end. Blocks and rests begin at multiples of 8.
 *
 *     0   16 bytes             header (frame.ts)
 *    16   u8                   tag
 *    17   u8                   zero
 *    18   u16                  V
 *    20   u32                  zero
 *    24   20 bytes x 2^bits    volume table: id, position of its block (u32, 0 in a free slot)
 *         blocks
 *
 *     block, separate:
 *     0   8 or 12 bytes        set header, then zeros up to 16
 *    16   S x 2^bits           slots of S = 6 + tail bytes, rounded up to a multiple of 4: offset (u32, 2^32 - 1 in a
 *                              free slot), first local page number (u16), tail
 *         rest
 *
 * The hashes are `hashId` of the id and `hashOffset` of the offset (keys.ts).
 */

import type { VolumeId } from "../../src/core/ids.js";
import type { ByteWriter } from "../../src/format/bytes.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import type { BuildOptions, Design, DesignIndex, IndexForm } from "./design.js";
import {
  alignSection,
  offsetCountOf,
  openFrame,
  pageCountOf,
  SEPARATE_HEADER_BYTES,
  sealFrame,
  viewOf,
} from "./frame.js";
import { newestInSet, planVersions, setHeaderBytes } from "./keyed-versions.js";
import { hashId, hashOffset, hashVid, idWords, isLoadedId, loadId } from "./keys.js";
import { codecOf } from "./rlsn-lists.js";
import { checkRlsns } from "./rlsn-lists-encode.js";
import { bucketCount, bucketOf, openSlots, packedBuckets, slotBits } from "./tables.js";

/** Bytes of a volume's entry, and where the position of its block is in it. */
const VOLUME_ENTRY_BYTES = 20;
const BLOCK_AT = 16;
/** Bytes of an entry before its tail. */
const KEY_BYTES = 6;
const FREE_OFFSET = 0xffff_ffff;
const SEPARATE_SET_HEADER_BYTES = 16;

const slotBytes = (tailBytes: number) => (KEY_BYTES + tailBytes + 3) & ~3;

function writeBlock(
  writer: ByteWriter,
  { offsets, starts, rlsns }: VolumeVersions,
  firstLocal: number,
  { form, rlsns: width }: BuildOptions,
): void {
  checkRlsns(rlsns, width);
  const plan = planVersions({ starts, rlsns }, codecOf(width), firstLocal);
  const at = writer.length;
  plan.writeHeader(writer);
  const writeEntry = (i: number) => {
    writer.u32(offsets[i]);
    writer.u16(firstLocal + starts[i]);
    plan.writeTail(writer, i);
  };
  if (form === "inline") {
    const { directory, order } = packedBuckets(offsets.length, (i) => hashOffset(offsets[i]));
    for (const first of directory) writer.u16(first);
    for (const i of order) writeEntry(i);
  } else {
    writer.zeros(at + SEPARATE_SET_HEADER_BYTES - writer.length);
    for (const i of openSlots(offsets.length, (n) => hashOffset(offsets[n]))) {
      const slot = writer.length;
      if (i < 0) writer.u32(FREE_OFFSET);
      else writeEntry(i);
      writer.zeros(slot + slotBytes(plan.tailBytes) - writer.length);
    }
    alignSection(writer, form);
  }
  plan.writeRest(writer);
  alignSection(writer, form);
}

function writeVolumeTable(writer: ByteWriter, volumes: readonly VolumeVersions[], form: IndexForm): number[] {
  const entryAt: number[] = [];
  const writeEntry = (v: number) => {
    entryAt[v] = writer.length;
    writer.zeros(VOLUME_ENTRY_BYTES);
    volumes[v].vid.writeTo(writer.bytes, entryAt[v]);
  };
  const hashOf = (v: number) => hashVid(volumes[v].vid);
  if (form === "inline") {
    const { directory, order } = packedBuckets(volumes.length, hashOf);
    for (const first of directory) writer.u16(first);
    for (const v of order) writeEntry(v);
  } else {
    for (const v of openSlots(volumes.length, hashOf)) {
      if (v < 0) writer.zeros(VOLUME_ENTRY_BYTES);
      else writeEntry(v);
    }
  }
  return entryAt;
}

class TwoLevelHash implements DesignIndex {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #separate: boolean;
  readonly #codec: number;
  readonly #volumeCount: number;

  constructor(bytes: Uint8Array, form: IndexForm) {
    this.bytes = bytes;
    this.#view = viewOf(bytes);
    this.#separate = form === "separate";
    const at = this.#separate ? SEPARATE_HEADER_BYTES : 0;
    this.#codec = bytes[at] & 7;
    this.#volumeCount = this.#view.getUint16(at + 2, true);
  }

  find(vid: VolumeId, offset: number, rlsn: number): number {
    const block = this.volume(vid);
    return block < 0 ? -1 : this.findAt(block, offset, rlsn);
  }

  /** The position of the volume's block. */
  volume(vid: VolumeId): number {
    loadId(vid);
    const view = this.#view;
    const hash = hashId(idWords[0], idWords[1], idWords[2], idWords[3]);
    if (this.#separate) {
      const bits = slotBits(this.#volumeCount);
      const table = SEPARATE_HEADER_BYTES + 8;
      for (let slot = hash >>> (32 - bits); ; slot = (slot + 1) & ((1 << bits) - 1)) {
        const at = table + VOLUME_ENTRY_BYTES * slot;
        const block = view.getUint32(at + BLOCK_AT, true);
        if (block === 0) return -1;
        if (isLoadedId(view, at)) return block;
      }
    }
    const buckets = bucketCount(this.#volumeCount);
    let at = 4;
    let end = at + VOLUME_ENTRY_BYTES * this.#volumeCount;
    if (buckets > 1) {
      const directory = at + 2 * bucketOf(hash, buckets);
      const entries = at + 2 * (buckets + 1);
      at = entries + VOLUME_ENTRY_BYTES * view.getUint16(directory, true);
      end = entries + VOLUME_ENTRY_BYTES * view.getUint16(directory + 2, true);
    }
    for (; at < end; at += VOLUME_ENTRY_BYTES) if (isLoadedId(view, at)) return view.getUint32(at + BLOCK_AT, true);
    return -1;
  }

  findAt(block: number, offset: number, rlsn: number): number {
    const view = this.#view;
    const offsetCount = view.getUint16(block, true);
    const tailBytes = view.getUint8(block + 3);
    const hash = hashOffset(offset);
    let at: number;
    let rest: number;
    if (this.#separate) {
      const bits = slotBits(offsetCount);
      const stride = slotBytes(tailBytes);
      const table = block + SEPARATE_SET_HEADER_BYTES;
      rest = (table + (stride << bits) + 7) & ~7;
      let slot = hash >>> (32 - bits);
      for (;;) {
        at = table + stride * slot;
        const found = view.getUint32(at, true);
        if (found === FREE_OFFSET) return -1;
        if (found === offset) break;
        slot = (slot + 1) & ((1 << bits) - 1);
      }
    } else {
      const stride = KEY_BYTES + tailBytes;
      const buckets = bucketCount(offsetCount);
      at = block + setHeaderBytes(view.getUint8(block + 2));
      rest = at + stride * offsetCount;
      let end = rest;
      if (buckets > 1) {
        const directory = at + 2 * bucketOf(hash, buckets);
        at += 2 * (buckets + 1);
        rest = at + stride * offsetCount;
        end = at + stride * view.getUint16(directory + 2, true);
        at += stride * view.getUint16(directory, true);
      }
      while (at < end && view.getUint32(at, true) !== offset) at += stride;
      if (at >= end) return -1;
    }
    return newestInSet(view, block, view.getUint16(at + 4, true), at + KEY_BYTES, rest, this.#codec, rlsn);
  }
}

export const twoLevel: Design = {
  letter: "c",
  name: "two-level hash",
  rlsnWidths: ["u32", "u16", "u8", "byte-deltas", "delta-deltas", "elias-fano"],
  localBytesSaved: (volumes) => 2 * (pageCountOf(volumes) - offsetCountOf(volumes)),
  build(volumes, options) {
    const writer = openFrame(volumes, options);
    writer.u8(0);
    writer.u16(volumes.length);
    alignSection(writer, options.form);
    const entryAt = writeVolumeTable(writer, volumes, options.form);
    alignSection(writer, options.form);
    let firstLocal = 0;
    for (const [v, volume] of volumes.entries()) {
      const { bytes, length } = writer;
      new DataView(bytes.buffer).setUint32(entryAt[v] + BLOCK_AT, length, true);
      writeBlock(writer, volume, firstLocal, options);
      firstLocal += volume.rlsns.length;
    }
    return new TwoLevelHash(sealFrame(writer, options.form), options.form);
  },
};
