/**
 * The keys of every object, made here alone (spec/log.md, "Keys"). They are made of parsed ids and whole numbers, so
 * nothing that came from outside reaches the storage as text.
 */
import { assert } from "../core/assert.js";
import type { SegmentId, VolumeId } from "../core/ids.js";
import type { Location } from "../format/record-reference.js";

const DIGITS = 16;

function numbered(prefix: string, number: number): string {
  assert(Number.isSafeInteger(number) && number >= 0, `key number ${number}`);
  return prefix + String(number).padStart(DIGITS, "0");
}

export const catalogKey = (n: number): string => numbered("c/", n);
export const CATALOG_HEAD_KEY = "c/head";

export const recordKey = (vid: VolumeId, k: number): string => numbered(`v/${vid}/l/`, k);
export const manifestKey = (vid: VolumeId, g: number): string => numbered(`v/${vid}/m/`, g);
export const manifestHeadKey = (vid: VolumeId): string => `v/${vid}/m/head`;
export const leafKey = (vid: VolumeId, leaf: SegmentId): string => `v/${vid}/f/${leaf}`;

/** A segment that only record `k` of the volume may introduce. */
export const segmentKey = (vid: VolumeId, k: number, segment: SegmentId): string =>
  `${numbered(`s/${vid}/`, k)}/${segment}`;
export const sharedSegmentKey = (group: SegmentId, segment: SegmentId): string => `s/shared/${group}/${segment}`;
export const sharedListKey = (group: SegmentId): string => `s/shared/${group}/records`;

/**
 * Whether what lies at a key never becomes something else, so that it may be kept: segments, leaves and records. (A record's
 * key can be used again after a collection, by a writer that stalled; nobody believes what is there then.)
 */
export const isImmutableKey = (key: string): boolean => key.startsWith("s/") || /^v\/[^/]+\/[lf]\//.test(key);

/** Where the bytes of a referenced segment lie: an object, and the segment's first byte in it. */
export function placeOf(vid: VolumeId, segment: SegmentId, location: Location): { key: string; start: number } {
  switch (location.kind) {
    case "record":
      return { key: recordKey(vid, location.record), start: location.start };
    case "object":
      return { key: segmentKey(location.vid, location.record, segment), start: 0 };
    case "shared":
      return { key: sharedSegmentKey(location.group, segment), start: 0 };
  }
}

/** The number that a key of a sequence ends with, when it is the key that `keyOf` makes of that number. */
export function numberIn(key: string, keyOf: (number: number) => string): number | undefined {
  const digits = key.slice(-DIGITS);
  if (!/^\d{16}$/.test(digits)) return undefined;
  const number = Number(digits);
  // From 1, and so that there is a next one: what keys inside objects say is not to be trusted.
  return number > 0 && Number.isSafeInteger(number + 1) && keyOf(number) === key ? number : undefined;
}
