/**
 * Damage to a segment is found or changes nothing: every single bit flipped, every truncation, in every encoding, in both
 * probes. And blocks written out by hand whose checksum is right: refused by both, with the same status. Random ones:
 * `fuzz-segments.test.ts`.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Corrupt, PalimpsestError, UnsupportedFormat } from "../../src/core/errors.js";
import { SegmentId } from "../../src/core/ids.js";
import {
  bodyOffsetOf,
  decodeSegmentHeader,
  encodeSegmentHeader,
  HEADER_BYTES,
} from "../../src/format/segment-header.js";
import type { ForcedEncodings } from "../../src/format/segment-index-encode.js";
import { Core } from "../../src/probe/core.js";
import { JsProbe } from "../../src/probe/js-probe.js";
import type { SegmentIndex } from "../../src/probe/probe.js";
import { WasmProbe } from "../../src/probe/wasm-probe.js";
import { Segment } from "../../src/segment/segment.js";
import { SegmentBuilder } from "../../src/segment/segment-builder.js";
import { Random, runSeed } from "../helpers/random.js";
import {
  canForce,
  OFFSET_ENCODINGS,
  RLSN_ENCODINGS,
  randomQuery,
  randomVersions,
  type Shape,
} from "../helpers/versions.js";

const seed = runSeed("damaged segments");
const PAGE_SIZE = 512;

/** Small histories that between them can be forced into every encoding. */
const shapes: Shape[] = [
  { offsets: 5, universe: 5, rlsns: 1, versions: 1, uniform: true },
  { offsets: 4, universe: 30, rlsns: 1, versions: 1, uniform: true },
  { offsets: 3, universe: 40, rlsns: 200, versions: 2, uniform: true },
  { offsets: 3, universe: 3000, rlsns: 60_000, versions: 3, uniform: false },
  { offsets: 3, universe: 3, rlsns: 300, versions: 2, uniform: false },
];

const cases: { shape: Shape; force: ForcedEncodings; name: string }[] = [];
for (const [i, shape] of shapes.entries()) {
  const versions = randomVersions(new Random(seed), shape);
  for (const offsets of OFFSET_ENCODINGS) {
    for (const rlsns of RLSN_ENCODINGS) {
      const force = { offsets, rlsns };
      if (canForce(versions, force))
        cases.push({ shape, force, name: `history ${i}: ${offsets} offsets, ${rlsns} rLSNs` });
    }
  }
}

test("the histories reach every encoding", () => {
  expect(new Set(cases.map(({ force }) => force.offsets)).size).toBe(OFFSET_ENCODINGS.length);
  expect(new Set(cases.map(({ force }) => force.rlsns)).size).toBe(RLSN_ENCODINGS.length);
});

/** Everything that a segment answers about these versions, and its pages: or the error, which must be a typed one. */
function answers(bytes: Uint8Array, probe: "wasm" | "js", ask: (segment: Segment) => number[]): number[] | undefined {
  try {
    using segment = Segment.open(bytes, { probe });
    const found = ask(segment);
    for (let local = 0; local < segment.describe().pageCount; local++) found.push(segment.page(local)[0]);
    return found;
  } catch (error) {
    if (error instanceof Corrupt || error instanceof UnsupportedFormat) return undefined;
    throw error;
  }
}

describe("every bit flip and every truncation", () => {
  // A hundred thousand errors, whose stacks nobody reads and which would take half of the time.
  const { stackTraceLimit } = Error;
  beforeAll(() => {
    Error.stackTraceLimit = 0;
  });
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  test.each(cases)("$name", ({ shape, force }) => {
    const random = new Random(seed);
    const versions = randomVersions(random, shape);
    const { vid, offsets, starts, rlsns } = versions;
    const builder = new SegmentBuilder({ pageSize: PAGE_SIZE, force });
    for (const [i, offset] of offsets.entries()) {
      for (let j = starts[i]; j < starts[i + 1]; j++) builder.add(vid, offset, rlsns[j], random.bytes(PAGE_SIZE));
    }
    const bytes = builder.finish();
    const queries = Array.from({ length: 30 }, () => randomQuery(random, versions)).filter(([o]) => o < 0xffff_ffff);
    const ask = (segment: Segment) => queries.map(([offset, rlsn]) => segment.find(vid, offset, rlsn));
    const { bodyOffset } = decodeSegmentHeader(bytes, "test");
    const flip = (bit: number) => {
      bytes[bit >> 3] ^= 1 << (bit & 7);
    };
    // Every byte is under a checksum, so every flip is found: those of the head on opening,
    for (const probe of ["wasm", "js"] as const) {
      expect(answers(bytes, probe, ask)).toBeDefined();
      for (let bit = 0; bit < bodyOffset * 8; bit++) {
        flip(bit);
        if (answers(bytes, probe, ask)) expect.fail(`${probe}: bit ${bit} flipped, and nothing was found`);
        flip(bit);
      }
      for (let length = 0; length < bytes.length; length++) {
        if (answers(bytes.subarray(0, length), probe, ask)) expect.fail(`${probe}: cut to ${length} bytes`);
      }
    }
    // those of a page when it is asked for.
    using segment = Segment.open(bytes);
    for (let bit = bodyOffset * 8; bit < bytes.length * 8; bit++) {
      const local = Math.floor(((bit >> 3) - bodyOffset) / (PAGE_SIZE + 8));
      flip(bit);
      try {
        segment.page(local);
        expect.fail(`bit ${bit} of page ${local} flipped, and nothing was found`);
      } catch (error) {
        if (!(error instanceof Corrupt)) throw error;
      }
      flip(bit);
    }
  });
});

function outcome(open: () => SegmentIndex): SegmentIndex | string {
  try {
    return open();
  } catch (error) {
    if (error instanceof PalimpsestError) return `${error.code} ${error.message.split(":")[0]}`;
    throw error;
  }
}

/** A head around this index of one volume, whose id is zeros, with lengths and checksum right. */
function headAround(block: readonly number[], pageCount: number): Uint8Array {
  const indexBytes = 16 + block.length;
  const head = new Uint8Array(bodyOffsetOf(indexBytes));
  head.set(block, HEADER_BYTES + 16);
  const id = SegmentId.fromBytes(new Uint8Array(16));
  encodeSegmentHeader(
    { id, pageSizeBytes: PAGE_SIZE, pageCount, volumeCount: 1, indexBytes, bodyOffset: head.length },
    head,
  );
  return head;
}

// Blocks written out by hand, each wrong in one way that random edits seldom reach.
test.each([
  // Two offsets as a run, two merged rLSNs, T = 2: the keys 0 and 1 are both of the first offset.
  ["the last offset without a version", [0x3c, 2, 0, 2, 1, 0b10, 0b011], "bad rLSNs"],
  // The keys 0 and 2 (low bits 0, 0; high parts 0, 1), where the largest rLSN is said to be 1.
  ["no version with the largest rLSN", [0x3c, 2, 0, 2, 1, 0b00, 0b101], "bad rLSNs"],
  // Elias-Fano offsets 0 and 1 of a span of 1, of which the last is 0 again.
  ["an offset twice", [0x02, 2, 0, 1, 0, 0b011], "bad offset set"],
  ["the offset count as a varint of two bytes", [0x00, 0x82, 0x00, 0, 0], "bad index block"],
  ["a run that passes the largest offset", [0x00, 2, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0], "bad index block"],
  // One offset, byte deltas in two bytes: 255 announces a u32 that the payload ends before.
  ["an escape that is cut short", [0x24, 1, 0, 2, 2, 0, 255], "bad rLSNs"],
  // ... and an escape for a value that fits one byte.
  ["an escape without need", [0x24, 1, 0, 2, 6, 0, 255, 254, 0, 0, 0], "bad rLSNs"],
])("%s is refused by both probes", (_what, block, problem) => {
  const head = headAround(block, 2);
  for (const probe of [new WasmProbe(Core.create({ memoryBytes: 1 << 20 })), new JsProbe()]) {
    expect(
      outcome(() => probe.openIndex(head, "hand")),
      probe.kind,
    ).toBe(`Corrupt ${problem}`);
  }
});
