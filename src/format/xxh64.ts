/**
 * XXH64 in plain TypeScript, for the pure-TypeScript probe and for what is hashed without a core. 64-bit numbers are
 * pairs of 32-bit halves: a `bigint` is made of the sum alone, for each of them is an object.
 * After the specification: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 */

const P1_HIGH = 0x9e3779b1 | 0;
const P1_LOW = 0x85ebca87 | 0;
const P2_HIGH = 0xc2b2ae3d | 0;
const P2_LOW = 0x27d4eb4f | 0;
const P3_HIGH = 0x165667b1 | 0;
const P3_LOW = 0x9e3779f9 | 0;
const P4_HIGH = 0x85ebca77 | 0;
const P4_LOW = 0xc2b2ae63 | 0;
const P5_HIGH = 0x27d4eb2f | 0;
const P5_LOW = 0x165667c5 | 0;

/** The high 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + (Math.imul(a0, b0) >>> 16);
  const cross = a0 * b1 + (middle & 0xffff);
  return (Math.imul(a1, b1) + (middle >>> 16) + (cross >>> 16)) | 0;
}

/** 64-bit numbers, low and high halves in turn: four lanes, the hash, a word. One thread and no recursion: shared by all calls. */
const halves = new Int32Array(12);
const HASH = 8;
const WORD = 10;

function set(at: number, low: number, high: number): void {
  halves[at] = low;
  halves[at + 1] = high;
}

function add(at: number, low: number, high: number): void {
  const sum = (halves[at] + low) | 0;
  halves[at] = sum;
  halves[at + 1] += high + (sum >>> 0 < low >>> 0 ? 1 : 0);
}

function multiply(at: number, low: number, high: number): void {
  const ownLow = halves[at];
  halves[at] = Math.imul(ownLow, low);
  halves[at + 1] = multiplyHigh(ownLow, low) + Math.imul(ownLow, high) + Math.imul(halves[at + 1], low);
}

/** @param bits From 1 to 31. */
function rotateLeft(at: number, bits: number): void {
  const low = halves[at];
  const high = halves[at + 1];
  halves[at] = (low << bits) | (high >>> (32 - bits));
  halves[at + 1] = (high << bits) | (low >>> (32 - bits));
}

/** lane = rotl(lane + word * P2, 31) * P1 */
function round(lane: number, wordLow: number, wordHigh: number): void {
  const low = Math.imul(wordLow, P2_LOW);
  const high = (multiplyHigh(wordLow, P2_LOW) + Math.imul(wordLow, P2_HIGH) + Math.imul(wordHigh, P2_LOW)) | 0;
  add(lane, low, high);
  rotateLeft(lane, 31);
  multiply(lane, P1_LOW, P1_HIGH);
}

/** hash = hash ^ round(0, word) */
function mix(wordLow: number, wordHigh: number): void {
  set(WORD, 0, 0);
  round(WORD, wordLow, wordHigh);
  halves[HASH] ^= halves[WORD];
  halves[HASH + 1] ^= halves[WORD + 1];
}

/** hash = hash ^ word * P, of a word below 2^32 */
function mixShort(word: number, low: number, high: number): void {
  set(WORD, word, 0);
  multiply(WORD, low, high);
  halves[HASH] ^= halves[WORD];
  halves[HASH + 1] ^= halves[WORD + 1];
}

/** By how many bits each lane is turned before they are added. */
const TURNS = [
  [0, 1],
  [2, 7],
  [4, 12],
  [6, 18],
] as const;

/** The XXH64 of `bytes`, an unsigned 64-bit number. */
export function xxh64(bytes: Uint8Array, seed = 0n): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length;
  const seedLow = Number(seed & 0xffff_ffffn) | 0;
  const seedHigh = Number(seed >> 32n) | 0;
  let at = 0;
  if (length >= 32) {
    for (let lane = 0; lane < 8; lane += 2) set(lane, seedLow, seedHigh);
    add(0, P1_LOW, P1_HIGH);
    add(0, P2_LOW, P2_HIGH);
    add(2, P2_LOW, P2_HIGH);
    // Less P1.
    add(6, -P1_LOW, ~P1_HIGH);
    for (; at + 32 <= length; at += 32) {
      round(0, view.getInt32(at, true), view.getInt32(at + 4, true));
      round(2, view.getInt32(at + 8, true), view.getInt32(at + 12, true));
      round(4, view.getInt32(at + 16, true), view.getInt32(at + 20, true));
      round(6, view.getInt32(at + 24, true), view.getInt32(at + 28, true));
    }
    set(HASH, 0, 0);
    for (const [lane, bits] of TURNS) {
      set(WORD, halves[lane], halves[lane + 1]);
      rotateLeft(WORD, bits);
      add(HASH, halves[WORD], halves[WORD + 1]);
    }
    for (let lane = 0; lane < 8; lane += 2) {
      mix(halves[lane], halves[lane + 1]);
      multiply(HASH, P1_LOW, P1_HIGH);
      add(HASH, P4_LOW, P4_HIGH);
    }
  } else {
    set(HASH, seedLow, seedHigh);
    add(HASH, P5_LOW, P5_HIGH);
  }
  add(HASH, length, 0);
  for (; at + 8 <= length; at += 8) {
    mix(view.getInt32(at, true), view.getInt32(at + 4, true));
    rotateLeft(HASH, 27);
    multiply(HASH, P1_LOW, P1_HIGH);
    add(HASH, P4_LOW, P4_HIGH);
  }
  if (at + 4 <= length) {
    mixShort(view.getInt32(at, true), P1_LOW, P1_HIGH);
    rotateLeft(HASH, 23);
    multiply(HASH, P2_LOW, P2_HIGH);
    add(HASH, P3_LOW, P3_HIGH);
    at += 4;
  }
  for (; at < length; at++) {
    mixShort(bytes[at], P5_LOW, P5_HIGH);
    rotateLeft(HASH, 11);
    multiply(HASH, P1_LOW, P1_HIGH);
  }
  // hash ^= hash >> 33
  halves[HASH] ^= halves[HASH + 1] >>> 1;
  multiply(HASH, P2_LOW, P2_HIGH);
  // hash ^= hash >> 29
  halves[HASH] ^= (halves[HASH] >>> 29) | (halves[HASH + 1] << 3);
  halves[HASH + 1] ^= halves[HASH + 1] >>> 29;
  multiply(HASH, P3_LOW, P3_HIGH);
  // hash ^= hash >> 32
  halves[HASH] ^= halves[HASH + 1];
  return (BigInt(halves[HASH + 1] >>> 0) << 32n) | BigInt(halves[HASH] >>> 0);
}
