/** Random log objects for the tests of their codecs. */
import { SegmentId, toHex, VolumeId } from "../../../src/core/ids.js";
import {
  type CatalogChange,
  type CatalogEntry,
  decodeCatalogRecord,
  encodeCatalogRecord,
} from "../../../src/format/catalog.js";
import { decodeManifest, encodeManifest, type LeafEntry, type Manifest } from "../../../src/format/manifest.js";
import { decodeLeaf, encodeLeaf, type Image, type Leaf } from "../../../src/format/manifest-leaf.js";
import { decodeStub, encodeStub } from "../../../src/format/manifest-stub.js";
import { decodeRecord, encodeRecord } from "../../../src/format/record.js";
import type { Drop, Range } from "../../../src/format/record-range.js";
import type { Location, Reference } from "../../../src/format/record-reference.js";
import { decodeSharedList, encodeSharedList } from "../../../src/format/shared-list.js";
import { catalogKey, leafKey, manifestKey, recordKey, sharedListKey } from "../../../src/log/keys.js";
import type { Random } from "../../helpers/random.js";

export const randomVid = (random: Random) => VolumeId.fromBytes(random.bytes(16));
export const randomSegmentId = (random: Random) => SegmentId.fromBytes(random.bytes(16));
/** Small numbers mostly, and large ones. */
export const randomNumber = (random: Random, max = Number.MAX_SAFE_INTEGER) =>
  Math.min(max, random.chance(0.2) ? random.u32() * 2 ** random.below(21) : random.below(300));

function randomReference(random: Random, vid: VolumeId, firstLsn: number, count: number): Reference {
  const base = random.below(count);
  const byteLength = random.between(64, 5000);
  const bodyOffset = random.between(64, byteLength);
  const lowestOffset = randomNumber(random, 2 ** 32 - 2);
  const locations: Location[] = [
    { kind: "record", record: 1 + randomNumber(random, 2 ** 50), start: randomNumber(random) },
    { kind: "object", vid: random.chance(0.7) ? vid : randomVid(random), record: 1 + randomNumber(random, 2 ** 52) },
    { kind: "shared", group: randomSegmentId(random) },
  ];
  return {
    location: random.pick(locations),
    segmentId: randomSegmentId(random),
    sha256: random.bytes(32),
    vid: random.chance(0.7) ? vid : randomVid(random),
    baseLsn: firstLsn + base,
    highestRlsn: random.below(count - base),
    byteLength,
    bodyOffset,
    pageCount: random.between(1, 4000),
    lowestOffset,
    highestOffset: Math.min(2 ** 32 - 2, lowestOffset + randomNumber(random, 2 ** 32)),
    head: random.chance(0.5) && bodyOffset <= 4096 ? random.bytes(bodyOffset) : undefined,
  };
}

export function randomRange(random: Random, vid: VolumeId): Range {
  const firstLsn = 1 + randomNumber(random, 2 ** 52);
  const count = random.below(12);
  const times: number[] = [];
  let time = randomNumber(random, 2 ** 45);
  for (let i = 0; i < count; i++) times.push((time += random.below(1000)));
  const drops: Drop[] = [];
  for (let left = count === 0 ? 0 : random.below(4); left > 0; left--) {
    const from = randomNumber(random, 2 ** 32 - 2);
    const to = random.chance(0.3) ? 2 ** 32 - 1 : Math.min(2 ** 32 - 1, from + 1 + random.below(100));
    drops.push({ lsn: firstLsn + random.below(count), from, to });
  }
  drops.sort((a, b) => a.lsn - b.lsn);
  return {
    firstLsn,
    times,
    pageCounts: times.map(() => randomNumber(random, 2 ** 32 - 1)),
    changed: times.map(() => randomNumber(random, 2 ** 32 - 1)),
    references: Array.from({ length: count === 0 ? 0 : random.below(5) }, () =>
      randomReference(random, vid, firstLsn, count),
    ),
    drops,
  };
}

export function randomLeaf(random: Random, vid: VolumeId): Leaf {
  const range = randomRange(random, vid);
  return {
    firstRecord: 1 + randomNumber(random, 2 ** 50),
    ...randomRecords(random, range.times.length),
    ...range,
    image: range.firstLsn > 1 && random.chance(0.5) ? randomImage(random, vid, range.firstLsn - 1) : undefined,
  };
}

/** Records that took so many LSNs, of which the attempts are known, or those of the last. */
function randomRecords(random: Random, lsnCount: number): Pick<Leaf, "recordCount" | "attempts"> {
  const attempts = Array.from({ length: random.between(1, 6) }, () => ({
    nonce: toHex(random.bytes(16)),
    lsnCount: 0,
  }));
  for (let left = lsnCount; left > 0; left--) random.pick(attempts).lsnCount++;
  const recordCount = attempts.length + (random.chance(0.5) ? 0 : random.between(1, 100));
  return { recordCount, attempts };
}

export function randomImage(random: Random, vid: VolumeId, lsn: number): Image {
  const count = Math.min(lsn, 1000);
  const references = Array.from({ length: random.below(5) }, () => ({
    ...randomReference(random, vid, lsn - count + 1, count),
    sha256: new Uint8Array(0),
  }));
  const drops = Array.from({ length: random.below(3) }, (_, i) => ({
    lsn: Math.min(lsn, lsn - count + 1 + i),
    from: random.below(100),
    to: 2 ** 32 - 1,
  }));
  return { references, drops };
}

export function randomManifest(random: Random, vid: VolumeId): Manifest {
  const leaves: LeafEntry[] = [];
  const isWhole = random.chance(0.5);
  let firstRecord = isWhole ? 1 : 1 + randomNumber(random, 2 ** 40);
  let firstLsn = isWhole ? 1 : 1 + randomNumber(random, 2 ** 40);
  const oldest = firstLsn;
  for (let left = random.below(4); left > 0; left--) {
    const isEmpty = random.chance(0.2);
    const lowestOffset = isEmpty ? 2 ** 32 - 1 : randomNumber(random, 2 ** 32 - 2);
    const firstTime = randomNumber(random, 2 ** 45);
    const leaf: LeafEntry = {
      id: randomSegmentId(random),
      checksum: random.bytes(16),
      byteLength: randomNumber(random),
      firstRecord,
      recordCount: random.between(1, 1000),
      firstLsn,
      lsnCount: random.between(1, 1000),
      firstTime,
      lastTime: firstTime + random.below(1e9),
      lowestOffset,
      highestOffset: isEmpty ? -1 : Math.min(2 ** 32 - 2, lowestOffset + random.below(1000)),
      lowestDrop: random.chance(0.5) ? 2 ** 32 - 1 : random.u32() - 1,
      hasImage: firstLsn > 1 && random.chance(0.5),
    };
    leaves.push({ ...leaf, lowestDrop: Math.max(0, leaf.lowestDrop) });
    firstRecord += leaf.recordCount;
    firstLsn += leaf.lsnCount;
  }
  const tail = tailFrom(random, vid, firstRecord, firstLsn);
  const lastLsn = firstLsn + tail.times.length - 1;
  return {
    closed: random.chance(0.2),
    volume: { pageSizeBytes: random.pick([512, 4096, 65536]), name: `vol-é${random.below(100)}` },
    cutoff: lastLsn <= oldest ? oldest : oldest + random.below(Math.min(1000, lastLsn - oldest + 1)),
    boundary: Math.min(firstRecord + tail.recordCount - 1, randomNumber(random)),
    ...stateOf(random, leaves, tail),
    meta: random.chance(0.5) ? random.bytes(random.below(50)) : undefined,
    leaves,
    tail,
  };
}

/** What a manifest says of the last LSN: what its runs say, or anything where they do not. */
function stateOf(random: Random, leaves: readonly LeafEntry[], tail: Leaf): Pick<Manifest, "time" | "pageCount"> {
  if (tail.firstLsn + tail.times.length === 1) return { time: 0, pageCount: 0 };
  return {
    time: tail.times.at(-1) ?? leaves.at(-1)?.lastTime ?? randomNumber(random),
    pageCount: tail.pageCounts.at(-1) ?? randomNumber(random, 2 ** 32 - 1),
  };
}

function tailFrom(random: Random, vid: VolumeId, firstRecord: number, firstLsn: number): Leaf {
  const leaf = randomLeaf(random, vid);
  const shift = firstLsn - leaf.firstLsn;
  return {
    ...leaf,
    firstRecord,
    firstLsn,
    references: leaf.references.map((reference) => ({ ...reference, baseLsn: reference.baseLsn + shift })),
    drops: leaf.drops.map((drop) => ({ ...drop, lsn: drop.lsn + shift })),
    image: firstLsn > 1 && random.chance(0.5) ? randomImage(random, vid, firstLsn - 1) : undefined,
  };
}

/** Some volumes, as they are after a change. */
export function randomState(random: Random, change: CatalogChange, timeMs: number): CatalogEntry[] {
  const state = Array.from({ length: random.below(5) }, (_, i) => ({
    vid: randomVid(random),
    name: `vol-${i}-é${random.below(100)}`,
    pageSizeBytes: random.pick([512, 4096, 65536]),
    createdMs: randomNumber(random),
  }));
  if (change.kind !== "drop") {
    const { vid, name } = change;
    const made = change.kind === "create";
    const pageSizeBytes = made ? change.pageSizeBytes : random.pick([512, 4096, 65536]);
    state.push({ vid, name, pageSizeBytes, createdMs: made ? timeMs : randomNumber(random) });
  }
  return state.sort((a, b) => a.vid.compare(b.vid));
}

export interface Sample {
  readonly name: string;
  readonly key: string;
  readonly bytes: Uint8Array;
  /** Bytes up to here are covered by the envelope. */
  readonly coveredBytes: number;
  readonly value: unknown;
  decode(bytes: Uint8Array, key: string): unknown;
}

/** One object of each kind, and what it must decode to. */
export function randomSamples(random: Random): Sample[] {
  const vid = randomVid(random);
  const samples: Sample[] = [];
  const add = (sample: Omit<Sample, "coveredBytes">) =>
    samples.push({ ...sample, coveredBytes: 32 + new DataView(sample.bytes.buffer).getUint32(12, true) });

  const record = 1 + randomNumber(random, 2 ** 50);
  const range = randomRange(random, vid);
  // As many attached segments as there happen to be references to this record.
  const attachments: Uint8Array[] = [];
  const references = range.references.map((reference): Reference => {
    const { location } = reference;
    if (random.chance(0.5) && (location.kind !== "record" || record > 1)) {
      if (location.kind !== "record") return reference;
      return { ...reference, location: { ...location, record: Math.min(location.record, record - 1) } };
    }
    const bytes = random.bytes(random.between(64, 300));
    attachments.push(bytes);
    const bodyOffset = random.between(64, bytes.length);
    const head = bytes.slice(0, bodyOffset);
    return { ...reference, location: { kind: "record", record, start: 0 }, byteLength: bytes.length, bodyOffset, head };
  });
  const nonce = random.bytes(16);
  const closing = range.times.length === 0 && random.chance(0.5);
  const meta = random.chance(0.5) ? random.bytes(random.below(100)) : undefined;
  const key = recordKey(vid, record);
  const bytes = encodeRecord(key, vid, record, { nonce, closing, range: { ...range, references }, meta }, attachments);
  let at = 32 + new DataView(bytes.buffer).getUint32(12, true);
  const placed = references.map((reference) => {
    if (reference.location.kind !== "record" || reference.location.record !== record) return reference;
    const start = at;
    at += reference.byteLength;
    return { ...reference, location: { ...reference.location, start } };
  });
  add({
    name: "record",
    key,
    bytes,
    value: { nonce: Buffer.from(nonce).toString("hex"), closing, meta, range: { ...range, references: placed } },
    decode: (bytes, key) => decodeRecord(bytes, key, vid, record),
  });

  const leaf = randomLeaf(random, vid);
  const keyOfLeaf = leafKey(vid, randomSegmentId(random));
  add({
    name: "leaf",
    key: keyOfLeaf,
    bytes: encodeLeaf(keyOfLeaf, vid, leaf),
    value: leaf,
    decode: (bytes, key) => decodeLeaf(bytes, key, vid).leaf,
  });

  const manifest = randomManifest(random, vid);
  const generation = 1 + randomNumber(random, 2 ** 50);
  const keyOfManifest = manifestKey(vid, generation);
  add({
    name: "manifest",
    key: keyOfManifest,
    bytes: encodeManifest(keyOfManifest, vid, manifest),
    value: { manifest, key: keyOfManifest },
    decode: (bytes, key) => decodeManifest(bytes, key, vid),
  });

  const name = `name ${random.below(1000)}`;
  const change = random.pick([
    { kind: "create", vid, pageSizeBytes: 4096, name } as const,
    { kind: "rename", vid, name } as const,
    { kind: "drop", vid } as const,
  ]);
  const timeMs = randomNumber(random);
  const state = random.chance(0.5) ? randomState(random, change, timeMs) : undefined;
  const keyOfCatalog = catalogKey(1 + randomNumber(random, 2 ** 50));
  add({
    name: "catalog record",
    key: keyOfCatalog,
    bytes: encodeCatalogRecord(keyOfCatalog, nonce, { timeMs, change, state }),
    value: { record: { nonce: Buffer.from(nonce).toString("hex"), timeMs, change, state }, key: keyOfCatalog },
    decode: (bytes, key) => decodeCatalogRecord(bytes, key),
  });

  const list = Array.from({ length: random.below(5) }, () => ({
    vid: randomVid(random),
    record: 1 + randomNumber(random, 2 ** 52),
  }));
  const keyOfList = sharedListKey(randomSegmentId(random));
  add({
    name: "shared list",
    key: keyOfList,
    bytes: encodeSharedList(keyOfList, list),
    value: list,
    decode: decodeSharedList,
  });
  const newer = generation + 1 + randomNumber(random, 2 ** 50);
  add({
    name: "stub",
    key: keyOfManifest,
    bytes: encodeStub(keyOfManifest, newer),
    value: newer,
    decode: (bytes, key) => decodeStub(bytes, key, generation),
  });
  return samples;
}
