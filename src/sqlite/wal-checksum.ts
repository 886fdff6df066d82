/**
 * The WAL's cumulative checksum (https://sqlite.org/fileformat2.html#checksum_algorithm): over pairs of 32-bit words,
 * s1 += x[i] + s2; s2 += x[i+1] + s1; modulo 2^32, the words little-endian or big-endian as the WAL's magic says.
 */

const hostIsLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

const swap = (x: number) => (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24);

/** The running checksum: carried from the header over all frames. The sums are unsigned. */
export class WalChecksum {
  s1: number;
  s2: number;
  readonly #swapped: boolean;

  constructor(bigEndian: boolean, s1 = 0, s2 = 0) {
    this.s1 = s1;
    this.s2 = s2;
    this.#swapped = bigEndian === hostIsLittleEndian;
  }

  /** Adds `byteCount` bytes, a multiple of 8, of `words` from byte `at`, a multiple of 4. */
  add(words: Int32Array, at: number, byteCount: number): void {
    let s1 = this.s1 | 0;
    let s2 = this.s2 | 0;
    let i = at >>> 2;
    const end = i + (byteCount >>> 2);
    if (this.#swapped) {
      for (; i < end; i += 2) {
        s1 = (s1 + swap(words[i]) + s2) | 0;
        s2 = (s2 + swap(words[i + 1]) + s1) | 0;
      }
    } else {
      // A page is a multiple of 512 bytes, a frame header's part 8: four pairs at a time, then what is left.
      for (const wide = end - 7; i < wide; i += 8) {
        s1 = (s1 + words[i] + s2) | 0;
        s2 = (s2 + words[i + 1] + s1) | 0;
        s1 = (s1 + words[i + 2] + s2) | 0;
        s2 = (s2 + words[i + 3] + s1) | 0;
        s1 = (s1 + words[i + 4] + s2) | 0;
        s2 = (s2 + words[i + 5] + s1) | 0;
        s1 = (s1 + words[i + 6] + s2) | 0;
        s2 = (s2 + words[i + 7] + s1) | 0;
      }
      for (; i < end; i += 2) {
        s1 = (s1 + words[i] + s2) | 0;
        s2 = (s2 + words[i + 1] + s1) | 0;
      }
    }
    this.s1 = s1 >>> 0;
    this.s2 = s2 >>> 0;
  }
}
