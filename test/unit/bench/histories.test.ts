/** The histories of real databases: traces keep what they are given, and every cut has every version once. */
import { describe, expect, test } from "vitest";
import { batchCut, contentsOf, rangeCut, SEGMENT_PAGES } from "../../../bench/histories/cuts.js";
import {
  decodeTrace,
  encodeTrace,
  FIRST_LSN,
  HISTORIES,
  readTrace,
  type Trace,
} from "../../../bench/histories/trace.js";

/** Offset 3 in every transaction, 7 in every third, and one of its own in each, from 10 on. */
const transactionCount = 9000;
const every = Array.from({ length: transactionCount }, (_, i) => FIRST_LSN + i);
const lists = [every, every.filter((_, i) => i % 3 === 0), ...every.map((lsn) => [lsn])];
const trace: Trace = {
  pageSizeBytes: 4096,
  pageCount: 10 + transactionCount,
  transactionCount,
  offsets: Uint32Array.from(lists, (_, i) => (i === 0 ? 3 : i === 1 ? 7 : 8 + i)),
  starts: Uint32Array.from({ length: lists.length + 1 }, (_, i) => (i === 0 ? 0 : i === 1 ? 9000 : 12_000 + (i - 2))),
  lsns: Uint32Array.from(lists.flat()),
};

test("a trace comes back from its bytes", () => {
  expect(decodeTrace(encodeTrace(trace), "here")).toEqual(trace);
});

describe.each(HISTORIES)("%s", (name) => {
  const real = readTrace(name);

  test("is whole: every transaction wrote, and within the database", () => {
    expect(new Set(real.lsns).size).toBe(real.transactionCount);
    expect(real.lsns.reduce((a, b) => Math.max(a, b))).toBe(FIRST_LSN + real.transactionCount - 1);
    expect(real.offsets.at(-1)).toBeLessThan(real.pageCount);
    expect(real.pageSizeBytes).toBe(4096);
  });
});

describe.each([
  ["batches", batchCut(trace)],
  ["offset ranges", rangeCut(trace)],
  ["windows of 256 LSNs", rangeCut(trace, 256)],
])("cut into %s", (name, cut) => {
  const contents = cut.segments.map((versions) => contentsOf(trace, versions));

  test("has every version once, in segments that are not too large", () => {
    expect(Array.from(cut.order).sort((a, b) => a - b)).toEqual([...trace.lsns.keys()]);
    expect(cut.segments.reduce((sum, versions) => sum + versions.length, 0)).toBe(trace.lsns.length);
    for (const versions of cut.segments) expect(versions.length).toBeLessThanOrEqual(SEGMENT_PAGES);
    // Two neighbours would not fit one segment: in windows the last segment of each is as it comes.
    if (name === "windows of 256 LSNs") return;
    for (let i = 1; i < cut.segments.length; i++) {
      expect(cut.segments[i - 1].length + cut.segments[i].length).toBeGreaterThan(SEGMENT_PAGES);
    }
  });

  test("gives the offsets and LSNs of its versions", () => {
    for (const [i, { volumes, span }] of contents.entries()) {
      const [{ offsets, starts, rlsns }] = volumes;
      const lsns = Array.from(cut.segments[i], (version) => trace.lsns[version]);
      const base = Math.min(...lsns);
      expect(span).toBe(Math.max(...lsns) - base + 1);
      const pairs: number[][] = [];
      for (let k = 0; k < offsets.length; k++) {
        for (let j = starts[k]; j < starts[k + 1]; j++) pairs.push([offsets[k], base + rlsns[j]]);
      }
      const expected = Array.from(cut.segments[i])
        .sort((a, b) => a - b)
        .map((version) => {
          const offset = version < 9000 ? 3 : version < 12_000 ? 7 : 10 + version - 12_000;
          return [offset, trace.lsns[version]];
        });
      expect(pairs).toEqual(expected);
    }
  });

  test("keeps together what it should", () => {
    if (name === "batches") {
      const last = cut.segments.map((versions) => trace.lsns[versions[versions.length - 1]]);
      const first = cut.segments.map((versions) => trace.lsns[versions[0]]);
      for (let i = 1; i < first.length; i++) expect(first[i]).toBeGreaterThan(last[i - 1]);
    }
    if (name === "windows of 256 LSNs") for (const { span } of contents) expect(span).toBeLessThanOrEqual(256);
    if (name === "offset ranges") {
      // 9000 versions of one offset take three segments; all others are in one.
      const segmentsOf = new Map<number, number>();
      for (const { volumes } of contents) {
        for (const offset of volumes[0].offsets) segmentsOf.set(offset, 1 + (segmentsOf.get(offset) ?? 0));
      }
      expect(segmentsOf.get(3)).toBe(3);
      for (const [offset, count] of segmentsOf) if (offset !== 3) expect(count).toBe(1);
    }
  });
});
