/** The shapes that `PageStore` and `Volume` take and give. */
import type { VolumeId } from "../core/ids.js";
import type { Volume } from "./volume.js";

/** Every async call takes one. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** An offset and its page: exactly `pageSize` bytes, only read, and not after the call has settled. */
export type PageWrite = readonly [offset: number, page: Uint8Array];

/** Offsets from `from` up to but not including `to`: absent from this commit on. */
export type DropRange = readonly [from: number, to: number];

/** One transaction. */
export interface Commit {
  /** Each offset at most once, in any order; ascending order lets a commit of any size stream through. */
  readonly pages?: Iterable<PageWrite> | AsyncIterable<PageWrite>;
  /** The volume's length in pages from this commit on. By default the larger of the last one and the highest offset + 1. */
  readonly pageCount?: number;
  /** Ranges that this commit makes absent. A page written by the same commit stays. */
  readonly drops?: readonly DropRange[];
  /** By default now. A time before the previous commit's is raised to it. */
  readonly time?: Date;
  /** At most 4096 bytes of the caller's own. A batch keeps the last one given. */
  readonly meta?: Uint8Array;
}

export interface CommitOptions extends CallOptions {
  /** Commit on top of this LSN, 0 for a new volume, or fail with `Conflict`. By default on top of the newest. */
  readonly expectedLsn?: number;
}

export interface CommitEach extends Commit {
  readonly volume: Volume;
  readonly expectedLsn?: number;
}

/** What became of one commit of `commitEach`. */
export type CommitEachOutcome =
  | { readonly status: "committed"; readonly lsn: number; readonly pageCount: number }
  | { readonly status: "failed"; readonly error: Error };

/** What became of an attempt whose outcome was unknown. */
export type AttemptOutcome =
  | { readonly status: "committed"; readonly firstLsn: number; readonly lastLsn: number }
  | { readonly status: "conflict" };

/** A line of `volume.log()`. */
export interface CommitInfo {
  readonly lsn: number;
  readonly time: Date;
  readonly pagesChanged: number;
  readonly pageCount: number;
  /** Bytes of the pages written. */
  readonly bytes: number;
}

/** A volume as `store.volumes()` lists it; `store.volume(id)` opens it. */
export interface VolumeInfo {
  readonly id: VolumeId;
  readonly name: string;
  readonly pageSize: number;
}
