/**
 * What every object of the log is wrapped in (spec/log.md, "Envelope"), little-endian:
 *
 *      0  magic              8 bytes  89 50 4C 4F 47 0D 0A 1A
 *      8  format version     u16
 *     10  kind               u8
 *     11  required features  u8
 *     12  body length        u32
 *     16  checksum           16 bytes  of SHA-256 over bytes 0 to 16 and the body
 *     32  body               the object's key as a text, then the fields of its kind
 *         attachments        in records alone
 *
 * SHA-256 and not the segments' XXH64, because a manifest names its leaves by this checksum. It covers no page: a few
 * hundred bytes a commit.
 */

import { Corrupt, UnsupportedFormat } from "../core/errors.js";
import { compareBytes, toHex } from "../core/ids.js";
import { sha256 } from "../core/sha256.js";
import { ByteReader, ByteWriter } from "./bytes.js";

/** What is written. Version 0, which has no nonces, images and stubs, is still read. */
export const LOG_FORMAT_VERSION = 1;
export const ENVELOPE_BYTES = 32;
export const CHECKSUM_BYTES = 16;
const CHECKED_HEADER_BYTES = 16;
const MAX_KEY_BYTES = 255;

const MAGIC = Uint8Array.of(0x89, 0x50, 0x4c, 0x4f, 0x47, 0x0d, 0x0a, 0x1a);

export const Kind = { record: 1, manifest: 2, leaf: 3, catalogRecord: 4, sharedList: 5, stub: 6 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

const KIND_NAMES = ["nothing", "a record", "a manifest", "a leaf", "a catalog record", "a shared list", "a stub"];

function checksumOf(header: Uint8Array, body: Uint8Array): Uint8Array {
  const covered = new Uint8Array(CHECKED_HEADER_BYTES + body.length);
  covered.set(header);
  covered.set(body, CHECKED_HEADER_BYTES);
  return sha256(covered).subarray(0, CHECKSUM_BYTES);
}

/** Wraps the fields that `write` writes, and `attachments` behind them, as the object at `key`. */
export function encodeEnvelope(
  kind: Kind,
  key: string,
  write: (writer: ByteWriter) => void,
  attachments: readonly Uint8Array[] = [],
): Uint8Array {
  const writer = new ByteWriter(1024);
  writer.raw(MAGIC);
  writer.u16(LOG_FORMAT_VERSION);
  writer.u8(kind);
  writer.u8(0);
  writer.zeros(4 + CHECKSUM_BYTES);
  writer.text(key);
  write(writer);
  const bodyBytes = writer.length - ENVELOPE_BYTES;
  const bytes = new Uint8Array(writer.length + attachments.reduce((sum, attachment) => sum + attachment.length, 0));
  bytes.set(writer.bytes);
  new DataView(bytes.buffer).setUint32(12, bodyBytes, true);
  const body = bytes.subarray(ENVELOPE_BYTES, ENVELOPE_BYTES + bodyBytes);
  bytes.set(checksumOf(bytes.subarray(0, CHECKED_HEADER_BYTES), body), CHECKED_HEADER_BYTES);
  let at = ENVELOPE_BYTES + bodyBytes;
  for (const attachment of attachments) {
    bytes.set(attachment, at);
    at += attachment.length;
  }
  return bytes;
}

export interface Envelope {
  /** 0 or 1. */
  readonly version: number;
  /** The key that the body says it belongs to. */
  readonly key: string;
  /** Stands at the first field after the key. */
  readonly reader: ByteReader;
  /** 16 bytes that name this object's content. */
  readonly checksum: Uint8Array;
  /** Where the attachments begin: the end of the body. */
  readonly attachmentsAt: number;
}

/**
 * Checks an envelope and opens its body.
 *
 * @param key Where the bytes were read. The body must name the same key, unless `isHead` (a hint is a copy of another
 *   object of its sequence: the caller checks the key that comes back).
 * @throws Corrupt, UnsupportedFormat
 */
export function decodeEnvelope(bytes: Uint8Array, key: string, kind: Kind, isHead = false): Envelope {
  const corrupt = (what: string, byteOffset: number, expected: string, actual: string) =>
    new Corrupt(what, { key, byteOffset, expected, actual });
  if (bytes.length < ENVELOPE_BYTES) {
    throw corrupt("truncated log object", bytes.length, `at least ${ENVELOPE_BYTES} bytes`, `${bytes.length}`);
  }
  if (compareBytes(bytes.subarray(0, MAGIC.length), MAGIC) !== 0) {
    throw corrupt("not a log object", 0, toHex(MAGIC), toHex(bytes.subarray(0, MAGIC.length)));
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bodyBytes = view.getUint32(12, true);
  if (bodyBytes > bytes.length - ENVELOPE_BYTES) {
    throw corrupt(
      "truncated log object",
      bytes.length,
      `a body of ${bodyBytes} bytes`,
      `${bytes.length - ENVELOPE_BYTES}`,
    );
  }
  const attachmentsAt = ENVELOPE_BYTES + bodyBytes;
  const body = bytes.subarray(ENVELOPE_BYTES, attachmentsAt);
  const checksum = bytes.slice(CHECKED_HEADER_BYTES, ENVELOPE_BYTES);
  const actual = checksumOf(bytes.subarray(0, CHECKED_HEADER_BYTES), body);
  if (compareBytes(checksum, actual) !== 0) {
    throw corrupt("damaged log object", CHECKED_HEADER_BYTES, `checksum ${toHex(checksum)}`, toHex(actual));
  }
  const version = view.getUint16(8, true);
  if (version > LOG_FORMAT_VERSION) {
    throw new UnsupportedFormat(
      `${key} is of log format version ${version}; this release knows versions up to ${LOG_FORMAT_VERSION}. Use a newer release.`,
    );
  }
  checkFlags(key, "required features", bytes[11], 0);
  if (bytes[10] !== kind) {
    const found = KIND_NAMES[bytes[10]] ?? `kind ${bytes[10]}`;
    throw corrupt("another kind of log object", 10, KIND_NAMES[kind], found);
  }
  const reader = new ByteReader(body, key, ENVELOPE_BYTES);
  const named = reader.text(MAX_KEY_BYTES);
  if (!isHead && named !== key) throw corrupt("another object's bytes", ENVELOPE_BYTES, key, named);
  if (kind !== Kind.record && attachmentsAt !== bytes.length) {
    throw corrupt("trailing bytes", attachmentsAt, "the end", `${bytes.length - attachmentsAt} more bytes`);
  }
  return { version, key: named, reader, checksum, attachmentsAt };
}

/** The checksum that an encoded object carries. */
export function checksumIn(bytes: Uint8Array): Uint8Array {
  return bytes.slice(CHECKED_HEADER_BYTES, ENVELOPE_BYTES);
}

/** Refuses bits of a flags field that this release does not know. */
export function checkFlags(key: string, field: string, flags: number, known: number): void {
  const unknown = flags & ~known;
  if (unknown !== 0) {
    throw new UnsupportedFormat(
      `${key} needs what this release does not know: ${field} 0x${unknown.toString(16)}. Use a newer release.`,
    );
  }
}

/** Whether the bytes say that they are of this kind. Nothing is checked: decoding does that. */
export function isOfKind(bytes: Uint8Array, kind: Kind): boolean {
  return bytes.length >= ENVELOPE_BYTES && bytes[10] === kind;
}
