/**
 * A history whose every page at every LSN follows from a formula, so that millions of reads can be checked without keeping
 * any of it: offset o is written by every `PERIOD`-th LSN, beginning with one that depends on o, and its bytes say both.
 */
import type { Commit } from "../../src/store/types.js";

export const LOAD_PAGE_SIZE = 4096;
export const LOAD_OFFSETS = 1024;
export const LOAD_LSNS = 200;
const PERIOD = 16;

const mix = (a: number, b: number) => Math.imul(Math.imul(a, 0x9e3779b1) ^ (b + 0x7f4a7c15), 0x85ebca6b) >>> 0;
const phase = (offset: number) => mix(offset, 1) >>> 28;

/** What LSN `lsn` writes: some 64 pages, most often too many for a record. */
export function loadCommit(lsn: number): Commit {
  const offsets = Array.from({ length: LOAD_OFFSETS }, (_, i) => i).filter((i) => phase(i) === lsn % PERIOD);
  return { pages: offsets.map((offset) => [offset, loadPage(offset, lsn, new Uint8Array(LOAD_PAGE_SIZE))]) };
}

/** Makes the page that `lsn` wrote at `offset`, in `target`. */
function loadPage(offset: number, lsn: number, target: Uint8Array): Uint8Array {
  const words = new Uint32Array(target.buffer, target.byteOffset, LOAD_PAGE_SIZE / 4);
  words.fill(mix(offset, lsn));
  words[0] = offset;
  words[words.length - 1] = lsn;
  return target;
}

const right = new Uint8Array(LOAD_PAGE_SIZE);

/** Whether `page` is what must be read at (`offset`, `lsn`). */
export function isRightLoadPage(page: Uint8Array | undefined, offset: number, lsn: number): boolean {
  const written = lsn - ((lsn - phase(offset) + PERIOD) % PERIOD);
  if (written < 1) return page === undefined;
  return page !== undefined && Buffer.compare(page, loadPage(offset, written, right)) === 0;
}
