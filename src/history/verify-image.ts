/**
 * Checks an image against the run of records before it (spec/log.md, "Image"): it must name references of what was before alone, and
 * show at every offset what they show. Like the image itself, the check goes from run to run, so that it reads the past once.
 */
import { Corrupt } from "../core/errors.js";
import type { Image, Leaf } from "../format/manifest-leaf.js";
import type { Contents } from "../format/record-range.js";
import type { Reference } from "../format/record-reference.js";
import type { DecodedVolume } from "../format/segment-index.js";
import { hideDropped } from "../log/image.js";

/** Reads a reference's part of its segment's index. */
export type IndexReader = (reference: Reference) => Promise<DecodedVolume>;

/**
 * @param before The run that ends where the image stands: of whole history, or with an image of its own.
 * @param key Of the object that holds the image, for errors.
 * @throws Corrupt, and what `read` throws.
 */
export async function checkImage(before: Leaf, image: Image, key: string, read: IndexReader): Promise<void> {
  // Where nothing is known of what was before, there is nothing to hold it against.
  if (before.firstLsn > 1 && !before.image) return;
  const contradiction = (expected: string, actual: string) =>
    new Corrupt("image against the history before it", { key, byteOffset: 0, expected, actual });
  const past: Contents = {
    references: [...(before.image?.references ?? []), ...before.references],
    drops: [...(before.image?.drops ?? []), ...before.drops],
  };
  const names = new Set(past.references.map(nameOf));
  const stranger = image.references.find((reference) => !names.has(nameOf(reference)));
  if (stranger) throw contradiction("references of earlier runs", nameOf(stranger));
  const expected = await visibleIn(past, read);
  const actual = await visibleIn(image, read);
  for (const [offset, lsn] of expected) {
    if (actual.get(offset) === lsn) continue;
    throw contradiction(`offset ${offset} of LSN ${lsn}`, `${actual.get(offset) ?? "none"}`);
  }
  for (const [offset, lsn] of actual) {
    if (!expected.has(offset)) throw contradiction(`nothing at offset ${offset}`, `one of LSN ${lsn}`);
  }
}

/** What makes a reference the same one: where the segment lies is told from its id. */
const nameOf = ({ segmentId, vid, baseLsn }: Reference) => `segment ${segmentId}, volume ${vid}, base LSN ${baseLsn}`;

/** The LSN of what is to be seen at each offset. */
async function visibleIn({ references, drops }: Readonly<Contents>, read: IndexReader): Promise<Map<number, number>> {
  const newest = new Map<number, number>();
  for (const reference of references) {
    const { offsets, starts, rlsns } = await read(reference);
    for (let i = 0; i < offsets.length; i++) {
      const lsn = reference.baseLsn + rlsns[starts[i + 1] - 1];
      if (lsn > (newest.get(offsets[i]) ?? 0)) newest.set(offsets[i], lsn);
    }
  }
  hideDropped(newest, drops);
  return newest;
}
