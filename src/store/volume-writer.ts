/** Commits to one volume: makes a draft, and puts it on top of the newest LSN until it wins or must not. */
import { Corrupt, InvalidArgument, throwIfAborted, Unavailable } from "../core/errors.js";
import { compareBytes } from "../core/ids.js";
import { lastLsnOf, type Range } from "../format/record-range.js";
import type { CallOptions } from "../io/object-store.js";
import { placeOf, segmentKey } from "../log/keys.js";
import { putOwn } from "../log/put-once.js";
import type { VolumeLog } from "../log/volume-log.js";
import { checkMeta, type Draft, type DraftLsn, draftLsn, encodeDraft, iterate, placeDraft } from "./commit-draft.js";
import { SegmentWriter, type SegmentWriterContext } from "./segment-writer.js";
import { checkExpectedLsn, conflict } from "./store-context.js";
import type { Commit, CommitOptions } from "./types.js";

const MAX_ATTEMPTS = 32;

/** The first and last LSN of a record. */
export interface LsnRange {
  readonly firstLsn: number;
  readonly lastLsn: number;
  /** Of the last LSN. */
  readonly pageCount: number;
  readonly timeMs: number;
}

export class VolumeWriter {
  readonly #log: VolumeLog;
  readonly #context: SegmentWriterContext;

  constructor(log: VolumeLog, context: SegmentWriterContext) {
    this.#log = log;
    this.#context = context;
  }

  /** All of `commits` as one record. */
  async commit(
    commits: Iterable<Commit> | AsyncIterable<Commit>,
    { expectedLsn, signal }: CommitOptions,
  ): Promise<LsnRange> {
    throwIfAborted(signal, "the commit");
    await this.expect(expectedLsn, { signal });
    const draft = await this.#draft(commits, { signal });
    return await this.append(draft, expectedLsn, { signal });
  }

  /** Refuses a commit that cannot succeed before any of its pages is written. */
  async expect(expectedLsn: number | undefined, options: CallOptions): Promise<void> {
    checkExpectedLsn(expectedLsn);
    const log = this.#log;
    if (!log.hasLooked || (expectedLsn !== undefined && expectedLsn > log.lsn)) await log.refresh(options);
    log.checkOpen();
    if (expectedLsn !== undefined && expectedLsn !== log.lsn) throw conflict(`${log.vid}`, expectedLsn, log.lsn);
  }

  async #draft(commits: Iterable<Commit> | AsyncIterable<Commit>, options: CallOptions): Promise<Draft> {
    const record = this.#log.nextRecord;
    const writer = new SegmentWriter(this.#context, record, options);
    const lsns: DraftLsn[] = [];
    let meta: Uint8Array | undefined;
    try {
      for await (const commit of iterate(commits, "a batch is an iterable or async iterable of commits")) {
        lsns.push(await draftLsn(commit, writer, options));
        meta = commit.meta ?? meta;
      }
      if (lsns.length === 0) throw new InvalidArgument("a batch holds at least one commit");
      checkMeta(meta);
      await writer.finish();
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    return { lsns, segments: writer.segments, meta, record };
  }

  /** Puts the draft's record, again on top of the winner where that is allowed. */
  async append(draft: Draft, expectedLsn: number | undefined, options: CallOptions): Promise<LsnRange> {
    const log = this.#log;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      throwIfAborted(options.signal, "the commit");
      // Not only a lost race takes in what others committed: reads of this volume do so at any moment. (A fence takes no LSN: the
      // expectation may still hold.)
      if (expectedLsn !== undefined && log.lsn !== expectedLsn) throw conflict(`${log.vid}`, expectedLsn, log.lsn);
      if (draft.record !== log.nextRecord && draft.segments.some(({ attached }) => !attached)) {
        await this.#moveSegments(draft, options);
        continue;
      }
      let range: Range | undefined;
      const outcome = await log.append((record, key, nonce) => {
        range = placeDraft(draft, log, record);
        return encodeDraft(draft, range, log.vid, record, key, nonce);
      });
      if (outcome === "committed") {
        const { firstLsn, times, pageCounts } = range!;
        return { firstLsn, lastLsn: lastLsnOf(range!), pageCount: pageCounts.at(-1)!, timeMs: times.at(-1)! };
      }
    }
    throw conflict(`${log.vid}`, expectedLsn, log.lsn);
  }

  /** A segment lies under the key of the record that introduces it: another record means writing it again under another key. */
  async #moveSegments(draft: Draft, options: CallOptions): Promise<void> {
    const { objects, vid } = this.#context;
    const record = this.#log.nextRecord;
    for (const segment of draft.segments) {
      if (segment.attached) continue;
      const { key } = placeOf(vid, segment.segmentId, segment.location!);
      let bytes = await objects.get(key, options);
      const isWhole = () => bytes === undefined || compareBytes(this.#context.sha256(bytes), segment.sha256) === 0;
      if (!isWhole()) bytes = await objects.get(key, { ...options, refresh: true });
      if (!bytes) {
        throw new Unavailable(
          `${objects.url} does not show ${key}, a segment of this commit, any more: it may have been collected, because the ` +
            "commit took very long. Nothing was committed. Try again.",
        );
      }
      if (!isWhole()) {
        const [expected, actual] = [`the ${segment.byteLength} bytes that were written`, `${bytes.length} others`];
        throw new Corrupt("segment of a commit under way", { key, byteOffset: 0, expected, actual });
      }
      await putOwn(objects, segmentKey(vid, record, segment.segmentId), bytes, options);
      segment.location = { kind: "object", vid, record };
    }
    draft.record = record;
  }
}
