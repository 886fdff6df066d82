/**
 * What the library says of one object of the log, in the words of `spec/log_reader.py`, so that the two can be compared; and the
 * same object encoded again, since an object that is accepted has one encoding.
 */
import { type ErrorCode, PalimpsestError } from "../../src/core/errors.js";
import { fromHex, SegmentId, toHex, VolumeId } from "../../src/core/ids.js";
import { decodeCatalogRecord, encodeCatalogRecord } from "../../src/format/catalog.js";
import { decodeManifest, encodeManifest, type LeafEntry } from "../../src/format/manifest.js";
import { decodeLeaf, encodeLeaf, type Leaf } from "../../src/format/manifest-leaf.js";
import { decodeStub, encodeStub, isStub } from "../../src/format/manifest-stub.js";
import { decodeRecord, encodeRecord } from "../../src/format/record.js";
import type { Contents, Range } from "../../src/format/record-range.js";
import type { Location, Reference } from "../../src/format/record-reference.js";
import { decodeSharedList, encodeSharedList } from "../../src/format/shared-list.js";
import { catalogKey, leafKey, manifestKey, numberIn, recordKey, sharedListKey } from "../../src/log/keys.js";

export interface LogObject {
  says(): Record<string, unknown>;
  /** The bytes of version 1 that say the same. */
  encode(): Uint8Array;
}

export type Verdict =
  | ({ readonly accepted: true } & Record<string, unknown>)
  | { readonly accepted: false; readonly class: ErrorCode };

const OF_VOLUME = /^v\/([0-9a-f-]{36})\/([lmf])\//;
const OF_GROUP = /^s\/shared\/([0-9a-f-]{36})\/records$/;
const hexOr = (bytes: Uint8Array | undefined): string | null => (bytes ? toHex(bytes) : null);
const versionOf = (bytes: Uint8Array) => bytes[8] | (bytes[9] << 8);

/** @throws what the library throws for an object that it refuses, and `Error` for a key of no such object. */
export function readLogObject(key: string, bytes: Uint8Array): LogObject {
  const [, vid, kind] = OF_VOLUME.exec(key) ?? [];
  if (vid) return { l: readRecord, m: readManifest, f: readLeaf }[kind]!(key, bytes, VolumeId.parse(vid));
  if (key.startsWith("c/")) return readCatalog(key, bytes);
  const [, group] = OF_GROUP.exec(key) ?? [];
  if (group && sharedListKey(SegmentId.parse(group)) === key) return readSharedList(key, bytes);
  throw new Error(`${key} is no key of an object of the log`);
}

/** @throws any error that is not one of the library's: a bug. */
export function verdictOf(key: string, bytes: Uint8Array): Verdict {
  try {
    return { accepted: true, ...readLogObject(key, bytes).says() };
  } catch (error) {
    if (!(error instanceof PalimpsestError)) throw error;
    return { accepted: false, class: error.code };
  }
}

/** A head names an object of its sequence; the library ignores one that does not, as a damaged hint. */
function checkHead(key: string, keyOf: (number: number) => string): void {
  if (numberIn(key, keyOf) === undefined) throw new PalimpsestError("Corrupt", `a head that names ${key}`);
}

function readRecord(key: string, bytes: Uint8Array, vid: VolumeId): LogObject {
  const number = numberIn(key, (k) => recordKey(vid, k))!;
  const record = decodeRecord(bytes, key, vid, number);
  const { nonce, closing, range, meta } = record;
  const attached = range.references.flatMap(({ location, byteLength }) =>
    isAttached(location, number) ? [bytes.subarray(location.start, location.start + byteLength)] : [],
  );
  return {
    says: () => {
      const fields = { nonce, closing, meta: hexOr(meta), ...rangeSays(range, number) };
      return { kind: "record", formatVersion: versionOf(bytes), key, ...fields };
    },
    encode: () => encodeRecord(key, vid, number, { ...record, nonce: fromHex(nonce)! }, attached),
  };
}

function readManifest(at: string, bytes: Uint8Array, vid: VolumeId): LogObject {
  const keyOf = (g: number) => manifestKey(vid, g);
  const isHead = at.endsWith("/head");
  if (!isHead && isStub(bytes)) {
    const generation = decodeStub(bytes, at, numberIn(at, keyOf)!);
    const says = { kind: "stub", formatVersion: versionOf(bytes), key: at, generation };
    return { says: () => says, encode: () => encodeStub(at, generation) };
  }
  const { manifest, key } = decodeManifest(bytes, at, vid, isHead);
  checkHead(key, keyOf);
  const { closed, volume, cutoff, boundary, time, pageCount, meta, leaves, tail } = manifest;
  const first = leaves[0] ?? tail;
  const says = () => ({
    kind: "manifest",
    formatVersion: versionOf(bytes),
    key,
    closed,
    pageSize: volume?.pageSizeBytes ?? null,
    name: volume?.name ?? null,
    cutoff,
    boundary,
    lastTime: time,
    pageCount,
    meta: hexOr(meta),
    firstRecord: first.firstRecord,
    firstLsn: first.firstLsn,
    leaves: leaves.map(entrySays),
    tail: leafSays(tail),
  });
  return { says, encode: () => encodeManifest(key, vid, manifest) };
}

function entrySays(entry: LeafEntry): Record<string, unknown> {
  const hasPages = entry.highestOffset >= entry.lowestOffset;
  return {
    leaf: entry.id.toString(),
    checksum: toHex(entry.checksum),
    lengthBytes: entry.byteLength,
    recordCount: entry.recordCount,
    lsnCount: entry.lsnCount,
    firstTime: entry.firstTime,
    lastTime: entry.lastTime,
    lowestOffset: hasPages ? entry.lowestOffset : null,
    highestOffset: hasPages ? entry.highestOffset : null,
    lowestDropped: entry.lowestDrop === 2 ** 32 - 1 ? null : entry.lowestDrop,
    hasImage: entry.hasImage,
  };
}

function readLeaf(key: string, bytes: Uint8Array, vid: VolumeId): LogObject {
  if (leafKey(vid, SegmentId.parse(key.slice(-36))) !== key) throw new Error(`${key} is no key of a leaf`);
  const { leaf } = decodeLeaf(bytes, key, vid);
  const says = () => ({ kind: "leaf", formatVersion: versionOf(bytes), key, ...leafSays(leaf) });
  return { says, encode: () => encodeLeaf(key, vid, leaf) };
}

function leafSays(leaf: Leaf): Record<string, unknown> {
  const { firstRecord, recordCount, attempts, image } = leaf;
  return { firstRecord, recordCount, attempts, ...rangeSays(leaf), image: image ? contentsSay(image) : null };
}

function rangeSays(range: Range, record?: number): Record<string, unknown> {
  const { firstLsn, times, pageCounts, changed } = range;
  return { firstLsn, times, pageCounts, pagesChanged: changed, ...contentsSay(range, record) };
}

function contentsSay({ references, drops }: Contents, record?: number): Record<string, unknown> {
  return { references: references.map((reference) => referenceSays(reference, record)), drops };
}

function isAttached(location: Location, record: number | undefined): location is Location & { kind: "record" } {
  return location.kind === "record" && location.record === record;
}

function referenceSays(reference: Reference, record?: number): Record<string, unknown> {
  const { location, head, sha256 } = reference;
  const attached = isAttached(location, record);
  return {
    location: attached ? { in: "attached", position: location.start } : locationSays(location),
    segment: reference.segmentId.toString(),
    sha256: sha256.length > 0 ? toHex(sha256) : null,
    vid: reference.vid.toString(),
    baseLsn: reference.baseLsn,
    highestRlsn: reference.highestRlsn,
    lengthBytes: reference.byteLength,
    bodyOffset: reference.bodyOffset,
    pageCount: reference.pageCount,
    lowestOffset: reference.lowestOffset,
    highestOffset: reference.highestOffset,
    // The head of an attached segment comes from the segment itself.
    head: attached ? null : hexOr(head),
  };
}

function locationSays(location: Location): Record<string, unknown> {
  switch (location.kind) {
    case "record":
      return { in: "record", record: location.record, position: location.start };
    case "object":
      return { in: "object", vid: location.vid.toString(), record: location.record };
    case "shared":
      return { in: "shared", group: location.group.toString() };
  }
}

function readCatalog(at: string, bytes: Uint8Array): LogObject {
  const isHead = at === "c/head";
  const { record, key } = decodeCatalogRecord(bytes, at, isHead);
  checkHead(key, catalogKey);
  const { nonce, timeMs, change, state } = record;
  if (isHead && !state) throw new PalimpsestError("Corrupt", "a head without state");
  const says = () => ({
    kind: "catalog",
    formatVersion: versionOf(bytes),
    key,
    nonce,
    operation: change.kind,
    vid: change.vid.toString(),
    time: timeMs,
    pageSize: change.kind === "create" ? change.pageSizeBytes : null,
    name: change.kind === "drop" ? null : change.name,
    state:
      state?.map(({ vid, pageSizeBytes, createdMs, name }) => ({
        vid: vid.toString(),
        pageSize: pageSizeBytes,
        created: createdMs,
        name,
      })) ?? null,
  });
  return { says, encode: () => encodeCatalogRecord(key, fromHex(nonce)!, record) };
}

function readSharedList(key: string, bytes: Uint8Array): LogObject {
  const records = decodeSharedList(bytes, key);
  const said = records.map(({ vid, record }) => ({ vid: vid.toString(), record }));
  return {
    says: () => ({ kind: "shared-list", formatVersion: versionOf(bytes), key, records: said }),
    encode: () => encodeSharedList(key, records),
  };
}
