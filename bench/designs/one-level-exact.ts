/**
 * Design a: a one-level hash in the manner of ODHT, rustc's on-disk hash table, and of the Swiss tables behind it: open
 * addressing, with a control byte for each slot that has seven bits of its key's hash, and keys of (vid, offset, rLSN)
 * that match exactly or not at all. "At or below" takes a probe for each rLSN downwards, from the one asked for or the
 * index's largest to the index's smallest: an offset that is absent costs as many probes as the index spans rLSNs. More
 * than 65,536 of them are refused. Positions count from the first byte of the index.
 *
 *     inline  separate
 *      -       0   16 bytes       header (frame.ts)
 *      0      16   u8             tag (frame.ts)
 *      1      17   u8             zero
 *      2      18   u16            G, groups of 16 slots
 *      4      20   u32            smallest rLSN of the index
 *      8      24   u32            largest rLSN of the index
 *      -      28   u32            zero
 *     12      32   u8 x 16 x G    control bytes: 0 in a free slot, else 128 + the low 7 bits of the hash
 *                  E x 16 x G     slots
 *
 *     slot: all zero when free
 *      0   u32          offset
 *      4   16 bytes     id
 *     20   u16          local page number
 *     22   R bytes      rLSN: 4, 2 or 1 bytes by its width
 *
 * E is 22 + R, in the separate form rounded up to a multiple of 4. Of n keys, G is floor(n / 15) + 1
 * inline, and in the separate form the smallest power of two of which 7/8, as in ODHT's tables by default, hold them. A key lies in the group of its hash h, floor(floor(h / 2^16) * G / 2^16), or in the next one with a free slot,
 * round the end: a probe ends at the first group that has one.
 */
import type { VolumeId } from "../../src/core/ids.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import type { Design, DesignIndex, IndexForm } from "./design.js";
import { openFrame, pageCountOf, SEPARATE_HEADER_BYTES, sealFrame, viewOf } from "./frame.js";
import { hashId, hashOffset, hashVid, idWords, isLoadedId, loadId, loadIdAt } from "./keys.js";
import { codecOf, FIXED_BYTES } from "./rlsn-lists.js";
import { checkRlsns } from "./rlsn-lists-encode.js";
import { bucketOf } from "./tables.js";

const GROUP_SLOTS = 16;
const ID_AT = 4;
const LOCAL_AT = 20;
const RLSN_AT = 22;
const TAKEN = 128;
const MAX_SPAN = 65_536;

/** The hash of a key, from that of its id and offset. */
function hashKey(pairHash: number, rlsn: number): number {
  const mixed = Math.imul(pairHash ^ (pairHash >>> 15), 0x85ebca6b) + Math.imul(rlsn, 0xc2b2ae35);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> 0;
}

function groupCount(pages: number, form: IndexForm): number {
  if (form === "inline") return Math.floor(pages / 15) + 1;
  let groups = 1;
  while (groups * GROUP_SLOTS * 7 < pages * 8) groups *= 2;
  return groups;
}

const slotBytes = (rlsnBytes: number, form: IndexForm) =>
  form === "inline" ? RLSN_AT + rlsnBytes : (RLSN_AT + rlsnBytes + 3) & ~3;

class OneLevelExact implements DesignIndex {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #groups: number;
  readonly #smallest: number;
  readonly #largest: number;
  readonly #controls: number;
  readonly #slots: number;
  readonly #stride: number;
  /** Leaves the bytes of an rLSN of the four that are loaded. */
  readonly #rlsnMask: number;

  constructor(bytes: Uint8Array, form: IndexForm) {
    const at = form === "separate" ? SEPARATE_HEADER_BYTES : 0;
    const view = viewOf(bytes);
    const rlsnBytes = FIXED_BYTES[bytes[at] & 7];
    this.bytes = bytes;
    this.#view = view;
    this.#groups = view.getUint16(at + 2, true);
    this.#smallest = view.getUint32(at + 4, true);
    this.#largest = view.getUint32(at + 8, true);
    this.#controls = form === "separate" ? at + 16 : at + 12;
    this.#slots = this.#controls + GROUP_SLOTS * this.#groups;
    this.#stride = slotBytes(rlsnBytes, form);
    this.#rlsnMask = 0xffff_ffff >>> (32 - 8 * rlsnBytes);
  }

  find(vid: VolumeId, offset: number, rlsn: number): number {
    loadId(vid);
    return this.#newest(offset, rlsn);
  }

  /** The position of a slot with the id: there is no table of volumes, so all are looked at. */
  volume(vid: VolumeId): number {
    loadId(vid);
    for (let i = 0; i < GROUP_SLOTS * this.#groups; i++) {
      const slot = this.#slots + this.#stride * i;
      if (this.#view.getUint8(this.#controls + i) !== 0 && isLoadedId(this.#view, slot + ID_AT)) return slot;
    }
    return -1;
  }

  findAt(volume: number, offset: number, rlsn: number): number {
    loadIdAt(this.#view, volume + ID_AT);
    return this.#newest(offset, rlsn);
  }

  #newest(offset: number, rlsn: number): number {
    const pairHash = hashId(idWords[0], idWords[1], idWords[2], idWords[3]) ^ hashOffset(offset);
    for (let tried = Math.min(rlsn, this.#largest); tried >= this.#smallest; tried--) {
      const local = this.#exact(hashKey(pairHash, tried), offset, tried);
      if (local >= 0) return local;
    }
    return -1;
  }

  /** The local page number of the key of the id loaded, or -1. */
  #exact(hash: number, offset: number, rlsn: number): number {
    const view = this.#view;
    const tags = Math.imul(TAKEN | (hash & 0x7f), 0x01010101);
    for (let group = bucketOf(hash, this.#groups); ; group = group + 1 === this.#groups ? 0 : group + 1) {
      const first = GROUP_SLOTS * group;
      let free = 0;
      // Four control bytes at a time, as wider registers would take all sixteen.
      for (let quarter = 0; quarter < GROUP_SLOTS; quarter += 4) {
        const controls = view.getUint32(this.#controls + first + quarter, true);
        free |= ~controls & 0x80808080;
        const differing = controls ^ tags;
        // Sets the high bit of each zero byte, and perhaps of bytes above one: those are of taken slots with other keys.
        for (let same = (differing - 0x01010101) & ~differing & 0x80808080; same !== 0; same &= same - 1) {
          const i = first + quarter + ((31 - Math.clz32(same & -same)) >>> 3);
          const slot = this.#slots + this.#stride * i;
          if (
            view.getUint32(slot, true) === offset &&
            (view.getUint32(slot + RLSN_AT, true) & this.#rlsnMask) >>> 0 === rlsn &&
            isLoadedId(view, slot + ID_AT)
          ) {
            return view.getUint16(slot + LOCAL_AT, true);
          }
        }
      }
      if (free !== 0) return -1;
    }
  }
}

export const oneLevelExact: Design = {
  letter: "a",
  name: "one-level hash, exact match",
  rlsnWidths: ["u32", "u16", "u8"],
  localBytesSaved: () => 0,
  build(volumes: readonly VolumeVersions[], options) {
    const { form, rlsns: width } = options;
    let smallest = 0xffff_ffff;
    let largest = 0;
    for (const { rlsns } of volumes) {
      checkRlsns(rlsns, width);
      for (const rlsn of rlsns) {
        smallest = Math.min(smallest, rlsn);
        largest = Math.max(largest, rlsn);
      }
    }
    if (largest - smallest >= MAX_SPAN) {
      throw new RangeError(`rLSNs ${smallest} to ${largest}: a probe for each is too many, ${MAX_SPAN} at most`);
    }
    const writer = openFrame(volumes, options);
    const rlsnBytes = FIXED_BYTES[codecOf(width)];
    const groups = groupCount(pageCountOf(volumes), form);
    const stride = slotBytes(rlsnBytes, form);
    writer.u8(0);
    writer.u16(groups);
    writer.u32(smallest);
    writer.u32(largest);
    if (form === "separate") writer.u32(0);
    const controlsAt = writer.length;
    const slotsAt = controlsAt + GROUP_SLOTS * groups;
    writer.zeros(GROUP_SLOTS * groups * (1 + stride));
    const { bytes } = writer;
    const view = new DataView(bytes.buffer);
    let local = 0;
    for (const { vid, offsets, starts, rlsns } of volumes) {
      const idHash = hashVid(vid);
      for (const [i, offset] of offsets.entries()) {
        for (let version = starts[i]; version < starts[i + 1]; version++) {
          const hash = hashKey(idHash ^ hashOffset(offset), rlsns[version]);
          let place = GROUP_SLOTS * bucketOf(hash, groups);
          while (bytes[controlsAt + place] !== 0) place = (place + 1) % (GROUP_SLOTS * groups);
          bytes[controlsAt + place] = TAKEN | (hash & 0x7f);
          const slot = slotsAt + stride * place;
          view.setUint32(slot, offset, true);
          vid.writeTo(bytes, slot + ID_AT);
          view.setUint16(slot + LOCAL_AT, local++, true);
          for (let byte = 0; byte < rlsnBytes; byte++) bytes[slot + RLSN_AT + byte] = rlsns[version] >>> (8 * byte);
        }
      }
    }
    return new OneLevelExact(sealFrame(writer, form), form);
  },
};
