/**
 * A volume's history that follows from the LSN alone: what commit n writes, and so what every page is at every LSN. A
 * process that was killed and one that looks afterwards agree on it without a word.
 */
import type { Commit } from "../../src/store/types.js";
import { seededRandom } from "./random.js";

export const KNOWN_PAGE_SIZE = 512;
/** Every offset that is ever written is below this. */
export const KNOWN_OFFSETS = 1000;
/** Their pages are too many for a record: they get a segment of their own. */
const LARGE_PAGES = 600;

/** What commit `lsn` does, but for the pages' bytes: `offsets` are those that it writes. */
interface Change {
  readonly offsets: readonly number[];
  readonly drops?: [number, number][];
  readonly pageCount?: number;
}

/** Mostly a few pages; now and then hundreds, a shrink, a drop, or nothing at all. */
function knownChange(lsn: number): Change {
  const random = seededRandom(lsn);
  const below = (bound: number) => Math.floor(random() * bound);
  if (lsn % 11 === 0) return { offsets: [], pageCount: 50 + below(100) };
  if (lsn % 17 === 0) return { offsets: [] };
  const from = below(KNOWN_OFFSETS - LARGE_PAGES);
  const offsets =
    lsn % 7 === 0
      ? Array.from({ length: LARGE_PAGES }, (_, i) => from + i)
      : [...new Set(Array.from({ length: 1 + below(5) }, () => below(KNOWN_OFFSETS)))].sort((a, b) => a - b);
  return lsn % 13 === 0 ? { offsets, drops: [[from, from + 20]] } : { offsets };
}

/** Commit `lsn`. */
export function knownCommit(lsn: number): Commit & { pages: [number, Uint8Array][] } {
  const { offsets, ...rest } = knownChange(lsn);
  return { pages: offsets.map((offset) => [offset, knownPage(offset, lsn)]), ...rest };
}

/** The first word of the page that commit `lsn` writes at `offset`; each is one more than that before it. */
const firstWord = (offset: number, lsn: number) => Math.imul(lsn * 1_000_003 + offset, 2_654_435_761);

/** The page that commit `lsn` writes at `offset`. */
function knownPage(offset: number, lsn: number): Uint8Array {
  const page = new Uint8Array(KNOWN_PAGE_SIZE);
  const words = new Uint32Array(page.buffer);
  const first = firstWord(offset, lsn);
  for (let i = 0; i < words.length; i++) words[i] = first + i;
  return page;
}

/** Replays commits 1, 2, … and answers for the newest. */
export class KnownHistory {
  lsn = 0;
  pageCount = 0;
  /** The LSN that wrote each page that is there. */
  readonly #writers = new Map<number, number>();

  advance(): void {
    const { offsets, drops = [], pageCount } = knownChange(++this.lsn);
    for (const [from, to] of drops) this.#drop(from, to);
    for (const offset of offsets) this.#writers.set(offset, this.lsn);
    const end = offsets.reduce((most, offset) => Math.max(most, offset + 1), this.pageCount);
    this.pageCount = pageCount ?? end;
    this.#drop(this.pageCount, KNOWN_OFFSETS);
  }

  #drop(from: number, to: number): void {
    for (const offset of this.#writers.keys()) if (offset >= from && offset < to) this.#writers.delete(offset);
  }

  page(offset: number): Uint8Array | undefined {
    const lsn = this.#writers.get(offset);
    return lsn === undefined ? undefined : knownPage(offset, lsn);
  }

  /** Whether `found` is `page(offset)`. Makes no page, for what asks this of thousands. */
  isPage(offset: number, found: Uint8Array | undefined): boolean {
    const lsn = this.#writers.get(offset);
    if (found === undefined || lsn === undefined) return found === lsn;
    if (found.length !== KNOWN_PAGE_SIZE) return false;
    const view = new DataView(found.buffer, found.byteOffset, found.length);
    const first = firstWord(offset, lsn);
    for (let i = 0; i < KNOWN_PAGE_SIZE / 4; i++) {
      if (view.getInt32(4 * i, true) !== ((first + i) | 0)) return false;
    }
    return true;
  }
}

interface Reader {
  readPage(offset: number): Promise<Uint8Array | undefined>;
  readonly pageCount: number;
}

/**
 * Holds LSNs 1 to `last` against what they must be, reading a few offsets at each and every one at the last.
 *
 * @returns What is wrong, in words; nothing where all is well.
 */
export async function wrongPages(last: number, open: (lsn: number) => Promise<Reader>): Promise<string[]> {
  const known = new KnownHistory();
  const wrong: string[] = [];
  while (known.lsn < last) {
    known.advance();
    const at = await open(known.lsn);
    if (at.pageCount !== known.pageCount) wrong.push(`LSN ${known.lsn}: ${at.pageCount} pages, not ${known.pageCount}`);
    const step = known.lsn === last ? 1 : 37;
    for (let offset = known.lsn % step; offset < KNOWN_OFFSETS; offset += step) {
      const found = await at.readPage(offset);
      if (!known.isPage(offset, found))
        wrong.push(`LSN ${known.lsn}, offset ${offset}: ${found ? "another page" : "absent"}`);
    }
  }
  return wrong;
}
