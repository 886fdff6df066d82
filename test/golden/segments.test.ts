/** Segments made once, by hand from the spec or by the encoder of their day: every file in the folder is a test. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fromHex, VolumeId } from "../../src/core/ids.js";
import { Segment } from "../../src/segment/segment.js";

interface Golden {
  readonly encodings: [offsets: string, rlsns: string][];
  readonly answers: [vid: string, offset: number, rlsn: number, local: number][];
}

const folder = new URL("./v0/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith(".seg"));
test("there are golden segments", () => expect(names.length).toBeGreaterThan(2));

describe.each(names)("%s", (name) => {
  const bytes = new Uint8Array(readFileSync(new URL(name, folder)));
  const golden = JSON.parse(readFileSync(new URL(name.replace(".seg", ".json"), folder), "utf8")) as Golden;
  test.each(["wasm", "js"] as const)("%s probe", (probe) => {
    using segment = Segment.open(bytes, { probe });
    const { volumes, pageCount } = segment.describe();
    expect(volumes.map((volume) => [volume.offsetEncoding, volume.rlsnEncoding])).toEqual(golden.encodings);
    for (const [vid, offset, rlsn, local] of golden.answers) {
      expect([offset, rlsn, segment.find(VolumeId.fromBytes(fromHex(vid)!), offset, rlsn)]).toEqual([
        offset,
        rlsn,
        local,
      ]);
    }
    for (let local = 0; local < pageCount; local++) {
      expect(segment.page(local).every((byte) => byte === 0xa0 + local)).toBe(true);
    }
  });
});
