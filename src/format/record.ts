/**
 * A record: the log's entry for one or more LSNs (spec/log.md, "Record"). It may carry its segments' bytes behind its
 * body, so that a small commit is one object.
 */
import { Corrupt } from "../core/errors.js";
import { toHex, type VolumeId } from "../core/ids.js";
import { checkFlags, decodeEnvelope, encodeEnvelope, Kind } from "./envelope.js";
import { decodeRange, encodeRange, lastLsnOf, type Range } from "./record-range.js";
import type { Reference } from "./record-reference.js";
import { INLINE_BYTES } from "./segment-header.js";

export const NONCE_BYTES = 16;
export const MAX_META_BYTES = 4096;

const CLOSING = 1;
const META = 2;

export interface LogRecord {
  /** 32 hexadecimal digits. */
  readonly nonce: string;
  /** The volume is dropped: no record follows. */
  readonly closing: boolean;
  /** May be of no LSN at all: a fence, or the closing record. */
  readonly range: Range;
  readonly meta: Uint8Array | undefined;
}

/** @param attachments The segments whose references lie in this very record, in the order of those references. */
export function encodeRecord(
  key: string,
  vid: VolumeId,
  record: number,
  fields: { nonce: Uint8Array; closing?: boolean; range: Range; meta?: Uint8Array | undefined },
  attachments: readonly Uint8Array[] = [],
): Uint8Array {
  return encodeEnvelope(
    Kind.record,
    key,
    (writer) => {
      writer.raw(fields.nonce);
      writer.u8((fields.closing ? CLOSING : 0) | (fields.meta ? META : 0));
      encodeRange(writer, fields.range, vid, record);
      if (fields.meta) writer.blob(fields.meta);
    },
    attachments,
  );
}

/**
 * The references to attached segments come back as places in record `record`, with their heads where those are small
 * enough to keep. The attachments' own checksums are not checked here.
 */
export function decodeRecord(bytes: Uint8Array, key: string, vid: VolumeId, record: number): LogRecord {
  const { reader, attachmentsAt } = decodeEnvelope(bytes, key, Kind.record);
  const nonce = toHex(reader.raw(NONCE_BYTES));
  const flags = reader.u8();
  checkFlags(key, "record flags", flags, CLOSING | META);
  const range = decodeRange(reader, vid, { record, at: attachmentsAt });
  const meta = flags & META ? reader.blob(MAX_META_BYTES).slice() : undefined;
  reader.end();
  const closing = (flags & CLOSING) !== 0;
  if (closing && range.times.length > 0) {
    throw reader.corrupt("closing record", "no LSN", `LSN ${lastLsnOf(range)}`);
  }
  let end = attachmentsAt;
  const references = range.references.map((reference): Reference => {
    const { location, bodyOffset } = reference;
    if (location.kind !== "record" || location.record !== record) return reference;
    if (location.start !== end || bodyOffset > bytes.length - end) {
      throw new Corrupt("attached segment", {
        key,
        byteOffset: Math.min(location.start, bytes.length),
        expected: `${reference.byteLength} bytes at ${end}`,
        actual: `${Math.max(0, bytes.length - location.start)}`,
      });
    }
    end += reference.byteLength;
    const head = bodyOffset <= INLINE_BYTES ? bytes.slice(location.start, location.start + bodyOffset) : undefined;
    return { ...reference, head };
  });
  if (end !== bytes.length) {
    throw new Corrupt("attachments", {
      key,
      byteOffset: bytes.length,
      expected: `${end} bytes in all`,
      actual: `${bytes.length}`,
    });
  }
  return { nonce, closing, range: { ...range, references }, meta };
}
