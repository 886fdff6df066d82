/**
 * A catalog record: one change of the set of volumes, and every so often the whole set (spec/log.md, "Catalog record").
 */
import { ID_BYTES, toHex, VolumeId } from "../core/ids.js";
import { isPageSize } from "../core/numbers.js";
import type { ByteReader, ByteWriter } from "./bytes.js";
import { checkFlags, decodeEnvelope, encodeEnvelope, Kind } from "./envelope.js";
import { NONCE_BYTES } from "./record.js";

export const MAX_NAME_BYTES = 255;
const STATE = 1;

export const isVolumeId = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

/** Why `name`, of well-formed Unicode, cannot name a volume; `undefined` where it can. */
export function problemWithName(name: string): string | undefined {
  const { length } = new TextEncoder().encode(name);
  if (length === 0) return "must be a text of at least one character";
  if (length > MAX_NAME_BYTES) return `${length} bytes of UTF-8, at most ${MAX_NAME_BYTES} are allowed`;
  // Cc: C0, DEL and C1. Other invisible characters are the user's business.
  if (/\p{Cc}/u.test(name)) return "must hold no control characters";
  if (isVolumeId(name)) return "looks like a volume id, which would hide the volume of that id";
  return undefined;
}

export interface CatalogEntry {
  readonly vid: VolumeId;
  readonly name: string;
  readonly pageSizeBytes: number;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
}

export type CatalogChange =
  | { readonly kind: "create"; readonly vid: VolumeId; readonly name: string; readonly pageSizeBytes: number }
  | { readonly kind: "rename"; readonly vid: VolumeId; readonly name: string }
  | { readonly kind: "drop"; readonly vid: VolumeId };

export interface CatalogRecord {
  /** 32 hexadecimal digits. */
  readonly nonce: string;
  readonly timeMs: number;
  readonly change: CatalogChange;
  /** Every volume after the change, where the record carries that. */
  readonly state: readonly CatalogEntry[] | undefined;
}

const OPERATIONS = ["create", "rename", "drop"] as const;

export function encodeCatalogRecord(key: string, nonce: Uint8Array, record: Omit<CatalogRecord, "nonce">): Uint8Array {
  const { change, state } = record;
  return encodeEnvelope(Kind.catalogRecord, key, (writer) => {
    writer.raw(nonce);
    writer.u8(state ? STATE : 0);
    writer.u8(OPERATIONS.indexOf(change.kind) + 1);
    writer.raw(change.vid.bytes);
    writer.varint(record.timeMs);
    if (change.kind === "create") writer.varint(change.pageSizeBytes);
    if (change.kind !== "drop") writer.text(change.name);
    if (state) encodeState(writer, state);
  });
}

function encodeState(writer: ByteWriter, state: readonly CatalogEntry[]): void {
  writer.varint(state.length);
  for (const entry of state.toSorted((a, b) => a.vid.compare(b.vid))) {
    writer.raw(entry.vid.bytes);
    writer.varint(entry.pageSizeBytes);
    writer.varint(entry.createdMs);
    writer.text(entry.name);
  }
}

/**
 * @param isHead The bytes are the hint: a copy of a record with the state.
 * @returns the record, and the key that it was written to.
 */
export function decodeCatalogRecord(
  bytes: Uint8Array,
  key: string,
  isHead = false,
): { record: CatalogRecord; key: string } {
  const envelope = decodeEnvelope(bytes, key, Kind.catalogRecord, isHead);
  const { reader } = envelope;
  const nonce = toHex(reader.raw(NONCE_BYTES));
  const flags = reader.u8();
  checkFlags(key, "catalog record flags", flags, STATE);
  const kind = OPERATIONS[reader.u8() - 1];
  const vid = VolumeId.fromBytes(reader.raw(ID_BYTES));
  const timeMs = reader.varint();
  let change: CatalogChange;
  if (kind === "create") change = { kind, vid, pageSizeBytes: readPageSize(reader), name: readName(reader) };
  else if (kind === "rename") change = { kind, vid, name: readName(reader) };
  else if (kind === "drop") change = { kind, vid };
  else throw reader.corrupt("catalog operation", "1 to 3", "another");
  const state = flags & STATE ? decodeState(reader, change, timeMs) : undefined;
  reader.end();
  return { record: { nonce, timeMs, change, state }, key: envelope.key };
}

/** The state after `change`. */
function decodeState(reader: ByteReader, change: CatalogChange, timeMs: number): CatalogEntry[] {
  const state: CatalogEntry[] = [];
  const names = new Set<string>();
  for (let left = reader.varint(reader.remaining); left > 0; left--) {
    const vid = VolumeId.fromBytes(reader.raw(ID_BYTES));
    const before = state.at(-1);
    if (before && before.vid.compare(vid) >= 0) throw reader.corrupt("catalog order", "ascending ids", `${vid}`);
    const entry = { vid, pageSizeBytes: readPageSize(reader), createdMs: reader.varint(), name: readName(reader) };
    if (names.has(entry.name)) throw reader.corrupt("catalog names", "each once", JSON.stringify(entry.name));
    names.add(entry.name);
    state.push(entry);
  }
  const entry = state.find(({ vid }) => vid.equals(change.vid));
  const agrees =
    change.kind === "drop"
      ? entry === undefined
      : entry?.name === change.name &&
        (change.kind === "rename" || (entry.pageSizeBytes === change.pageSizeBytes && entry.createdMs === timeMs));
  if (!agrees) throw reader.corrupt("catalog state", `what is there after the ${change.kind}`, "another");
  return state;
}

export function readPageSize(reader: ByteReader): number {
  const value = reader.varint();
  if (!isPageSize(value)) throw reader.corrupt("page size", "a power of two from 512 to 65536", `${value}`);
  return value;
}

export function readName(reader: ByteReader): string {
  const name = reader.text(MAX_NAME_BYTES);
  const problem = problemWithName(name);
  if (problem) throw reader.corrupt("volume name", "one that a volume may have", problem);
  return name;
}
