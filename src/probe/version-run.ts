/**
 * A run in the core's memory: one volume's versions in several segments, merged, so that one lookup stands for a lookup in
 * each (assembly/run.ts has the bytes). Its part (assembly/parts.ts) lies at its beginning; a resolver's table holds a copy.
 */
import { assert } from "../core/assert.js";
import { MAX_RLSN } from "../core/numbers.js";
import type { Evictable } from "./arena.js";
import type { Core } from "./core.js";
import type { WasmIndex } from "./wasm-probe.js";

export const PART_BYTES = 64;
/** Kinds of parts. */
export const PART_RUN = 1;
export const PART_SEGMENT = 2;
export const PART_DROPS = 3;
export const PART_UNLOADED = 4;
export const PART_IMAGE = 5;

const ENTRY_BYTES = 8;
/** Bits of an entry: all but one, so that no entry has all bits set. */
const ENTRY_BITS = 63;
/** The core shifts 32-bit offsets. */
const MAX_SHIFT = 31;
/** Versions that share a bucket, roughly. */
const BUCKET_VERSIONS = 2;

/** What a run covers. */
export interface RunContents {
  readonly baseLsn: number;
  readonly lastLsn: number;
  readonly lowestOffset: number;
  readonly highestOffset: number;
  readonly versionCount: number;
  readonly segmentCount: number;
  /** The largest page count of its segments. */
  readonly maxPageCount: number;
}

interface Shape {
  readonly shift: number;
  readonly rlsnBits: number;
  readonly localBits: number;
  readonly segmentBits: number;
  readonly bucketCount: number;
}

function bitLength(value: number): number {
  return value < 2 ** 32 ? 32 - Math.clz32(value) : 33;
}

/** The widths of a run, `undefined` where they do not fit an entry without more buckets than versions. */
function shapeOf(contents: RunContents): Shape | undefined {
  const { baseLsn, lastLsn, versionCount } = contents;
  if (lastLsn - baseLsn > MAX_RLSN) return undefined;
  const span = contents.highestOffset - contents.lowestOffset;
  const rlsnBits = bitLength(lastLsn - baseLsn);
  const localBits = bitLength(contents.maxPageCount - 1);
  const segmentBits = bitLength(contents.segmentCount - 1);
  const bucketCount = (shift: number) => Math.floor(span / 2 ** shift) + 1;
  let shift = 0;
  while (shift < MAX_SHIFT && bucketCount(shift) > Math.max(1, versionCount / BUCKET_VERSIONS)) shift++;
  while (shift + rlsnBits + localBits + segmentBits > ENTRY_BITS) {
    if (shift === 0 || bucketCount(shift - 1) > versionCount) return undefined;
    shift--;
  }
  return { shift, rlsnBits, localBits, segmentBits, bucketCount: bucketCount(shift) };
}

/** What a run of `older` and `newer` covers. */
export function together(older: RunContents, newer: RunContents): RunContents {
  return {
    baseLsn: Math.min(older.baseLsn, newer.baseLsn),
    lastLsn: Math.max(older.lastLsn, newer.lastLsn),
    lowestOffset: Math.min(older.lowestOffset, newer.lowestOffset),
    highestOffset: Math.max(older.highestOffset, newer.highestOffset),
    versionCount: older.versionCount + newer.versionCount,
    segmentCount: older.segmentCount + newer.segmentCount,
    maxPageCount: Math.max(older.maxPageCount, newer.maxPageCount),
  };
}

/** Whether there can be such a run. */
export const fitsRun = (contents: RunContents): boolean => shapeOf(contents) !== undefined;

export class VersionRun implements Evictable {
  readonly contents: RunContents;
  /** Its first byte, that of its part. */
  readonly address: number;
  readonly #core: Core;
  #onEvict: (() => void) | undefined;
  #isOpen = true;

  private constructor(core: Core, contents: RunContents) {
    const shape = shapeOf(contents);
    assert(shape !== undefined, "a run that does not fit its entries");
    const { segmentCount, versionCount, lowestOffset, highestOffset } = contents;
    const framesBytes = segmentCount * 4;
    const directoryBytes = (shape.bucketCount + 1) * 4;
    const entriesAt = (PART_BYTES + framesBytes + directoryBytes + 7) & ~7;
    const address = core.arena.allocate(entriesAt + versionCount * ENTRY_BYTES);
    const { view, memory } = core;
    memory.fill(0, address, address + PART_BYTES + framesBytes);
    view.setUint8(address, PART_RUN);
    view.setUint8(address + 1, shape.shift);
    view.setUint8(address + 2, shape.rlsnBits);
    view.setUint8(address + 3, shape.localBits);
    view.setUint8(address + 4, shape.segmentBits);
    view.setFloat64(address + 8, contents.baseLsn, true);
    view.setFloat64(address + 16, contents.lastLsn, true);
    view.setUint32(address + 24, lowestOffset, true);
    view.setUint32(address + 28, highestOffset - lowestOffset, true);
    view.setUint32(address + 32, address + PART_BYTES, true);
    view.setUint32(address + 36, address + PART_BYTES + framesBytes, true);
    view.setUint32(address + 40, address + entriesAt, true);
    view.setUint32(address + 44, versionCount, true);
    view.setUint32(address + 56, address, true);
    this.#core = core;
    this.contents = contents;
    this.address = address;
  }

  /**
   * A run of one volume of an open index; `undefined` where the index has versions beyond `contents.lastLsn`. Pinned, as
   * `merge` makes them, until `release`.
   *
   * @throws NoSpace
   */
  static ofVolume(core: Core, index: WasmIndex, volume: number, contents: RunContents): VersionRun | undefined {
    index.touch();
    const run = new VersionRun(core, contents);
    if (core.exports.runOfVolume(run.address, volume) !== 0) return run;
    run.close();
    return undefined;
  }

  /** A run of the versions of two pinned runs, which stay. The segments of `newer` are numbered behind those of `older`. */
  static merge(core: Core, older: VersionRun, newer: VersionRun): VersionRun {
    const run = new VersionRun(core, together(older.contents, newer.contents));
    core.exports.mergeRuns(run.address, older.address, newer.address, older.contents.segmentCount);
    return run;
  }

  /** Where the core looks for the frame table of a segment. */
  framesSlot(segment: number): number {
    return this.address + PART_BYTES + segment * 4;
  }

  /** Makes it evictable. */
  release(onEvict: () => void): void {
    this.#onEvict = onEvict;
    this.#core.arena.release(this.address, this);
  }

  pin(): void {
    this.#core.arena.pin(this.address);
  }

  evict(): void {
    this.#isOpen = false;
    this.#onEvict?.();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#core.arena.free(this.address);
  }
}
