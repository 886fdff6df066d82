/** The parts of keys in the rival designs: hashes of offsets and ids, and the comparison of an id with those in an index. */
import { ID_BYTES, type VolumeId } from "../../src/core/ids.js";

/** 32 bits of which the high ones are mixed best: Fibonacci hashing (Knuth, TAOCP 3, section 6.4). */
export function hashOffset(offset: number): number {
  return Math.imul(offset, 0x9e3779b1) >>> 0;
}

/** The last id that `loadId` was given, as four little-endian words: hosts are little-endian, as WebAssembly is. */
export const idWords = new Int32Array(ID_BYTES / 4);
const idBytes = new Uint8Array(idWords.buffer);
const idView = new DataView(idWords.buffer);

export function loadId(vid: VolumeId): void {
  vid.writeTo(idBytes, 0);
}

/** Loads the id that lies at `at` of an index. */
export function loadIdAt(view: DataView, at: number): void {
  for (let i = 0; i < idWords.length; i++) idWords[i] = view.getInt32(at + 4 * i, true);
}

/** The hash of an id's four little-endian words. */
export function hashId(word0: number, word1: number, word2: number, word3: number): number {
  let hash = Math.imul(word0, 0x9e3779b1) + Math.imul(word1, 0x85ebca6b);
  hash = (hash + Math.imul(word2, 0xc2b2ae35) + Math.imul(word3, 0x27d4eb2f)) | 0;
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
}

export function hashVid(vid: VolumeId): number {
  loadId(vid);
  return hashId(idWords[0], idWords[1], idWords[2], idWords[3]);
}

/** Whether the id at `at` is the one loaded. */
export function isLoadedId(view: DataView, at: number): boolean {
  return (
    view.getInt32(at, true) === idWords[0] &&
    view.getInt32(at + 4, true) === idWords[1] &&
    view.getInt32(at + 8, true) === idWords[2] &&
    view.getInt32(at + 12, true) === idWords[3]
  );
}

/** How the id at `at` compares with the one loaded, as memcmp does: negative, 0 or positive. */
export function idOrder(view: DataView, at: number): number {
  for (let i = 0; i < ID_BYTES; i += 4) {
    const stored = view.getUint32(at + i);
    const loaded = idView.getUint32(i);
    if (stored !== loaded) return stored < loaded ? -1 : 1;
  }
  return 0;
}
