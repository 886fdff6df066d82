/**
 * A collector of one volume, by the rules of spec/log.md ("Collection"): it publishes a boundary, waits, and then deletes what
 * no reader needs. It holds nothing that the store does not say, so that it may stop between any two requests, and another
 * may go on in its place.
 *
 * Segments that volumes share are left alone: they are garbage only once the boundary of every volume in their list has
 * passed, which no collector of one volume can say.
 */
import { SegmentId, type VolumeId } from "../../src/core/ids.js";
import { ENVELOPE_BYTES } from "../../src/format/envelope.js";
import { decodeLeaf } from "../../src/format/manifest-leaf.js";
import { encodeStub, isStub } from "../../src/format/manifest-stub.js";
import type { Reference } from "../../src/format/record-reference.js";
import { sleep } from "../../src/io/backoff.js";
import type { ObjectStore } from "../../src/io/object-store.js";
import { leafKey, manifestKey, numberIn, placeOf, recordKey, segmentKey } from "../../src/log/keys.js";
import { GRACE_MS, type Instant, now } from "../../src/log/look.js";
import { VolumeLog } from "../../src/log/volume-log.js";

export interface Collected {
  /** Records up to this one may be gone now. */
  boundary: number;
  records: number;
  segments: number;
  leaves: number;
  /** Manifests that became stubs. */
  manifests: number;
}

const ID_CHARACTERS = 36;

/**
 * Collects once.
 *
 * @throws what the storage throws: then it is to be begun again.
 */
export async function collect(objects: ObjectStore, vid: VolumeId): Promise<Collected> {
  const log = await VolumeLog.open(objects, vid);
  await log.refresh();
  if (log.nextRecord === 1) return { boundary: 0, records: 0, segments: 0, leaves: 0, manifests: 0 };
  const boundary = await announce(log);
  await waitFrom(now());
  // Its boundary may be a higher one by now. That one was announced later, so nothing is deleted by it.
  await log.refresh();
  const needed = await neededKeys(log);
  return {
    boundary,
    records: await deleteRecords(objects, vid, boundary, needed),
    segments: await deleteSegments(objects, vid, boundary, needed),
    leaves: await deleteLeaves(objects, log),
    manifests: await replaceManifests(objects, vid),
  };
}

/** @returns a boundary that every process which looks from now on finds, or a higher one. */
async function announce(log: VolumeLog): Promise<number> {
  for (;;) {
    const boundary = log.nextRecord - 1;
    // What another collector announced is known to be announced now, whenever that was.
    if (log.boundary >= boundary || (await log.publish({ boundary }))) return log.boundary;
    await log.refresh();
  }
}

/**
 * The grace period by this machine's own clocks: by the one that shows less, so that a clock which was set forward, or stood
 * still while the machine slept, only makes it longer.
 */
async function waitFrom(began: Instant): Promise<void> {
  for (;;) {
    const elapsed = Math.min(performance.now() - began.monotonicMs, Date.now() - began.wallMs);
    if (elapsed >= GRACE_MS) return;
    await sleep(GRACE_MS - elapsed, "waiting for the grace period");
  }
}

/** The objects in which anything lies that the log still refers to. */
async function neededKeys(log: VolumeLog): Promise<Set<string>> {
  const needed = new Set<string>();
  const add = ({ segmentId, location }: Reference) => needed.add(placeOf(log.vid, segmentId, location).key);
  for (const chapter of log.chapters) {
    const { references, image } = await log.leaves.read(chapter);
    references.forEach(add);
    image?.references.forEach(add);
  }
  return needed;
}

/** Everything in the folder of a key. */
const folderOf = (key: string): string => key.slice(0, key.lastIndexOf("/") + 1);

/** Also what a writer that had stalled put at a key which was free again. */
async function deleteRecords(
  objects: ObjectStore,
  vid: VolumeId,
  boundary: number,
  needed: ReadonlySet<string>,
): Promise<number> {
  let deleted = 0;
  for await (const { key } of objects.list(folderOf(recordKey(vid, 0)))) {
    const record = numberIn(key, (k) => recordKey(vid, k));
    if (record === undefined || record > boundary || needed.has(key)) continue;
    await objects.delete(key);
    deleted++;
  }
  return deleted;
}

async function deleteSegments(
  objects: ObjectStore,
  vid: VolumeId,
  boundary: number,
  needed: ReadonlySet<string>,
): Promise<number> {
  let deleted = 0;
  const ofRecord = (key: string) => key.slice(0, -ID_CHARACTERS - 1);
  const anyId = SegmentId.fromBytes(new Uint8Array(16));
  const folder = folderOf(ofRecord(segmentKey(vid, 0, anyId)));
  for await (const { key } of objects.list(folder)) {
    const record = numberIn(ofRecord(key), (k) => ofRecord(segmentKey(vid, k, anyId)));
    if (record === undefined || record > boundary || needed.has(key)) continue;
    await objects.delete(key);
    deleted++;
  }
  return deleted;
}

/**
 * Leaves that no manifest names, and that none can name any more: the leaves of the newest reach further than where they begin.
 * Whoever put one of the others may be about to publish it.
 */
export async function deleteLeaves(objects: ObjectStore, { vid, chapters }: VolumeLog): Promise<number> {
  const stored = chapters.filter(({ entry }) => entry !== undefined);
  const named = new Set(stored.map(({ entry }) => leafKey(vid, entry!.id)));
  const nextRecord = chapters[stored.length].firstRecord;
  let deleted = 0;
  for await (const { key } of objects.list(folderOf(leafKey(vid, SegmentId.random())))) {
    if (named.has(key)) continue;
    const bytes = await objects.get(key);
    if (!bytes || decodeLeaf(bytes, key, vid).leaf.firstRecord >= nextRecord) continue;
    await objects.delete(key);
    deleted++;
  }
  return deleted;
}

/**
 * From the oldest on, so that stubs always are the beginning of the sequence: where one is found on the way back from the
 * newest, everything before it is done.
 */
async function replaceManifests(objects: ObjectStore, vid: VolumeId): Promise<number> {
  const newest = await newestGeneration(objects, vid);
  let first = newest;
  while (first > 1 && !(await isReplaced(objects, manifestKey(vid, first - 1)))) first--;
  for (let generation = first; generation < newest; generation++) {
    const key = manifestKey(vid, generation);
    await objects.put(key, encodeStub(key, newest));
  }
  return newest - first;
}

async function isReplaced(objects: ObjectStore, key: string): Promise<boolean> {
  const start = await objects.getRange(key, 0, ENVELOPE_BYTES);
  return start !== undefined && isStub(start);
}

async function newestGeneration(objects: ObjectStore, vid: VolumeId): Promise<number> {
  let newest = 0;
  for await (const { key } of objects.list(folderOf(manifestKey(vid, 0)))) {
    newest = Math.max(newest, numberIn(key, (g) => manifestKey(vid, g)) ?? 0);
  }
  return newest;
}
