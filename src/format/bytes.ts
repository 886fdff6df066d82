/**
 * Reading and writing the primitive types of every format here: little-endian integers, byte strings and varints.
 *
 * A varint is LEB128: seven bits a byte, least significant first, the high bit set on every byte but the last; at most
 * 2^53 - 1, and in its shortest form only, so that a value has one encoding.
 */
import { Corrupt } from "../core/errors.js";

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes that grow as they are written. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written so far: a view, valid until the next write. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Makes room for `count` bytes and returns where they begin. May replace the buffer: call it before naming that. */
  #grow(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      bytes.set(this.#bytes);
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    this.#length = needed;
    return at;
  }

  u8(value: number): void {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
  }

  u16(value: number): void {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }

  /** A whole number up to 2^53 - 1 as 8 bytes. */
  u64(value: number): void {
    const at = this.#grow(8);
    this.#view.setUint32(at, value % 2 ** 32, true);
    this.#view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.u8(rest);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** A varint length, then the bytes. */
  blob(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A varint length in bytes, then UTF-8. */
  text(text: string): void {
    this.blob(textEncoder.encode(text));
  }

  zeros(count: number): void {
    this.#grow(count);
  }
}

/** Reads from bytes that may hold anything: every method throws `Corrupt` rather than read past the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Named in errors. */
  readonly #key: string;
  /** Where `bytes` begins in the object, for errors. */
  readonly #origin: number;
  position = 0;

  constructor(bytes: Uint8Array, key: string, origin = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#key = key;
    this.#origin = origin;
  }

  get remaining(): number {
    return this.#bytes.length - this.position;
  }

  /** Makes the error for what was found at `at` (by default, here). */
  corrupt(what: string, expected: string, actual: string, at = this.position): Corrupt {
    return new Corrupt(what, { key: this.#key, byteOffset: this.#origin + at, expected, actual });
  }

  #take(count: number): number {
    const at = this.position;
    if (count > this.#bytes.length - at) {
      throw this.corrupt("truncated", `${count} more bytes`, `${this.#bytes.length - at}`);
    }
    this.position = at + count;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** 8 bytes that hold a whole number up to 2^53 - 1. */
  u64(): number {
    const at = this.#take(8);
    const high = this.#view.getUint32(at + 4, true);
    if (high >= 2 ** 21) throw this.corrupt("number out of range", "at most 2^53 - 1", `high half ${high}`, at);
    return high * 2 ** 32 + this.#view.getUint32(at, true);
  }

  /** A varint of at most `max`. */
  varint(max = Number.MAX_SAFE_INTEGER): number {
    const at = this.position;
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && scale > 1) throw this.corrupt("varint not in its shortest form", "no zero byte", "0", at);
        break;
      }
      scale *= 0x80;
      if (scale > 2 ** 49) throw this.corrupt("varint too long", "at most 8 bytes", "more", at);
    }
    if (value > max) throw this.corrupt("number out of range", `at most ${max}`, `${value}`, at);
    return value;
  }

  /** A varint from 1 on; by default a number that has a next one. `what` names it in the error. */
  positive(what: string, max = Number.MAX_SAFE_INTEGER - 1): number {
    const at = this.position;
    const value = this.varint(max);
    if (value === 0) throw this.corrupt(what, "at least 1", "0", at);
    return value;
  }

  /** A view of the next `count` bytes. */
  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** A varint length of at most `maxBytes`, then a view of that many bytes. */
  blob(maxBytes = Number.MAX_SAFE_INTEGER): Uint8Array {
    return this.raw(this.varint(maxBytes));
  }

  text(maxBytes: number): string {
    const at = this.position;
    const bytes = this.blob(maxBytes);
    try {
      return textDecoder.decode(bytes);
    } catch {
      throw this.corrupt("text is not UTF-8", "UTF-8", "other bytes", at);
    }
  }

  /** Refuses anything after what was read. */
  end(): void {
    if (this.remaining !== 0) throw this.corrupt("trailing bytes", "the end", `${this.remaining} more bytes`);
  }
}
