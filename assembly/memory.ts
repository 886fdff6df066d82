// The map of linear memory. Each region begins where the one before it ends.
//
//   RESERVED   address 0 and its neighbours: never handed out, so that 0 can mean "none"
//   ID         the 16-byte volume id that `findVolume` looks up
//   RESULT     what a call returns beside its status: see `report`
//   OFFSETS, RLSNS, LOCALS   a batch: query i is OFFSETS[i], RLSNS[i]; its answer LOCALS[i]
//   STAGING    one page record, the largest page and its checksum, on its way in
//   HEAP       opened indexes and page frames, placed by the host (src/probe/arena.ts)

/** Queries in one batch call. */
export const BATCH_CAPACITY: u32 = 4096;

const RESERVED_BYTES: u32 = 1024;
const ID_BYTES: u32 = 16;
const RESULT_BYTES: u32 = 48;
const BATCH_ARRAY_BYTES: u32 = BATCH_CAPACITY * 4;
const STAGING_BYTES: u32 = 65536 + 64;

export const ID: u32 = RESERVED_BYTES;
export const RESULT: u32 = ID + ID_BYTES;
export const OFFSETS: u32 = RESULT + RESULT_BYTES;
export const RLSNS: u32 = OFFSETS + BATCH_ARRAY_BYTES;
export const LOCALS: u32 = RLSNS + BATCH_ARRAY_BYTES;
export const STAGING: u32 = LOCALS + BATCH_ARRAY_BYTES;
/** Aligned to 64 KiB, the arena's chunk. */
export const HEAP: u32 = (STAGING + STAGING_BYTES + 0xffff) & ~0xffff;

/**
 * The word at `address`, which the host may change while others read: what it leads to was written before it. Readers on
 * other threads are only in the build with shared memory (reader.ts).
 */
// @ts-ignore: decorator
@inline
export function published(address: u32): u32 {
  if (ASC_FEATURE_THREADS) return atomic.load<u32>(address);
  return load<u32>(address);
}

/** `published`, of a byte. */
// @ts-ignore: decorator
@inline
export function publishedByte(address: u32): u32 {
  if (ASC_FEATURE_THREADS) return atomic.load<u8>(address);
  return load<u8>(address);
}

// Statuses: what is wrong with an index, 0 for nothing. src/probe/status.ts gives each its words.

export const OK: i32 = 0;
export const BAD_CHECKSUM: i32 = 1;
export const BAD_VOLUME_TABLE: i32 = 2;
export const BAD_BLOCK: i32 = 3;
export const BAD_OFFSETS: i32 = 4;
export const BAD_COUNTS: i32 = 5;
export const BAD_RLSNS: i32 = 6;
export const BAD_LENGTH: i32 = 7;

/** Leaves in RESULT where in the head a problem was found, then returns its status. */
export function report(status: i32, byteOffset: u32): i32 {
  store<u32>(RESULT, byteOffset);
  return status;
}
