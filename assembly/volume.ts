// A volume of an opened index: 64 bytes in linear memory, one cache line, written by `derive` and read by every probe.
// Its address is the volume's handle.
//
//    0  offsets kind     u8   RUN, BITMAP or ELIAS_FANO
//    1  versions kind    u8   CONSTANT, FIXED_SINGLE, FIXED_UNIFORM, FIXED_CUMULATIVE, BYTES or MERGED
//    2  offsets wide     u8   1 where the bucket table of the offsets has u32 entries, 0 for u16
//    3  versions wide    u8   likewise for the versions
//    4  first offset     u32
//    8  offset span      u32  last offset - first offset
//   12  offset bits      u32  address of the bitmap, or of the low bits
//   16  offset directory u32  address of the rank table (u32 for each 64 bits), or of the bucket table
//   20  offset low bits  u32  width of the low bits
//   24  version bits     u32  address of the fixed-width values, the byte deltas or the low bits
//   28  version directory u32 address of the starts, the groups or the bucket table
//   32  width            u32  of a fixed-width value or of the low bits; the value itself where constant
//   36  versions each    u32  versions of every offset (FIXED_UNIFORM); address of the samples (BYTES)
//   40  T                u64  largest rLSN + 1 (MERGED)
//   48  first local      u32  local page number of the volume's first version
//   52  offset count     u32
//   56  version count    u32

export const VOLUME_BYTES: u32 = 64;

export const RUN: u32 = 0;
export const BITMAP: u32 = 1;
export const ELIAS_FANO: u32 = 2;

export const CONSTANT: u32 = 0;
export const FIXED_SINGLE: u32 = 1;
export const FIXED_UNIFORM: u32 = 2;
export const FIXED_CUMULATIVE: u32 = 3;
export const BYTES: u32 = 4;
export const MERGED: u32 = 5;

/** Byte deltas are sampled once in so many versions: the longest stretch that a probe decodes. */
export const SAMPLE_INTERVAL: u32 = 32;

/** The `width` bits at bit `index * width` of the stream at `address`. Reads up to 8 bytes from there. */
// @ts-ignore: decorator
@inline
export function bitsAt(address: u32, index: u32, width: u32): u32 {
  const bit = index * width;
  return <u32>((load<u64>(address + (bit >> 3)) >> (bit & 7)) & ((<u64>1 << width) - 1));
}

/** Entry `index` of a table of u32 (`wide`) or u16. */
// @ts-ignore: decorator
@inline
export function tableAt(table: u32, wide: u32, index: u32): u32 {
  return wide != 0 ? load<u32>(table + (index << 2)) : <u32>load<u16>(table + (index << 1));
}
