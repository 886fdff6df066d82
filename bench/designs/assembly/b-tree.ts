// Design e, the B-tree, over the bytes that bench/designs/b-tree.ts describes. The key that is looked for is held as three
// big-endian words, so that most comparisons are one of registers: the id's halves, and `last`, which is the offset and
// behind it the rLSN in its high bytes. A record:
//
//    0  root       u32  address of the root node
//    4  index      u32  address of the index: positions of nodes count from there
//    8  rLSN bits  u32  R * 8
//   12  most       u32  the largest rLSN of so many bits
//   48  id
import { beginRecord, codecOf, RECORD_BYTES, SEPARATE_HEADER_BYTES } from "./opened";
import { fixedBytes } from "./rlsn-lists";

const NODE_HEADER_BYTES: u32 = 8;
const NODE_ALIGNMENT: u32 = 64;
const ID_BYTES: u32 = 16;
/** Where a key's offset ends and its rLSN begins. */
const OFFSET_END: u32 = 20;
const WORD_BYTES: u32 = 8;

/** Writes the records of the index at `index` to `area`; returns how many. The root is the last node. */
export function openBTree(index: u32, separate: bool, area: u32): u32 {
  const head = separate ? index + SEPARATE_HEADER_BYTES : index;
  const align: u32 = separate ? NODE_ALIGNMENT - 1 : 0;
  const bits = fixedBytes(codecOf(load<u8>(head))) << 3;
  const root = index + load<u32>(head, 4);
  let volumes: u32 = 0;
  let leaf = (head + 8 + align) & ~align;
  while (leaf <= root && load<u8>(leaf) == 0) {
    const id = leaf + NODE_HEADER_BYTES;
    const record = area + volumes * RECORD_BYTES;
    const before = record - RECORD_BYTES;
    if (volumes == 0 || memory.compare(before + RECORD_BYTES - ID_BYTES, id, ID_BYTES) != 0) {
      beginRecord(record, id);
      store<u32>(record, root);
      store<u32>(record, index, 4);
      store<u32>(record, bits, 8);
      store<u32>(record, 0xffffffff >> (32 - bits), 12);
      volumes++;
    }
    const fixed = <u32>load<u8>(leaf, 1) + load<u8>(leaf, 3);
    leaf = (id + fixed + <u32>load<u8>(leaf, 2) * load<u16>(leaf, 4) + align) & ~align;
  }
  return volumes;
}

/** The first `length` bytes, 1 to 8, of a big-endian word. */
// @ts-ignore: decorator
@inline
function firstBytes(word: u64, length: u32): u64 {
  return word >> (64 - (length << 3));
}

/** The `length` bytes, 1 to 8, at `at`. */
// @ts-ignore: decorator
@inline
function bytesAt(at: u32, length: u32): u64 {
  return firstBytes(bswap(load<u64>(at)), length);
}

// @ts-ignore: decorator
@inline
function order(wanted: u64, stored: u64): i32 {
  return <i32>(wanted > stored) - <i32>(wanted < stored);
}

/** The key's `length` bytes, 1 to 8, from byte `from` on. */
// @ts-ignore: decorator
@inline
function keyBytes(high: u64, low: u64, last: u64, from: u32, length: u32): u64 {
  if (from >= ID_BYTES) return firstBytes(last << ((from - ID_BYTES) << 3), length);
  const word = from < WORD_BYTES ? high : low;
  const next = from < WORD_BYTES ? low : last;
  const shift = <u64>((from & 7) << 3);
  return firstBytes(shift == 0 ? word : (word << shift) | (next >> (64 - shift)), length);
}

/** How the key's bytes from `from` to `from + length` compare with those at `at`: negative, 0 or positive. */
function compareKey(high: u64, low: u64, last: u64, at: u32, from: u32, length: u32): i32 {
  while (length > 0) {
    const part = min(length, WORD_BYTES);
    const found = order(keyBytes(high, low, last, from, part), bytesAt(at, part));
    if (found != 0) return found;
    at += part;
    from += part;
    length -= part;
  }
  return 0;
}

/** `compareKey` from the key's first byte on. */
// @ts-ignore: decorator
@inline
function comparePrefix(high: u64, low: u64, last: u64, at: u32, length: u32): i32 {
  if (length < ID_BYTES) return compareKey(high, low, last, at, 0, length);
  const storedHigh = bswap(load<u64>(at));
  if (storedHigh != high) return order(high, storedHigh);
  const storedLow = bswap(load<u64>(at, 8));
  if (storedLow != low) return order(low, storedLow);
  if (length == ID_BYTES) return 0;
  return order(firstBytes(last, length - ID_BYTES), bytesAt(at + ID_BYTES, length - ID_BYTES));
}

/** How many of the `count` suffixes at `at`, of `bytes` bytes each, are at or below the key's bytes from `from` on. */
// @ts-ignore: decorator
@inline
function countUpTo(high: u64, low: u64, last: u64, at: u32, bytes: u32, count: u32, from: u32): u32 {
  if (count == 0) return 0;
  if (bytes > WORD_BYTES) return countLong(high, low, last, at, bytes, count, from);
  const wanted = keyBytes(high, low, last, from, bytes);
  let below: u32 = 0;
  for (let length = count; length > 1; ) {
    const half = length >> 1;
    // Without a branch: which way it goes cannot be foreseen.
    below += half & -(<u32>(bytesAt(at + (below + half) * bytes, bytes) <= wanted));
    length -= half;
  }
  return below + <u32>(bytesAt(at + below * bytes, bytes) <= wanted);
}

function countLong(high: u64, low: u64, last: u64, at: u32, bytes: u32, count: u32, from: u32): u32 {
  let lo: u32 = 0;
  let hi = count;
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    if (compareKey(high, low, last, at + bytes * middle, from, bytes) >= 0) lo = middle + 1;
    else hi = middle;
  }
  return lo;
}

/** The leaf in which the key would be. */
// @ts-ignore: decorator
@inline
function leafOf(volume: u32, high: u64, low: u64, last: u64): u32 {
  const index = load<u32>(volume, 4);
  let node = load<u32>(volume);
  while (load<u8>(node) != 0) {
    const prefixBytes = <u32>load<u8>(node, 1);
    const bytes = <u32>load<u8>(node, 2);
    const separatorCount = <u32>load<u16>(node, 4) - 1;
    const prefix = node + NODE_HEADER_BYTES;
    const separators = prefix + prefixBytes;
    const found = comparePrefix(high, low, last, prefix, prefixBytes);
    let child: u32 = found < 0 ? 0 : separatorCount;
    if (found == 0) child = countUpTo(high, low, last, separators, bytes, separatorCount, prefixBytes);
    node = index + load<u32>(separators + bytes * separatorCount + (child << 2));
  }
  return node;
}

// @ts-ignore: decorator
@inline
export function findBTree(volume: u32, offset: u32, rlsn: u32): i32 {
  const high = bswap(load<u64>(volume, 48));
  const low = bswap(load<u64>(volume, 56));
  const rlsnBits = load<u32>(volume, 8);
  const bounded = min(rlsn, load<u32>(volume, 12));
  const last = ((<u64>offset) << 32) | (bounded << (32 - rlsnBits));
  const leaf = leafOf(volume, high, low, last);
  const prefixBytes = <u32>load<u8>(leaf, 1);
  const bytes = <u32>load<u8>(leaf, 2);
  const tailBytes = <u32>load<u8>(leaf, 3);
  const count = <u32>load<u16>(leaf, 4);
  const firstLocal = <u32>load<u16>(leaf, 6);
  const prefix = leaf + NODE_HEADER_BYTES;
  const found = comparePrefix(high, low, last, prefix, prefixBytes);
  if (found != 0) {
    // Behind all keys of the leaf, with the id and offset of them all: the last one.
    if (found < 0 || prefixBytes <= OFFSET_END) return -1;
    return comparePrefix(high, low, last, prefix, OFFSET_END) == 0 ? firstLocal + count - 1 : -1;
  }
  const tail = prefix + prefixBytes;
  const suffixes = tail + tailBytes;
  let i: u32 = 0;
  if (bytes > 0) {
    const below = countUpTo(high, low, last, suffixes, bytes, count, prefixBytes);
    if (below == 0) return -1;
    i = below - 1;
  }
  if (prefixBytes < OFFSET_END) {
    const offsetBytes = OFFSET_END - prefixBytes;
    if (bytesAt(suffixes + bytes * i, offsetBytes) != keyBytes(high, low, last, prefixBytes, offsetBytes)) return -1;
  }
  if (tailBytes > 0 && bswap(load<u32>(tail)) >> (32 - rlsnBits) > bounded) return -1;
  return firstLocal + i;
}
