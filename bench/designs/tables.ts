/**
 * Hash tables as they are laid out in bytes: which entry lies where. A packed table has its entries in the order of their
 * buckets, and a directory of where each bucket begins; an open table has a power of two of slots, and an entry lies in
 * the slot of its hash or in the next free one.
 */

/** Buckets of a packed table: four entries in each on average, a single one for up to eight. */
export function bucketCount(entries: number): number {
  return entries <= 8 ? 1 : (entries + 3) >>> 2;
}

/** The bucket, of at most 2^16, in which a hash falls. */
export function bucketOf(hash: number, buckets: number): number {
  return Math.imul(hash >>> 16, buckets) >>> 16;
}

/** Bits of the slot number in an open table: 2^bits is the smallest power of two that leaves a quarter free. */
export function slotBits(entries: number): number {
  return 32 - Math.clz32(entries + Math.floor((entries - 1) / 3));
}

export interface PackedBuckets {
  /** The number of the first entry of each bucket, and at last of all entries; empty for a single bucket. */
  readonly directory: Uint32Array;
  /** The entries in the order in which they lie: entries of a bucket keep their order. */
  readonly order: Uint32Array;
}

export function packedBuckets(count: number, hashOf: (i: number) => number): PackedBuckets {
  const buckets = bucketCount(count);
  const order = new Uint32Array(count);
  const ends = new Uint32Array(buckets + 1);
  for (let i = 0; i < count; i++) ends[bucketOf(hashOf(i), buckets) + 1]++;
  for (let b = 1; b <= buckets; b++) ends[b] += ends[b - 1];
  const next = ends.slice();
  for (let i = 0; i < count; i++) order[next[bucketOf(hashOf(i), buckets)]++] = i;
  return { directory: buckets === 1 ? new Uint32Array(0) : ends, order };
}

/** The entry in each slot, -1 in the free ones. */
export function openSlots(count: number, hashOf: (i: number) => number): Int32Array {
  const bits = slotBits(count);
  const slots = new Int32Array(1 << bits).fill(-1);
  for (let i = 0; i < count; i++) {
    let slot = hashOf(i) >>> (32 - bits);
    while (slots[slot] >= 0) slot = (slot + 1) & (slots.length - 1);
    slots[slot] = i;
  }
  return slots;
}
