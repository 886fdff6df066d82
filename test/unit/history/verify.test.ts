/**
 * What `verify` finds. Damage that a checksum shows is planted bit by bit in test/unit/cli; here objects are re-encoded, so
 * that every checksum is right and only the invariants of the log are broken.
 */
import { beforeEach, describe, expect, test } from "vitest";
import { Aborted, NotFound } from "../../../src/core/errors.js";
import { SegmentId, type VolumeId } from "../../../src/core/ids.js";
import { decodeManifest, encodeManifest } from "../../../src/format/manifest.js";
import { decodeRecord, encodeRecord, type LogRecord } from "../../../src/format/record.js";
import type { Reference } from "../../../src/format/record-reference.js";
import { verifyObjects } from "../../../src/history/verify.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { manifestHeadKey, manifestKey, placeOf, recordKey } from "../../../src/log/keys.js";
import { PageStore } from "../../../src/node.js";
import { pageOf } from "../../helpers/page-oracle.js";

const PAGE_SIZE = 512;
const COMMITS = 150;

let objects: MemoryStore;
let vid: VolumeId;

/** 150 commits, of which two share a record and one is a drop: two manifests, all segments inside the records. */
beforeEach(async () => {
  objects = new MemoryStore();
  const store = await PageStore.open("memory:", { objects });
  const volume = await store.createVolume({ name: "app", pageSize: PAGE_SIZE });
  vid = volume.id;
  for (let lsn = 1; lsn <= COMMITS - 3; lsn++) {
    await volume.commit({
      pages: [
        [lsn % 20, pageOf(lsn, PAGE_SIZE)],
        [lsn % 7, pageOf(lsn, PAGE_SIZE)],
      ].filter(([offset], i, all) => i === 0 || offset !== all[0][0]) as [number, Uint8Array][],
    });
  }
  await volume.commit({ drops: [[3, 5]] });
  await volume.commitBatch([
    { pages: [[1, pageOf(1, PAGE_SIZE)]] },
    { pages: [[2, pageOf(2, PAGE_SIZE)]], pageCount: 3 },
  ]);
  await store.close();
});

const verify = () => verifyObjects(objects);

/** Decodes record k, lets `change` at it, and puts it back with a right checksum. */
async function alterRecord(k: number, change: (record: LogRecord) => LogRecord): Promise<void> {
  const key = recordKey(vid, k);
  const bytes = (await objects.get(key))!;
  const record = change(decodeRecord(bytes, key, vid, k));
  const attachments = record.range.references
    .filter(({ location }) => location.kind === "record" && location.record === k)
    .map(({ location, byteLength }) => {
      const { start } = location as { start: number };
      return bytes.subarray(start, start + byteLength);
    });
  await objects.put(
    key,
    encodeRecord(key, vid, k, { ...record, nonce: Buffer.from(record.nonce, "hex") }, attachments),
  );
}

const withRange = (record: LogRecord, range: Partial<LogRecord["range"]>): LogRecord => ({
  ...record,
  range: { ...record.range, ...range },
});

const withReference = (record: LogRecord, change: Partial<Reference>): LogRecord =>
  withRange(record, { references: record.range.references.map((reference) => ({ ...reference, ...change })) });

test("a sound store: everything is counted, nothing is wrong, nothing is written", async () => {
  const before = { ...objects.stats };
  const report = await verify();
  expect(report).toMatchObject({ volumes: 1, lsns: COMMITS, records: COMMITS - 1, problems: [] });
  expect(report.pages).toBeGreaterThan(COMMITS);
  expect(objects.stats).toMatchObject({ puts: before.puts, deletes: before.deletes, lists: before.lists });
  await expect(objects.get(manifestKey(vid, 2))).resolves.toBeDefined();
});

test("a store that holds nothing is sound; an unknown volume is not found", async () => {
  expect(await verifyObjects(new MemoryStore())).toMatchObject({ volumes: 0, problems: [] });
  await expect(verifyObjects(objects, { volume: "nope" })).rejects.toThrow(NotFound);
  expect(await verifyObjects(objects, { volume: "app" })).toMatchObject({ volumes: 1, problems: [] });
});

test("it stops when the signal fires, and says how far it is", async () => {
  const controller = new AbortController();
  let told = 0;
  const onProgress = (bytes: number) => {
    expect(bytes).toBeGreaterThan(told);
    told = bytes;
    if (bytes > 20_000) controller.abort();
  };
  await expect(verifyObjects(objects, { signal: controller.signal, onProgress })).rejects.toThrow(Aborted);
});

describe("what is planted is found", () => {
  const K = 40;

  test.each<[string, (record: LogRecord) => LogRecord, RegExp]>([
    [
      "a record that begins at another LSN",
      (record) => withRange(record, { firstLsn: 41 }),
      /outside its range|first LSN 40/,
    ],
    ["a time before the previous one", (record) => withRange(record, { times: [1] }), /a time from/],
    ["another count of pages written", (record) => withRange(record, { changed: [9] }), /9 at LSN 40/],
    [
      "a page beyond the page count",
      (record) => withRange(record, { pageCounts: [1] }),
      /beyond its commit's page count/,
    ],
    ["another SHA-256", (record) => withReference(record, { sha256: new Uint8Array(32) }), /SHA-256/],
    ["another segment id", (record) => withReference(record, { segmentId: SegmentId.random() }), /segment id/],
    ["another page count", (record) => withReference(record, { pageCount: 1 }), /page count/],
    ["another lowest offset", (record) => withReference(record, { lowestOffset: 2 }), /lowest offset/],
    ["another highest offset", (record) => withReference(record, { highestOffset: 900 }), /highest offset/],
    [
      "a record after which there is none",
      (record) => ({ ...withRange(record, { times: [], pageCounts: [], changed: [], references: [] }), closing: true }),
      /closing record/,
    ],
    [
      "a drop that the manifest does not know",
      (record) => withRange(record, { drops: [{ lsn: 40, from: 1, to: 2 }] }),
      /differs from its records/,
    ],
  ])("%s", async (_what, change, message) => {
    await alterRecord(K, change);
    const { problems } = await verify();
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.map((problem) => problem.message).join("\n")).toMatch(message);
    for (const problem of problems) expect(problem.volume).toBe("app");
  });

  test("a missing record that the manifest counts", async () => {
    await objects.delete(recordKey(vid, K));
    const { problems } = await verify();
    expect(problems.map(({ key }) => key)).toEqual([recordKey(vid, K)]);
    expect(problems[0].message).toMatch(/record 40 is missing/);
  });

  test("one damaged object does not hide the next", async () => {
    for (const k of [5, 60, 130]) {
      const bytes = (await objects.get(recordKey(vid, k)))!;
      bytes[bytes.length - 20] ^= 1;
      await objects.put(recordKey(vid, k), bytes);
    }
    const { problems } = await verify();
    expect(problems.map(({ key }) => key)).toEqual([5, 60, 130].map((k) => recordKey(vid, k)));
  });

  test("a manifest that says something else than the records", async () => {
    const headKey = manifestHeadKey(vid);
    const { manifest, key } = decodeManifest((await objects.get(headKey))!, headKey, vid, true);
    const { tail } = manifest;
    const pageCounts = tail.pageCounts.map((count, i) => (i === 3 ? count + 1 : count));
    await objects.put(key, encodeManifest(key, vid, { ...manifest, tail: { ...tail, pageCounts } }));
    const { problems } = await verify();
    expect(problems).toHaveLength(1);
    expect(problems[0].message).toMatch(/history that differs from its records/);
  });

  test("a segment of its own that is gone", async () => {
    const store = await PageStore.open("memory:", { objects });
    const volume = await store.volume("app");
    const pages = Array.from({ length: 4000 }, (_, i): [number, Uint8Array] => [i, pageOf(i, PAGE_SIZE)]);
    await volume.commit({ pages });
    await store.close();
    expect((await verify()).problems).toEqual([]);
    const key = recordKey(vid, COMMITS);
    const { range } = decodeRecord((await objects.get(key))!, key, vid, COMMITS);
    const [{ segmentId, location }] = range.references;
    const place = placeOf(vid, segmentId, location);
    expect(place.key).not.toBe(key);
    await objects.delete(place.key);
    const { problems } = await verify();
    expect(problems.map((problem) => problem.key)).toEqual([place.key]);
    expect(problems[0].message).toMatch(/segment is missing/);
  });
});
