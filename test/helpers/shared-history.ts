/**
 * A history that any thread knows without being told: whether commit `lsn` writes or drops an offset, and so which version a
 * reader sees, and every byte of it, follow from the numbers alone.
 */
import type { Commit } from "../../src/store/types.js";

export const SHARED_PAGE_SIZE = 1024;
export const SHARED_OFFSETS = 1500;

function mix(a: number, b: number): number {
  let z = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77);
  z = Math.imul(z ^ (z >>> 15), 0x2c1b3c6d);
  z = Math.imul(z ^ (z >>> 12), 0x297a2d39);
  return (z ^ (z >>> 15)) >>> 0;
}

/** The first offset of the hundred that a commit drops, -1 where it drops none. */
function droppedFrom(lsn: number): number {
  return lsn % 23 === 0 ? 200 + (mix(lsn, 7) % (SHARED_OFFSETS - 300)) : -1;
}

function drops(offset: number, lsn: number): boolean {
  const from = droppedFrom(lsn);
  return from >= 0 && offset >= from && offset < from + 100;
}

function writes(offset: number, lsn: number): boolean {
  if (drops(offset, lsn)) return false;
  // The first commit has most; the others a few, and rather those at the beginning.
  if (lsn === 1) return offset % 13 !== 5;
  return mix(offset, lsn) % (offset < 64 ? 8 : 64) === 0;
}

/** The LSN that wrote what a reader at `lsn` sees, 0 where there is nothing. */
export function versionAt(offset: number, lsn: number): number {
  for (let at = lsn; at > 0; at--) {
    if (drops(offset, at)) return 0;
    if (writes(offset, at)) return at;
  }
  return 0;
}

const wordAt = (volume: number, seed: number, i: number) => (seed + Math.imul(i + volume, 0x9e3779b1)) | 0;

/** The page that commit `lsn` of volume number `volume` writes at `offset`. */
function pageOf(volume: number, offset: number, lsn: number): Uint8Array {
  const words = new Int32Array(SHARED_PAGE_SIZE / 4);
  const seed = mix(offset, lsn);
  for (let i = 0; i < words.length; i++) words[i] = wordAt(volume, seed, i);
  return new Uint8Array(words.buffer);
}

/** Whether `page` is, in every byte, the one that a reader sees. */
export function isRight(page: Uint8Array | undefined, volume: number, offset: number, lsn: number): boolean {
  const version = versionAt(offset, lsn);
  if (page === undefined || version === 0) return page === undefined && version === 0;
  const words = new Int32Array(page.buffer, page.byteOffset, page.length / 4);
  const seed = mix(offset, version);
  for (let i = 0; i < words.length; i++) if (words[i] !== wordAt(volume, seed, i)) return false;
  return true;
}

export function sharedCommit(volume: number, lsn: number): Commit {
  const pages: [number, Uint8Array][] = [];
  for (let offset = 0; offset < SHARED_OFFSETS; offset++) {
    if (writes(offset, lsn)) pages.push([offset, pageOf(volume, offset, lsn)]);
  }
  const from = droppedFrom(lsn);
  return { pages, pageCount: SHARED_OFFSETS, drops: from < 0 ? [] : [[from, from + 100]] };
}
