/**
 * Volumes one after another, each with a part of the known history of its own: no page of one is a page of another. What a
 * process that commits for ever makes, and others check.
 */
import type { PageStore } from "../../src/store/page-store.js";
import { KNOWN_OFFSETS, KNOWN_PAGE_SIZE, KnownHistory, knownCommit } from "./known-history.js";
import type { Random } from "./random.js";

export const COMMITS_PER_VOLUME = 300;

const nameOf = (number: number) => `known-${number}`;
/** What commit `lsn` of volume `number` writes. */
export const commitOf = (number: number, lsn: number) => knownCommit(number * COMMITS_PER_VOLUME + lsn);

/** The newest volume and its last LSN; a new volume where the last one is full. */
export async function volumeToCommitTo(store: PageStore) {
  let count = 0;
  for await (const { name } of store.volumes()) if (name.startsWith("known-")) count++;
  if (count > 0) {
    const volume = await store.volume(nameOf(count - 1));
    const lsn = (await volume.latest())?.lsn ?? 0;
    if (lsn < COMMITS_PER_VOLUME) return { volume, number: count - 1, lsn };
  }
  const volume = await store.createVolume({ name: nameOf(count), pageSize: KNOWN_PAGE_SIZE });
  return { volume, number: count, lsn: 0 };
}

/**
 * Reads some pages at some LSNs of some volume, now one by one, now many at once.
 *
 * @returns the number of pages read, and what was wrong with them, in words.
 */
export async function checkSomePages(store: PageStore, random: Random): Promise<{ read: number; wrong: string[] }> {
  const wrong: string[] = [];
  let read = 0;
  const numbers: number[] = [];
  for await (const { name } of store.volumes()) if (name.startsWith("known-")) numbers.push(numbers.length);
  if (numbers.length === 0) return { read, wrong };
  // Half of the time the newest, which is being written.
  const number = random.chance(0.5) ? numbers.at(-1)! : random.pick(numbers);
  const volume = await store.volume(nameOf(number));
  const last = (await volume.latest())?.lsn ?? 0;
  if (last === 0) return { read, wrong };
  const known = new KnownHistory();
  known.lsn = number * COMMITS_PER_VOLUME;
  const first = random.between(1, last);
  for (let lsn = 1; lsn <= Math.min(last, first + 20); lsn++) {
    known.advance();
    if (lsn < first) continue;
    const at = await volume.snapshot(lsn);
    const check = (offset: number, found: Uint8Array | undefined) => {
      read++;
      const expected = known.page(offset);
      const same = found && expected ? Buffer.compare(found, expected) === 0 : found === expected;
      if (!same) wrong.push(`${nameOf(number)}, LSN ${lsn}, offset ${offset}: ${found ? "another page" : "absent"}`);
    };
    if (at.pageCount !== known.pageCount) wrong.push(`${nameOf(number)}, LSN ${lsn}: ${at.pageCount} pages`);
    const offsets = Array.from({ length: 30 }, () => random.below(KNOWN_OFFSETS));
    if (random.chance(0.3)) (await at.readPages(offsets)).forEach((page, i) => void check(offsets[i], page));
    else for (const offset of offsets) check(offset, await at.readPage(offset));
  }
  return { read, wrong };
}
