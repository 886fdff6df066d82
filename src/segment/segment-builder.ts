/** Builds a segment: collects pages in any order, then writes head and body in one piece. */
import { InvalidArgument, NoSpace } from "../core/errors.js";
import { SegmentId, type VolumeId } from "../core/ids.js";
import { toOffset, toPageSize, toRlsn } from "../core/numbers.js";
import {
  HEADER_BYTES,
  MAX_SEGMENT_BYTES,
  MAX_SEGMENT_PAGES,
  PAGE_CHECKSUM_BYTES,
  recordPosition,
} from "../format/segment-header.js";
import type { VolumeVersions } from "../format/segment-index.js";
import { encodeHead, type ForcedEncodings } from "../format/segment-index-encode.js";
import { type Core, sharedCore } from "../probe/core.js";

export interface SegmentBuilderOptions {
  /** Bytes of each page. */
  readonly pageSize: number;
  /** By default random. */
  readonly id?: SegmentId;
  readonly force?: ForcedEncodings;
  /** Seals the pages; by default the core that all segments opened without a store share. */
  readonly core?: Core;
}

/** The most that a page can add to an index of one volume: 5 bytes of offset, 5 of rLSN, rounded up for both high parts. */
const INDEX_BYTES_PER_PAGE = 11;
/** The most that a volume adds by itself: its id, tag and parameters. */
const INDEX_BYTES_PER_VOLUME = 48;

/** How many pages of one volume fit a segment, whatever their offsets and rLSNs. */
export function pagesPerSegment(pageSizeBytes: number): number {
  const room = MAX_SEGMENT_BYTES - HEADER_BYTES - INDEX_BYTES_PER_VOLUME - 8;
  return Math.floor(room / (pageSizeBytes + PAGE_CHECKSUM_BYTES + INDEX_BYTES_PER_PAGE));
}

interface Entry {
  readonly vid: VolumeId;
  readonly offset: number;
  readonly rlsn: number;
  readonly page: Uint8Array;
}

const inBodyOrder = (a: Entry, b: Entry) => a.vid.compare(b.vid) || a.offset - b.offset || a.rlsn - b.rlsn;

export class SegmentBuilder {
  readonly id: SegmentId;
  readonly pageSize: number;
  readonly #force: ForcedEncodings;
  readonly #core: Core;
  readonly #entries: Entry[] = [];
  readonly #volumes = new Set<string>();
  #isSorted = true;

  constructor({ pageSize, id = SegmentId.random(), force = {}, core = sharedCore() }: SegmentBuilderOptions) {
    this.pageSize = toPageSize(pageSize);
    this.id = id;
    this.#force = force;
    this.#core = core;
  }

  get pageCount(): number {
    return this.#entries.length;
  }

  /** At most so many bytes will `finish` return, unless encodings are forced. */
  get byteLengthBound(): number {
    const perPage = this.pageSize + PAGE_CHECKSUM_BYTES + INDEX_BYTES_PER_PAGE;
    return HEADER_BYTES + 8 + this.#volumes.size * INDEX_BYTES_PER_VOLUME + this.#entries.length * perPage;
  }

  /**
   * Adds a version of a page, in any order. `page` is kept, not copied: leave it unchanged until `finish`.
   *
   * @throws InvalidArgument for an offset or rLSN out of range and a page of the wrong length.
   */
  add(vid: VolumeId, offset: number, rlsn: number, page: Uint8Array): void {
    toOffset(offset);
    toRlsn(rlsn);
    if (!(page instanceof Uint8Array) || page.length !== this.pageSize) {
      const found = page instanceof Uint8Array ? `${page.length} bytes` : "no Uint8Array";
      throw new InvalidArgument(`page at offset ${offset}: expected ${this.pageSize} bytes, got ${found}`);
    }
    const entry = { vid, offset, rlsn, page };
    const before = this.#entries.at(-1);
    if (before && inBodyOrder(before, entry) >= 0) this.#isSorted = false;
    this.#entries.push(entry);
    this.#volumes.add(vid.toString());
  }

  /**
   * The segment's bytes, at most 16 MiB; they are the caller's.
   *
   * @throws InvalidArgument for a segment without pages, the same (volume, offset, rLSN) twice, and a forced encoding
   *   that cannot hold the versions; NoSpace for more than 16 MiB.
   */
  finish(): Uint8Array<ArrayBuffer> {
    const entries = this.#entries;
    if (!this.#isSorted) entries.sort(inBodyOrder);
    if (entries.length > MAX_SEGMENT_PAGES) throw this.#tooLarge(`${entries.length} pages`);
    const head = encodeHead({
      id: this.id,
      pageSizeBytes: this.pageSize,
      volumes: groupByVolume(entries),
      force: this.#force,
    });
    const length = recordPosition(head.length, this.pageSize, entries.length);
    if (length > MAX_SEGMENT_BYTES) throw this.#tooLarge(`${length} bytes`);
    const segment = new Uint8Array(length);
    segment.set(head);
    const { memory, stagingAddress } = this.#core;
    const record = memory.subarray(stagingAddress, stagingAddress + this.pageSize + PAGE_CHECKSUM_BYTES);
    for (const [local, { page }] of entries.entries()) {
      record.set(page);
      this.#core.sealPage(stagingAddress, this.pageSize, this.id, local);
      segment.set(record, recordPosition(head.length, this.pageSize, local));
    }
    return segment;
  }

  #tooLarge(what: string): NoSpace {
    return new NoSpace(`segment of ${what}: it holds 16 MiB and ${MAX_SEGMENT_PAGES} pages. Use more segments.`);
  }
}

/** Turns entries in body order into each volume's offsets, starts and rLSNs. Refuses an entry that is there twice. */
function groupByVolume(entries: readonly Entry[]): VolumeVersions[] {
  const volumes: VolumeVersions[] = [];
  for (let start = 0; start < entries.length; ) {
    const { vid } = entries[start];
    const offsets: number[] = [];
    const starts: number[] = [];
    const rlsns: number[] = [];
    let i = start;
    for (; i < entries.length && entries[i].vid.equals(vid); i++) {
      const { offset, rlsn } = entries[i];
      if (offsets.length === 0 || offset !== offsets[offsets.length - 1]) {
        offsets.push(offset);
        starts.push(rlsns.length);
      } else if (rlsn === rlsns[rlsns.length - 1]) {
        throw new InvalidArgument(`volume ${vid}, offset ${offset}, rLSN ${rlsn}: added twice to one segment`);
      }
      rlsns.push(rlsn);
    }
    starts.push(rlsns.length);
    volumes.push({
      vid,
      offsets: Uint32Array.from(offsets),
      starts: Uint32Array.from(starts),
      rlsns: Uint32Array.from(rlsns),
    });
    start = i;
  }
  return volumes;
}
