/** One segment by itself: open, look up, read a verified page, describe. For tools, benches and tests. */
import { Closed, Corrupt, InvalidArgument } from "../core/errors.js";
import type { VolumeId } from "../core/ids.js";
import { toOffset, toRlsn } from "../core/numbers.js";
import {
  decodeSegmentHeader,
  INLINE_BYTES,
  MAX_SEGMENT_BYTES,
  PAGE_CHECKSUM_BYTES,
  recordPosition,
  type SegmentHeader,
  segmentLength,
} from "../format/segment-header.js";
import { decodeIndex, type OffsetEncoding, type RlsnEncoding } from "../format/segment-index.js";
import { sharedCore } from "../probe/core.js";
import { JsProbe } from "../probe/js-probe.js";
import type { ProbeKind, SegmentIndex } from "../probe/probe.js";
import { WasmProbe } from "../probe/wasm-probe.js";
import { pageIsIntact } from "./page-record.js";

export interface SegmentOpenOptions {
  /** Which implementation answers; both give the same answers. */
  readonly probe?: ProbeKind;
  /** Names the segment in errors; by default its id. */
  readonly key?: string;
}

export interface VolumeDescription {
  /** The volume's id, 36 characters. */
  readonly vid: string;
  readonly pageCount: number;
  readonly offsetCount: number;
  readonly offsetEncoding: OffsetEncoding;
  readonly rlsnEncoding: RlsnEncoding;
  /** Bytes of this volume's part of the index. */
  readonly indexBytes: number;
}

export interface SegmentDescription {
  /** The segment's id, 36 characters. */
  readonly id: string;
  readonly pageSizeBytes: number;
  readonly pageCount: number;
  /** Bytes of the index, without the 64-byte header. */
  readonly indexBytes: number;
  /** Whether header and index end within the segment's first 4096 bytes. */
  readonly inline: boolean;
  readonly volumes: readonly VolumeDescription[];
}

export class Segment implements Disposable {
  readonly #bytes: Uint8Array;
  readonly #key: string;
  readonly #header: SegmentHeader;
  #index: SegmentIndex | undefined;
  /** 1 where a page was found intact. */
  readonly #verified: Uint8Array;
  /** The volume that was looked up last, and its handle. */
  #lastVid: VolumeId | undefined;
  #lastVolume = -1;

  private constructor(bytes: Uint8Array, key: string, header: SegmentHeader, index: SegmentIndex) {
    this.#bytes = bytes;
    this.#key = key;
    this.#header = header;
    this.#index = index;
    this.#verified = new Uint8Array(header.pageCount);
  }

  /**
   * Opens a whole segment. The index is copied and checked; the bodies stay in `bytes`, which must not change until
   * `close`, and are checked when a page is asked for.
   *
   * @throws Corrupt, UnsupportedFormat, NoSpace
   */
  static open(bytes: Uint8Array, { probe = "wasm", key }: SegmentOpenOptions = {}): Segment {
    const header = decodeSegmentHeader(bytes, key ?? "segment");
    const name = key ?? `segment ${header.id}`;
    const length = segmentLength(header);
    if (length > MAX_SEGMENT_BYTES) {
      throw new Corrupt("segment longer than a segment can be", {
        key: name,
        byteOffset: 0,
        expected: `at most ${MAX_SEGMENT_BYTES} bytes`,
        actual: `${length}`,
      });
    }
    if (bytes.length !== length) {
      throw new Corrupt("segment of the wrong length", {
        key: name,
        byteOffset: Math.min(bytes.length, length),
        expected: `${length} bytes`,
        actual: `${bytes.length}`,
      });
    }
    if (probe !== "wasm" && probe !== "js") throw new InvalidArgument(`probe "${String(probe)}": "wasm" or "js"`);
    const implementation = probe === "wasm" ? new WasmProbe(sharedCore()) : new JsProbe();
    return new Segment(bytes, name, header, implementation.openIndex(bytes, name));
  }

  #opened(): SegmentIndex {
    if (!this.#index) throw new Closed(`${this.#key} was closed`);
    return this.#index;
  }

  /**
   * The local page number of the newest version of `offset` at or below `rlsn`, or -1 where there is none.
   *
   * @throws InvalidArgument for an offset or rLSN out of range.
   */
  find(vid: VolumeId, offset: number, rlsn: number): number {
    const volume = this.#volume(vid);
    toOffset(offset);
    toRlsn(rlsn);
    return volume < 0 ? -1 : this.#opened().find(volume, offset, rlsn);
  }

  /** `find` for each pair of `offsets` and `rlsns`, in one call, into `locals`; all three of one length. */
  findMany(vid: VolumeId, offsets: Uint32Array, rlsns: Uint32Array, locals: Int32Array): void {
    if (offsets.length !== rlsns.length || offsets.length !== locals.length) {
      throw new InvalidArgument(
        `a batch of ${offsets.length} offsets, ${rlsns.length} rLSNs and ${locals.length} answers: lengths must agree`,
      );
    }
    const volume = this.#volume(vid);
    if (volume < 0) locals.fill(-1);
    else this.#opened().findMany(volume, offsets, rlsns, locals);
  }

  #volume(vid: VolumeId): number {
    const index = this.#opened();
    if (vid !== this.#lastVid) {
      this.#lastVolume = index.volume(vid);
      this.#lastVid = vid;
    }
    return this.#lastVolume;
  }

  /**
   * The page with a local page number: a view of the segment's bytes, verified the first time.
   *
   * @throws InvalidArgument where the segment has no such page, Corrupt for a damaged one.
   */
  page(local: number): Uint8Array {
    this.#opened();
    const { pageCount, pageSizeBytes, bodyOffset, id } = this.#header;
    if (!Number.isInteger(local) || local < 0 || local >= pageCount) {
      throw new InvalidArgument(`local page ${String(local)}: ${this.#key} has pages 0 to ${pageCount - 1}`);
    }
    const at = recordPosition(bodyOffset, pageSizeBytes, local);
    if (this.#verified[local] === 0) {
      const record = this.#bytes.subarray(at, at + pageSizeBytes + PAGE_CHECKSUM_BYTES);
      if (!pageIsIntact(sharedCore(), record, id, local)) {
        throw new Corrupt(`page ${local} damaged`, {
          key: this.#key,
          byteOffset: at,
          expected: "the page's XXH64",
          actual: "another sum",
        });
      }
      this.#verified[local] = 1;
    }
    return this.#bytes.subarray(at, at + pageSizeBytes);
  }

  /** Header, encodings and sizes as a plain object. */
  describe(): SegmentDescription {
    this.#opened();
    const { header, volumes } = decodeIndex(this.#bytes, this.#key);
    return {
      id: header.id.toString(),
      pageSizeBytes: header.pageSizeBytes,
      pageCount: header.pageCount,
      indexBytes: header.indexBytes,
      inline: header.bodyOffset <= INLINE_BYTES,
      volumes: volumes.map((volume) => ({
        vid: volume.vid.toString(),
        pageCount: volume.rlsns.length,
        offsetCount: volume.offsets.length,
        offsetEncoding: volume.offsetEncoding,
        rlsnEncoding: volume.rlsnEncoding,
        indexBytes: volume.indexBytes,
      })),
    };
  }

  /** Frees the index's memory. Any later call throws `Closed`. */
  close(): void {
    this.#index?.close();
    this.#index = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
