/**
 * `spec/store_reader.py`, written from the specs alone, checks stores that the library wrote into a folder: it finds nothing wrong
 * with them, counts what `verify` counts, and finds what is wrong once an object is damaged, missing, or says something else under
 * a right checksum.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fromHex, type VolumeId } from "../../src/core/ids.js";
import { decodeManifest, encodeManifest, type Manifest } from "../../src/format/manifest.js";
import { decodeLeaf, encodeLeaf, type Leaf } from "../../src/format/manifest-leaf.js";
import { decodeRecord, encodeRecord } from "../../src/format/record.js";
import type { Range } from "../../src/format/record-range.js";
import { verifyObjects } from "../../src/history/verify.js";
import { FileStore } from "../../src/io/file-store.js";
import { leafKey, manifestHeadKey, manifestKey, recordKey } from "../../src/log/keys.js";
import { PageStore } from "../../src/node.js";
import { KNOWN_PAGE_SIZE, knownCommit } from "../helpers/known-history.js";
import { runPython } from "../helpers/python.js";
import { Random, runSeed } from "../helpers/random.js";
import { needs } from "../helpers/requires.js";

const READER = fileURLToPath(new URL("../../spec/store_reader.py", import.meta.url));
const random = new Random(runSeed("log store"));
/** So many LSNs fill a leaf. */
const BATCHED = 4200;

interface Verified {
  readonly problems: { key: string; problem: string }[];
  readonly counts: Record<string, number>;
}

function verifyInPython(folder: string): Verified {
  const done = runPython(READER, "verify", folder);
  expect(done.stderr).toBe("");
  const lines = done.stdout.trimEnd().split("\n");
  const counts = JSON.parse(lines.pop()!) as Verified["counts"];
  expect(done.status).toBe(lines.length === 0 ? 0 : 1);
  return { counts, problems: lines.map((line) => JSON.parse(line) as Verified["problems"][number]) };
}

describe("the store that Python reads", needs("python3"), () => {
  let folder: string;
  let vid: VolumeId;
  const keys: string[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "palimpsest-log-store-"));
    await using store = await PageStore.open(`file:${folder}`);
    const app = await store.createVolume({ name: "app", pageSize: KNOWN_PAGE_SIZE });
    const other = await store.createVolume({ name: "other", pageSize: KNOWN_PAGE_SIZE });
    const gone = await store.createVolume({ name: "gone", pageSize: 4096 });
    vid = app.id;
    for (let lsn = 1; lsn <= 3; lsn++) {
      await store.commitEach([app, other].map((volume) => ({ volume, ...knownCommit(lsn) })));
    }
    for (let lsn = 4; lsn <= 30; lsn++) await app.commit({ ...knownCommit(lsn), meta: random.bytes(lsn) });
    const page = (lsn: number) => new Uint8Array(KNOWN_PAGE_SIZE).fill(lsn);
    for (let from = 31; from < BATCHED; from += 600) {
      await app.commitBatch(
        Array.from({ length: 600 }, (_, i) => ({
          pages: [[(from + i) % 50, page(from + i)]] as [number, Uint8Array][],
          ...((from + i) % 100 === 0 && { drops: [[5, 9]] as [number, number][] }),
        })),
      );
    }
    for (let i = 0; i < 20; i++) await app.commit({ pages: [[i, page(i)]] });
    await gone.commit({ pages: [[0, new Uint8Array(4096)]] });
    await store.renameVolume("other", "renamed");
    await store.dropVolume("gone");
  }, 120_000);

  beforeAll(async () => {
    const objects = new FileStore(folder);
    for await (const { key } of objects.list("")) keys.push(key);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const read = (key: string) => new Uint8Array(readFileSync(join(folder, key)));

  /** Puts other bytes in place of an object, looks, and puts it right again. */
  function withObject(key: string, bytes: Uint8Array | undefined): Verified {
    const before = read(key);
    try {
      if (bytes) writeFileSync(join(folder, key), bytes);
      else unlinkSync(join(folder, key));
      return verifyInPython(folder);
    } finally {
      writeFileSync(join(folder, key), before);
    }
  }

  test("is sound, and as much as verify says", async () => {
    const { problems, counts } = verifyInPython(folder);
    expect(problems).toEqual([]);
    expect(counts.leaves).toBeGreaterThan(0);
    expect(counts.images).toBeGreaterThan(0);
    const objects = new FileStore(folder);
    const report = await verifyObjects(objects);
    expect(report.problems).toEqual([]);
    // The log of a volume that was dropped is there still: a record and the closing one.
    expect(counts.records).toBe(report.records + 2);
    expect(counts.lsns).toBe(report.lsns + 1);
  });

  test("is not, where an object is damaged or gone", () => {
    const kinds = new Map<string, string>();
    for (const key of keys) kinds.set(key.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "*").replace(/\d{16}/, "N"), key);
    expect([...kinds.keys()].sort()).toEqual(
      [
        "c/N",
        "c/head",
        "s/*/N/*",
        "s/shared/*/*",
        "s/shared/*/records",
        "v/*/f/*",
        "v/*/l/N",
        "v/*/m/N",
        "v/*/m/head",
      ].sort(),
    );
    for (const [kind, key] of kinds) {
      const flipped = read(key);
      flipped[random.below(flipped.length)] ^= 1 << random.below(8);
      expect(withObject(key, flipped).problems.length, `${key} with a flipped bit`).toBeGreaterThan(0);
      const found = withObject(key, undefined).problems;
      // Heads are hints, and the end of a sequence says of itself where it is.
      if (!/head$|^c\/N$|^v\/\*\/m\/N$/.test(kind)) expect(found.length, `${key} gone`).toBeGreaterThan(0);
    }
  });

  test("is not, where an object says something else under a right checksum", () => {
    const newest = keys
      .filter((key) => key.startsWith(`v/${vid}/m/0`))
      .sort()
      .at(-1)!;
    const generation = Number(newest.slice(-16));
    const head = manifestHeadKey(vid);
    const { manifest } = decodeManifest(read(head), head, vid, true);
    const otherwise = (changes: Partial<Manifest>) =>
      withObject(head, encodeManifest(manifestKey(vid, generation), vid, { ...manifest, ...changes }));
    const said = (verified: Verified) => verified.problems.map(({ problem }) => problem).join("; ");
    const { tail, leaves } = manifest;
    const image = tail.image!;
    expect(image.references.length).toBeGreaterThan(1);

    expect(said(otherwise({}))).toBe("");
    const less = { ...image, references: image.references.slice(0, -1) };
    expect(said(otherwise({ tail: { ...tail, image: less } }))).toMatch(/it shows offset/);
    const stranger = { ...image, references: [...image.references, { ...image.references[0], baseLsn: 2 }] };
    expect(said(otherwise({ tail: { ...tail, image: stranger } }))).toMatch(/which no earlier run does/);
    const hidden = { ...image, drops: [...image.drops, { lsn: tail.firstLsn - 1, from: 0, to: 9 }] };
    expect(said(otherwise({ tail: { ...tail, image: hidden } }))).toMatch(/it shows offset/);
    const nonces = tail.attempts.map((attempt) => ({ ...attempt, nonce: "00".repeat(16) }));
    expect(said(otherwise({ tail: { ...tail, attempts: nonces } }))).toMatch(/its attempt for record/);
    expect(said(otherwise({ tail: { ...tail, changed: tail.changed.map(() => 9) } }))).toMatch(/pages changed/);
    const entry = { ...leaves[0], lowestOffset: leaves[0].lowestOffset + 1 };
    expect(said(otherwise({ leaves: [entry, ...leaves.slice(1)] }))).toMatch(/lowestOffset|has the leaves/);

    const keyOfLeaf = leafKey(vid, leaves[0].id);
    const { leaf } = decodeLeaf(read(keyOfLeaf), keyOfLeaf, vid);
    const headless: Leaf = { ...leaf, references: leaf.references.map((one) => ({ ...one, head: undefined })) };
    expect(said(withObject(keyOfLeaf, encodeLeaf(keyOfLeaf, vid, headless)))).toMatch(/length|checksum/);

    const key = recordKey(vid, 12);
    const record = decodeRecord(read(key), key, vid, 12);
    const attached = record.range.references.flatMap(({ location, byteLength }) =>
      location.kind === "record" ? [read(key).slice(location.start, location.start + byteLength)] : [],
    );
    expect(attached.length).toBe(1);
    const remade = (changes: Partial<Range>, segments = attached) => {
      const fields = { ...record, nonce: fromHex(record.nonce)!, range: { ...record.range, ...changes } };
      return said(withObject(key, encodeRecord(key, vid, 12, fields, segments)));
    };
    expect(remade({})).toBe("");
    expect(remade({ firstLsn: 13, references: [], drops: [] }, [])).toMatch(/it begins at LSN 13/);
    expect(remade({ times: [1] })).toMatch(/its time is before/);
    expect(remade({ changed: [7] })).toMatch(/pages changed/);
    expect(remade({ pageCounts: [0] })).toMatch(/beyond the page count/);
    const [reference] = record.range.references;
    const sha256 = new Uint8Array(createHash("sha256").update("another").digest());
    expect(remade({ references: [{ ...reference, sha256 }] })).toMatch(/another SHA-256/);
    expect(remade({ references: [{ ...reference, pageCount: reference.pageCount + 1 }] })).toMatch(/pageCount/);
  });
});
