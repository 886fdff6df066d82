/**
 * Cuts the pages of one record into segments as they come, so that a commit of any size takes the memory of two segments:
 * one being filled, one being written. A last segment that is small is kept, to lie in the record itself.
 */

import { SegmentId, type VolumeId } from "../core/ids.js";
import type { Sha256 } from "../core/sha256.js";
import type { Location, Reference } from "../format/record-reference.js";
import { decodeSegmentHeader, INLINE_BYTES } from "../format/segment-header.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import { segmentKey } from "../log/keys.js";
import { putOwn } from "../log/put-once.js";
import type { Core } from "../probe/core.js";
import { pagesPerSegment, SegmentBuilder } from "../segment/segment-builder.js";
import { CommitOffsets } from "./commit-offsets.js";

/** A segment up to this length lies in the record: one object, one request to commit, one to read it all. */
const EMBEDDED_BYTES = 256 << 10;

/** A segment of a record that has no LSNs yet. */
export interface DraftSegment extends Omit<Reference, "location" | "baseLsn"> {
  /** Which LSN of the record its rLSN 0 is, counted from 0. */
  readonly baseIndex: number;
  /** Its bytes, if they are to lie in the record. */
  readonly attached: Uint8Array | undefined;
  /** Where it was written, if not. */
  location: Location | undefined;
}

export interface SegmentWriterContext {
  readonly vid: VolumeId;
  readonly pageSizeBytes: number;
  readonly objects: ObjectStore;
  readonly core: Core;
  readonly sha256: Sha256;
}

/** What the log says of a whole segment. */
export function describeSegment(
  bytes: Uint8Array,
  segmentId: SegmentId,
  sha256: Sha256,
): Pick<Reference, "segmentId" | "sha256" | "byteLength" | "bodyOffset" | "pageCount" | "head"> {
  const { bodyOffset, pageCount } = decodeSegmentHeader(bytes, `segment ${segmentId}`);
  const head = bodyOffset <= INLINE_BYTES ? bytes.slice(0, bodyOffset) : undefined;
  return { segmentId, sha256: sha256(bytes), byteLength: bytes.length, bodyOffset, pageCount, head };
}

/** The segment being filled. */
interface Filling {
  readonly builder: SegmentBuilder;
  readonly baseIndex: number;
  highestRlsn: number;
  lowestOffset: number;
  highestOffset: number;
}

export class SegmentWriter {
  readonly segments: DraftSegment[] = [];
  readonly #context: SegmentWriterContext;
  readonly #record: number;
  readonly #options: CallOptions;
  readonly #maxPages: number;
  #filling: Filling | undefined;
  /** Of the LSN being written. */
  #index = -1;
  #offsets = new CommitOffsets();
  #writing: Promise<unknown> = Promise.resolve();

  /** @param record The record that the segments are written for. */
  constructor(context: SegmentWriterContext, record: number, options: CallOptions) {
    this.#context = context;
    this.#record = record;
    this.#options = options;
    this.#maxPages = pagesPerSegment(context.pageSizeBytes);
  }

  /** The pages that follow belong to the next LSN. */
  nextLsn(): void {
    this.#index++;
    this.#offsets = new CommitOffsets();
  }

  /**
   * Adds a page. Await what it returns, if anything.
   *
   * @throws InvalidArgument for an offset out of range or added before, and a page of the wrong length.
   */
  add(offset: number, page: Uint8Array): Promise<void> | undefined {
    this.#offsets.add(offset);
    this.#filling ??= this.#newFilling(offset);
    const filling = this.#filling;
    filling.highestRlsn = this.#index - filling.baseIndex;
    filling.builder.add(this.#context.vid, offset, filling.highestRlsn, page);
    if (offset < filling.lowestOffset) filling.lowestOffset = offset;
    if (offset > filling.highestOffset) filling.highestOffset = offset;
    return filling.builder.pageCount >= this.#maxPages ? this.#flush(filling, false) : undefined;
  }

  #newFilling(offset: number): Filling {
    const { pageSizeBytes, core } = this.#context;
    const builder = new SegmentBuilder({ pageSize: pageSizeBytes, id: SegmentId.random(), core });
    return { builder, baseIndex: this.#index, highestRlsn: 0, lowestOffset: offset, highestOffset: offset };
  }

  /** Ends the last segment and waits until those that lie in objects of their own are durable. */
  async finish(): Promise<void> {
    if (this.#filling) await this.#flush(this.#filling, true);
    await this.#writing;
  }

  /** Deletes what was written, as far as it can: no record names it yet, and none ever will. */
  async abandon(): Promise<void> {
    await this.#writing.catch(() => undefined);
    const { objects } = this.#context;
    for (const { location, vid, segmentId } of this.segments) {
      if (location) await objects.delete(segmentKey(vid, this.#record, segmentId)).catch(() => undefined);
    }
  }

  async #flush({ builder, ...rest }: Filling, isLast: boolean): Promise<void> {
    const { vid, objects, sha256 } = this.#context;
    this.#filling = undefined;
    this.#offsets.nextSegment();
    const bytes = builder.finish();
    const attached = isLast && bytes.length <= EMBEDDED_BYTES ? bytes : undefined;
    const location: Location | undefined = attached ? undefined : { kind: "object", vid, record: this.#record };
    this.segments.push({ ...describeSegment(bytes, builder.id, sha256), ...rest, vid, attached, location });
    if (attached) return;
    await this.#writing;
    const writing = putOwn(objects, segmentKey(vid, this.#record, builder.id), bytes, this.#options);
    // Whoever awaits it next gets the error; until then it is not an unhandled one.
    writing.catch(() => undefined);
    this.#writing = writing;
  }
}
