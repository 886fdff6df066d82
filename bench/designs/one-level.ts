/**
 * Design b: a one-level hash, from (vid, offset) to the rLSN list of the offset's versions, with only the first local page
 * number of each list stored. One set of versions (keyed-versions.ts) has those of all volumes: K is the number of
 * (vid, offset) pairs. Positions count from the first byte of the index.
 *
 *     inline:                                         separate:
 *      0   u8              tag (frame.ts)              0   16 bytes      header (frame.ts)
 *      1   3 bytes         zero                       16   u8            tag
 *      4   8 or 12 bytes   set header                 17   7 bytes       zero
 *          u16 x (B + 1)   directory, if B > 1        24   8 or 12 bytes set header, then zeros up to 40
 *          E bytes x K     entries                    40   S x 2^bits    slots
 *          rest            of the set                      rest          of the set, at a multiple of 8
 *
 *     entry:
 *      0   u32         offset; in a free slot 2^32 - 1
 *      4   16 bytes    id
 *     20   u16         first local page number
 *     22   tail        keyed-versions.ts
 *
 * E is 22 + tail bytes, and S is E rounded up to a multiple of 4. Buckets, directory and slots are as in design c
 * (two-level.ts); the hash is `hashId` of the id plus `hashOffset` of the offset, modulo 2^32 (keys.ts).
 *
 * There is no table of volumes: a volume's handle is the position of any entry with its id, found by looking at them all.
 */
import type { VolumeId } from "../../src/core/ids.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import type { Design, DesignIndex, IndexForm } from "./design.js";
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
import { hashId, hashOffset, hashVid, idWords, isLoadedId, loadId, loadIdAt } from "./keys.js";
import { codecOf } from "./rlsn-lists.js";
import { checkRlsns } from "./rlsn-lists-encode.js";
import { bucketCount, bucketOf, openSlots, packedBuckets, slotBits } from "./tables.js";
import type { VersionSet } from "./version-sets.js";

const INLINE_SET_AT = 4;
const SEPARATE_SET_AT = SEPARATE_HEADER_BYTES + 8;
const SEPARATE_SLOTS_AT = SEPARATE_SET_AT + 16;
const ID_AT = 4;
const LOCAL_AT = 20;
const TAIL_AT = 22;
const FREE_OFFSET = 0xffff_ffff;

const slotBytes = (tailBytes: number) => (TAIL_AT + tailBytes + 3) & ~3;

/** The versions of all volumes as one set. */
function mergedSet(volumes: readonly VolumeVersions[]): VersionSet {
  const starts = new Uint32Array(offsetCountOf(volumes) + 1);
  const rlsns = new Uint32Array(pageCountOf(volumes));
  let pair = 0;
  let version = 0;
  for (const volume of volumes) {
    for (const end of volume.starts.subarray(1)) starts[++pair] = version + end;
    rlsns.set(volume.rlsns, version);
    version += volume.rlsns.length;
  }
  return { starts, rlsns };
}

class OneLevelHash implements DesignIndex {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #separate: boolean;
  readonly #codec: number;
  /** Parts of the layout, which the set header says once for all probes. */
  readonly #header: number;
  readonly #count: number;
  readonly #stride: number;
  readonly #directory: number;
  readonly #entries: number;
  readonly #rest: number;

  constructor(bytes: Uint8Array, form: IndexForm) {
    const view = viewOf(bytes);
    this.bytes = bytes;
    this.#view = view;
    this.#separate = form === "separate";
    this.#codec = bytes[this.#separate ? SEPARATE_HEADER_BYTES : 0] & 7;
    this.#header = this.#separate ? SEPARATE_SET_AT : INLINE_SET_AT;
    this.#count = view.getUint16(this.#header, true);
    const tailBytes = view.getUint8(this.#header + 3);
    this.#directory = this.#header + setHeaderBytes(view.getUint8(this.#header + 2));
    if (this.#separate) {
      this.#stride = slotBytes(tailBytes);
      this.#entries = SEPARATE_SLOTS_AT;
      this.#rest = (this.#entries + (this.#stride << slotBits(this.#count)) + 7) & ~7;
    } else {
      const buckets = bucketCount(this.#count);
      this.#stride = TAIL_AT + tailBytes;
      this.#entries = this.#directory + (buckets > 1 ? 2 * (buckets + 1) : 0);
      this.#rest = this.#entries + this.#stride * this.#count;
    }
  }

  find(vid: VolumeId, offset: number, rlsn: number): number {
    loadId(vid);
    return this.#find(offset, rlsn);
  }

  volume(vid: VolumeId): number {
    loadId(vid);
    const view = this.#view;
    const slots = this.#separate ? 1 << slotBits(this.#count) : this.#count;
    const end = this.#entries + this.#stride * slots;
    for (let at = this.#entries; at < end; at += this.#stride) {
      if (view.getUint32(at, true) !== FREE_OFFSET && isLoadedId(view, at + ID_AT)) return at;
    }
    return -1;
  }

  findAt(volume: number, offset: number, rlsn: number): number {
    loadIdAt(this.#view, volume + ID_AT);
    return this.#find(offset, rlsn);
  }

  /** Looks for the id loaded, with this offset. */
  #find(offset: number, rlsn: number): number {
    const view = this.#view;
    const stride = this.#stride;
    const hash = (hashId(idWords[0], idWords[1], idWords[2], idWords[3]) + hashOffset(offset)) >>> 0;
    let at = this.#entries;
    if (this.#separate) {
      const bits = slotBits(this.#count);
      let slot = hash >>> (32 - bits);
      for (;;) {
        at = this.#entries + stride * slot;
        const found = view.getUint32(at, true);
        if (found === FREE_OFFSET) return -1;
        if (found === offset && isLoadedId(view, at + ID_AT)) break;
        slot = (slot + 1) & ((1 << bits) - 1);
      }
    } else {
      const buckets = bucketCount(this.#count);
      let end = this.#rest;
      if (buckets > 1) {
        const directory = this.#directory + 2 * bucketOf(hash, buckets);
        end = at + stride * view.getUint16(directory + 2, true);
        at += stride * view.getUint16(directory, true);
      }
      while (at < end && !(view.getUint32(at, true) === offset && isLoadedId(view, at + ID_AT))) at += stride;
      if (at >= end) return -1;
    }
    const local = view.getUint16(at + LOCAL_AT, true);
    return newestInSet(view, this.#header, local, at + TAIL_AT, this.#rest, this.#codec, rlsn);
  }
}

export const oneLevel: Design = {
  letter: "b",
  name: "one-level hash",
  rlsnWidths: ["u32", "u16", "u8", "byte-deltas", "delta-deltas", "elias-fano"],
  localBytesSaved: (volumes) => 2 * (pageCountOf(volumes) - offsetCountOf(volumes)),
  build(volumes, options) {
    const { form, rlsns } = options;
    const set = mergedSet(volumes);
    checkRlsns(set.rlsns, rlsns);
    const writer = openFrame(volumes, options);
    writer.zeros((form === "separate" ? SEPARATE_SET_AT : INLINE_SET_AT) - writer.length);
    const plan = planVersions(set, codecOf(rlsns), 0);
    plan.writeHeader(writer);
    const pairs = volumes.flatMap(({ vid, offsets }) => {
      const idHash = hashVid(vid);
      return Array.from(offsets, (offset) => ({ vid, offset, hash: (idHash + hashOffset(offset)) >>> 0 }));
    });
    const writeEntry = (i: number) => {
      writer.u32(pairs[i].offset);
      const at = writer.length;
      writer.zeros(LOCAL_AT - ID_AT);
      pairs[i].vid.writeTo(writer.bytes, at);
      writer.u16(set.starts[i]);
      plan.writeTail(writer, i);
    };
    const hashOf = (i: number) => pairs[i].hash;
    if (form === "inline") {
      const { directory, order } = packedBuckets(pairs.length, hashOf);
      for (const first of directory) writer.u16(first);
      for (const i of order) writeEntry(i);
    } else {
      writer.zeros(SEPARATE_SLOTS_AT - writer.length);
      for (const i of openSlots(pairs.length, hashOf)) {
        const slot = writer.length;
        if (i < 0) writer.u32(FREE_OFFSET);
        else writeEntry(i);
        writer.zeros(slot + slotBytes(plan.tailBytes) - writer.length);
      }
      alignSection(writer, form);
    }
    plan.writeRest(writer);
    alignSection(writer, form);
    return new OneLevelHash(sealFrame(writer, form), form);
  },
};
