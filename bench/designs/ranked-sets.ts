/**
 * Design g, the shipped one: ranked sets, as spec/segment.md says. `bytes` are a segment's index without the header of the
 * segment (inline), or behind the separate header of the laboratory (frame.ts) at 16. The encoder is forced to the rLSN
 * width asked for, volume by volume, but for volumes at one rLSN, which keep none in any width; where Elias-Fano is asked
 * for, each volume gets the smaller of its two sequences, one over all offsets or one for each. Finds go to the opened
 * index, as a reader of segments does: `JsProbe` has derived arrays from the bytes.
 */
import { ID_BYTES, SegmentId, type VolumeId } from "../../src/core/ids.js";
import { ByteWriter } from "../../src/format/bytes.js";
import {
  bodyOffsetOf,
  decodeSegmentHeader,
  encodeSegmentHeader,
  HEADER_BYTES,
} from "../../src/format/segment-header.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import { encodeHead, type ForcedEncodings } from "../../src/format/segment-index-encode.js";
import { JsProbe } from "../../src/probe/js-probe.js";
import type { SegmentIndex } from "../../src/probe/probe.js";
import type { BuildOptions, Design, DesignIndex, RlsnWidth } from "./design.js";
import { pageCountOf, SEPARATE_HEADER_BYTES, sealFrame } from "./frame.js";

import { checkRlsns } from "./rlsn-lists-encode.js";
import { isConstant } from "./version-sets.js";

const PAGE_SIZE_BYTES = 4096;
const segmentId = SegmentId.fromBytes(new Uint8Array(ID_BYTES));

const FORCED: Partial<Record<RlsnWidth, ForcedEncodings["rlsns"]>> = {
  u32: "fixed-32",
  u16: "fixed-16",
  u8: "fixed-8",
  "byte-deltas": "byte-deltas",
};

/** The block of one volume in the width asked for. */
function blockOf(volume: VolumeVersions, width: RlsnWidth): Uint8Array {
  const encoded = (rlsns: ForcedEncodings["rlsns"]) => {
    const head = encodeHead({ id: segmentId, pageSizeBytes: PAGE_SIZE_BYTES, volumes: [volume], force: { rlsns } });
    const { indexBytes } = decodeSegmentHeader(head, "the laboratory");
    return head.subarray(HEADER_BYTES + ID_BYTES, HEADER_BYTES + indexBytes);
  };
  if (isConstant(volume)) return encoded("constant");
  if (width !== "elias-fano") return encoded(FORCED[width]);
  const merged = encoded("elias-fano");
  if (volume.rlsns.length === volume.offsets.length) return merged;
  const partitioned = encoded("partitioned");
  return partitioned.length < merged.length ? partitioned : merged;
}

/** The head of a segment of these volumes: `encodeHead` with a choice for each volume. */
function headOf(volumes: readonly VolumeVersions[], width: RlsnWidth): Uint8Array {
  const writer = new ByteWriter();
  writer.zeros(HEADER_BYTES);
  for (const { vid } of volumes) writer.raw(vid.bytes);
  for (const volume of volumes) writer.raw(blockOf(volume, width));
  const indexBytes = writer.length - HEADER_BYTES;
  const bodyOffset = bodyOffsetOf(indexBytes);
  writer.zeros(bodyOffset - writer.length);
  const head = writer.bytes.slice();
  encodeSegmentHeader(
    {
      id: segmentId,
      pageSizeBytes: PAGE_SIZE_BYTES,
      pageCount: pageCountOf(volumes),
      volumeCount: volumes.length,
      indexBytes,
      bodyOffset,
    },
    head,
  );
  return head;
}

class RankedSets implements DesignIndex {
  readonly bytes: Uint8Array;
  readonly #index: SegmentIndex;

  constructor(head: Uint8Array, { form }: BuildOptions) {
    this.#index = new JsProbe().openIndex(head, "the laboratory");
    const writer = new ByteWriter();
    if (form === "separate") writer.zeros(SEPARATE_HEADER_BYTES);
    writer.raw(head.subarray(HEADER_BYTES, HEADER_BYTES + this.#index.header.indexBytes));
    this.bytes = sealFrame(writer, form);
  }

  find(vid: VolumeId, offset: number, rlsn: number): number {
    const volume = this.#index.volume(vid);
    return volume < 0 ? -1 : this.#index.find(volume, offset, rlsn);
  }

  volume(vid: VolumeId): number {
    return this.#index.volume(vid);
  }

  findAt(volume: number, offset: number, rlsn: number): number {
    return this.#index.find(volume, offset, rlsn);
  }
}

export const rankedSets: Design = {
  letter: "g",
  name: "ranked sets",
  rlsnWidths: ["u32", "u16", "u8", "byte-deltas", "elias-fano"],
  localBytesSaved: (volumes) => 2 * pageCountOf(volumes),
  build(volumes, options) {
    for (const { rlsns } of volumes) checkRlsns(rlsns, options.rlsns);
    return new RankedSets(headOf(volumes, options.rlsns), options);
  },
};
