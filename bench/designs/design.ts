/**
 * The index laboratory: one interface for every index design of the founding note, so that one loop tests them all and one
 * loop measures them all. A design encodes the versions of a segment's volumes into bytes; a finder answers from those
 * bytes, in TypeScript here or in WebAssembly (`assembly/`).
 */
import type { VolumeId } from "../../src/core/ids.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";

/** How a design keeps the rLSNs of an offset's versions. */
export const RLSN_WIDTHS = ["u32", "u16", "u8", "byte-deltas", "delta-deltas", "elias-fano"] as const;
export type RlsnWidth = (typeof RLSN_WIDTHS)[number];

/**
 * Where the index lies: `inline` right behind a segment's header, packed to fit the rest of its first 4096 bytes;
 * `separate` in a place of its own, with a header of its own (length and checksum) and sections aligned for fast loads.
 */
export type IndexForm = "inline" | "separate";

export interface BuildOptions {
  readonly form: IndexForm;
  readonly rlsns: RlsnWidth;
}

export interface DesignIndex {
  /** The whole index as it would be stored: what is counted, and what a finder reads. */
  readonly bytes: Uint8Array;
  /**
   * The local page number of the version of `offset` with the highest rLSN at or below `rlsn`, or -1 where there is none.
   * Pages are stored in the order of (vid, offset, rLSN), so local page numbers count versions in that order.
   */
  find(vid: VolumeId, offset: number, rlsn: number): number;
  /** A handle of a volume for `findAt`, or -1: what a caller looks up once for many probes. */
  volume(vid: VolumeId): number;
  /** `find` by a handle. One-level designs keep full ids in their keys and use the handle only to name the id. */
  findAt(volume: number, offset: number, rlsn: number): number;
}

export interface Design {
  /** `a` to `g`, as the founding note's options are called in this laboratory. */
  readonly letter: string;
  readonly name: string;
  /** The widths that apply: a design that stores one rLSN in each key has no lists to compress. */
  readonly rlsnWidths: readonly RlsnWidth[];
  /**
   * Bytes by which these volumes' index would grow if the local page number of every version were stored with its rLSN.
   * Pages are sorted by (vid, offset, rLSN), so that the first one of an offset's list, or of a run, says the others.
   */
  localBytesSaved(volumes: readonly VolumeVersions[]): number;
  /**
   * Builds the index of a segment: volumes in ascending order of id, as `VolumeVersions` says.
   *
   * @throws RangeError where an rLSN does not fit the width.
   */
  build(volumes: readonly VolumeVersions[], options: BuildOptions): DesignIndex;
}
