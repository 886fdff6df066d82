// Design c, the two-level hash, over the bytes that bench/designs/two-level.ts and keyed-versions.ts describe. A record:
//
//    0  separate     u8   1: an open table; 0: packed buckets
//    1  rule         u8   how versions are kept (keyed-versions.ts)
//    2  codec        u8   of the rLSN lists
//    3  tail bytes   u8   of an entry
//    4  entries      u32  address of the first entry or slot
//    8  stride       u32  bytes of an entry or slot
//   12  directory    u32  address of the buckets' directory, 0 for a single bucket
//   16  buckets      u32  their number; of an open table, 32 - bits
//   20  count        u32  entries; of an open table, slots - 1
//   24  rest         u32  address behind the entries
//   28  parameter    u32  the rLSN of every version (CONSTANT), or the largest
//   32  each         u32  versions of every offset, 0 where their numbers differ
//   36  first local  u32  of the set (BY_LOCAL)
//   40  ends         u32  address of the bits that end each offset's versions (BY_LOCAL, numbers differ)
//   48  id
import { align8, beginRecord, codecOf, RECORD_BYTES, SEPARATE_HEADER_BYTES } from "./opened";
import { byteCodeAt, byteCodeLength, fixedBytes, newestInList } from "./rlsn-lists";

const VOLUME_ENTRY_BYTES: u32 = 20;
const BLOCK_AT: u32 = 16;
/** Bytes of an entry before its tail. */
const KEY_BYTES: u32 = 6;
const FREE_OFFSET: u32 = 0xffffffff;
const SEPARATE_SET_HEADER_BYTES: u32 = 16;

const CONSTANT: u32 = 0;
const IN_ENTRY: u32 = 1;
const BY_LOCAL: u32 = 2;

/** 2^bits slots leave a quarter free. */
function slotBits(entries: u32): u32 {
  return 32 - clz(entries + (entries - 1) / 3);
}

function bucketCount(entries: u32): u32 {
  return entries <= 8 ? 1 : (entries + 3) >> 2;
}

function openBlock(record: u32, block: u32, separate: bool, codec: u32): void {
  const count = <u32>load<u16>(block);
  const rule = <u32>load<u8>(block, 2);
  const tailBytes = <u32>load<u8>(block, 3);
  const parameter = load<u32>(block, 4);
  const each: u32 = rule == CONSTANT ? 1 : load<u16>(block, 8);
  store<u8>(record, separate);
  store<u8>(record, rule, 1);
  store<u8>(record, codec, 2);
  store<u8>(record, tailBytes, 3);
  let entries: u32;
  let stride = KEY_BYTES + tailBytes;
  let rest: u32;
  if (separate) {
    const bits = slotBits(count);
    stride = (stride + 3) & ~3;
    entries = block + SEPARATE_SET_HEADER_BYTES;
    // Sections are aligned within the index, and the index lies at a multiple of 8.
    rest = align8(entries + (stride << bits));
    store<u32>(record, 32 - bits, 16);
    store<u32>(record, (1 << bits) - 1, 20);
  } else {
    const buckets = bucketCount(count);
    entries = block + (rule == CONSTANT ? 8 : 12);
    if (buckets > 1) {
      store<u32>(record, entries, 12);
      entries += (buckets + 1) << 1;
    }
    rest = entries + stride * count;
    store<u32>(record, buckets, 16);
    store<u32>(record, count, 20);
  }
  store<u32>(record, entries, 4);
  store<u32>(record, stride, 8);
  store<u32>(record, rest, 24);
  store<u32>(record, parameter, 28);
  store<u32>(record, each, 32);
  if (rule == BY_LOCAL) {
    store<u32>(record, parameter & 0xffff, 36);
    store<u32>(record, rest + (parameter >> 16) * fixedBytes(codec), 40);
  }
}

/** Writes the records of the index at `index` to `area`; returns how many. */
export function openTwoLevel(index: u32, separate: bool, area: u32): u32 {
  const head = separate ? index + SEPARATE_HEADER_BYTES : index;
  const codec = codecOf(load<u8>(head));
  const count = <u32>load<u16>(head, 2);
  let entry = head + 4;
  let slots = count;
  if (separate) {
    entry = head + 8;
    slots = 1 << slotBits(count);
  } else {
    const buckets = bucketCount(count);
    if (buckets > 1) entry += (buckets + 1) << 1;
  }
  let record = area;
  for (let i: u32 = 0; i < slots; i++, entry += VOLUME_ENTRY_BYTES) {
    const block = load<u32>(entry, BLOCK_AT);
    if (block == 0) continue;
    beginRecord(record, entry);
    openBlock(record, index + block, separate, codec);
    record += RECORD_BYTES;
  }
  return count;
}

/** The address of the entry of `offset`, or 0. */
// @ts-ignore: decorator
@inline
function entryOf(volume: u32, offset: u32): u32 {
  const hash = offset * 0x9e3779b1;
  const stride = load<u32>(volume, 8);
  let entry = load<u32>(volume, 4);
  if (load<u8>(volume)) {
    const mask = load<u32>(volume, 20);
    let slot = hash >> load<u32>(volume, 16);
    while (true) {
      const at = entry + slot * stride;
      const found = load<u32>(at);
      // A free slot first: nobody's offset is 2^32 - 1, though one may ask for it.
      if (found == FREE_OFFSET) return 0;
      if (found == offset) return at;
      slot = (slot + 1) & mask;
    }
  }
  const directory = load<u32>(volume, 12);
  let end: u32;
  if (directory != 0) {
    const bucket = directory + ((((hash >> 16) * load<u32>(volume, 16)) >> 16) << 1);
    end = entry + stride * load<u16>(bucket, 2);
    entry += stride * load<u16>(bucket);
  } else {
    end = entry + stride * load<u32>(volume, 20);
  }
  for (; entry < end; entry += stride) if (load<u32>(entry) == offset) return entry;
  return 0;
}

/** Where the entry of `offset` is, or is not far from. */
// @ts-ignore: decorator
@inline
export function likelyEntry(volume: u32, offset: u32): u32 {
  const hash = offset * 0x9e3779b1;
  const entries = load<u32>(volume, 4);
  const stride = load<u32>(volume, 8);
  if (load<u8>(volume)) return entries + (hash >> load<u32>(volume, 16)) * stride;
  const directory = load<u32>(volume, 12);
  if (directory == 0) return entries;
  return entries + stride * load<u16>(directory + ((((hash >> 16) * load<u32>(volume, 16)) >> 16) << 1));
}

/** Where the rLSNs of an entry are, if they lie by local page number. */
// @ts-ignore: decorator
@inline
export function likelyList(volume: u32, entry: u32): u32 {
  if (load<u8>(volume, 1) != BY_LOCAL) return entry;
  const first = <u32>load<u16>(entry, 4) - load<u32>(volume, 36);
  return load<u32>(volume, 24) + first * fixedBytes(load<u8>(volume, 2));
}

/** The first set bit, from this one on, of the bit stream at `at`: there is one. */
// @ts-ignore: decorator
@inline
function nextSetBit(at: u32, bit: u32): u32 {
  let shift = bit & 7;
  let word = load<u64>(at + (bit >> 3)) >> shift;
  while (word == 0) {
    bit += 64 - shift;
    shift = 0;
    word = load<u64>(at + (bit >> 3));
  }
  return bit + <u32>ctz(word);
}

// @ts-ignore: decorator
@inline
export function findTwoLevel(volume: u32, offset: u32, rlsn: u32): i32 {
  const entry = entryOf(volume, offset);
  if (entry == 0) return -1;
  const local = <u32>load<u16>(entry, 4);
  const rule = <u32>load<u8>(volume, 1);
  const parameter = load<u32>(volume, 28);
  if (rule == CONSTANT) return rlsn >= parameter ? local : -1;
  const codec = <u32>load<u8>(volume, 2);
  let count = load<u32>(volume, 32);
  let at = entry + KEY_BYTES;
  if (rule != IN_ENTRY) {
    const rest = load<u32>(volume, 24);
    if (rule == BY_LOCAL) {
      const first = local - load<u32>(volume, 36);
      if (count == 0) count = nextSetBit(load<u32>(volume, 40), first) + 1 - first;
      at = rest + first * fixedBytes(codec);
    } else {
      at = rest + (load<u8>(volume, 3) == 2 ? <u32>load<u16>(at) : load<u32>(at));
      if (count == 0) {
        count = byteCodeAt(at);
        at += byteCodeLength(load<u8>(at));
      }
    }
  }
  const i = newestInList(at, codec, count, parameter, rlsn);
  return i < 0 ? -1 : local + i;
}
