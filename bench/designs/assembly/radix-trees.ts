// The trees of design f, over the bytes that bench/designs/radix-trees.ts describes: from an offset or an id to its
// ordinal. Values and keys are compared as big-endian numbers.
import { ID } from "../../../assembly/memory";

/** Of up to so many keys, contents are lists. */
const LIST_KEYS: u32 = 32;
const BITS_BYTES: u32 = 32;
const POSITIONED: u32 = 128;
const ID_BYTES: u32 = 16;

/** Bytes of a set of `count` byte values. */
// @ts-ignore: decorator
@inline
function byteSetLength(count: u32): u32 {
  return count == 256 ? 0 : count > LIST_KEYS ? BITS_BYTES : count;
}

/** The position of `value` among the `count` values of `bytes` bytes, at most 4, at `at`; or -1. */
// @ts-ignore: decorator
@inline
function rankInList(at: u32, count: u32, bytes: u32, value: u32): i32 {
  const shift = 32 - (bytes << 3);
  let rank: u32 = 0;
  for (let length = count; length > 1; ) {
    const half = length >> 1;
    // Without a branch: which way it goes cannot be foreseen.
    rank += half & -(<u32>(bswap(load<u32>(at + (rank + half) * bytes)) >> shift <= value));
    length -= half;
  }
  return bswap(load<u32>(at + rank * bytes)) >> shift == value ? rank : -1;
}

/** The position of `byte` among the `count` values of the set at `at`, or -1. */
// @ts-ignore: decorator
@inline
function rankInByteSet(at: u32, count: u32, byte: u32): i32 {
  if (count == 256) return byte;
  if (count <= LIST_KEYS) return rankInList(at, count, 1, byte);
  const target = at + ((byte >> 6) << 3);
  const word = load<u64>(target);
  const shift = <u64>(byte & 63);
  if (((word >> shift) & 1) == 0) return -1;
  let rank = <i32>popcnt(word & ((<u64>1 << shift) - 1));
  for (let before = at; before < target; before += 8) rank += <i32>popcnt(load<u64>(before));
  return rank;
}

/** The ordinal of an offset in the tree at `tree` of `count` offsets, or -1. */
// @ts-ignore: decorator
@inline
export function ordinalOfOffset(tree: u32, count: u32, offset: u32): i32 {
  const shared = <u32>load<u8>(tree);
  let left = 4 - shared;
  if (shared > 0 && bswap(load<u32>(tree, 1)) >> (left << 3) != offset >> (left << 3)) return -1;
  let at = tree + 1 + shared;
  let first: u32 = 0;
  let keys = count;
  while (true) {
    const rest = left == 4 ? offset : offset & ((1 << (left << 3)) - 1);
    if (left == 1 || keys <= LIST_KEYS) {
      const rank = left == 1 ? rankInByteSet(at, keys, rest) : rankInList(at, keys, left, rest);
      return rank < 0 ? -1 : first + rank;
    }
    const head = <u32>load<u8>(at);
    const skipped = head & ~POSITIONED;
    const children = <u32>load<u8>(at, 1) + 1;
    const branch = (left - skipped - 1) << 3;
    if (skipped > 0 && bswap(load<u32>(at, 2)) >> (32 - (skipped << 3)) != rest >> (branch + 8)) return -1;
    const values = at + 2 + skipped;
    const child = rankInByteSet(values, children, (rest >> branch) & 0xff);
    if (child < 0) return -1;
    const ordinals = values + byteSetLength(children);
    const contents = ordinals + ((children + 1) << 1);
    const start = <u32>load<u16>(ordinals + (child << 1));
    left -= skipped + 1;
    keys = <u32>load<u16>(ordinals + (child << 1), 2) - start;
    at = head >= POSITIONED ? tree + load<u32>(contents + (child << 2)) : contents + left * (start - first);
    first = start;
  }
}

/** Whether the bytes of the id in ID from `from` to `from + length` are those at `at`. */
function isId(at: u32, from: u32, length: u32): bool {
  return memory.compare(at, ID + from, length) == 0;
}

/** The ordinal of the id in ID in the tree at `tree` of `count` ids, or -1. */
export function ordinalOfId(tree: u32, count: u32): i32 {
  let depth = <u32>load<u8>(tree);
  if (!isId(tree + 1, 0, depth)) return -1;
  let at = tree + 1 + depth;
  let first: u32 = 0;
  let keys = count;
  while (true) {
    const left = ID_BYTES - depth;
    if (left == 1) {
      const rank = rankInByteSet(at, keys, load<u8>(ID + depth));
      return rank < 0 ? -1 : first + rank;
    }
    if (keys <= LIST_KEYS) {
      for (let i: u32 = 0; i < keys; i++) if (isId(at + left * i, depth, left)) return first + i;
      return -1;
    }
    const head = <u32>load<u8>(at);
    const skipped = head & ~POSITIONED;
    const children = <u32>load<u8>(at, 1) + 1;
    if (!isId(at + 2, depth, skipped)) return -1;
    const values = at + 2 + skipped;
    const child = rankInByteSet(values, children, load<u8>(ID + depth + skipped));
    if (child < 0) return -1;
    const ordinals = values + byteSetLength(children);
    const contents = ordinals + ((children + 1) << 1);
    const start = <u32>load<u16>(ordinals + (child << 1));
    depth += skipped + 1;
    keys = <u32>load<u16>(ordinals + (child << 1), 2) - start;
    const listed = contents + (ID_BYTES - depth) * (start - first);
    at = head >= POSITIONED ? tree + load<u32>(contents + (child << 2)) : listed;
    first = start;
  }
}
