// The WASM core: what the host (src/probe/core.ts) calls. No allocation, no trap on any bytes, statuses as results.
import { BATCH_CAPACITY, HEAP, ID, LOCALS, OFFSETS, RESULT, RLSNS, STAGING } from "./memory";
import { xxh64 } from "./xxh64";

export { derive, measure } from "./open";
export { find, findMany, findVolume, rlsnAt } from "./probe";
export { resolve, resolveMany } from "./resolve";
export { mergeRuns, runOfVolume } from "./run";

/** What a call costs that does nothing: the unit in which benches give their figures. */
export function empty(): void {}

/**
 * Whether the 8 bytes behind the page at `record` are its checksum: XXH64 of the page, seeded with the XXH64 of the
 * segment's id (in ID), which is seeded with the local page number. The sum that it computed is left in RESULT.
 */
export function pageIsIntact(record: u32, pageSize: u32, local: u32): bool {
  const sum = xxh64(record, pageSize, xxh64(ID, 16, <u64>local));
  store<u64>(RESULT, sum);
  return sum == load<u64>(record + pageSize);
}

/** Puts the checksum of the page at `record` behind it. */
export function sealPage(record: u32, pageSize: u32, local: u32): void {
  store<u64>(record + pageSize, xxh64(record, pageSize, xxh64(ID, 16, <u64>local)));
}

/** XXH64 of `length` bytes at `address`, into the first 8 bytes of RESULT. */
export function hash(address: u32, length: u32, seed: u64): void {
  store<u64>(RESULT, xxh64(address, length, seed));
}

// The regions of memory.ts, for the host. Functions, since exported constants would arrive as WebAssembly.Global.
export function idAddress(): u32 {
  return ID;
}
export function resultAddress(): u32 {
  return RESULT;
}
export function offsetsAddress(): u32 {
  return OFFSETS;
}
export function rlsnsAddress(): u32 {
  return RLSNS;
}
export function localsAddress(): u32 {
  return LOCALS;
}
export function batchCapacity(): u32 {
  return BATCH_CAPACITY;
}
export function stagingAddress(): u32 {
  return STAGING;
}
export function heapAddress(): u32 {
  return HEAP;
}
