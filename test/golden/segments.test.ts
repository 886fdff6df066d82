/**
 * Segments made once, by hand from the spec or by the encoder of their day, of every version that was released: every file
 * in the folders is a test. Those in `refused` break one MUST of the spec each, and both probes refuse them.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Corrupt, UnsupportedFormat } from "../../src/core/errors.js";
import { fromHex, VolumeId } from "../../src/core/ids.js";
import { Segment } from "../../src/segment/segment.js";

interface Golden {
  readonly encodings: [offsets: string, rlsns: string][];
  readonly answers: [vid: string, offset: number, rlsn: number, local: number][];
}

interface Refused {
  /** The rule that the segment breaks. */
  readonly must: string;
  /** Where the head is good: the local page numbers that are refused when they are read. */
  readonly pages?: number[];
}

const PROBES = ["wasm", "js"] as const;

/** Every segment of a folder, with the facts beside it. */
function segmentsIn<Facts>(folder: string): { name: string; bytes: Uint8Array; facts: Facts }[] {
  const url = new URL(`./${folder}/`, import.meta.url);
  const names = readdirSync(url).filter((name) => name.endsWith(".seg"));
  return names.map((name) => ({
    name: `${folder}/${name}`,
    bytes: new Uint8Array(readFileSync(new URL(name, url))),
    facts: JSON.parse(readFileSync(new URL(name.replace(".seg", ".json"), url), "utf8")) as Facts,
  }));
}

const golden = [...segmentsIn<Golden>("v0"), ...segmentsIn<Golden>("v1")];
const refused = segmentsIn<Refused>("v1/refused");

test("there are golden segments of every encoding, and hostile ones", () => {
  const pairs = golden.flatMap(({ facts }) => facts.encodings);
  expect(new Set(pairs.map(([offsets]) => offsets))).toEqual(new Set(["run", "bitmap", "elias-fano"]));
  const rlsns = new Set(pairs.map(([, rlsn]) => rlsn.replace(/\d+/, "N")));
  expect(rlsns).toEqual(new Set(["constant", "fixed-N", "byte-deltas", "elias-fano", "partitioned"]));
  expect(refused.length).toBeGreaterThan(100);
});

describe.each(golden)("$name", ({ bytes, facts }) => {
  test.each(PROBES)("%s probe", (probe) => {
    using segment = Segment.open(bytes, { probe });
    const { volumes, pageCount } = segment.describe();
    expect(volumes.map((volume) => [volume.offsetEncoding, volume.rlsnEncoding])).toEqual(facts.encodings);
    const found = facts.answers.map(([hex, offset, rlsn]) => {
      const vid = VolumeId.fromBytes(fromHex(hex) as Uint8Array);
      return [hex, offset, rlsn, segment.find(vid, offset, rlsn)];
    });
    expect(found).toEqual(facts.answers);
    for (let local = 0; local < pageCount; local++) {
      expect(segment.page(local).every((byte) => byte === ((0xa0 + local) & 0xff))).toBe(true);
    }
  });
});

/** Whether `action` refuses damaged bytes, by the errors that are for that. */
function refuses(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch (error) {
    if (error instanceof Corrupt || error instanceof UnsupportedFormat) return true;
    throw error;
  }
}

describe.each(refused)("$name breaks: $facts.must", ({ bytes, facts }) => {
  test.each(PROBES)("%s probe", (probe) => {
    if (facts.pages === undefined) {
      expect(refuses(() => Segment.open(bytes, { probe }).close())).toBe(true);
      return;
    }
    using segment = Segment.open(bytes, { probe });
    const locals = Array.from({ length: segment.describe().pageCount }, (_, local) => local);
    expect(locals.filter((local) => refuses(() => segment.page(local)))).toEqual(facts.pages);
  });
});
