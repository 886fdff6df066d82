// Fields: neighbours in a stream of packed values, compared in one 64-bit word without a branch, as bucket and group ends
// are too random for a processor to foresee (L. Lamport, "Multiple byte processing with full-word instructions", 1975).
// A caller derives the constants of a width once, `count` to `mask`, and keeps them in locals.

/** Above every field: stands for the field behind the last. */
const END: u64 = 1 << 63;

/** How many fields of `width` bits, 0 to 32, one load holds at whichever bit of a byte the first begins; at most 4. */
// @ts-ignore: decorator
@inline
export function fieldCount(width: u32): u32 {
  return width <= 14 ? 4 : width <= 20 ? 3 : width <= 28 ? 2 : 1;
}

/** All bits of the fields. */
// @ts-ignore: decorator
@inline
export function fieldMask(width: u32): u64 {
  return (<u64>1 << (fieldCount(width) * width)) - 1;
}

/** The lowest bit of each field. Width 0 counts as one field, all of whose values are 0. */
// @ts-ignore: decorator
@inline
export function fieldOnes(width: u32): u64 {
  const pair = (<u64>1 << width) | 1;
  return width == 0 ? 1 : (pair | (pair << (width << 1))) & fieldMask(width);
}

/** The highest bit of each field. */
// @ts-ignore: decorator
@inline
export function fieldTops(width: u32): u64 {
  return width == 0 ? 1 : fieldOnes(width) << (width - 1);
}

/** The fields that begin with value `index` of the stream at `address`. Reads 8 bytes, the first of them of that value. */
// @ts-ignore: decorator
@inline
export function fieldsAt(address: u32, index: u32, width: u32, mask: u64): u64 {
  const bit = index * width;
  return (load<u64>(address + (bit >> 3)) >> (bit & 7)) & mask;
}

/** How many fields lie below the lowest that is marked at its top, or all where none is. */
// @ts-ignore: decorator
@inline
function before(marks: u64, tops: u64): u32 {
  marks |= END;
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
  // Below its top, a field is greater where this subtraction takes the bit that was set there.
  const kept = (values | tops) - (fields & ~tops);
  return before(((fields & ~values) | ~((fields ^ values) | kept)) & tops, tops);
}
