/**
 * Every index design of the laboratory gives the answers of the oracle, a `Map`: in each form and with each rLSN width,
 * on cuts of the benches' workloads and on shapes at the edges; by id and by handle. One loop for all designs.
 */
import { describe, expect, test } from "vitest";
import { designs } from "../../bench/designs/all.js";
import { type Design, type IndexForm, RLSN_WIDTHS } from "../../bench/designs/design.js";
import { workloads } from "../../bench/workloads.js";
import { VolumeId } from "../../src/core/ids.js";
import { MAX_OFFSET } from "../../src/core/numbers.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import { xxh64 } from "../../src/format/xxh64.js";
import { Random, runSeed } from "../helpers/random.js";
import { randomQuery, randomVersions, randomVid, type Shape, VersionsOracle } from "../helpers/versions.js";

const FORMS: readonly IndexForm[] = ["inline", "separate"];
const QUERIES = 2000;
/** Rivals that walk a list pass by so many of its rLSNs in all. */
const STEPS = 4_000_000;
/** Of a workload: so many volumes and offsets. */
const CUT_VOLUMES = 150;
const CUT_OFFSETS = 1200;

const named = designs.map((design): [string, Design] => [`${design.letter}, ${design.name}`, design]);

const seed = runSeed("design conformance");

/** The first offsets of a volume, with all their versions. */
function cut({ vid, offsets, starts, rlsns }: VolumeVersions): VolumeVersions {
  const count = Math.min(CUT_OFFSETS, offsets.length);
  return {
    vid,
    offsets: offsets.slice(0, count),
    starts: starts.slice(0, count + 1),
    rlsns: rlsns.slice(0, starts[count]),
  };
}

function volumeOf(vid: VolumeId, versions: readonly (readonly [offset: number, rlsns: readonly number[]])[]) {
  const starts = [0];
  for (const [, rlsns] of versions) starts.push(starts[starts.length - 1] + rlsns.length);
  return {
    vid,
    offsets: Uint32Array.from(versions, ([offset]) => offset),
    starts: Uint32Array.from(starts),
    rlsns: Uint32Array.from(versions.flatMap(([, rlsns]) => rlsns)),
  };
}

/** An id of 16 bytes that ends with these. */
function idOf(...tail: number[]): VolumeId {
  const bytes = new Uint8Array(16).fill(0x5a);
  bytes.set(tail, 16 - tail.length);
  return VolumeId.fromBytes(bytes);
}

const sorted = (volumes: VolumeVersions[]) => volumes.sort((a, b) => a.vid.compare(b.vid));
const range = (count: number) => Array.from({ length: count }, (_, i) => i);

const random = new Random(seed);
const shaped = (shape: Shape, count = 1) => sorted(range(count).map(() => randomVersions(random, shape)));

const contents: [name: string, volumes: VolumeVersions[]][] = [
  ...workloads.map(({ name, volumes }): [string, VolumeVersions[]] => [
    name,
    volumes(seed).slice(0, CUT_VOLUMES).map(cut),
  ]),
  ["one page", [volumeOf(randomVid(random), [[0, [0]]])]],
  ["one page at the last offset and rLSN of a byte", [volumeOf(randomVid(random), [[MAX_OFFSET, [255]]])]],
  [
    "the last offset, 32-bit rLSNs",
    [
      volumeOf(randomVid(random), [
        [0, [0xffff_ffff]],
        [MAX_OFFSET, [0, 0xffff_ffff]],
      ]),
    ],
  ],
  [
    "one rLSN over u16",
    [
      volumeOf(randomVid(random), [
        [7, [0, 65_535]],
        [9, [65_536]],
      ]),
    ],
  ],
  [
    "one rLSN over u8",
    [
      volumeOf(randomVid(random), [
        [7, [0, 255]],
        [9, [256]],
      ]),
    ],
  ],
  [
    "byte codes at their edges",
    [
      volumeOf(
        randomVid(random),
        [191, 192, 193, 16_319, 16_320, 65_535].map((x) => [x, [x]]),
      ),
    ],
  ],
  [
    "every version at rLSN 0, others too",
    [
      volumeOf(
        randomVid(random),
        range(100).map((x) => [3 * x, [0]]),
      ),
    ],
  ],
  [
    "every version at rLSN 200",
    [
      volumeOf(
        randomVid(random),
        range(100).map((x) => [x * x, [200]]),
      ),
    ],
  ],
  ["one offset, every rLSN of 20,000", [volumeOf(randomVid(random), [[5, range(20_000)]])]],
  ["one offset, every rLSN of a byte", [volumeOf(randomVid(random), [[MAX_OFFSET, range(256)]])]],
  [
    "one offset, regular gaps that change",
    [volumeOf(randomVid(random), [[1, range(9000).map((i) => i * (i < 4000 ? 1 : 7))]])],
  ],
  [
    "lists of 1 to 300",
    [
      volumeOf(
        randomVid(random),
        range(60).map((x) => [x * 1000, range(1 + 5 * x)]),
      ),
    ],
  ],
  [
    "equal lists of 12",
    [
      volumeOf(
        randomVid(random),
        range(80).map((x) => [x, range(12).map((r) => 20 * r)]),
      ),
    ],
  ],
  [
    "ids that share 15 bytes",
    range(256).map((last) =>
      volumeOf(idOf(last), [
        [last, [3]],
        [last + 1, [4, 5]],
      ]),
    ),
  ],
  [
    "ids that differ in the last byte or the first",
    sorted([
      volumeOf(
        idOf(0),
        range(40).map((x) => [x, [1]]),
      ),
      volumeOf(
        idOf(1),
        range(40).map((x) => [x, [2]]),
      ),
      volumeOf(
        VolumeId.fromBytes(new Uint8Array(16)),
        range(300).map((x) => [x, [x % 7]]),
      ),
      volumeOf(
        VolumeId.fromBytes(new Uint8Array(16).fill(255)),
        range(300).map((x) => [MAX_OFFSET - 299 + x, [x % 7, 8]]),
      ),
    ]),
  ],
  [
    "ids in clusters",
    sorted(range(120).map((i) => volumeOf(idOf(i % 3, ...range(12).map(() => i % 3), i), [[i, [i]]]))),
  ],
  [
    "offsets in clusters",
    [
      volumeOf(
        randomVid(random),
        range(600)
          .map((x) => [((x % 3) + 1) * 0x010203 * 256 + 90 * x, [x % 5]] as const)
          .sort(([a], [b]) => a - b),
      ),
    ],
  ],
  ["nine volumes of one page", shaped({ offsets: 1, universe: 50, rlsns: 4, versions: 1, uniform: true }, 9)],
  [
    "volumes of all shapes",
    sorted([
      randomVersions(random, { offsets: 700, universe: 1000, rlsns: 256, versions: 1, uniform: true }),
      randomVersions(random, { offsets: 700, universe: 1 << 30, rlsns: 200, versions: 4, uniform: true }),
      randomVersions(random, { offsets: 300, universe: 1 << 16, rlsns: 256, versions: 20, uniform: false }),
      randomVersions(random, { offsets: 500, universe: 500, rlsns: 1, versions: 1, uniform: true }),
      randomVersions(random, { offsets: 2, universe: 2, rlsns: 256, versions: 256, uniform: true }),
    ]),
  ],
  [
    "sparse in all offsets and rLSNs",
    shaped({ offsets: 2000, universe: 2 ** 32 - 1, rlsns: 2 ** 32, versions: 8, uniform: false }),
  ],
  [
    "lists of more than 65,536 bytes",
    shaped({ offsets: 6000, universe: 1 << 20, rlsns: 2 ** 32, versions: 4, uniform: false }),
  ],
  [
    "rLSNs of 16 bits, many versions",
    shaped({ offsets: 50, universe: 80, rlsns: 65_536, versions: 900, uniform: false }, 2),
  ],
  ["few offsets, 40,000 versions", shaped({ offsets: 20, universe: 99, rlsns: 65_536, versions: 2000, uniform: true })],
  [
    "multiples of 2^16",
    [
      volumeOf(
        randomVid(random),
        range(3000).map((x) => [x * 65_536, [x % 256]]),
      ),
    ],
  ],
];

interface Query {
  readonly vid: VolumeId;
  readonly offset: number;
  readonly rlsn: number;
  readonly expected: number;
}

function ask(volumes: readonly VolumeVersions[]): Query[] {
  let firstLocal = 0;
  const queries: Query[] = [];
  for (const versions of volumes) {
    const perOffset = versions.rlsns.length / versions.offsets.length;
    const each = Math.ceil(Math.min(Math.max(5, QUERIES / volumes.length), STEPS / perOffset / volumes.length));
    const oracle = new VersionsOracle(versions, firstLocal);
    const add = (offset: number, rlsn: number) =>
      queries.push({ vid: versions.vid, offset, rlsn, expected: oracle.find(offset, rlsn) });
    for (let i = 0; i < each; i++) add(...randomQuery(random, versions));
    // A version itself, just below it, and below the first one of its offset.
    for (let i = 0; i < each; i++) {
      const ordinal = random.below(versions.offsets.length);
      const version = random.between(versions.starts[ordinal], versions.starts[ordinal + 1] - 1);
      const offset = versions.offsets[ordinal];
      add(offset, versions.rlsns[version]);
      add(offset, Math.max(0, versions.rlsns[version] - 1));
      add(offset, Math.max(0, versions.rlsns[versions.starts[ordinal]] - 1));
      // Another offset with most of the same bits.
      add((offset ^ (1 << random.below(32))) >>> 0, versions.rlsns[version]);
    }
    firstLocal += versions.rlsns.length;
  }
  return queries;
}

function absentIds(volumes: readonly VolumeVersions[]): VolumeId[] {
  const stored = new Set(volumes.map(({ vid }) => vid.toString()));
  const near = volumes.flatMap(({ vid }) =>
    [0, 7, 15].map((at) => {
      const bytes = vid.bytes;
      bytes[at] ^= 1 << random.below(8);
      return VolumeId.fromBytes(bytes);
    }),
  );
  return [...near, ...range(20).map(() => randomVid(random))].filter((vid) => !stored.has(vid.toString()));
}

const LIMITS: Partial<Record<string, number>> = { u32: 2 ** 32, u16: 2 ** 16, u8: 2 ** 8 };

/** Design a takes a probe for each rLSN of the span: it refuses wide ones, and is asked less of the others. */
const EXACT = "a";
const EXACT_SPAN = 65_536;
const EXACT_PROBES = 1_000_000;

describe.each(contents)("%s", (_name, volumes) => {
  const queries = ask(volumes);
  const absent = absentIds(volumes);
  const all = volumes.flatMap(({ rlsns }) => [...rlsns]);
  const largest = all.reduce((a, b) => Math.max(a, b));
  const span = largest - all.reduce((a, b) => Math.min(a, b)) + 1;

  test.each(named)("%s", (_design, { letter, build, rlsnWidths }) => {
    const few = <T>(items: readonly T[]) => {
      const step = letter === EXACT ? Math.ceil((items.length * span) / EXACT_PROBES) : 1;
      return items.filter((_, i) => i % step === 0);
    };
    for (const form of FORMS) {
      for (const rlsns of rlsnWidths) {
        const where = `${form}, ${rlsns}`;
        if (largest >= (LIMITS[rlsns] ?? Infinity) || (letter === EXACT && span > EXACT_SPAN)) {
          expect(() => build(volumes, { form, rlsns }), where).toThrow(RangeError);
          continue;
        }
        const index = build(volumes, { form, rlsns });
        const handles = new Map(volumes.map(({ vid }) => [vid.toString(), index.volume(vid)]));
        for (const { vid, offset, rlsn, expected } of few(queries)) {
          const handle = handles.get(vid.toString())!;
          const found = index.find(vid, offset, rlsn);
          const foundAt = handle < 0 ? -2 : index.findAt(handle, offset, rlsn);
          if (found !== expected || foundAt !== expected) {
            expect.fail(`${where}: ${vid} (${offset}, ${rlsn}) = ${found}, ${foundAt}; expected ${expected}`);
          }
        }
        const offset = volumes[0].offsets[0];
        const there = few(absent).filter(
          (vid) => index.volume(vid) !== -1 || index.find(vid, offset, 0xffff_ffff) !== -1,
        );
        expect(there, `${where}: absent ids`).toEqual([]);
      }
    }
  });
});

describe.each(named)("%s", (_design, { letter, build, rlsnWidths, localBytesSaved }) => {
  const volumes = contents.find(([name]) => name === "volumes of all shapes")![1];

  test("the separate form says its length and its checksum", () => {
    for (const rlsns of rlsnWidths) {
      const { bytes } = build(volumes, { form: "separate", rlsns });
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      expect(view.getUint32(0, true)).toBe(bytes.length);
      expect(view.getBigUint64(8, true)).toBe(xxh64(bytes.subarray(16), BigInt(bytes.length)));
    }
  });

  test("answers come from the bytes, and from none behind them", () => {
    const queries = ask(volumes);
    for (const form of FORMS) {
      for (const rlsns of rlsnWidths) {
        const index = build(volumes, { form, rlsns });
        const { bytes } = index;
        new Uint8Array(bytes.buffer, bytes.byteOffset + bytes.length).fill(0xff);
        const wrong = queries.filter(({ vid, offset, rlsn, expected }) => index.find(vid, offset, rlsn) !== expected);
        expect(wrong, `${form}, ${rlsns}`).toEqual([]);
      }
    }
  });

  test("what is saved by storing only first local page numbers is counted", () => {
    const singles = contents.find(([name]) => name === "nine volumes of one page")![1];
    const pages = volumes.reduce((sum, { rlsns }) => sum + rlsns.length, 0);
    const offsets = volumes.reduce((sum, { offsets }) => sum + offsets.length, 0);
    // None are left out, all but the first of each offset, or all.
    const saved = new Map([
      ["a", [0, 0]],
      ["b", [2 * (pages - offsets), 0]],
      ["c", [2 * (pages - offsets), 0]],
    ]);
    expect([localBytesSaved(volumes), localBytesSaved(singles)]).toEqual(saved.get(letter) ?? [2 * pages, 18]);
  });
});

test("every width is some design's", () => {
  expect(new Set(designs.flatMap(({ rlsnWidths }) => rlsnWidths))).toEqual(new Set(RLSN_WIDTHS));
});
