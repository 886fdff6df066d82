// A part of a resolver's table: 64 bytes that say where one piece of a volume's history can be looked up. The host
// (src/store) writes them; `resolve` and the runs read them. Once a table is in use, two fields of its parts change: the
// kind, to UNLOADED when what it leads to goes, and what its frames point to.
//
//    0  kind           u8   RUN, SEGMENT, DROPS, UNLOADED or IMAGE
//    1  bucket shift   u8   RUN: width of an offset within its bucket
//    2  rLSN bits      u8   RUN: width of an entry's rLSN
//    3  local bits     u8   RUN: width of an entry's local page number
//    4  segment bits   u8   RUN: width of an entry's segment
//    8  base LSN       f64  rLSNs count from here
//   16  last LSN       f64  of the newest version or drop
//   24  lowest offset  u32
//   28  offset span    u32  highest - lowest
//   32  frames         u32  address of a u32 for each segment: its table of page frames, or 0
//   36  directory      u32  RUN: address of its buckets; SEGMENT: the volume's handle; DROPS: address of the drops
//   40  entries        u32  RUN: address of its entries; SEGMENT: address of its head, for its mark
//   44  count          u32  RUN: of entries; DROPS: of drops; IMAGE: of the parts that follow and make it up
//   48  lowest drop    u32  UNLOADED: offsets from here on may have been dropped; otherwise as if none
//   52  own frames     u32  SEGMENT: what `frames` points to
//   56  allocation     u32  RUN: its first byte, for its mark; SEGMENT: of its derived area

export const PART_BYTES: u32 = 64;

/** Versions of several segments, merged (run.ts). */
export const RUN: u32 = 1;
/** One segment's own index. */
export const SEGMENT: u32 = 2;
/** Ranges of offsets that became absent. */
export const DROPS: u32 = 3;
/** Something that the host must load before it can be looked up. */
export const UNLOADED: u32 = 4;
/**
 * What a reader at its base LSN sees: the parts that follow. Whoever reads at that LSN or a later one needs no part behind them;
 * whoever reads at an earlier one passes over them.
 */
export const IMAGE: u32 = 5;

// @ts-ignore: decorator
@inline
export function rlsnBitsOf(part: u32): u64 {
  return load<u8>(part, 2);
}

// @ts-ignore: decorator
@inline
export function localBitsOf(part: u32): u64 {
  return load<u8>(part, 3);
}

/** Width of an entry's position: segment and local page number. */
// @ts-ignore: decorator
@inline
export function positionBitsOf(part: u32): u64 {
  return <u64>load<u8>(part, 3) + load<u8>(part, 4);
}

// @ts-ignore: decorator
@inline
export function ones(width: u64): u64 {
  return (<u64>1 << width) - 1;
}
