// Batches, the same for every design: `design` is a constant wherever these are called and everything is inlined, so
// that each design gets loops of its own without a branch on what it is.
import { probe as findRanked } from "../../../assembly/probe";
import { findBTree } from "./b-tree";
import { HANDLES, LOCALS, OFFSETS, RLSNS } from "./memory";
import { findRadix } from "./radix-tree";
import { findSorted } from "./sorted-arrays";
import { findTwoLevel } from "./two-level";

export const C: i32 = 0;
export const D: i32 = 1;
export const E: i32 = 2;
export const F: i32 = 3;
export const G: i32 = 4;

/** The local page number of the newest version of `offset` at or below `rlsn`, or -1. `volume` is a handle. */
// @ts-ignore: decorator
@inline
export function find(design: i32, volume: u32, offset: u32, rlsn: u32): i32 {
  if (design == C) return findTwoLevel(volume, offset, rlsn);
  if (design == D) return findSorted(volume, offset, rlsn);
  if (design == E) return findBTree(volume, offset, rlsn);
  if (design == F) return findRadix(volume, offset, rlsn);
  return findRanked(volume, offset, rlsn);
}

/** `find` in one volume for the first `count` queries of the batch. */
// @ts-ignore: decorator
@inline
export function findMany(design: i32, volume: u32, count: u32): void {
  for (let i: u32 = 0; i < count << 2; i += 4) {
    store<i32>(LOCALS + i, find(design, volume, load<u32>(OFFSETS + i), load<u32>(RLSNS + i)));
  }
}

/** `find` for the first `count` queries of the batch, each in the volume that it names. */
// @ts-ignore: decorator
@inline
export function findScattered(design: i32, count: u32): void {
  for (let i: u32 = 0; i < count << 2; i += 4) {
    store<i32>(LOCALS + i, find(design, load<u32>(HANDLES + i), load<u32>(OFFSETS + i), load<u32>(RLSNS + i)));
  }
}
