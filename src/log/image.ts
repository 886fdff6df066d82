/**
 * The image of a volume between two runs of records (spec/log.md, "Image"): the references, out of all before, that hold a
 * page which is still to be seen, and the drops that hide the others. It is made from the image before and one run, so the past
 * is never read for it.
 */
import { Corrupt, UnsupportedFormat } from "../core/errors.js";
import type { VolumeId } from "../core/ids.js";
import { ByteWriter } from "../format/bytes.js";
import type { Image, Leaf } from "../format/manifest-leaf.js";
import { type Drop, encodeContents } from "../format/record-range.js";
import { lastLsnIn, type Reference } from "../format/record-reference.js";
import { type DecodedVolume, decodeIndex } from "../format/segment-index.js";

/** A longer image is not made: it travels with every manifest. A checkpoint makes the next one short. */
const MAX_IMAGE_BYTES = 256 << 10;
/** So many pages are looked at, the newest first; references of the others are kept, whether they are needed or not. */
const MAX_PAGES = 1 << 18;
const NOTHING = new Uint8Array(0);

/** The image behind a run, `undefined` where there is none before it or it would be too long. */
export function imageAfter(leaf: Leaf, vid: VolumeId): Image | undefined {
  if (leaf.firstLsn > 1 && !leaf.image) return undefined;
  const drops = visibleDrops([...(leaf.image?.drops ?? []), ...leaf.drops]);
  const all = [...(leaf.image?.references ?? []), ...leaf.references];
  const references = neededReferences(all, drops).map((reference) => ({ ...reference, sha256: NOTHING }));
  const writer = new ByteWriter(4096);
  encodeContents(writer, { references, drops }, vid, { firstLsn: 1, isImage: true });
  return writer.length > MAX_IMAGE_BYTES ? undefined : { references, drops };
}

/** The newest version of each offset in one reference, by its head. */
interface NewestVersions {
  readonly reference: Reference;
  readonly offsets: Uint32Array;
  readonly lsns: Float64Array;
}

/** References with a version that no later one replaces and no drop hides, in their order; and all that were not looked at. */
function neededReferences(references: readonly Reference[], drops: readonly Drop[]): Reference[] {
  const needed = new Set<Reference>();
  const looked: NewestVersions[] = [];
  /** By offset. */
  const newest = new Map<number, number>();
  let pages = 0;
  for (const reference of references.toSorted((a, b) => lastLsnIn(b) - lastLsnIn(a))) {
    pages += reference.pageCount;
    const versions = pages <= MAX_PAGES ? newestVersions(reference) : undefined;
    if (!versions) {
      needed.add(reference);
      continue;
    }
    looked.push(versions);
    versions.offsets.forEach((offset, i) => {
      const lsn = versions.lsns[i];
      if (lsn > (newest.get(offset) ?? 0)) newest.set(offset, lsn);
    });
  }
  hideDropped(newest, drops);
  for (const { reference, offsets, lsns } of looked) {
    if (offsets.some((offset, i) => lsns[i] === newest.get(offset))) needed.add(reference);
  }
  return references.filter((reference) => needed.has(reference));
}

function newestVersions(reference: Reference): NewestVersions | undefined {
  const { head, vid, baseLsn } = reference;
  if (!head) return undefined;
  const found = volumeIn(head, reference, vid);
  if (!found) return undefined;
  const { offsets, starts, rlsns } = found;
  const lsns = new Float64Array(offsets.length);
  for (let i = 0; i < offsets.length; i++) lsns[i] = baseLsn + rlsns[starts[i + 1] - 1];
  return { reference, offsets, lsns };
}

/** A damaged head is for whoever reads the page to report: here it only cannot be left out. */
function volumeIn(head: Uint8Array, reference: Reference, vid: VolumeId): DecodedVolume | undefined {
  try {
    const { volumes } = decodeIndex(head, `segment ${reference.segmentId}`);
    return volumes.find((volume) => volume.vid.equals(vid));
  } catch (error) {
    if (error instanceof Corrupt || error instanceof UnsupportedFormat) return undefined;
    throw error;
  }
}

/** Takes out of `newest`, the newest LSN of each offset, what drops hide. */
export function hideDropped(newest: Map<number, number>, drops: readonly Drop[]): void {
  if (drops.length === 0) return;
  const offsets = Uint32Array.from(newest.keys()).sort();
  for (const { lsn, from, to } of drops) {
    for (let i = firstFrom(offsets, from); i < offsets.length && offsets[i] < to; i++) {
      if ((newest.get(offsets[i]) ?? lsn) < lsn) newest.delete(offsets[i]);
    }
  }
}

/** The index of the first of ascending values that is at least `least`. */
function firstFrom(values: ArrayLike<number>, least: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Drops that later ones do not cover whole, in ascending order of LSN. */
function visibleDrops(drops: readonly Drop[]): Drop[] {
  const covered = new CoveredOffsets();
  const visible = drops.toSorted((a, b) => b.lsn - a.lsn).filter(({ from, to }) => covered.add(from, to));
  return visible.reverse();
}

/** Runs of offsets, disjoint and ascending. */
class CoveredOffsets {
  readonly #from: number[] = [];
  readonly #to: number[] = [];

  /** Adds offsets; false where all of them were there. */
  add(from: number, to: number): boolean {
    const first = firstFrom(this.#to, from);
    if (this.#from[first] <= from && to <= this.#to[first]) return false;
    let end = first;
    while (end < this.#from.length && this.#from[end] <= to) end++;
    const touching = end - first;
    const start = touching > 0 ? Math.min(from, this.#from[first]) : from;
    const stop = touching > 0 ? Math.max(to, this.#to[end - 1]) : to;
    this.#from.splice(first, touching, start);
    this.#to.splice(first, touching, stop);
    return true;
  }
}
