// Design f, the radix tree, over the bytes that bench/designs/radix-tree.ts describes. Its ids lie in a tree and not in
// records, which are in the order of the ids. A record:
//
//    0  tree      u32  address of the tree of the offsets
//    4  count     u32  K, offsets
//   16  versions  (ordinal-versions.ts)
import { codecOf, RECORD_BYTES, SEPARATE_HEADER_BYTES } from "./opened";
import { newestOfOrdinal, openOrdinals, ordinalHeaderBytes } from "./ordinal-versions";
import { ordinalOfId, ordinalOfOffset } from "./radix-trees";

const VERSIONS_AT: u32 = 4;
/** The header of versions that are all at one rLSN has so many bytes, and no tree length behind it. */
const CONSTANT_HEADER_BYTES: u32 = 6;

// @ts-ignore: decorator
@inline
function headOf(index: u32, separate: bool): u32 {
  return separate ? index + SEPARATE_HEADER_BYTES : index;
}

// @ts-ignore: decorator
@inline
function alignOf(separate: bool): u32 {
  return separate ? 7 : 0;
}

/** Writes the records of the index at `index` to `area`; returns how many. */
export function openRadixTree(index: u32, separate: bool, area: u32): u32 {
  const head = headOf(index, separate);
  const align = alignOf(separate);
  const codec = codecOf(load<u8>(head));
  const volumes = <u32>load<u16>(head, 2);
  const blocks = (head + 4 + align) & ~align;
  for (let i: u32 = 0; i < volumes; i++) {
    const record = area + i * RECORD_BYTES;
    const block = index + load<u32>(blocks + (i << 2));
    const count = <u32>load<u16>(block);
    const header = block + VERSIONS_AT;
    const headerBytes = ordinalHeaderBytes(header);
    const lengthAt = header + headerBytes;
    const hasLength = headerBytes != CONSTANT_HEADER_BYTES;
    const tree = (lengthAt + (hasLength ? 4 : 0) + align) & ~align;
    memory.fill(record, 0, RECORD_BYTES);
    store<u32>(record, tree);
    store<u32>(record, count, 4);
    openOrdinals(record, header, hasLength ? tree + load<u32>(lengthAt) : 0, count, load<u16>(block, 2), align, codec);
  }
  return volumes;
}

/** The number of the record of the volume whose id is in ID, or -1. */
export function findRadixVolume(index: u32, separate: bool): i32 {
  const head = headOf(index, separate);
  const align = alignOf(separate);
  const volumes = <u32>load<u16>(head, 2);
  const blocks = (head + 4 + align) & ~align;
  return ordinalOfId((blocks + (volumes << 2) + align) & ~align, volumes);
}

// @ts-ignore: decorator
@inline
export function findRadix(volume: u32, offset: u32, rlsn: u32): i32 {
  const ordinal = ordinalOfOffset(load<u32>(volume), load<u32>(volume, 4), offset);
  return ordinal < 0 ? -1 : newestOfOrdinal(volume, ordinal, rlsn);
}
