/**
 * How small each index is: bytes per page beside the information-theoretic bound, the most pages that it indexes inline,
 * and the most in a segment of 16 MiB; for every design of the laboratory, in each form and rLSN width, on the seeded
 * workloads and on real databases' histories. Then what the founding note asks of those histories: how compaction's cuts
 * decide which rLSN widths fit.
 */
import { SegmentId } from "../../src/core/ids.js";
import { bodyOffsetOf, decodeSegmentHeader, HEADER_BYTES, MAX_SEGMENT_BYTES } from "../../src/format/segment-header.js";
import { encodeHead } from "../../src/format/segment-index-encode.js";
import { Random } from "../../test/helpers/random.js";
import { boundBits } from "../bound.js";
import { designs } from "../designs/all.js";
import type { IndexForm } from "../designs/design.js";
import { batchCut, type Cut, contentsOf, rangeCut, SEGMENT_PAGES } from "../histories/cuts.js";
import { HISTORIES, readTrace, type Trace } from "../histories/trace.js";
import { type Effort, median, type Row, type Suite } from "../measure.js";
import { type Contents, workloads } from "../workloads.js";
import { printSizes } from "./sizes-table.js";

const INLINE_BYTES = 4096 - HEADER_BYTES;
/** A page of 4096 bytes and its checksum. */
const RECORD_BYTES = 4096 + 8;

/** Contents that are measured together. */
interface Case {
  readonly name: string;
  /** Full segments, for bytes per page: of all of them together. */
  readonly full: readonly Contents[];
  /** Segments of a given page count, for the most pages: the median of the searches. Without any there are no searches. */
  readonly sized: readonly ((pageCount: number) => Contents)[];
}

/** One way to write an index. */
interface Contender {
  readonly implementation: string;
  readonly forms: readonly IndexForm[];
  /** Bytes of the index of these contents, without the 64-byte header; `undefined` where an rLSN does not fit. */
  bytes(contents: Contents, form: IndexForm): number | undefined;
}

const segmentId = SegmentId.fromBytes(new Random(1).bytes(16));

/** What `SegmentBuilder` writes: of each volume the smallest encodings, or faster ones within a margin. */
function shippedBytes({ volumes }: Contents): number {
  const head = encodeHead({ id: segmentId, pageSizeBytes: 4096, volumes });
  return decodeSegmentHeader(head, "a segment of the bench").indexBytes;
}

const bound: Contender = {
  implementation: "bound",
  forms: ["inline"],
  bytes: (contents) => boundBits(contents) / 8,
};

/** Header and index are one piece wherever they lie: one form. */
const shipped: Contender = { implementation: "g as shipped", forms: ["inline"], bytes: shippedBytes };

const laboratory: readonly Contender[] = designs.flatMap((design) =>
  design.rlsnWidths.map(
    (rlsns): Contender => ({
      implementation: `${design.letter} ${rlsns}`,
      forms: ["inline", "separate"],
      bytes({ volumes }, form) {
        try {
          return design.build(volumes, { form, rlsns }).bytes.length;
        } catch (error) {
          if (error instanceof RangeError) return undefined;
          throw error;
        }
      },
    }),
  ),
);

const pagesOf = ({ volumes }: Contents) => volumes.reduce((pages, { rlsns }) => pages + rlsns.length, 0);

/**
 * The most pages for which `bytesOf` stays within `limit`, found where one page more does not; 0 where none does. Guesses
 * by rule of three, since indexes grow about in proportion, and halves where that is slow.
 */
function mostPages(limit: number, most: number, bytesOf: (pageCount: number) => number | undefined): number {
  let fits = 0;
  let tooMany = most + 1;
  let guess = most;
  for (let step = 0; tooMany - fits > 1; step++) {
    const bytes = bytesOf(guess);
    if (bytes !== undefined && bytes <= limit) fits = guess;
    else tooMany = guess;
    const next = bytes === undefined || step % 4 === 3 ? (fits + tooMany) >> 1 : Math.floor((guess * limit) / bytes);
    guess = Math.min(tooMany - 1, Math.max(fits + 1, next));
  }
  return fits;
}

/** Remembers the contents of each page count: every contender asks for much the same. */
function remembered(make: (pageCount: number) => Contents): (pageCount: number) => Contents {
  const made = new Map<number, Contents>();
  return (pageCount) => {
    let contents = made.get(pageCount);
    if (!contents) made.set(pageCount, (contents = make(pageCount)));
    return contents;
  };
}

/** Rows of every contender on one case. */
function measure(one: Case, contenders: readonly Contender[], report: (row: Row) => void): void {
  const row = (implementation: string, metric: string, value: number, unit: string) =>
    report({ suite: "sizes", workload: one.name, implementation, metric, value, unit });
  const sized = one.sized.map(remembered);
  const pages = one.full.reduce((sum, contents) => sum + pagesOf(contents), 0);
  const least = one.full.reduce((sum, contents) => sum + boundBits(contents) / 8, 0);
  const total = ({ bytes }: Contender, form: IndexForm) => {
    let sum = 0;
    for (const contents of one.full) {
      const size = bytes(contents, form);
      if (size === undefined) return undefined;
      sum += size;
    }
    return sum;
  };
  const most = (limit: number, bytesOf: (contents: Contents) => number | undefined) =>
    median(
      sized.map((contentsAt) => {
        const pageCount = mostPages(limit, SEGMENT_PAGES, (n) => bytesOf(contentsAt(n)));
        return pageCount === 0 ? 0 : pagesOf(contentsAt(pageCount));
      }),
    );
  for (const contender of contenders) {
    const { implementation, forms } = contender;
    for (const form of forms) {
      const bytes = total(contender, form);
      if (bytes !== undefined) {
        row(implementation, `${form} size`, bytes / pages, "bytes/page");
        row(implementation, `${form} ratio`, bytes / least, "x the bound");
      }
      if (sized.length === 0) continue;
      if (form === "inline") {
        row(
          implementation,
          "most inline",
          most(INLINE_BYTES, (contents) => contender.bytes(contents, form)),
          "pages",
        );
      }
      const wholeBytes = (contents: Contents) => {
        const size = contender.bytes(contents, form);
        return size === undefined ? undefined : bodyOffsetOf(Math.ceil(size)) + pagesOf(contents) * RECORD_BYTES;
      };
      row(implementation, `${form} most in 16 MiB`, most(MAX_SEGMENT_BYTES, wholeBytes), "pages");
    }
  }
  for (const design of designs) {
    const saved = one.full.reduce((sum, { volumes }) => sum + design.localBytesSaved(volumes), 0);
    row(`${design.letter}, local page numbers not stored`, "saved", saved / pages, "bytes/page");
  }
}

/** Segments of a cut, evenly spaced, and three places from which to cut smaller ones. */
function caseOf(history: string, trace: Trace, { name, order, segments }: Cut, quick: boolean): Case {
  const count = Math.min(quick ? 1 : 8, segments.length);
  const sample = Array.from({ length: count }, (_, i) => segments[Math.floor(((i + 0.5) * segments.length) / count)]);
  return {
    name: `${history}, ${name}`,
    full: sample.map((versions) => contentsOf(trace, versions)),
    sized: (quick ? [2] : [1, 2, 3]).map((quarter) => {
      const from = segments[Math.floor((quarter * segments.length) / 4)];
      const first = Math.min((from.byteOffset - order.byteOffset) / 4, order.length - SEGMENT_PAGES);
      return (pageCount) => contentsOf(trace, order.subarray(first, first + pageCount));
    }),
  };
}

/** What a cut does to the shipped index and to the widths of rLSNs, over all of its segments. */
function describeCut(history: string, trace: Trace, { name, order, segments }: Cut, report: (row: Row) => void): void {
  const row = (metric: string, value: number, unit: string) =>
    report({ suite: "sizes", workload: `${history}, cuts`, implementation: name, metric, value, unit });
  const segmentsOf = new Map<number, number>();
  let bytes = 0;
  let least = 0;
  let inline = 0;
  let spans8 = 0;
  let spans16 = 0;
  let gaps = 0;
  let gapsOfAByte = 0;
  for (const versions of segments) {
    const contents = contentsOf(trace, versions);
    const size = shippedBytes(contents);
    bytes += size;
    least += boundBits(contents) / 8;
    if (size <= INLINE_BYTES) inline++;
    if (contents.span <= 2 ** 8) spans8++;
    if (contents.span <= 2 ** 16) spans16++;
    for (const { offsets, starts, rlsns } of contents.volumes) {
      for (let i = 0; i < offsets.length; i++) {
        segmentsOf.set(offsets[i], 1 + (segmentsOf.get(offsets[i]) ?? 0));
        for (let j = starts[i] + 1; j < starts[i + 1]; j++) {
          gaps++;
          if (rlsns[j] - rlsns[j - 1] <= 255) gapsOfAByte++;
        }
      }
    }
  }
  const share = (count: number) => (100 * count) / segments.length;
  row("segments", segments.length, "");
  row("pages in each", order.length / segments.length, "pages");
  row("size", bytes / order.length, "bytes/page");
  row("ratio", bytes / least, "x the bound");
  row("inline", share(inline), "% of segments");
  row("rLSNs fit u16", share(spans16), "% of segments");
  row("rLSNs fit u8", share(spans8), "% of segments");
  row("gaps fit u8", (100 * gapsOfAByte) / gaps, "% of gaps");
  const overlaps = [...segmentsOf.values()].reduce((sum, count) => sum + count, 0) / segmentsOf.size;
  row("segments per offset", overlaps, "");
}

export const sizes: Suite & { print(rows: readonly Row[]): void } = {
  name: "sizes",
  about: "bytes of every index design against the bound, and the most pages that it holds inline and in 16 MiB",
  print: printSizes,
  async run({ quick }: Effort, report) {
    const contenders = [bound, ...laboratory, shipped];
    for (const { name, full, sized } of quick ? workloads.slice(0, 2) : workloads) {
      measure({ name, full: [full(0)], sized: [sized] }, contenders, report);
    }
    for (const name of quick ? HISTORIES.slice(0, 1) : HISTORIES) {
      const trace = readTrace(name);
      const [batches, ranges, windows8] = [batchCut(trace), rangeCut(trace), rangeCut(trace, 2 ** 8)];
      for (const cut of quick ? [ranges] : [batches, ranges]) {
        measure(caseOf(name, trace, cut, quick), contenders, report);
      }
      if (!quick) measure({ ...caseOf(name, trace, windows8, quick), sized: [] }, contenders, report);
      for (const cut of [batches, ranges, rangeCut(trace, 2 ** 16), windows8]) describeCut(name, trace, cut, report);
    }
  },
};
