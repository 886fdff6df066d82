/**
 * The index probe: what answers "the page with the highest rLSN at or below this one" inside one segment. Two
 * implementations give the same answers: the WASM core (`wasm-probe.ts`) and a pure-TypeScript twin (`js-probe.ts`).
 */

import type { VolumeId } from "../core/ids.js";
import type { SegmentHeader } from "../format/segment-header.js";

export type ProbeKind = "wasm" | "js";

export interface Probe {
  readonly kind: ProbeKind;
  /**
   * Validates the header and index once and derives what probes need.
   *
   * @param head The segment's bytes from 0 to its body offset (or beyond): copied.
   * @param key Names the segment in errors.
   * @param onEvict Makes the index evictable: called when its memory is taken for something else, which closes it.
   * @throws Corrupt for damaged bytes, UnsupportedFormat for a version or feature that is not known, NoSpace where the
   *   index does not fit the memory.
   */
  openIndex(head: Uint8Array, key: string, onEvict?: () => void): SegmentIndex;
}

/** An index that was opened: valid until `close`. */
export interface SegmentIndex {
  readonly header: SegmentHeader;
  /** Bytes of memory that it occupies, its directories included. */
  readonly residentBytes: number;
  /** The handle of a volume in this segment, or -1 where the segment has no page of it. */
  volume(vid: VolumeId): number;
  /**
   * The local page number of the version of `offset` with the highest rLSN at or below `rlsn`, or -1 where there is
   * none. `volume` comes from `volume()`; `offset` and `rlsn` are whole numbers from 0 to 2^32 - 1.
   */
  find(volume: number, offset: number, rlsn: number): number;
  /** `find` for each pair of `offsets` and `rlsns`, in one call, into `locals`. All three are of one length. */
  findMany(volume: number, offsets: Uint32Array, rlsns: Uint32Array, locals: Int32Array): void;
  /** The rLSN of the version at a local page number that `find` returned for the same volume. */
  rlsnAt(volume: number, local: number): number;
  /** Marks the index as in demand, so that eviction spares it for a while. */
  touch(): void;
  /** Frees its memory; no other call may follow. Closing twice is harmless. */
  close(): void;
}
