/**
 * XXH64 in plain TypeScript, for the pure-TypeScript probe and for what is hashed without a core. 64-bit numbers are
 * pairs of 32-bit halves. After the specification: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 */

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;
const MASK = 0xffff_ffff_ffff_ffffn;

const P1_HIGH = 0x9e3779b1 | 0;
const P1_LOW = 0x85ebca87 | 0;
const P2_HIGH = 0xc2b2ae3d | 0;
const P2_LOW = 0x27d4eb4f | 0;

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

/** The four lanes, low and high halves in turn. One thread and no recursion: shared by all calls. */
const lanes = new Int32Array(8);

/** lane = rotl(lane + word * P2, 31) * P1 */
function round(lane: number, wordLow: number, wordHigh: number): void {
  const low = Math.imul(wordLow, P2_LOW);
  const high = (multiplyHigh(wordLow, P2_LOW) + Math.imul(wordLow, P2_HIGH) + Math.imul(wordHigh, P2_LOW)) | 0;
  const sumLow = (lanes[lane] + low) | 0;
  const sumHigh = (lanes[lane + 1] + high + (sumLow >>> 0 < low >>> 0 ? 1 : 0)) | 0;
  const turnedLow = (sumLow << 31) | (sumHigh >>> 1);
  const turnedHigh = (sumHigh << 31) | (sumLow >>> 1);
  lanes[lane] = Math.imul(turnedLow, P1_LOW);
  lanes[lane + 1] =
    (multiplyHigh(turnedLow, P1_LOW) + Math.imul(turnedLow, P1_HIGH) + Math.imul(turnedHigh, P1_LOW)) | 0;
}

const rotl = (value: bigint, bits: bigint) => ((value << bits) | (value >> (64n - bits))) & MASK;
const roundBig = (lane: bigint, word: bigint) => (rotl((lane + word * P2) & MASK, 31n) * P1) & MASK;
const laneBig = (lane: number) => (BigInt(lanes[lane + 1] >>> 0) << 32n) | BigInt(lanes[lane] >>> 0);

function setLane(lane: number, value: bigint): void {
  lanes[lane] = Number(value & 0xffffffffn) | 0;
  lanes[lane + 1] = Number((value >> 32n) & 0xffffffffn) | 0;
}

/** The XXH64 of `bytes`, an unsigned 64-bit number. */
export function xxh64(bytes: Uint8Array, seed = 0n): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length;
  let at = 0;
  let hash: bigint;
  if (length >= 32) {
    setLane(0, (seed + P1 + P2) & MASK);
    setLane(2, (seed + P2) & MASK);
    setLane(4, seed & MASK);
    setLane(6, (seed - P1) & MASK);
    for (; at + 32 <= length; at += 32) {
      round(0, view.getInt32(at, true), view.getInt32(at + 4, true));
      round(2, view.getInt32(at + 8, true), view.getInt32(at + 12, true));
      round(4, view.getInt32(at + 16, true), view.getInt32(at + 20, true));
      round(6, view.getInt32(at + 24, true), view.getInt32(at + 28, true));
    }
    hash = (rotl(laneBig(0), 1n) + rotl(laneBig(2), 7n) + rotl(laneBig(4), 12n) + rotl(laneBig(6), 18n)) & MASK;
    for (let lane = 0; lane < 8; lane += 2) hash = ((hash ^ roundBig(0n, laneBig(lane))) * P1 + P4) & MASK;
  } else {
    hash = (seed + P5) & MASK;
  }
  hash = (hash + BigInt(length)) & MASK;
  for (; at + 8 <= length; at += 8) {
    hash = (rotl(hash ^ roundBig(0n, view.getBigUint64(at, true)), 27n) * P1 + P4) & MASK;
  }
  if (at + 4 <= length) {
    hash = (rotl(hash ^ ((BigInt(view.getUint32(at, true)) * P1) & MASK), 23n) * P2 + P3) & MASK;
    at += 4;
  }
  for (; at < length; at++) hash = (rotl(hash ^ ((BigInt(bytes[at]) * P5) & MASK), 11n) * P1) & MASK;
  hash = ((hash ^ (hash >> 33n)) * P2) & MASK;
  hash = ((hash ^ (hash >> 29n)) * P3) & MASK;
  return hash ^ (hash >> 32n);
}
