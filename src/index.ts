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
export { MemoryStore } from "./io/memory-store.js";
export type { IoStats, ObjectInfo, ObjectStore, SyncReads } from "./io/object-store.js";
export {
  Segment,
  type SegmentDescription,
  type SegmentOpenOptions,
  type VolumeDescription,
} from "./segment/segment.js";
export { SegmentBuilder, type SegmentBuilderOptions } from "./segment/segment-builder.js";
export { type OpenOptions, PageStore, type StoreStats } from "./store/page-store.js";
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
