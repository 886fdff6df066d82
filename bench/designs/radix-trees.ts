/**
 * The trees of design f: each maps n distinct keys of one length, sorted, to their ordinals 0 to n - 1.
 *
 *     tree:
 *     0   u8        s, bytes that all keys share, at most the key's length less 1
 *     1   s bytes   those
 *         content   of all keys, of which the last r = length - s bytes are left
 *
 * Content of n keys with r bytes left, the ordinals from `first` on:
 *
 *     r = 1, n = 256    nothing: byte b is ordinal first + b
 *     r = 1, n > 32     32 bytes: bit b of the bit stream is set for each byte b (least significant bit first)
 *     n <= 32           list: the last r bytes of each key
 *     otherwise         node
 *
 *     node:
 *     0   u8            s, bytes that all keys share at this place, at most r - 2; plus 128 where children have positions
 *     1   u8            m - 1 for m children: the next byte's values
 *     2   s bytes       those
 *         0, 32 or m    nothing for m = 256; 32 bytes of bits for m > 32; else the values, ascending
 *         u16 x (m + 1) ordinal of each child's first key, at last that behind the last child
 *         u32 x m       positions of the children's contents, from the tree's first byte: only where a child is no list
 *         contents      lists: back to back in the order of the children, unless they have positions
 *
 * A child of n keys has r - s - 1 bytes left. Contents with positions lie anywhere behind their node.
 */
import { ID_BYTES, type VolumeId } from "../../src/core/ids.js";
import type { ByteWriter } from "../../src/format/bytes.js";

/** Of up to so many keys, contents are lists. */
const LIST_KEYS = 32;
const BITS_BYTES = 32;
const POSITIONED = 128;

function sharedBytes(a: Uint8Array, b: Uint8Array, from: number): number {
  let i = from;
  while (i < a.length && a[i] === b[i]) i++;
  return i - from;
}

/** The children of a subtree: where each begins among the keys, and at last where they end. */
function childBounds(keys: readonly Uint8Array[], start: number, end: number, depth: number): number[] {
  const bounds = [start];
  for (let i = start + 1; i < end; i++) if (keys[i][depth] !== keys[i - 1][depth]) bounds.push(i);
  bounds.push(end);
  return bounds;
}

/** Writes which byte values there are, `values` in ascending order. */
function putByteSet(writer: ByteWriter, values: readonly number[]): void {
  if (values.length === 256) return;
  if (values.length <= LIST_KEYS) {
    for (const value of values) writer.u8(value);
    return;
  }
  const at = writer.length;
  writer.zeros(BITS_BYTES);
  for (const value of values) writer.bytes[at + (value >>> 3)] |= 1 << (value & 7);
}

class TreeWriter {
  readonly #writer: ByteWriter;
  readonly #keys: readonly Uint8Array[];
  readonly #length: number;
  readonly #at: number;

  constructor(writer: ByteWriter, keys: readonly Uint8Array[]) {
    this.#writer = writer;
    this.#keys = keys;
    this.#length = keys[0].length;
    this.#at = writer.length;
  }

  write(): void {
    const first = this.#keys[0];
    const shared = Math.min(sharedBytes(first, this.#keys[this.#keys.length - 1], 0), this.#length - 1);
    this.#writer.u8(shared);
    this.#writer.raw(first.subarray(0, shared));
    this.#content(0, this.#keys.length, shared);
  }

  #content(start: number, end: number, depth: number): void {
    const isLast = depth === this.#length - 1;
    if (isLast) {
      putByteSet(
        this.#writer,
        this.#keys.slice(start, end).map((key) => key[depth]),
      );
    } else if (end - start <= LIST_KEYS) {
      for (let i = start; i < end; i++) this.#writer.raw(this.#keys[i].subarray(depth));
    } else {
      this.#node(start, end, depth);
    }
  }

  #node(start: number, end: number, depth: number): void {
    const writer = this.#writer;
    const first = this.#keys[start];
    const shared = Math.min(sharedBytes(first, this.#keys[end - 1], depth), this.#length - depth - 2);
    const branch = depth + shared;
    const bounds = childBounds(this.#keys, start, end, branch);
    const count = bounds.length - 1;
    let positioned = false;
    for (let child = 0; child < count; child++) positioned ||= bounds[child + 1] - bounds[child] > LIST_KEYS;
    writer.u8(shared | (positioned ? POSITIONED : 0));
    writer.u8(count - 1);
    writer.raw(first.subarray(depth, branch));
    putByteSet(
      writer,
      bounds.slice(0, count).map((i) => this.#keys[i][branch]),
    );
    for (const bound of bounds) writer.u16(bound);
    const positions = writer.length;
    if (positioned) writer.zeros(4 * count);
    for (let child = 0; child < count; child++) {
      if (positioned) {
        new DataView(writer.bytes.buffer).setUint32(positions + 4 * child, writer.length - this.#at, true);
      }
      this.#content(bounds[child], bounds[child + 1], branch + 1);
    }
  }
}

/** Writes the tree of these keys: sorted, distinct, of one length from 2 on. */
export function putTree(writer: ByteWriter, keys: readonly Uint8Array[]): void {
  new TreeWriter(writer, keys).write();
}

function popcount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Bytes of a set of `count` byte values. */
function byteSetLength(count: number): number {
  return count === 256 ? 0 : count > LIST_KEYS ? BITS_BYTES : count;
}

/** The position of `byte` among the `count` values of the set at `at`, or -1. */
function rankInByteSet(view: DataView, at: number, count: number, byte: number): number {
  if (count === 256) return byte;
  if (count <= LIST_KEYS) return rankInList(view, at, count, 1, byte);
  const target = at + 4 * (byte >>> 5);
  const word = view.getUint32(target, true);
  if (((word >>> (byte & 31)) & 1) === 0) return -1;
  let rank = popcount(word & ((1 << (byte & 31)) - 1));
  for (let before = at; before < target; before += 4) rank += popcount(view.getUint32(before, true));
  return rank;
}

/** The position of `value` among the `count` values of `bytes` bytes, at most 4, big-endian, at `at`; or -1. */
function rankInList(view: DataView, at: number, count: number, bytes: number, value: number): number {
  const shift = 32 - 8 * bytes;
  let rank = 0;
  for (let length = count; length > 1; ) {
    const half = length >>> 1;
    if (view.getUint32(at + bytes * (rank + half)) >>> shift <= value) rank += half;
    length -= half;
  }
  return view.getUint32(at + bytes * rank) >>> shift === value ? rank : -1;
}

/** The ordinal of an offset in the tree at `tree` of `count` offsets, or -1. */
export function ordinalOfOffset(view: DataView, tree: number, count: number, offset: number): number {
  const shared = view.getUint8(tree);
  let left = 4 - shared;
  if (shared > 0 && view.getUint32(tree + 1) >>> (8 * left) !== offset >>> (8 * left)) return -1;
  let at = tree + 1 + shared;
  let first = 0;
  let keys = count;
  for (;;) {
    const rest = left === 4 ? offset : offset & ((1 << (8 * left)) - 1);
    if (left === 1 || keys <= LIST_KEYS) {
      const rank = left === 1 ? rankInByteSet(view, at, keys, rest) : rankInList(view, at, keys, left, rest);
      return rank < 0 ? -1 : first + rank;
    }
    const head = view.getUint8(at);
    const skipped = head & ~POSITIONED;
    const children = view.getUint8(at + 1) + 1;
    const branch = 8 * (left - skipped - 1);
    if (skipped > 0) {
      const shift = 8 * (4 - skipped);
      if (view.getUint32(at + 2) >>> shift !== rest >>> (branch + 8)) return -1;
    }
    const values = at + 2 + skipped;
    const child = rankInByteSet(view, values, children, (rest >>> branch) & 0xff);
    if (child < 0) return -1;
    const ordinals = values + byteSetLength(children);
    const contents = ordinals + 2 * (children + 1);
    const start = view.getUint16(ordinals + 2 * child, true);
    left -= skipped + 1;
    keys = view.getUint16(ordinals + 2 * child + 2, true) - start;
    at = head >= POSITIONED ? tree + view.getUint32(contents + 4 * child, true) : contents + left * (start - first);
    first = start;
  }
}

/** The id that is looked for. One thread and no recursion: shared by all calls. */
const id = new Uint8Array(ID_BYTES);

/** How the bytes of the id from `from` to `from + length` compare with those at `at`: negative, 0 or positive. */
function compareId(view: DataView, at: number, from: number, length: number): number {
  for (let i = 0; i < length; i++) {
    const order = id[from + i] - view.getUint8(at + i);
    if (order !== 0) return order;
  }
  return 0;
}

/** The ordinal of an id in the tree at `tree` of `count` ids, or -1. */
export function ordinalOfId(view: DataView, tree: number, count: number, vid: VolumeId): number {
  vid.writeTo(id, 0);
  let depth = view.getUint8(tree);
  if (compareId(view, tree + 1, 0, depth) !== 0) return -1;
  let at = tree + 1 + depth;
  let first = 0;
  let keys = count;
  for (;;) {
    const left = ID_BYTES - depth;
    if (left === 1) {
      const rank = rankInByteSet(view, at, keys, id[depth]);
      return rank < 0 ? -1 : first + rank;
    }
    if (keys <= LIST_KEYS) {
      for (let i = 0; i < keys; i++) if (compareId(view, at + left * i, depth, left) === 0) return first + i;
      return -1;
    }
    const head = view.getUint8(at);
    const skipped = head & ~POSITIONED;
    const children = view.getUint8(at + 1) + 1;
    if (compareId(view, at + 2, depth, skipped) !== 0) return -1;
    const values = at + 2 + skipped;
    const child = rankInByteSet(view, values, children, id[depth + skipped]);
    if (child < 0) return -1;
    const ordinals = values + byteSetLength(children);
    const contents = ordinals + 2 * (children + 1);
    const start = view.getUint16(ordinals + 2 * child, true);
    depth += skipped + 1;
    keys = view.getUint16(ordinals + 2 * child + 2, true) - start;
    const listed = contents + (ID_BYTES - depth) * (start - first);
    at = head >= POSITIONED ? tree + view.getUint32(contents + 4 * child, true) : listed;
    first = start;
  }
}
