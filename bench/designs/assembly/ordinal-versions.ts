// The versions of a volume whose offsets are numbered (designs d and f), over the bytes that
// bench/designs/ordinal-versions.ts describes. Their part of a record:
//
//   16  rule         u8   how lists are kept
//   17  codec        u8   of the rLSN lists
//   18  pointers     u8   bytes of a pointer (POINTED)
//   20  parameter    u32  the rLSN of every version (CONSTANT), or the largest
//   24  each         u32  versions of every offset, 0 where their numbers differ
//   28  stride       u32  bytes of a list (STRIDED) or of an rLSN (BY_VERSION)
//   32  starts       u32  address of the first version of each offset, where numbers differ
//   36  lists        u32  address
//   40  pointers     u32  address of where each list begins (POINTED)
//   44  first local  u32  local page number of the volume's first version
import { newestInList } from "./rlsn-lists";

const CONSTANT: u32 = 0;
const STRIDED: u32 = 1;
const BY_VERSION: u32 = 2;
const POINTED: u32 = 3;

/** Bytes of the header of the versions at `header`. */
// @ts-ignore: decorator
@inline
export function ordinalHeaderBytes(header: u32): u32 {
  return load<u8>(header, 4) == CONSTANT ? 6 : 10;
}

/**
 * Writes the part of a record that says where the versions of `count` offsets are. Their sections begin at `sections`;
 * `align` is 7 in the separate form, 0 inline.
 */
export function openOrdinals(
  record: u32,
  header: u32,
  sections: u32,
  count: u32,
  firstLocal: u32,
  align: u32,
  codec: u32,
): void {
  const rule = <u32>load<u8>(header, 4);
  store<u8>(record, rule, 16);
  store<u8>(record, codec, 17);
  store<u32>(record, load<u32>(header), 20);
  store<u32>(record, firstLocal, 44);
  if (rule == CONSTANT) return;
  const each = <u32>load<u16>(header, 6);
  const stride = <u32>load<u16>(header, 8);
  let at = (sections + align) & ~align;
  store<u32>(record, each, 24);
  store<u32>(record, stride, 28);
  if (each == 0) {
    store<u32>(record, at, 32);
    at = (at + ((count + 1) << 1) + align) & ~align;
  }
  if (rule == POINTED) {
    store<u8>(record, stride, 18);
    store<u32>(record, at, 40);
    at = (at + stride * count + align) & ~align;
  }
  store<u32>(record, at, 36);
}

/** The local page number of the newest version at or below `rlsn` of the offset with this ordinal, or -1. */
// @ts-ignore: decorator
@inline
export function newestOfOrdinal(volume: u32, ordinal: u32, rlsn: u32): i32 {
  const rule = <u32>load<u8>(volume, 16);
  const parameter = load<u32>(volume, 20);
  const firstLocal = load<u32>(volume, 44);
  if (rule == CONSTANT) return rlsn >= parameter ? firstLocal + ordinal : -1;
  let count = load<u32>(volume, 24);
  let first = ordinal * count;
  if (count == 0) {
    const start = load<u32>(volume, 32) + (ordinal << 1);
    first = load<u16>(start);
    count = load<u16>(start, 2) - first;
  }
  let at = load<u32>(volume, 36);
  if (rule == STRIDED) at += ordinal * load<u32>(volume, 28);
  else if (rule == BY_VERSION) at += first * load<u32>(volume, 28);
  else {
    const pointers = load<u32>(volume, 40);
    at += load<u8>(volume, 18) == 2 ? <u32>load<u16>(pointers + (ordinal << 1)) : load<u32>(pointers + (ordinal << 2));
  }
  const i = newestInList(at, load<u8>(volume, 17), count, parameter, rlsn);
  return i < 0 ? -1 : firstLocal + first + i;
}
