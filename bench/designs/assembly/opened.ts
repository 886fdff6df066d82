// An opened index: a record of 64 bytes, one cache line, for each volume, written once by the design's opener and read by
// its probes, as the core does with its own (assembly/volume.ts). A record's address is the handle of hot calls. Where a
// record has its fields is said by its design; all have the volume's id at the end, by which the host finds it.

export const RECORD_BYTES: u32 = 64;
const ID_AT: u32 = 48;

/** Clears the record and gives it the id that lies at `id`. */
export function beginRecord(record: u32, id: u32): void {
  memory.fill(record, 0, ID_AT);
  memory.copy(record + ID_AT, id, RECORD_BYTES - ID_AT);
}

/** An index of the separate form begins with a header of so many bytes, the tag behind it. */
export const SEPARATE_HEADER_BYTES: u32 = 16;

/** The number of the rLSN codec in a tag. */
// @ts-ignore: decorator
@inline
export function codecOf(tag: u32): u32 {
  return tag & 7;
}

// @ts-ignore: decorator
@inline
export function align8(at: u32): u32 {
  return (at + 7) & ~7;
}
