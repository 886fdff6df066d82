import { describe, expect, test } from "vitest";
import { Closed, Corrupt, InvalidArgument, NoSpace } from "../../../src/core/errors.js";
import { SegmentId, VolumeId } from "../../../src/core/ids.js";
import { decodeSegmentHeader, MAX_SEGMENT_BYTES, segmentLength } from "../../../src/format/segment-header.js";
import { encodeHead } from "../../../src/format/segment-index-encode.js";
import { Segment } from "../../../src/segment/segment.js";
import { pagesPerSegment, SegmentBuilder } from "../../../src/segment/segment-builder.js";
import { Random, runSeed } from "../../helpers/random.js";

const vid = VolumeId.random();
const pageOf = (size: number, byte: number) => new Uint8Array(size).fill(byte);

test("pages in any order, of several volumes, are found and read back", () => {
  const random = new Random(runSeed("segment builder"));
  for (const pageSize of [512, 4096, 65536]) {
    const builder = new SegmentBuilder({ pageSize });
    const volumes = [VolumeId.random(), VolumeId.random(), VolumeId.random()];
    const expected = new Map<string, Uint8Array>();
    for (let i = 0; i < 60; i++) {
      const [v, offset, rlsn] = [random.pick(volumes), random.below(8), random.below(8)];
      const key = `${v}/${offset}/${rlsn}`;
      if (expected.has(key)) continue;
      const page = random.bytes(pageSize);
      expected.set(key, page);
      builder.add(v, offset, rlsn, page);
    }
    const bytes = builder.finish();
    expect(bytes.length).toBeLessThanOrEqual(builder.byteLengthBound);
    for (const probe of ["wasm", "js"] as const) {
      using segment = Segment.open(bytes, { probe });
      for (const v of volumes) {
        for (let offset = 0; offset < 8; offset++) {
          for (let rlsn = 0; rlsn < 8; rlsn++) {
            let newest: Uint8Array | undefined;
            for (let r = 0; r <= rlsn; r++) newest = expected.get(`${v}/${offset}/${r}`) ?? newest;
            const local = segment.find(v, offset, rlsn);
            if (newest === undefined) expect(local).toBe(-1);
            else expect(Buffer.compare(segment.page(local), newest)).toBe(0);
          }
        }
      }
    }
  }
});

test("a full segment of one volume holds what pagesPerSegment promises, however awkward", () => {
  const random = new Random(runSeed("full segment"));
  for (const pageSize of [4096, 65536]) {
    const count = pagesPerSegment(pageSize);
    expect(count * (pageSize + 8)).toBeGreaterThan(0.99 * MAX_SEGMENT_BYTES);
    const builder = new SegmentBuilder({ pageSize });
    const page = pageOf(pageSize, 1);
    const offsets = new Set<number>();
    while (offsets.size < count) offsets.add(random.below(2 ** 32 - 1));
    for (const offset of offsets) builder.add(vid, offset, random.u32(), page);
    expect(builder.finish().length).toBeLessThanOrEqual(MAX_SEGMENT_BYTES);
    for (let i = 0; i < 100; i++) builder.add(vid, i, 7, page);
    expect(() => builder.finish()).toThrow(NoSpace);
  }
});

describe("refuses", () => {
  const builder = () => new SegmentBuilder({ pageSize: 512 });
  test.each([-1, 1.5, 2 ** 32 - 1, Number.NaN, Number.POSITIVE_INFINITY])("offset %s", (offset) => {
    expect(() => builder().add(vid, offset, 0, pageOf(512, 0))).toThrow(InvalidArgument);
  });
  test.each([-1, 0.5, 2 ** 32])("rLSN %s", (rlsn) => {
    expect(() => builder().add(vid, 0, rlsn, pageOf(512, 0))).toThrow(InvalidArgument);
  });
  test.each([0, 511, 513, 4096])("a page of %s bytes", (length) => {
    expect(() => builder().add(vid, 0, 0, pageOf(length, 0))).toThrow(/expected 512 bytes/);
  });
  test.each([0, 256, 1000, 131072])("page size %s", (pageSize) => {
    expect(() => new SegmentBuilder({ pageSize })).toThrow(InvalidArgument);
  });
  test("the same key twice", () => {
    const twice = builder();
    twice.add(vid, 3, 9, pageOf(512, 0));
    twice.add(vid, 4, 9, pageOf(512, 0));
    twice.add(vid, 3, 9, pageOf(512, 1));
    expect(() => twice.finish()).toThrow(/offset 3, rLSN 9: added twice/);
  });
  test("nothing at all", () => {
    expect(() => builder().finish()).toThrow(InvalidArgument);
  });
  test("an encoding that cannot hold the versions", () => {
    const make = (force: ConstructorParameters<typeof SegmentBuilder>[0]["force"]) => {
      const forced = new SegmentBuilder({ pageSize: 512, force });
      forced.add(vid, 0, 1, pageOf(512, 0));
      forced.add(vid, 2, 300, pageOf(512, 0));
      return () => forced.finish();
    };
    expect(make({ offsets: "run" })).toThrow(/gaps/);
    expect(make({ rlsns: "constant" })).toThrow(/differ/);
    expect(make({ rlsns: "fixed-8" })).toThrow(/needs 9/);
    expect(make({ rlsns: "fixed-33" })).toThrow(/no rLSN encoding/);
    expect(make({ rlsns: "fixed-9", offsets: "bitmap" })).not.toThrow();
  });
  test("a bitmap over four billion offsets", () => {
    const wide = new SegmentBuilder({ pageSize: 512, force: { offsets: "bitmap" } });
    wide.add(vid, 0, 0, pageOf(512, 0));
    wide.add(vid, 2 ** 32 - 2, 0, pageOf(512, 0));
    expect(() => wide.finish()).toThrow(/16 MiB/);
  });
});

describe("an open segment", () => {
  const build = (id?: SegmentId) => {
    const builder = new SegmentBuilder({ pageSize: 512, id });
    for (let i = 0; i < 4; i++) builder.add(vid, i, 0, pageOf(512, i));
    return builder.finish();
  };

  test("describes itself", () => {
    const id = SegmentId.random();
    const bytes = build(id);
    using segment = Segment.open(bytes);
    expect(segment.describe()).toEqual({
      id: id.toString(),
      pageSizeBytes: 512,
      pageCount: 4,
      indexBytes: 20,
      inline: true,
      volumes: [
        {
          vid: vid.toString(),
          pageCount: 4,
          offsetCount: 4,
          offsetEncoding: "run",
          rlsnEncoding: "constant",
          indexBytes: 20,
        },
      ],
    });
    expect(segmentLength(decodeSegmentHeader(bytes, "test"))).toBe(bytes.length);
  });

  test("catches a page of another place, and of another segment", () => {
    const bytes = build();
    const other = build();
    const { bodyOffset } = decodeSegmentHeader(bytes, "test");
    const record = (local: number) => [bodyOffset + local * 520, bodyOffset + (local + 1) * 520] as const;
    const swapped = bytes.slice();
    swapped.set(bytes.subarray(...record(1)), record(2)[0]);
    using one = Segment.open(swapped);
    expect(() => one.page(2)).toThrow(Corrupt);
    expect(one.page(1)[0]).toBe(1);
    const spliced = bytes.slice();
    spliced.set(other.subarray(...record(1)), record(1)[0]);
    using two = Segment.open(spliced);
    expect(() => two.page(1)).toThrow(Corrupt);
  });

  test("refuses local pages that it does not have, batches of unequal lengths, and use after close", () => {
    const segment = Segment.open(build());
    for (const local of [-1, 4, 0.5, Number.NaN]) expect(() => segment.page(local)).toThrow(InvalidArgument);
    const batch = new Uint32Array(2);
    expect(() => segment.findMany(vid, batch, batch, new Int32Array(3))).toThrow(InvalidArgument);
    expect(segment.find(VolumeId.random(), 0, 0)).toBe(-1);
    segment.close();
    segment.close();
    expect(() => segment.find(vid, 0, 0)).toThrow(Closed);
    expect(() => segment.page(0)).toThrow(Closed);
    expect(() => segment.describe()).toThrow(Closed);
  });

  test("batches over the core's capacity are cut, not wrapped", () => {
    using segment = Segment.open(build());
    const offsets = Uint32Array.from({ length: 10_001 }, (_, i) => i % 5);
    const locals = new Int32Array(offsets.length);
    segment.findMany(vid, offsets, new Uint32Array(offsets.length), locals);
    expect(locals.every((local, i) => local === (i % 5 === 4 ? -1 : i % 5))).toBe(true);
  });
});

test("a segment of more than 16 MiB is refused, though its head is sound", () => {
  const offsets = Uint32Array.from({ length: 257 }, (_, i) => i);
  const volume = {
    vid: VolumeId.random(),
    offsets,
    starts: Uint32Array.from({ length: 258 }, (_, i) => i),
    rlsns: new Uint32Array(257),
  };
  const head = encodeHead({ id: SegmentId.random(), pageSizeBytes: 65_536, volumes: [volume] });
  const bytes = new Uint8Array(segmentLength(decodeSegmentHeader(head, "test")));
  bytes.set(head);
  expect(bytes.length).toBeGreaterThan(MAX_SEGMENT_BYTES);
  for (const probe of ["wasm", "js"] as const) expect(() => Segment.open(bytes, { probe })).toThrow(Corrupt);
});
