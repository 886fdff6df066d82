/** The segments that an argument of `inspect` names: a file, an object's key, or a segment's id. */
import { readFile, stat } from "node:fs/promises";
import { InvalidArgument, NotFound } from "../core/errors.js";
import { SegmentId, VolumeId } from "../core/ids.js";
import { decodeRecord } from "../format/record.js";
import { MAX_SEGMENT_BYTES } from "../format/segment-header.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import { recordKey } from "../log/keys.js";

export interface FoundSegment {
  /** Where it is: a path, a key, or a record's key and the byte where it begins there. */
  readonly place: string;
  readonly bytes: Uint8Array;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** A record's key, by itself or at the end of a path. */
const RECORD = /(?:^|\/)v\/([0-9a-f-]{36})\/l\/(\d{16})$/;

/** The segment in a file, or those that it carries if it is a store's record; `undefined` where there is no such file. */
export async function segmentsInFile(path: string): Promise<FoundSegment[] | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined || info.isDirectory()) return undefined;
  if (info.size > MAX_SEGMENT_BYTES) {
    throw new InvalidArgument(`${path} is ${info.size} bytes long: no segment is longer than ${MAX_SEGMENT_BYTES}`);
  }
  return segmentsIn(await readFile(path), path);
}

/** The segments with this id or in the object of this key: a segment, or a record that carries some. */
export async function segmentsInStore(
  objects: ObjectStore,
  keyOrId: string,
  options: CallOptions,
): Promise<FoundSegment[]> {
  const found = UUID.test(keyOrId)
    ? await byId(objects, SegmentId.parse(keyOrId), options)
    : await inObject(objects, keyOrId, options);
  if (found.length > 0) return found;
  throw new NotFound(
    `no segment ${JSON.stringify(keyOrId)}: there is no such file, and no object of this key or segment of this id in ${objects.url}`,
  );
}

/** Keys end with the id of the segment that is an object of its own; the others lie in records. */
async function byId(objects: ObjectStore, id: SegmentId, options: CallOptions): Promise<FoundSegment[]> {
  for await (const { key } of objects.list("s/", options)) {
    if (key.endsWith(`/${id}`)) return inObject(objects, key, options);
  }
  for await (const { key } of objects.list("v/", options)) {
    if (!RECORD.test(key)) continue;
    const inRecord = await inObject(objects, key, options, id);
    if (inRecord.length > 0) return inRecord;
  }
  return [];
}

async function inObject(
  objects: ObjectStore,
  key: string,
  options: CallOptions,
  only?: SegmentId,
): Promise<FoundSegment[]> {
  const bytes = await objects.get(key, options);
  return bytes === undefined ? [] : segmentsIn(bytes, key, only);
}

/** The segments in an object, which is one or, by its place, a record. Of a record's, `only` the one with that id. */
function segmentsIn(bytes: Uint8Array, place: string, only?: SegmentId): FoundSegment[] {
  const [, vidText, digits] = RECORD.exec(place) ?? [];
  if (vidText === undefined) return [{ place, bytes }];
  const vid = VolumeId.parse(vidText);
  const record = Number(digits);
  const { range } = decodeRecord(bytes, recordKey(vid, record), vid, record);
  const found: FoundSegment[] = [];
  for (const { location, segmentId, byteLength } of range.references) {
    if (location.kind !== "record" || location.record !== record) continue;
    if (only !== undefined && !only.equals(segmentId)) continue;
    const { start } = location;
    found.push({ place: `${place}, byte ${start}`, bytes: bytes.subarray(start, start + byteLength) });
  }
  if (found.length === 0 && only === undefined) {
    throw new NotFound(`record ${place} carries no segment; "palimpsest log" shows what it committed`);
  }
  return found;
}
