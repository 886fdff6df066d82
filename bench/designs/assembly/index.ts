// The index designs of the laboratory in AssemblyScript: what the host (wasm-designs.ts) calls. Of every design an
// opener, a single call, a batch against one volume, and a batch whose queries each name their own volume ("scattered").
// Nothing allocates. The bytes are the laboratory's own and trusted; only g, the core's probe, checks them.
import { ID } from "../../../assembly/memory";
import { C, D, E, F, find, findMany, findScattered, G } from "./batch";
import { BATCH_CAPACITY, HANDLES, INDEXES, LOCALS, OFFSETS, RLSNS } from "./memory";

export { derive, measure } from "../../../assembly/open";
export { findScatteredRankedAhead, findScatteredTwoLevelAhead } from "./ahead";
export { openBTree } from "./b-tree";
export { findRadixVolume, openRadixTree } from "./radix-tree";
export { findManyLockstep, findScatteredLockstep, openSortedArrays } from "./sorted-arrays";
export { openTwoLevel } from "./two-level";

/** What a call costs that does nothing: the unit in which benches give their figures. */
export function empty(): void {}

export function findC(volume: u32, offset: u32, rlsn: u32): i32 {
  return find(C, volume, offset, rlsn);
}
export function findManyC(volume: u32, count: u32): void {
  findMany(C, volume, count);
}
export function findScatteredC(count: u32): void {
  findScattered(C, count);
}

export function findD(volume: u32, offset: u32, rlsn: u32): i32 {
  return find(D, volume, offset, rlsn);
}
export function findManyD(volume: u32, count: u32): void {
  findMany(D, volume, count);
}
export function findScatteredD(count: u32): void {
  findScattered(D, count);
}

export function findE(volume: u32, offset: u32, rlsn: u32): i32 {
  return find(E, volume, offset, rlsn);
}
export function findManyE(volume: u32, count: u32): void {
  findMany(E, volume, count);
}
export function findScatteredE(count: u32): void {
  findScattered(E, count);
}

export function findF(volume: u32, offset: u32, rlsn: u32): i32 {
  return find(F, volume, offset, rlsn);
}
export function findManyF(volume: u32, count: u32): void {
  findMany(F, volume, count);
}
export function findScatteredF(count: u32): void {
  findScattered(F, count);
}

export function findG(volume: u32, offset: u32, rlsn: u32): i32 {
  return find(G, volume, offset, rlsn);
}
export function findManyG(volume: u32, count: u32): void {
  findMany(G, volume, count);
}
export function findScatteredG(count: u32): void {
  findScattered(G, count);
}

// The regions of memory.ts, and of the core's where an id is put that is looked for, for the host.
export function idAddress(): u32 {
  return ID;
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
export function handlesAddress(): u32 {
  return HANDLES;
}
export function batchCapacity(): u32 {
  return BATCH_CAPACITY;
}
export function indexesAddress(): u32 {
  return INDEXES;
}
