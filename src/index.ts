/** Everything that runs anywhere: browsers, workers, Node. Nothing here reaches a `node:` module. */
export {
  Aborted,
  type Attempt,
  Closed,
  Conflict,
  Corrupt,
  type ErrorCode,
  InvalidArgument,
  NoSpace,
  NotFound,
  NotResident,
  OutcomeUnknown,
  PalimpsestError,
  ReadOnly,
  Truncated,
  Unavailable,
  UnsupportedFormat,
} from "./core/errors.js";
export { SegmentId, VolumeId } from "./core/ids.js";
export type { BackoffPolicy } from "./io/backoff.js";
export type { BlockCache, CacheStats } from "./io/block-cache.js";
export { openBrowserCache } from "./io/browser-cache.js";
export type { HedgeOptions } from "./io/hedge-store.js";
export { HttpStore } from "./io/http-store.js";
export type { IoEvent, IoListener, IoOperation } from "./io/io-events.js";
export { MemoryStore } from "./io/memory-store.js";
export type { IoStats, ObjectInfo, ObjectStore, RangeOptions, SyncReads } from "./io/object-store.js";
export {
  Segment,
  type SegmentDescription,
  type SegmentOpenOptions,
  type VolumeDescription,
} from "./segment/segment.js";
export { SegmentBuilder, type SegmentBuilderOptions } from "./segment/segment-builder.js";
export type { ObjectStackOptions } from "./store/object-stack.js";
export { type OpenOptions, PageStore, type StoreStats } from "./store/page-store.js";
export type { CacheOptions } from "./store/platform.js";
export { SharedVolume } from "./store/shared-volume.js";
export { Snapshot } from "./store/snapshot.js";
export type {
  AttemptOutcome,
  CallOptions,
  Commit,
  CommitEach,
  CommitEachOutcome,
  CommitInfo,
  CommitOptions,
  DropRange,
  PageWrite,
  VolumeInfo,
} from "./store/types.js";
export { Volume } from "./store/volume.js";
export type { SharedPlace, VolumeHandle } from "./store/volume-handle.js";
