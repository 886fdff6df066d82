/**
 * Commits a WAL's transactions, an LSN each. Small ones go in batches: their frames are read at once, into one buffer,
 * and the pages are views of it. One that is larger than a batch streams through in ascending order of its pages, so
 * that memory stays bounded by the batch.
 */
import { throwIfAborted } from "../core/errors.js";
import type { Commit, PageWrite } from "../store/types.js";
import { encodeImportPlace, type ImportPlace } from "./import-place.js";
import type { ImportTarget } from "./import-target.js";
import { FRAME_HEADER_BYTES, type Wal, type WalPosition } from "./wal.js";
import type { WalFrames } from "./wal-frames.js";

const RUN_BYTES = 1 << 20;

export interface CommitTransactionsOptions {
  readonly batchBytes: number;
  readonly placeAt: (position: WalPosition, lsn: number) => ImportPlace;
  readonly signal?: AbortSignal | undefined;
  readonly onBytes: (doneBytes: number, totalBytes: number) => void;
}

/** Commits the transactions of `frames` from `first` on. Returns the number of pages. */
export async function commitTransactions(
  target: ImportTarget,
  wal: Wal,
  frames: WalFrames,
  first: number,
  { batchBytes, placeAt, signal, onBytes }: CommitTransactionsOptions,
): Promise<number> {
  const { frameBytes } = wal;
  const batchFrames = Math.max(1, Math.floor(batchBytes / frameBytes));
  const start = frames.firstFrame(first);
  const totalBytes = (frames.frameCount - start) * frameBytes;
  const buffer = new Uint8Array(Math.min(batchFrames, frames.frameCount - start) * frameBytes);
  let pages = 0;
  for (let from = first; from < frames.transactionCount; ) {
    throwIfAborted(signal, `the import of ${wal.file.path}`);
    const firstFrame = frames.firstFrame(from);
    let to = from + 1;
    while (to < frames.transactionCount && frames.firstFrame(to + 1) - firstFrame <= batchFrames) to++;
    const meta = encodeImportPlace(placeAt(frames.positionAfter(to - 1), target.lsn + to - from));
    const options = { expectedLsn: target.lsn, signal };
    const frameCount = frames.firstFrame(to) - firstFrame;
    if (frameCount > batchFrames) {
      const newest = frames.newestFrames(from, to);
      pages += newest.length;
      const commit = {
        pages: streamedWrites(wal, frames, firstFrame, newest, signal),
        pageCount: frames.pageCount(from),
        meta,
      };
      await target.commit(() => target.volume.commit({ ...commit, ...options }));
    } else {
      await wal.readFrames(frames.from.frame + firstFrame, frameCount, buffer);
      // Read before the check, so what was read is what was checked.
      await wal.checkIntact(frames.from.frame + firstFrame);
      const commits: Commit[] = [];
      for (let transaction = from; transaction < to; transaction++) {
        const writes: PageWrite[] = [];
        for (const frame of frames.newestFrames(transaction, transaction + 1)) {
          const at = (frame - firstFrame) * frameBytes + FRAME_HEADER_BYTES;
          writes.push([frames.pageNumber(frame) - 1, buffer.subarray(at, at + wal.header.pageSize)]);
        }
        pages += writes.length;
        const last = transaction === to - 1 ? { meta } : {};
        commits.push({ pages: writes, pageCount: frames.pageCount(transaction), ...last });
      }
      await target.commit(() => target.volume.commitBatch(commits, options));
    }
    from = to;
    onBytes((frames.firstFrame(to) - start) * frameBytes, totalBytes);
  }
  return pages;
}

/** The pages of frames that come in ascending order of page numbers. SQLite mostly writes them so: runs are read at once. */
async function* streamedWrites(
  wal: Wal,
  frames: WalFrames,
  firstFrame: number,
  newest: Uint32Array,
  signal: AbortSignal | undefined,
): AsyncGenerator<PageWrite> {
  const runFrames = Math.max(1, Math.floor(RUN_BYTES / wal.frameBytes));
  for (let i = 0; i < newest.length; ) {
    throwIfAborted(signal, `the import of ${wal.file.path}`);
    let count = 1;
    while (i + count < newest.length && count < runFrames && newest[i + count] === newest[i] + count) count++;
    const bytes = new Uint8Array(count * wal.frameBytes);
    await wal.readFrames(frames.from.frame + newest[i], count, bytes);
    for (let k = 0; k < count; k++, i++) {
      const at = k * wal.frameBytes + FRAME_HEADER_BYTES;
      yield [frames.pageNumber(newest[i]) - 1, bytes.subarray(at, at + wal.header.pageSize)];
    }
  }
  await wal.checkIntact(frames.from.frame + firstFrame);
}
