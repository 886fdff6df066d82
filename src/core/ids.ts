/** 16-byte ids: of volumes and of segments. Immutable; compared by all 16 bytes, big-endian. */
import { InvalidArgument } from "./errors.js";

export const ID_BYTES = 16;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i]];
  return text;
}

/** Decodes an even number of hexadecimal digits; `undefined` for anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (digitAt(text, 2 * i) << 4) | digitAt(text, 2 * i + 1);
  return bytes;
}

/** The value of a hexadecimal digit: 0 to 9 are 0x30 to 0x39; letters, of either case, are 0x41 or 0x61 and on. */
function digitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return (code & 15) + 9 * (code >> 6);
}

/** Compares byte strings as memcmp does: negative, 0 or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

/** A UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, version and variant, 74 random bits. */
export function uuidV7(nowMs: number = Date.now()): Uint8Array {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(nowMs / 2 ** 32));
  view.setUint32(2, nowMs % 2 ** 32);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes;
}

const formatUuid = (hex: string) =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** What `VolumeId` and `SegmentId` share. */
abstract class Id {
  readonly #bytes: Uint8Array;
  #text: string | undefined;

  protected constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The 16 bytes, a fresh copy. */
  get bytes(): Uint8Array {
    return this.#bytes.slice();
  }

  /** Copies the 16 bytes into `target` at `at`. */
  writeTo(target: Uint8Array, at: number): void {
    target.set(this.#bytes, at);
  }

  compare(other: this): number {
    return compareBytes(this.#bytes, other.#bytes);
  }

  equals(other: this): boolean {
    return compareBytes(this.#bytes, other.#bytes) === 0;
  }

  /** 36 characters, lower case. Made once, when first asked for: cheap to use as a `Map` key. */
  toString(): string {
    return (this.#text ??= formatUuid(toHex(this.#bytes)));
  }

  toJSON(): string {
    return this.toString();
  }
}

function checkBytes(kind: string, bytes: Uint8Array): Uint8Array {
  if (!(bytes instanceof Uint8Array) || bytes.length !== ID_BYTES) {
    throw new InvalidArgument(`a ${kind} is ${ID_BYTES} bytes`);
  }
  return bytes.slice();
}

function parseBytes(kind: string, text: string): Uint8Array {
  if (typeof text !== "string" || !UUID.test(text)) {
    throw new InvalidArgument(`not a ${kind}: expected 36 characters like 01890a5d-ac96-774b-bcce-b302099a8057`);
  }
  return fromHex(text.replaceAll("-", ""))!;
}

/** A volume's id. Those from `random` sort by their creation time. */
export class VolumeId extends Id {
  declare readonly kind: "VolumeId";

  static random(): VolumeId {
    return new VolumeId(uuidV7());
  }

  /** @throws InvalidArgument unless `text` is 36 characters of a UUID. */
  static parse(text: string): VolumeId {
    return new VolumeId(parseBytes("volume id", text));
  }

  /** @throws InvalidArgument unless there are 16 bytes. Any 16 will do. */
  static fromBytes(bytes: Uint8Array): VolumeId {
    return new VolumeId(checkBytes("volume id", bytes));
  }
}

/** A segment's id. */
export class SegmentId extends Id {
  declare readonly kind: "SegmentId";

  static random(): SegmentId {
    return new SegmentId(uuidV7());
  }

  /** @throws InvalidArgument unless `text` is 36 characters of a UUID. */
  static parse(text: string): SegmentId {
    return new SegmentId(parseBytes("segment id", text));
  }

  /** @throws InvalidArgument unless there are 16 bytes. */
  static fromBytes(bytes: Uint8Array): SegmentId {
    return new SegmentId(checkBytes("segment id", bytes));
  }
}
