/** Writes rLSN lists: the codecs of rlsn-lists.ts, which has their bytes. */
import type { ByteWriter } from "../../src/format/bytes.js";
import type { RlsnWidth } from "./design.js";
import {
  BYTE_DELTAS,
  codecOf,
  DELTA_BITS,
  DELTA_DELTAS,
  DELTA_ESCAPE,
  DELTA_FIRST,
  ESCAPE,
  FIXED_BYTES,
  lowWidth,
  NARROW,
  U8,
  U16,
  U32,
  WIDE,
} from "./rlsn-lists.js";

/** @throws RangeError where the largest rLSN does not fit. */
export function checkRlsns(rlsns: Uint32Array, width: RlsnWidth): void {
  const bytes = FIXED_BYTES[codecOf(width)];
  if (bytes === 0) return;
  const limit = 2 ** (8 * bytes);
  for (const rlsn of rlsns) if (rlsn >= limit) throw new RangeError(`rLSN ${rlsn} does not fit ${width}`);
}

export function putByteCode(writer: ByteWriter, value: number): void {
  if (value < NARROW) {
    writer.u8(value);
  } else if (value < WIDE) {
    writer.u8(NARROW + ((value - NARROW) >>> 8));
    writer.u8((value - NARROW) & 0xff);
  } else {
    writer.u8(ESCAPE);
    writer.u32(value);
  }
}

/** A bit stream being written, least significant bit first. */
class BitWriter {
  readonly #writer: ByteWriter;
  #byte = 0;
  #used = 0;

  constructor(writer: ByteWriter) {
    this.#writer = writer;
  }

  put(value: number, width: number): void {
    for (let bit = 0; bit < width; bit++) {
      this.#byte |= ((value >>> bit) & 1) << this.#used;
      if (++this.#used === 8) this.end();
    }
  }

  /** Fills the last byte with zeros. */
  end(): void {
    if (this.#used > 0) this.#writer.u8(this.#byte);
    this.#byte = 0;
    this.#used = 0;
  }
}

function putDeltaDeltas(writer: ByteWriter, rlsns: Uint32Array): void {
  const bits = new BitWriter(writer);
  let before = -1;
  let gap = 1;
  for (const rlsn of rlsns) {
    const error = rlsn - (before + gap);
    const z = error >= 0 ? 2 * error : -2 * error - 1;
    let kind = 0;
    while (kind < DELTA_ESCAPE && z >= DELTA_FIRST[kind + 1]) kind++;
    // As many ones as the class has a number, and a zero behind all but the last.
    bits.put((1 << kind) - 1, kind === DELTA_ESCAPE ? kind : kind + 1);
    bits.put(kind === DELTA_ESCAPE ? rlsn : z - DELTA_FIRST[kind], DELTA_BITS[kind]);
    gap = rlsn - before;
    before = rlsn;
  }
  bits.end();
}

function putEliasFanoList(writer: ByteWriter, rlsns: Uint32Array, largest: number): void {
  const bits = new BitWriter(writer);
  const width = lowWidth(rlsns.length, largest);
  for (const rlsn of rlsns) bits.put(rlsn, width);
  let high = 0;
  for (const rlsn of rlsns) {
    for (; high < rlsn >>> width; high++) bits.put(0, 1);
    bits.put(1, 1);
  }
  for (; high < largest >>> width; high++) bits.put(0, 1);
  bits.end();
}

/** Writes the list of `rlsns`, ascending. `largest` is at least the last of them. */
export function putList(writer: ByteWriter, codec: number, rlsns: Uint32Array, largest: number): void {
  switch (codec) {
    case U32:
      for (const rlsn of rlsns) writer.u32(rlsn);
      break;
    case U16:
      for (const rlsn of rlsns) writer.u16(rlsn);
      break;
    case U8:
      for (const rlsn of rlsns) writer.u8(rlsn);
      break;
    case BYTE_DELTAS: {
      let before = -1;
      for (const rlsn of rlsns) {
        putByteCode(writer, rlsn - before - 1);
        before = rlsn;
      }
      break;
    }
    case DELTA_DELTAS:
      putDeltaDeltas(writer, rlsns);
      break;
    default:
      putEliasFanoList(writer, rlsns, largest);
  }
}
