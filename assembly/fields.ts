// Fields: up to four neighbours in a stream of packed values, held in one 64-bit word and compared together, without a
// branch: which of them matches is too random for a processor to foresee (L. Lamport, "Multiple byte processing with
// full-word instructions", 1975). The constants of a width, `fieldCount` to `fieldTops`, are computed once for a volume.
// Of width 0, whose values are all 0, no field counts: every search ends before the first.

/** How many fields of `width` bits, 0 to 32, one load holds at whichever bit of a byte the first begins; at most 4. */
// @ts-ignore: decorator
@inline
export function fieldCount(width: u32): u32 {
  if (width == 32) return 2;
  return width <= 14 || width == 16 ? 4 : width <= 20 ? 3 : width <= 28 ? 2 : 1;
}

/** The lowest bit of each of `count` fields. */
// @ts-ignore: decorator
@inline
export function fieldOnes(width: u32, count: u32): u64 {
  const pair = (<u64>1 << width) | 1;
  return width == 0 ? 0 : (pair | (pair << (width << 1))) & (u64.MAX_VALUE >> (64 - count * width));
}

/** The highest bit of each field. */
// @ts-ignore: decorator
@inline
export function fieldTops(width: u32, ones: u64): u64 {
  return ones << (width - 1);
}

/** Value `index` of the stream at `address` and what follows it. Reads 8 bytes, the first of them the value's first. */
// @ts-ignore: decorator
@inline
export function fieldsAt(address: u32, index: u32, width: u32): u64 {
  const bit = index * width;
  return load<u64>(address + (bit >> 3)) >> (bit & 7);
}

/** How many fields lie below the lowest that is marked at its top: all where none is. */
// @ts-ignore: decorator
@inline
function before(marks: u64, tops: u64): u32 {
  return <u32>popcnt((marks - 1) & ~marks & tops);
}

/** How many fields come before the first that equals `value`. */
// @ts-ignore: decorator
@inline
export function beforeEqual(fields: u64, value: u32, ones: u64, tops: u64): u32 {
  const difference = fields ^ (<u64>value * ones);
  // Of the fields that are zero, this marks the lowest for certain; what it marks above that one does not count.
  return before((difference - ones) & ~difference & tops, tops);
}

/** How many fields come before the first above `value`. */
// @ts-ignore: decorator
@inline
export function beforeAbove(fields: u64, value: u32, ones: u64, tops: u64): u32 {
  const values = <u64>value * ones;
  // The bit set at a field's top stays where the rest of the field is not above the rest of the value.
  const stays = (values | tops) - (fields & ~tops);
  return before(((fields & ~values) | ~((fields ^ values) | stays)) & tops, tops);
}

/** How many fields come before the first that is `value` or more. */
// @ts-ignore: decorator
@inline
export function beforeAtLeast(fields: u64, value: u32, ones: u64, tops: u64): u32 {
  const values = <u64>value * ones;
  const stays = (fields | tops) - (values & ~tops);
  return before(((fields & ~values) | (~(fields ^ values) & stays)) & tops, tops);
}
