/**
 * `spec/reader.py`, written from the spec alone, agrees with both probes: on golden segments and hostile ones, on segments
 * that the builder makes in every encoding, whole and damaged, and on hostile heads whose checksum is right.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Corrupt, UnsupportedFormat } from "../../src/core/errors.js";
import { toHex, type VolumeId } from "../../src/core/ids.js";
import { PAGE_CHECKSUM_BYTES, recordPosition } from "../../src/format/segment-header.js";
import { type DecodedIndex, decodeIndex } from "../../src/format/segment-index.js";
import { Core } from "../../src/probe/core.js";
import { JsProbe } from "../../src/probe/js-probe.js";
import type { Probe, ProbeKind } from "../../src/probe/probe.js";
import { WasmProbe } from "../../src/probe/wasm-probe.js";
import { Segment } from "../../src/segment/segment.js";
import { SegmentBuilder } from "../../src/segment/segment-builder.js";
import { HostileHeads, sealer } from "../campaign/hostile-heads.js";
import { Watchdog } from "../campaign/watchdog.js";
import { runPython } from "../helpers/python.js";
import { Random, runSeed } from "../helpers/random.js";
import { needs } from "../helpers/requires.js";
import {
  canForce,
  OFFSET_ENCODINGS,
  RLSN_ENCODINGS,
  randomVersions,
  randomVid,
  type Shape,
} from "../helpers/versions.js";

const PROBES: readonly ProbeKind[] = ["wasm", "js"];
const HEADS = 10_000;
const READER = fileURLToPath(new URL("../../spec/reader.py", import.meta.url));
const GOLDEN = fileURLToPath(new URL("./", import.meta.url));

/** What `reader.py verify` and `batch` say of a segment, as far as it is compared. */
type Verdict =
  | { readonly accepted: false }
  | {
      readonly accepted: true;
      readonly id: string;
      readonly pageSizeBytes: number;
      readonly pageCount: number;
      readonly bodyOffset: number;
      readonly volumes: readonly {
        readonly vid: string;
        readonly offsetCount: number;
        readonly pageCount: number;
        readonly offsetEncoding: string;
        readonly rlsnEncoding: string;
      }[];
      /** SHA-256 over (vid, offset, rLSN, local page number) of every version. */
      readonly versions: string;
      /** SHA-256 over the checksums of the pages that are intact. */
      readonly pages?: string;
      readonly damagedPages?: readonly number[];
    };

/** The lines that Python prints. */
function python(args: readonly string[]): string[] {
  const done = runPython(...args);
  // A reader that refuses says so on stdout; a stack trace is a bug of the reader.
  expect(done.stderr).toBe("");
  return done.stdout.trimEnd().split("\n");
}

const reader = (args: readonly string[]) => python([READER, ...args]);

function verdicts(lines: readonly string[]): Verdict[] {
  return lines.map((line) => {
    const { reason: _, formatVersion: __, ...verdict } = JSON.parse(line);
    return verdict as Verdict;
  });
}

const plainId = (text: string) => text.replaceAll("-", "");

/** The reader's description of a head, from ours; every local page number is what `find` gives. */
function describeIndex(
  { header, volumes }: DecodedIndex,
  find: (vid: VolumeId, offset: number, rlsn: number) => number,
): Verdict & { accepted: true } {
  const digest = createHash("sha256");
  for (const { vid, offsets, starts, rlsns } of volumes) {
    const row = Buffer.alloc(28);
    vid.writeTo(row, 0);
    for (const [i, offset] of offsets.entries()) {
      for (let j = starts[i]; j < starts[i + 1]; j++) {
        row.writeUInt32LE(offset, 16);
        row.writeUInt32LE(rlsns[j], 20);
        row.writeInt32LE(find(vid, offset, rlsns[j]), 24);
        digest.update(row);
      }
    }
  }
  return {
    accepted: true,
    id: plainId(header.id.toString()),
    pageSizeBytes: header.pageSizeBytes,
    pageCount: header.pageCount,
    bodyOffset: header.bodyOffset,
    volumes: volumes.map(({ vid, offsets, rlsns, offsetEncoding, rlsnEncoding }) => ({
      vid: plainId(vid.toString()),
      offsetCount: offsets.length,
      pageCount: rlsns.length,
      offsetEncoding,
      rlsnEncoding,
    })),
    versions: digest.digest("hex"),
  };
}

/** `action`, or `undefined` where it refuses damaged bytes. */
function unlessRefused<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof Corrupt || error instanceof UnsupportedFormat) return undefined;
    throw error;
  }
}

/** What the reader should say of a whole segment, by `Segment.open`. */
function verdictOf(bytes: Uint8Array, probe: ProbeKind): Verdict {
  using segment = unlessRefused(() => Segment.open(bytes, { probe }));
  if (!segment) return { accepted: false };
  const index = decodeIndex(bytes, "test");
  const { bodyOffset, pageSizeBytes, pageCount } = index.header;
  const pages = createHash("sha256");
  const damagedPages: number[] = [];
  for (let local = 0; local < pageCount; local++) {
    if (!unlessRefused(() => segment.page(local))) {
      damagedPages.push(local);
      continue;
    }
    const at = recordPosition(bodyOffset, pageSizeBytes, local) + pageSizeBytes;
    pages.update(bytes.subarray(at, at + PAGE_CHECKSUM_BYTES));
  }
  const description = describeIndex(index, (vid, offset, rlsn) => segment.find(vid, offset, rlsn));
  return { ...description, pages: pages.digest("hex"), damagedPages };
}

/** ... and of a head, by a probe. */
function headVerdictOf(head: Uint8Array, probe: Probe): Verdict {
  const index = unlessRefused(() => probe.openIndex(head, "test"));
  if (!index) return { accepted: false };
  try {
    return describeIndex(decodeIndex(head, "test"), (vid, offset, rlsn) => index.find(index.volume(vid), offset, rlsn));
  } finally {
    index.close();
  }
}

const shapes: Shape[] = [
  { offsets: 5, universe: 5, rlsns: 1, versions: 1, uniform: true },
  { offsets: 40, universe: 90, rlsns: 1, versions: 1, uniform: true },
  { offsets: 30, universe: 400, rlsns: 200, versions: 2, uniform: true },
  { offsets: 60, universe: 100_000, rlsns: 60_000, versions: 6, uniform: false },
  { offsets: 20, universe: 20, rlsns: 300, versions: 9, uniform: false },
  { offsets: 3, universe: 2 ** 32 - 1, rlsns: 2 ** 32, versions: 3, uniform: false },
];

/** Segments by the builder in every encoding; some with a second volume. */
function builtSegments(random: Random): Uint8Array[] {
  const segments: Uint8Array[] = [];
  for (const shape of shapes) {
    for (const offsets of OFFSET_ENCODINGS) {
      for (const rlsns of RLSN_ENCODINGS) {
        const force = { offsets, rlsns };
        const volumes = Array.from({ length: random.between(1, 2) }, () =>
          randomVersions(random, shape, randomVid(random)),
        );
        if (!volumes.every((versions) => canForce(versions, force))) continue;
        const builder = new SegmentBuilder({ pageSize: 512, force });
        for (const { vid, offsets, starts, rlsns } of volumes) {
          for (const [i, offset] of offsets.entries()) {
            for (let j = starts[i]; j < starts[i + 1]; j++) builder.add(vid, offset, rlsns[j], random.bytes(512));
          }
        }
        segments.push(builder.finish());
      }
    }
  }
  return segments;
}

/** A copy with bits flipped or the end cut off. */
function damaged(random: Random, segment: Uint8Array): Uint8Array {
  if (random.chance(0.2)) return segment.slice(0, random.below(segment.length));
  const copy = segment.slice();
  for (let flips = random.between(1, 3); flips > 0; flips--) copy[random.below(copy.length)] ^= 1 << random.below(8);
  return copy;
}

describe("reader.py agrees with both probes", needs("python3"), () => {
  const seed = runSeed("reader");
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "palimpsest-reader-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Has the reader verify whole segments, in one start of Python. */
  function verify(segments: readonly Uint8Array[]): Verdict[] {
    const paths = segments.map((bytes, i) => {
      const path = join(folder, `${i}.seg`);
      writeFileSync(path, bytes);
      return path;
    });
    return verdicts(reader(["verify", ...paths]));
  }

  test("on golden segments and hostile ones", () => {
    const paths = ["v0", "v1", "v1/refused"].flatMap((name) =>
      readdirSync(join(GOLDEN, name))
        .filter((file) => file.endsWith(".seg"))
        .map((file) => join(GOLDEN, name, file)),
    );
    const said = verdicts(reader(["verify", ...paths]));
    expect(said.length).toBe(paths.length);
    for (const [i, path] of paths.entries()) {
      const bytes = new Uint8Array(readFileSync(path));
      const verdict = said[i];
      for (const probe of PROBES) expect(verdict, `${path}, ${probe}`).toEqual(verdictOf(bytes, probe));
      const intact = verdict.accepted && verdict.damagedPages?.length === 0;
      expect(intact, path).toBe(!path.includes("refused"));
    }
  });

  test("on golden answers", () => {
    const paths = ["v0", "v1"].flatMap((name) =>
      readdirSync(join(GOLDEN, name))
        .filter((file) => file.endsWith(".seg"))
        .map((file) => join(GOLDEN, name, file)),
    );
    for (const [i, path] of paths.entries()) {
      const facts = JSON.parse(readFileSync(path.replace(".seg", ".json"), "utf8")) as {
        answers: [string, number, number, number][];
      };
      const questions = facts.answers.map(([vid, offset, rlsn]) => `${vid} ${offset} ${rlsn}\n`).join("");
      writeFileSync(join(folder, `${i}.questions`), questions);
      writeFileSync(join(folder, `${i}.answers`), facts.answers.map((answer) => `${answer[3]}\n`).join(""));
    }
    // The program's `find`, in one start of Python for all files.
    const program = `
import contextlib, io, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import reader
for i, path in enumerate(sys.argv[3:]):
    sys.stdin = open(f"{sys.argv[2]}/{i}.questions")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        reader.main(["find", path])
    print(out.getvalue() == open(f"{sys.argv[2]}/{i}.answers").read())
`;
    const said = python(["-c", program, dirname(READER), folder, ...paths]);
    expect(paths.map((path, i) => [path, said[i]])).toEqual(paths.map((path) => [path, "True"]));
  });

  test("on segments of every encoding, whole and damaged", () => {
    const random = new Random(seed);
    const whole = builtSegments(random);
    const segments = [...whole, ...whole.flatMap((segment) => [damaged(random, segment), damaged(random, segment)])];
    const said = verify(segments);
    expect(said.length).toBe(segments.length);
    for (const [i, bytes] of segments.entries()) {
      for (const probe of PROBES) expect(said[i], `segment ${i}, ${probe}`).toEqual(verdictOf(bytes, probe));
    }
    const accepted = said.flatMap((verdict) => (verdict.accepted ? [verdict] : []));
    const encodings = accepted.flatMap(({ volumes }) => volumes);
    expect(new Set(encodings.map(({ offsetEncoding }) => offsetEncoding))).toEqual(new Set(OFFSET_ENCODINGS));
    expect(new Set(encodings.map(({ rlsnEncoding }) => rlsnEncoding.replace(/-\d+/, "")))).toEqual(
      new Set(["constant", "fixed", "byte-deltas", "elias-fano", "partitioned"]),
    );
    expect(accepted.filter(({ damagedPages }) => damagedPages?.length).length).toBeGreaterThan(0);
    expect(accepted.length).toBeLessThan(said.length);
  });

  test(`on ${HEADS} hostile heads`, () => {
    const heads = new HostileHeads(new Random(seed), sealer());
    const drawn = Array.from({ length: HEADS }, () => heads.next().head);
    const items = drawn.flatMap((head) => {
      // The length that a segment of this head has, or any where the head is none.
      const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
      const records = view.getUint32(32, true) * (view.getUint32(12, true) + PAGE_CHECKSUM_BYTES);
      const lengths = Buffer.alloc(8);
      lengths.writeUInt32LE(Math.min(head.length + records, 2 ** 32 - 1), 0);
      lengths.writeUInt32LE(head.length, 4);
      return [lengths, head];
    });
    const path = join(folder, "heads");
    writeFileSync(path, Buffer.concat(items));
    const said = verdicts(reader(["batch", path]));
    using watchdog = new Watchdog(`hostile heads of seed ${seed}`, 30_000);
    for (const probe of [new WasmProbe(Core.create({ memoryBytes: 4 << 20 })), new JsProbe()]) {
      for (const [i, head] of drawn.entries()) {
        watchdog.beat();
        expect(said[i], `${probe.kind}: seed ${seed}, head ${i}: ${toHex(head)}`).toEqual(headVerdictOf(head, probe));
      }
    }
    const accepted = said.filter((verdict) => verdict.accepted).length;
    expect(accepted).toBeGreaterThan(HEADS / 4);
    expect(accepted).toBeLessThan(HEADS * 0.75);
  });
});
