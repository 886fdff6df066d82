/**
 * How small the shipped index is, and stays: its bytes against the information-theoretic bound on full segments, and the
 * pages that it holds inline, behind the header in a segment's first 4096 bytes.
 */
import { describe, expect, test } from "vitest";
import { boundBits } from "../../../bench/bound.js";
import { contentsOf, rangeCut } from "../../../bench/histories/cuts.js";
import { HISTORIES, readTrace } from "../../../bench/histories/trace.js";
import { type Contents, headOf, workloads } from "../../../bench/workloads.js";
import { decodeSegmentHeader, HEADER_BYTES } from "../../../src/format/segment-header.js";
import { runSeed } from "../../helpers/random.js";

/** Of the index alone, without the header. */
const indexBytesOf = ({ volumes }: Contents) => decodeSegmentHeader(headOf(volumes, 0), "a workload").indexBytes;
const INLINE_BYTES = 4096 - HEADER_BYTES;

function workload(name: string) {
  const found = workloads.find((one) => one.name === name);
  if (!found) throw new Error(`no workload "${name}"`);
  return found;
}

describe("bytes of full segments, in multiples of the bound", () => {
  const seed = runSeed("capacity");
  test.each([
    ["dense, T=1024", 1.1],
    ["4 versions each", 1.1],
    ["sparse, T=1024", 1.1],
    ["sparse of 2^32, T=1024", 1.1],
    ["sparse, one commit", 1.15],
    ["16 volumes x 250", 1.15],
    ["Zipf", 1.35],
    ["1000 volumes x 4", 1.7],
  ])("%s: at most %d", (name, most) => {
    for (let segment = 0; segment < 3; segment++) {
      const contents = workload(name).full(seed + segment);
      expect(indexBytesOf(contents) / (boundBits(contents) / 8)).toBeLessThanOrEqual(most);
    }
  });
});

test.each(HISTORIES)("%s, a real history cut by offset ranges: at most 1.3x", (name) => {
  const trace = readTrace(name);
  let bytes = 0;
  let bound = 0;
  for (const versions of rangeCut(trace).segments) {
    const contents = contentsOf(trace, versions);
    bytes += indexBytesOf(contents);
    bound += boundBits(contents) / 8;
  }
  expect(bytes / bound).toBeLessThanOrEqual(1.3);
});

describe("pages inline", () => {
  test.each([
    ["dense, one commit", 4087],
    ["dense, T=1024", 3100],
    ["Zipf", 2550],
    ["sparse, T=1024", 1450],
    ["1000 volumes x 4", 480],
  ])("%s: at least %d", (name, least) => {
    const contents = workload(name).sized(least);
    expect(contents.volumes.reduce((pages, { rlsns }) => pages + rlsns.length, 0)).toBe(least);
    expect(indexBytesOf(contents)).toBeLessThanOrEqual(INLINE_BYTES);
  });
});
