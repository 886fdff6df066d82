/**
 * Hostile objects put into a real store, most under right checksums: of a newer release, of another volume, a proxy's page, stubs
 * in a ring, sequences without an end. Opening, reading and committing end after a bounded number of requests, in what is right or
 * in a typed error that names the object and says what to do; and when the object is put right, nothing was lost.
 */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { PalimpsestError } from "../../src/core/errors.js";
import { SegmentId, type VolumeId } from "../../src/core/ids.js";
import { checksumIn } from "../../src/format/envelope.js";
import { decodeManifest, encodeManifest, type Manifest } from "../../src/format/manifest.js";
import { encodeLeaf, type Leaf } from "../../src/format/manifest-leaf.js";
import { encodeStub } from "../../src/format/manifest-stub.js";
import { decodeRecord, encodeRecord } from "../../src/format/record.js";
import { verifyObjects } from "../../src/history/verify.js";
import { MemoryStore } from "../../src/io/memory-store.js";
import type { CallOptions, ObjectStore, RangeOptions } from "../../src/io/object-store.js";
import { Chapter } from "../../src/log/chapter.js";
import { imageAfter } from "../../src/log/image.js";
import { catalogKey, leafKey, manifestHeadKey, manifestKey, recordKey } from "../../src/log/keys.js";
import { VolumeLog } from "../../src/log/volume-log.js";
import { nodePlatform } from "../../src/node-platform.js";
import { KNOWN_OFFSETS, KNOWN_PAGE_SIZE, KnownHistory, knownCommit } from "../helpers/known-history.js";
import { openOn } from "../helpers/open-on.js";

/** Commits that a leaf holds, that the tail of the newest manifest adds, and in all. */
const IN_LEAF = 30;
const IN_MANIFEST = 34;
const LAST = 40;
/** More requests than a call needs, or all of verify: who makes them does not end. */
const MAX_REQUESTS = 500;
const MAX_REQUESTS_OF_VERIFY = 6_000;
const MAX_SAFE = Number.MAX_SAFE_INTEGER;
const HTML = new TextEncoder().encode("<!DOCTYPE html><html><head><title>Sign in</title></head><body>…</body></html>");

/** What every page is at the LSNs that are looked at. */
const expected = new Map<number, { pageCount: number; pages: (Uint8Array | undefined)[] }>();
{
  const known = new KnownHistory();
  while (known.lsn < LAST + 1) {
    known.advance();
    if (![1, 7, 22, IN_LEAF, IN_LEAF + 1, IN_MANIFEST, 36, LAST, LAST + 1].includes(known.lsn)) continue;
    const pages = Array.from({ length: KNOWN_OFFSETS }, (_, offset) => known.page(offset));
    expected.set(known.lsn, { pageCount: known.pageCount, pages });
  }
}

interface Base {
  readonly objects: Map<string, Uint8Array>;
  readonly vid: VolumeId;
  readonly other: VolumeId;
  /** The newest manifest, and its generation. */
  readonly manifest: Manifest;
  readonly generation: number;
  /** The key of a segment that is an object of its own, of a commit that the leaf holds. */
  readonly segment: string;
  readonly leaf: string;
}

/** Two volumes, one of which has a leaf, an image in the tail of its newest manifest, and records behind that. */
async function makeBase(): Promise<Base> {
  const objects = new MemoryStore();
  const vids: VolumeId[] = [];
  for (const name of ["app", "other"]) {
    await using store = await openOn(objects);
    const volume = await store.createVolume({ name, pageSize: KNOWN_PAGE_SIZE });
    vids.push(volume.id);
    for (let lsn = 1; lsn <= IN_LEAF; lsn++) await volume.commit(knownCommit(lsn));
  }
  const [vid, other] = vids;
  // As `publish` does when a chapter is full.
  const log = await VolumeLog.open(objects, vid);
  const leaf = { ...log.tail.leaf! };
  const id = SegmentId.random();
  const bytes = encodeLeaf(leafKey(vid, id), vid, leaf);
  await objects.put(leafKey(vid, id), bytes);
  const entry = Chapter.of(leaf).describe({ id, checksum: checksumIn(bytes), byteLength: bytes.length });
  let generation = 1;
  while (await objects.get(manifestKey(vid, generation))) generation++;
  for (const end of [IN_LEAF, IN_MANIFEST]) {
    const now = await VolumeLog.open(objects, vid);
    await now.refresh();
    const tail: Leaf =
      end === IN_LEAF
        ? { ...Chapter.empty(log.lsn + 1, log.nextRecord).leaf!, image: imageAfter(leaf, vid) }
        : now.tail.leaf!;
    const { lsn: _, time, pageCount, meta } = now;
    const volume = { name: "app", pageSizeBytes: KNOWN_PAGE_SIZE };
    const said = { closed: false, volume, cutoff: 1, boundary: 0, time, pageCount, meta, leaves: [entry], tail };
    const encoded = encodeManifest(manifestKey(vid, generation), vid, said);
    await objects.put(manifestKey(vid, generation), encoded);
    await objects.put(manifestHeadKey(vid), encoded);
    generation++;
    await using store = await openOn(objects);
    const app = await store.volume("app");
    for (let lsn = end + 1; lsn <= (end === IN_LEAF ? IN_MANIFEST : LAST); lsn++) await app.commit(knownCommit(lsn));
  }
  const all = new Map<string, Uint8Array>();
  for await (const { key } of objects.list("")) all.set(key, (await objects.get(key))!);
  for await (const { key } of objects.list(`v/${vid}/m/`)) {
    const number = Number(key.slice(-16));
    if (number >= generation) all.delete(key);
  }
  // Nothing but the records tells of the last commits.
  all.set(manifestHeadKey(vid), all.get(manifestKey(vid, generation - 1))!);
  const segment = [...all.keys()].find((key) => key.startsWith(`s/${vid}/`))!;
  const { manifest } = decodeManifest(all.get(manifestHeadKey(vid))!, manifestHeadKey(vid), vid, true);
  return { objects: all, vid, other, manifest, generation: generation - 1, segment, leaf: leafKey(vid, id) };
}

/** A copy with changed bytes and the checksum that is right for them. */
function resealed(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  change(copy);
  const end = 32 + new DataView(copy.buffer).getUint32(12, true);
  const hash = createHash("sha256").update(copy.subarray(0, 16)).update(copy.subarray(32, end));
  copy.set(hash.digest().subarray(0, 16), 16);
  return copy;
}

const newer = (bytes: Uint8Array) =>
  resealed(bytes, (copy) => {
    copy[8] = 2;
  });

interface Budget {
  left: number;
}

/** A memory store that ends what makes too many requests, and may answer for keys that are not there. */
function bounded(
  memory: MemoryStore,
  budget: Budget,
  {
    isSync,
    answer = () => undefined,
  }: { isSync: boolean; answer?: ((key: string) => Uint8Array | undefined) | undefined },
): ObjectStore {
  const found = (key: string, bytes: Uint8Array | undefined) => {
    if (--budget.left < 0) throw new Error("too many requests: this does not end");
    return answer(key) ?? bytes;
  };
  return {
    url: memory.url,
    stats: memory.stats,
    ...(isSync && { sync: memory.sync }),
    get: async (key: string, options?: CallOptions) => found(key, await memory.get(key, options)),
    getRange: async (key: string, start: number, length: number, options?: RangeOptions) => {
      const bytes = await memory.getRange(key, start, length, options);
      const whole = found(key, undefined);
      return whole ? whole.subarray(start, start + length) : bytes;
    },
    put: (key: string, bytes: Uint8Array) => memory.put(key, bytes),
    putIfAbsent: async (key: string, bytes: Uint8Array) =>
      found(key, undefined) ? ("exists" as const) : memory.putIfAbsent(key, bytes),
    list: (prefix: string) => memory.list(prefix),
    delete: (key: string) => memory.delete(key),
    checkWritable: () => memory.checkWritable(),
    close: async () => undefined,
  };
}

interface Outcome {
  right: number;
  readonly wrong: string[];
  readonly errors: unknown[];
  /** The commit was acknowledged. */
  committed: boolean;
}

/** Opens the store, reads it, commits. */
async function use(objects: ObjectStore, budget: Budget, last: number, mayCommit: boolean): Promise<Outcome> {
  const outcome: Outcome = { right: 0, wrong: [], errors: [], committed: false };
  const attempt = async (call: () => unknown): Promise<void> => {
    budget.left = MAX_REQUESTS;
    try {
      await call();
    } catch (error) {
      outcome.errors.push(error);
    }
  };
  await attempt(async () => {
    await using store = await openOn(objects);
    const volume = await store.volume("app");
    const read = async () => {
      for (const [lsn, { pageCount, pages }] of expected) {
        if (lsn > last) continue;
        await attempt(async () => {
          const at = await volume.snapshot(lsn);
          if (at.pageCount === pageCount) outcome.right++;
          else outcome.wrong.push(`${at.pageCount} pages at LSN ${lsn}`);
        });
        const step = lsn === 36 ? 1 : 17;
        for (let offset = lsn % step; offset < KNOWN_OFFSETS; offset += step) {
          await attempt(async () => {
            const found = await store.readPage(volume.id, offset, lsn);
            const page = pages[offset];
            if (found && page ? Buffer.compare(found, page) === 0 : found === page) outcome.right++;
            else outcome.wrong.push(`offset ${offset}, LSN ${lsn}: ${found ? "another page" : "absent"}`);
          });
        }
      }
    };
    await read();
    await attempt(async () => {
      const names: string[] = [];
      for await (const { name } of store.volumes()) names.push(name);
      if (names.sort().join() !== "app,other") outcome.wrong.push(`volumes ${names}`);
    });
    if (!mayCommit) return;
    await attempt(async () => {
      const { lsn } = await volume.commit({ expectedLsn: LAST, ...knownCommit(LAST + 1) });
      if (lsn !== LAST + 1) outcome.wrong.push(`the commit got LSN ${lsn}`);
      outcome.committed = true;
    });
    // Committing has looked at what is newest.
    await read();
  });
  return outcome;
}

/** As `palimpsest verify` does it, with the faster SHA-256. */
const verify = (objects: ObjectStore) => verifyObjects(objects, { sha256: nodePlatform.sha256 });

/** What is expected of an error below, without `expect`, which is slow: they are many. */
function isAsExpected(error: unknown, names: RegExp | undefined): boolean {
  return error instanceof PalimpsestError && names?.test(error.message) === true && NEXT_STEP.test(error.message);
}

interface Case {
  readonly name: string;
  /** What is put, by key; `undefined` takes the object away. */
  readonly put?: Record<string, Uint8Array | undefined>;
  /** What the store says is at keys where there is nothing. */
  readonly answer?: (key: string) => Uint8Array | undefined;
  /** The key that an error names; nothing, where all has to go well. */
  readonly names: RegExp | undefined;
  /** Whether verify, too, has to find something; by default where an error is expected. */
  readonly verifyFinds?: boolean;
  readonly isEndless?: boolean;
}

const base = await makeBase();

function cases(): Case[] {
  const { vid, other, manifest, generation, objects, segment, leaf } = base;
  const record = (k: number) => recordKey(vid, k);
  const at = (key: string) => objects.get(key)!;
  const manifestAt = (g: number) => manifestKey(vid, g);
  const head = manifestHeadKey(vid);
  const named = (key: string) => new RegExp(key);
  /** Of an attempt to commit there, or of the object. */
  const record41 = new RegExp(`${record(41)}|record 41 of volume ${vid}`);
  const says = (g: number, changes: Partial<Manifest>) =>
    encodeManifest(manifestAt(g), vid, { ...manifest, ...changes });
  const decoded = decodeRecord(at(record(36)), record(36), vid, 36);
  const remade = (changes: object, k = 36) =>
    encodeRecord(record(k), vid, k, {
      nonce: new Uint8Array(16),
      closing: false,
      meta: undefined,
      range: { ...decoded.range, references: [], changed: [0], drops: [], ...changes },
    });
  const image = manifest.tail.image!;
  const lost = { kind: "object", vid, record: 999 } as const;
  const lostImage = {
    ...image,
    references: image.references.map((one) => ({ ...one, location: lost, head: undefined })),
  };
  const missing = { ...manifest.leaves[0], id: SegmentId.random() };
  const next = manifestAt(generation + 1);
  const everyManifest = (key: string) => (key.startsWith(`v/${vid}/m/0`) ? at(manifestAt(generation)) : undefined);
  const made = new Map<string, Uint8Array>();
  const everyValid = (key: string) => {
    const number = Number(new RegExp(`^v/${vid}/m/(\\d{16})$`).exec(key)?.[1] ?? 0);
    if (number <= generation || number >= MAX_SAFE) return undefined;
    const bytes = made.get(key) ?? says(number, {});
    made.set(key, bytes);
    return bytes;
  };
  return [
    { name: "nothing hostile at all", names: undefined },
    { name: "a record of a newer version", put: { [record(36)]: newer(at(record(36))) }, names: named(record(36)) },
    {
      name: "the next record of a newer version",
      put: { [record(41)]: newer(remade({}, 41)) },
      names: record41,
    },
    { name: "a proxy's page where a record should be", put: { [record(36)]: HTML }, names: named(record(36)) },
    { name: "a proxy's page where the next record will be", put: { [record(41)]: HTML }, names: record41 },
    { name: "another volume's record", put: { [record(36)]: at(recordKey(other, 20)) }, names: named(record(36)) },
    { name: "the record before", put: { [record(36)]: at(record(35)) }, names: named(record(36)) },
    {
      name: "a record that begins too late",
      put: { [record(36)]: remade({ firstLsn: 38 }) },
      names: named(record(36)),
    },
    {
      name: "a record of the last LSN there can be",
      put: { [record(36)]: remade({ firstLsn: MAX_SAFE - 1 }) },
      names: named(record(36)),
    },
    { name: "a record from before the last", put: { [record(36)]: remade({ times: [1] }) }, names: named(record(36)) },
    {
      name: "a record that names a missing segment",
      put: {
        [record(36)]: remade({
          references: decoded.range.references.map((one) => ({ ...one, location: lost, baseLsn: 36 })),
        }),
      },
      names: new RegExp(`s/${vid}/0000000000000999/|${record(36)}`),
    },
    { name: "a missing segment", put: { [segment]: undefined }, names: named(segment) },
    { name: "a missing leaf", put: { [leaf]: undefined }, names: named(leaf) },
    { name: "another leaf of the same id", put: { [leaf]: encodeLeaf(leaf, vid, manifest.tail) }, names: named(leaf) },
    { name: "a leaf of a newer version", put: { [leaf]: newer(at(leaf)) }, names: named(leaf) },
    {
      name: "a manifest that names a missing leaf",
      put: { [next]: says(generation + 1, { leaves: [missing] }) },
      names: named(leafKey(vid, missing.id)),
    },
    {
      name: "an image that names missing segments",
      put: { [next]: says(generation + 1, { tail: { ...manifest.tail, image: lostImage } }), [head]: undefined },
      names: new RegExp(`s/${vid}/0000000000000999/`),
    },
    { name: "a manifest of a newer version", put: { [next]: newer(says(generation + 1, {})) }, names: named(next) },
    { name: "a proxy's page where a manifest should be", put: { [next]: HTML }, names: named(next) },
    { name: "another volume's manifest", put: { [next]: at(manifestKey(other, 1)) }, names: named(next) },
    {
      name: "a stub that names a missing manifest",
      put: { [next]: encodeStub(next, 1000), [head]: undefined },
      names: named(manifestAt(1000)),
    },
    { name: "a stub that points back", put: { [next]: encodeStub(next, 1) }, names: named(next) },
    { name: "a stub that points to itself", put: { [next]: encodeStub(next, generation + 1) }, names: named(next) },
    {
      name: "a stub of the last generation there can be",
      put: { [next]: encodeStub(next, MAX_SAFE - 1) },
      names: named(manifestAt(MAX_SAFE - 1)),
    },
    { name: "a head that is a proxy's page", put: { [head]: HTML }, names: undefined, verifyFinds: true },
    { name: "a head of another volume", put: { [head]: at(manifestHeadKey(other)) }, names: undefined },
    { name: "a head of a newer version", put: { [head]: newer(at(head)) }, names: named(head) },
    { name: "a head that is a stub", put: { [head]: encodeStub(head, 5) }, names: undefined, verifyFinds: true },
    { name: "a head far beyond", put: { [head]: says(2 ** 40, {}) }, names: undefined },
    { name: "a head of the last generation there can be", put: { [head]: says(MAX_SAFE - 1, {}) }, names: undefined },
    { name: "a head of no generation", put: { [head]: says(MAX_SAFE, {}) }, names: undefined },
    { name: "manifests without end, all the same", answer: everyManifest, names: new RegExp(`v/${vid}/m/`) },
    { name: "manifests without end", answer: everyValid, names: undefined, isEndless: true },
    {
      name: "records without end, all the same",
      answer: (key) => (key.startsWith(`v/${vid}/l/`) && key > record(LAST) ? at(record(LAST)) : undefined),
      names: record41,
    },
    {
      name: "a proxy's page for whatever is not there",
      answer: (key) => (objects.has(key) ? undefined : HTML),
      names: /[cv]\//,
    },
    {
      name: "a catalog record of a newer version",
      put: { [catalogKey(2)]: newer(at(catalogKey(2))), "c/head": undefined },
      names: named(catalogKey(2)),
    },
    {
      name: "a proxy's page in the catalog",
      put: { [catalogKey(2)]: HTML, "c/head": undefined },
      names: named(catalogKey(2)),
    },
    {
      name: "the catalog's first record twice",
      put: { [catalogKey(2)]: at(catalogKey(1)), "c/head": undefined },
      names: named(catalogKey(2)),
    },
    {
      name: "catalog records without end, all the same",
      put: { "c/head": undefined },
      answer: (key) => (/^c\/0/.test(key) && key > catalogKey(2) ? at(catalogKey(1)) : undefined),
      names: /c\/[0-9]{16}/,
    },
    { name: "a catalog head that is a proxy's page", put: { "c/head": HTML }, names: undefined, verifyFinds: true },
    { name: "a catalog head of a newer version", put: { "c/head": newer(at("c/head")) }, names: /c\/head/ },
  ];
}

const NEXT_STEP = /Restore the object|Use a newer release|[Tt]ry again|Ask again|List the volumes/;

describe.each([true, false])("a store that can be read in place: %s", (isSync) => {
  it.each(cases())(
    "$name",
    { timeout: 60_000 },
    async ({ put = {}, answer, names, verifyFinds = names !== undefined, isEndless = false }) => {
      // Whoever reads in place does not ask the wrapper.
      if (answer && isSync) return;
      const memory = new MemoryStore();
      const restore = async () => {
        // What this process published stands on what was hostile.
        const published: string[] = [];
        for await (const { key } of memory.list(`v/${base.vid}/m/`)) published.push(key);
        for (const key of [...Object.keys(put), ...published]) {
          const bytes = base.objects.get(key);
          if (bytes) await memory.put(key, bytes);
          else await memory.delete(key);
        }
      };
      for (const [key, bytes] of base.objects) await memory.put(key, bytes);
      for (const [key, bytes] of Object.entries(put)) {
        if (bytes) await memory.put(key, bytes);
        else await memory.delete(key);
      }
      // Manifests that are right, without end, are as many as verify is given.
      const verified = isEndless
        ? { problems: [] }
        : await verify(bounded(memory, { left: MAX_REQUESTS_OF_VERIFY }, { isSync, answer })).catch(
            (error: unknown) => {
              expect(answer && error instanceof PalimpsestError, String(error)).toBeTruthy();
              return { problems: [{ key: "", message: String(error) }] };
            },
          );
      if (verifyFinds) expect(verified.problems.length).toBeGreaterThan(0);

      const budget = { left: 0 };
      const { wrong, errors, right, committed } = await use(
        bounded(memory, budget, { isSync, answer }),
        budget,
        LAST,
        true,
      );
      expect(wrong).toEqual([]);
      for (const error of errors) {
        if (isAsExpected(error, names)) continue;
        expect(error, String(error)).toBeInstanceOf(PalimpsestError);
        const { message } = error as PalimpsestError;
        expect(message).toMatch(names ?? /^no error was expected$/);
        expect(message).toMatch(NEXT_STEP);
      }
      if (names) expect(errors.length).toBeGreaterThan(0);
      else expect(committed && right > 100).toBe(true);

      await restore();
      const after = await use(bounded(memory, budget, { isSync }), budget, committed ? LAST + 1 : LAST, false);
      expect({ ...after, right: after.right > 100 }).toEqual({ right: true, wrong: [], errors: [], committed: false });
    },
  );
});
