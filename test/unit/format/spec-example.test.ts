/** The worked example of spec/log.md is what the code writes: its hexadecimal digits are compared byte by byte. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { SegmentId, VolumeId } from "../../../src/core/ids.js";
import { sha256 } from "../../../src/core/sha256.js";
import { decodeRecord, encodeRecord } from "../../../src/format/record.js";
import { decodeSegmentHeader } from "../../../src/format/segment-header.js";
import { recordKey } from "../../../src/log/keys.js";
import { SegmentBuilder } from "../../../src/segment/segment-builder.js";

const count = (from: number) => Uint8Array.from({ length: 16 }, (_, i) => from + i);

function example(): { bytes: Uint8Array; key: string; vid: VolumeId } {
  const vid = VolumeId.parse("00112233-4455-6677-8899-aabbccddeeff");
  const id = SegmentId.fromBytes(count(0x10));
  const builder = new SegmentBuilder({ pageSize: 512, id });
  builder.add(vid, 0, 0, new Uint8Array(512).fill(0xaa));
  builder.add(vid, 1, 0, new Uint8Array(512).fill(0xbb));
  const segment = builder.finish();
  const { bodyOffset } = decodeSegmentHeader(segment, "example");
  const key = recordKey(vid, 1);
  const range = {
    firstLsn: 1,
    times: [1_700_000_000_000],
    pageCounts: [2],
    changed: [2],
    references: [
      {
        location: { kind: "record", record: 1, start: 0 } as const,
        segmentId: id,
        sha256: sha256(segment),
        vid,
        baseLsn: 1,
        highestRlsn: 0,
        byteLength: segment.length,
        bodyOffset,
        pageCount: 2,
        lowestOffset: 0,
        highestOffset: 1,
        head: undefined,
      },
    ],
    drops: [],
  };
  return { bytes: encodeRecord(key, vid, 1, { nonce: count(0xa0), range }, [segment]), key, vid };
}

it("the example of spec/log.md is the record that it describes", () => {
  const { bytes, key, vid } = example();
  expect(decodeRecord(bytes, key, vid, 1).range.times.length).toBe(1);
  const [, block] = readFileSync("spec/log.md", "utf8").split("## Example")[1].split("```");
  const lines = block
    .split("\n")
    .flatMap((line) => line.match(/^([0-9a-f]{4}) {2}((?:[0-9a-f]{2} )+)/)?.slice(1, 3) ?? []);
  expect(lines.length).toBeGreaterThan(20);
  for (let i = 0; i < lines.length; i += 2) {
    const at = Number.parseInt(lines[i], 16);
    const shown = lines[i + 1].trim();
    const actual = Buffer.from(bytes.subarray(at, at + shown.split(" ").length))
      .toString("hex")
      .replace(/../g, "$& ")
      .trim();
    expect(actual, `byte 0x${lines[i]}`).toBe(shown);
  }
});
