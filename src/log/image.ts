/**
 * The image of a volume between two runs of records (spec/log.md, "Image"): the references, out of all before, that hold a
 * page which is still to be seen, and the drops that hide the others. It is made from the image before and one run, so the past
 * is never read for it.
 */
import { Corrupt, UnsupportedFormat } from "../core/errors.js";
import type { VolumeId } from "../core/ids.js";
import { MAX_PAGE_COUNT } from "../core/numbers.js";
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
  for (const { reference, offsets, lsns } of looked) {
    const isSeen = (offset: number, i: number) => lsns[i] === newest.get(offset) && !isDropped(drops, offset, lsns[i]);
    if (offsets.some(isSeen)) needed.add(reference);
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

const isDropped = (drops: readonly Drop[], offset: number, written: number) =>
  drops.some(({ lsn, from, to }) => lsn > written && offset >= from && offset < to);

/** Drops that later ones do not cover whole, in ascending order of LSN. */
function visibleDrops(drops: readonly Drop[]): Drop[] {
  const visible: Drop[] = [];
  /** What later ones cover: disjoint, ascending. */
  let covered: [from: number, to: number][] = [];
  for (const drop of drops.toSorted((a, b) => b.lsn - a.lsn)) {
    if (covered.some(([from, to]) => from <= drop.from && drop.to <= to)) continue;
    visible.push(drop);
    const touching = covered.filter(([from, to]) => from <= drop.to && drop.from <= to);
    const from = Math.min(drop.from, ...touching.map((range) => range[0]));
    const to = Math.min(MAX_PAGE_COUNT, Math.max(drop.to, ...touching.map((range) => range[1])));
    covered = [...covered.filter((range) => !touching.includes(range)), [from, to]];
  }
  return visible.reverse();
}
