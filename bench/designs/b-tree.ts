/**
 * Design e: a B-tree in the manner of Neon's `disk_btree`: nodes of limited size whose keys have one length and share a
 * prefix that is written once. A key is the id (16 bytes), the offset (4, big-endian) and the rLSN (R = 4, 2 or 1 by its
 * width, big-endian): L = 20 + R bytes (Neon's 26 are an 18-byte key and an 8-byte LSN). An advocate's changes, all of
 * which save bytes: pages are stored in the order of the keys, so that a leaf has the local page number of its first key
 * and none beside the others; rLSNs that are all the same in a leaf are its tail, written once; separators of inner nodes
 * are cut where they still separate (Bayer and Unterauer, Prefix B-trees, 1977); leaves end where that saves bytes, and
 * always with their volume.
 *
 *     inline  separate
 *      -       0   16 bytes   header (frame.ts)
 *      0      16   u8         tag (frame.ts)
 *      1      17   3 bytes    zero
 *      4      20   u32        position of the root, from the first byte of the index
 *      8      24              nodes of at most 1024 bytes: leaves in the order of their keys, then each level above; back
 *                             to back inline, each at the next multiple of 64 in the separate form
 *
 *     node:
 *      0   u8             level, 0 for a leaf
 *      1   u8             P, bytes of the prefix
 *      2   u8             S, bytes of a suffix
 *      3   u8             E, bytes of the tail: R in a leaf whose keys have one rLSN, else 0
 *      4   u16            n, keys of a leaf, children of an inner node
 *      6   u16            leaf: local page number of its first key; inner node: zero
 *      8   P bytes        prefix; of a leaf 16 to L, so that the id is at 8
 *          E bytes        tail
 *          S bytes x n    leaf: suffixes; key = prefix, suffix, tail; P + S + E = L
 *          S bytes x n-1  inner node: separators of children 1 to n - 1, which are prefix, suffix. Child i has the keys from
 *                         separator i on and below separator i + 1, where bytes behind a separator do not count; P + S is
 *                         at most 20, or L: separators of versions of one offset are whole
 *          u32 x n        inner node: positions of the children
 *
 * The newest version at or below an rLSN is the last key at or below the one made of it, if it has the same id and offset.
 */
import type { VolumeId } from "../../src/core/ids.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import { buildTree, KEY_ID_BYTES, NODE_HEADER_BYTES, OFFSET_END } from "./b-tree-build.js";
import type { Design, DesignIndex, IndexForm } from "./design.js";
import { openFrame, pageCountOf, SEPARATE_HEADER_BYTES, sealFrame, viewOf } from "./frame.js";
import { codecOf, FIXED_BYTES } from "./rlsn-lists.js";
import { checkRlsns } from "./rlsn-lists-encode.js";

/** The key that is looked for, and zeros behind it. One thread and no recursion: shared by all calls. */
const key = new Uint8Array(32);
const keyView = new DataView(key.buffer);

/** How the key's bytes from `from` to `from + length` compare with those at `at`: negative, 0 or positive. */
function compareKey(view: DataView, at: number, from: number, length: number): number {
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const stored = view.getUint32(at + i);
    const wanted = keyView.getUint32(from + i);
    if (stored !== wanted) return wanted < stored ? -1 : 1;
  }
  if (i === length) return 0;
  const shift = 32 - 8 * (length - i);
  return (keyView.getUint32(from + i) >>> shift) - (view.getUint32(at + i) >>> shift);
}

/** How many of the `count` suffixes at `at`, of `bytes` bytes each, are at or below the key's bytes from `from` on. */
function countUpTo(view: DataView, at: number, bytes: number, count: number, from: number): number {
  let lo = 0;
  let hi = count;
  if (bytes <= 4) {
    const shift = 32 - 8 * bytes;
    const wanted = keyView.getUint32(from) >>> shift;
    while (lo < hi) {
      const middle = (lo + hi) >>> 1;
      if (view.getUint32(at + bytes * middle) >>> shift <= wanted) lo = middle + 1;
      else hi = middle;
    }
    return lo;
  }
  while (lo < hi) {
    const middle = (lo + hi) >>> 1;
    if (compareKey(view, at + bytes * middle, from, bytes) >= 0) lo = middle + 1;
    else hi = middle;
  }
  return lo;
}

class BTree implements DesignIndex {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #root: number;
  /** R, and the largest rLSN of so many bytes. */
  readonly #rlsnBytes: number;
  readonly #maxRlsn: number;

  constructor(bytes: Uint8Array, form: IndexForm) {
    const at = form === "separate" ? SEPARATE_HEADER_BYTES : 0;
    this.bytes = bytes;
    this.#view = viewOf(bytes);
    this.#root = this.#view.getUint32(at + 4, true);
    this.#rlsnBytes = FIXED_BYTES[bytes[at] & 7];
    this.#maxRlsn = 2 ** (8 * this.#rlsnBytes) - 1;
  }

  find(vid: VolumeId, offset: number, rlsn: number): number {
    vid.writeTo(key, 0);
    return this.#find(offset, rlsn);
  }

  /** The position of the last leaf of the volume: its prefix begins with the id. */
  volume(vid: VolumeId): number {
    vid.writeTo(key, 0);
    keyView.setUint32(KEY_ID_BYTES, 0xffff_ffff);
    keyView.setUint32(OFFSET_END, 0xffff_ffff);
    const leaf = this.#leaf();
    return compareKey(this.#view, leaf + NODE_HEADER_BYTES, 0, KEY_ID_BYTES) === 0 ? leaf : -1;
  }

  findAt(volume: number, offset: number, rlsn: number): number {
    const id = volume + NODE_HEADER_BYTES;
    for (let i = 0; i < KEY_ID_BYTES; i += 4) keyView.setUint32(i, this.#view.getUint32(id + i));
    return this.#find(offset, rlsn);
  }

  /** The leaf in which the key would be. */
  #leaf(): number {
    const view = this.#view;
    let at = this.#root;
    while (view.getUint8(at) > 0) {
      const prefixBytes = view.getUint8(at + 1);
      const bytes = view.getUint8(at + 2);
      const count = view.getUint16(at + 4, true);
      const prefix = at + NODE_HEADER_BYTES;
      const separators = prefix + prefixBytes;
      const order = compareKey(view, prefix, 0, prefixBytes);
      let child = order < 0 ? 0 : count - 1;
      if (order === 0) child = countUpTo(view, separators, bytes, count - 1, prefixBytes);
      at = view.getUint32(separators + bytes * (count - 1) + 4 * child, true);
    }
    return at;
  }

  /** Looks for the key's id with this offset and rLSN. */
  #find(offset: number, rlsn: number): number {
    const view = this.#view;
    const rlsnBytes = this.#rlsnBytes;
    const bounded = Math.min(rlsn, this.#maxRlsn);
    keyView.setUint32(KEY_ID_BYTES, offset);
    keyView.setUint32(OFFSET_END, bounded << (32 - 8 * rlsnBytes));
    const leaf = this.#leaf();
    const prefixBytes = view.getUint8(leaf + 1);
    const bytes = view.getUint8(leaf + 2);
    const tailBytes = view.getUint8(leaf + 3);
    const count = view.getUint16(leaf + 4, true);
    const firstLocal = view.getUint16(leaf + 6, true);
    const prefix = leaf + NODE_HEADER_BYTES;
    const order = compareKey(view, prefix, 0, prefixBytes);
    if (order !== 0) {
      // Behind all keys of the leaf, with the id and offset of them all: the last one.
      const above = order > 0 && compareKey(view, prefix, 0, OFFSET_END) === 0;
      return above ? firstLocal + count - 1 : -1;
    }
    const tail = prefix + prefixBytes;
    const suffixes = tail + tailBytes;
    const i = bytes === 0 ? 0 : countUpTo(view, suffixes, bytes, count, prefixBytes) - 1;
    if (i < 0) return -1;
    const offsetBytes = OFFSET_END - prefixBytes;
    if (offsetBytes > 0 && compareKey(view, suffixes + bytes * i, prefixBytes, offsetBytes) !== 0) return -1;
    if (tailBytes > 0 && view.getUint32(tail) >>> (32 - 8 * rlsnBytes) > bounded) return -1;
    return firstLocal + i;
  }
}

export const bTree: Design = {
  letter: "e",
  name: "B-tree",
  rlsnWidths: ["u32", "u16", "u8"],
  localBytesSaved: (volumes: readonly VolumeVersions[]) => 2 * pageCountOf(volumes),
  build(volumes, options) {
    const { form, rlsns } = options;
    for (const volume of volumes) checkRlsns(volume.rlsns, rlsns);
    const writer = openFrame(volumes, options);
    writer.zeros(3);
    const rootAt = writer.length;
    writer.zeros(4);
    const root = buildTree(writer, volumes, form, FIXED_BYTES[codecOf(rlsns)]);
    new DataView(writer.bytes.buffer).setUint32(rootAt, root, true);
    return new BTree(sealFrame(writer, form), form);
  },
};
