/**
 * Hostile objects of the log: good ones of every kind, with fields changed, moved, taken out or in, under a right checksum; and
 * some that are merely damaged. Where the fields of a good object lie is learned by watching the decoder read it.
 */
import { hash } from "node:crypto";
import { ByteReader, ByteWriter } from "../../src/format/bytes.js";
import { readLogObject } from "../helpers/describe-log-object.js";
import type { Random } from "../helpers/random.js";
import { randomSamples } from "../unit/format/log-objects.js";

const ENVELOPE_BYTES = 32;
/** Of the good objects: most of what is longer are heads of segments, which nothing here looks into. */
const MAX_OBJECT_BYTES = 1000;
/** Cases that the same good objects serve. */
const POOL_CASES = 5_000;
const POOL_ROUNDS = 4;

export interface HostileObject {
  /** Where it is read. */
  readonly key: string;
  readonly bytes: Uint8Array;
  /** Whether the checksum is right: else, it has to be refused. */
  readonly sealed: boolean;
}

interface Field {
  readonly kind: "u8" | "varint" | "raw";
  readonly start: number;
  readonly end: number;
}

interface Good {
  readonly name: string;
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly bodyEnd: number;
  readonly fields: readonly Field[];
}

/** What numbers are near the bounds of the format. */
const NUMBERS = [0, 1, 2, 63, 64, 127, 128, 255, 256, 4096, 4097, 2 ** 20, 2 ** 20 + 1, 2 ** 24, 2 ** 24 + 1].concat([
  2 ** 31,
  2 ** 32 - 2,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 50,
  2 ** 53 - 3,
  2 ** 53 - 2,
  2 ** 53 - 1,
]);
/** Varints that are none: zero bytes at the end, over 2^53 - 1, over 8 bytes, without an end. */
const BAD_VARINTS = [
  "8000",
  "ff00",
  "8080808000",
  "80808080808080 10",
  "ffffffffffffff7f",
  "808080808080808001",
  "ff",
].map((hex) => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex")));

function varint(value: number): Uint8Array {
  const writer = new ByteWriter(8);
  writer.varint(value);
  return writer.bytes;
}

/** Puts the length of the body, of which the object now has `bodyBytes`, and a right checksum. */
export function seal(bytes: Uint8Array, bodyBytes: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(12, bodyBytes, true);
  reseal(bytes);
}

/** Puts the checksum that belongs to the header and the body as they are, where the body is there. */
function reseal(bytes: Uint8Array): void {
  const end = ENVELOPE_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true);
  const covered = Buffer.concat([bytes.subarray(0, 16), bytes.subarray(ENVELOPE_BYTES, end)]);
  bytes.set(hash("sha256", covered, "buffer").subarray(0, 16), 16);
}

/** The fields that a decoder reads of an object, in order. */
function fieldsOf(key: string, bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  const { u8, varint, raw } = ByteReader.prototype;
  let depth = 0;
  const watch = <Args extends unknown[], T>(kind: Field["kind"], read: (this: ByteReader, ...args: Args) => T) =>
    function (this: ByteReader, ...args: Args): T {
      const start = ENVELOPE_BYTES + this.position;
      depth++;
      try {
        return read.apply(this, args);
      } finally {
        // A varint reads bytes: they are no fields.
        if (--depth === 0) fields.push({ kind, start, end: ENVELOPE_BYTES + this.position });
      }
    };
  Object.assign(ByteReader.prototype, { u8: watch("u8", u8), varint: watch("varint", varint), raw: watch("raw", raw) });
  try {
    readLogObject(key, bytes);
  } finally {
    Object.assign(ByteReader.prototype, { u8, varint, raw });
  }
  return fields;
}

export class HostileLog {
  readonly #random: Random;
  #pool: Good[] = [];
  #cases = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): HostileObject {
    if (this.#cases++ % POOL_CASES === 0) this.#fill();
    const good = this.#random.pick(this.#pool);
    const { key } = good;
    switch (this.#random.below(16)) {
      case 0:
        return { key, bytes: this.#damaged(good), sealed: false };
      case 1:
        return { key, bytes: this.#withEnvelope(good), sealed: true };
      case 2:
        return { key: this.#otherKey(good), bytes: good.bytes, sealed: true };
      case 3:
        return { key, bytes: this.#withBytes(good), sealed: true };
      case 4:
        return { key, bytes: good.bytes, sealed: true };
      default:
        return { key, bytes: this.#withFields(good), sealed: true };
    }
  }

  #fill(): void {
    this.#pool = [];
    for (let round = 0; round < POOL_ROUNDS; round++) {
      for (const { name, key, bytes, coveredBytes } of randomSamples(this.#random)) {
        if (bytes.length > MAX_OBJECT_BYTES) continue;
        this.#pool.push({ name, key, bytes, bodyEnd: coveredBytes, fields: fieldsOf(key, bytes) });
      }
    }
  }

  /** Bits flipped, the end cut off, or bytes behind it. */
  #damaged({ bytes, bodyEnd }: Good): Uint8Array {
    const random = this.#random;
    if (random.chance(0.3)) return bytes.slice(0, random.below(bytes.length));
    if (random.chance(0.1)) return Uint8Array.from([...bytes, random.below(256)]);
    const copy = bytes.slice();
    copy[random.below(bodyEnd)] ^= 1 << random.below(8);
    return copy;
  }

  /** Another version, kind, feature or length of the body. */
  #withEnvelope({ bytes, bodyEnd }: Good): Uint8Array {
    const random = this.#random;
    const copy = bytes.slice();
    const view = new DataView(copy.buffer);
    switch (random.below(4)) {
      case 0:
        view.setUint16(8, random.pick([0, 0, 0, 2, 256, random.below(65536)]), true);
        break;
      case 1:
        copy[10] = random.below(8);
        break;
      case 2:
        copy[11] = 1 << random.below(8);
        break;
      default:
        view.setUint32(12, random.below(bodyEnd - ENVELOPE_BYTES + 1), true);
    }
    reseal(copy);
    return copy;
  }

  /** A key of the same kind, or of another. */
  #otherKey({ key }: Good): string {
    const random = this.#random;
    if (random.chance(0.3)) return random.pick(this.#pool).key;
    const at = random.pick([...key].flatMap((character, i) => (/[0-9]/.test(character) ? [i] : [])));
    return `${key.slice(0, at)}${random.below(10)}${key.slice(at + 1)}`;
  }

  /** Bytes of the body replaced, wherever fields begin. */
  #withBytes({ bytes, bodyEnd }: Good): Uint8Array {
    const random = this.#random;
    const copy = bytes.slice();
    for (let left = random.between(1, 4); left > 0; left--) {
      const at = ENVELOPE_BYTES + random.below(bodyEnd - ENVELOPE_BYTES);
      copy[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
    }
    reseal(copy);
    return copy;
  }

  /** Whole fields changed. */
  #withFields(good: Good): Uint8Array {
    const random = this.#random;
    const { bytes, bodyEnd, fields } = good;
    const edits: { start: number; end: number; by: Uint8Array }[] = [];
    for (let left = random.chance(0.7) ? 1 : random.between(2, 3); left > 0; left--) {
      // Rather not the key, which is two fields of many.
      const i = random.chance(0.03) ? random.below(fields.length) : 2 + random.below(fields.length - 2);
      const field = fields[i];
      let { end } = field;
      let by: Uint8Array;
      if (random.chance(0.85)) {
        by = this.#value(good, field);
      } else if (random.chance(0.5)) {
        // A run of fields is gone, or there twice.
        end = fields[Math.min(fields.length - 1, i + random.below(4))].end;
        by = random.chance(0.5) ? new Uint8Array(0) : Buffer.concat(Array(2).fill(bytes.subarray(field.start, end)));
      } else {
        // ... or of another object of that kind.
        const other = random.pick(this.#pool.filter(({ name }) => name === good.name));
        const from = random.pick(other.fields).start;
        end = fields[Math.min(fields.length - 1, i + random.below(8))].end;
        by = other.bytes.subarray(from, Math.min(other.bodyEnd, from + random.below(100)));
      }
      edits.push({ start: field.start, end, by });
    }
    const parts: Uint8Array[] = [];
    let at = 0;
    for (const { start, end, by } of edits.sort((a, b) => a.start - b.start)) {
      if (start < at) continue;
      parts.push(bytes.subarray(at, start), by);
      at = end;
    }
    parts.push(bytes.subarray(at));
    // Not out of Node's pool: what is decoded keeps views of it.
    const edited = new Uint8Array(Buffer.concat(parts));
    seal(edited, edited.length - (bytes.length - bodyEnd) - ENVELOPE_BYTES);
    return edited;
  }

  /** Another value of a field. */
  #value({ bytes, fields }: Good, { kind, start, end }: Field): Uint8Array {
    const random = this.#random;
    const old = bytes.subarray(start, end);
    if (kind === "u8") return Uint8Array.of(random.chance(0.7) ? old[0] ^ (1 << random.below(8)) : random.below(256));
    if (kind === "raw") {
      // Another of that length makes equal ids.
      const same = fields.filter((field) => field.kind === "raw" && field.end - field.start === old.length);
      const other = random.pick(same);
      if (random.chance(0.5)) return bytes.subarray(other.start, other.end);
      const copy = old.slice();
      if (copy.length > 0) copy[random.below(copy.length)] ^= 1 << random.below(8);
      return copy;
    }
    if (random.chance(0.05)) return random.pick(BAD_VARINTS);
    if (random.chance(0.3)) return varint(random.pick(NUMBERS));
    if (random.chance(0.2)) {
      const other = random.pick(fields.filter((field) => field.kind === "varint"));
      return bytes.subarray(other.start, other.end);
    }
    let value = 0;
    for (let i = old.length - 1; i >= 0; i--) value = value * 128 + (old[i] & 0x7f);
    return varint(Math.max(0, value + random.pick([-2, -1, 1, 2])));
  }
}
