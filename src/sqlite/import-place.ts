/**
 * How far an import has come: what it keeps in a commit's `meta`, so that the next import goes on from there. Its bytes,
 * little-endian (spec/sqlite-import.md):
 *
 *     0  4  "PLi1": the kind of meta and its version
 *     4  1  kind: 1 a SQLite database, 2 any file
 *     5  1  1 where there was a WAL, else 0
 *     6  8  the LSN that the import ended with
 *     14 8  the first 8 bytes of the SHA-256 of the file's absolute path
 *     then, where there was a WAL: its salt-1 and salt-2, the frames of it that are in the volume, and the running
 *           checksum behind them, s1 and s2: 4 bytes each
 *     and of kind 2: a varint count of lengths; for each a varint LSN, from which on the last page has only a varint
 *           number of bytes in the file; LSNs as differences from the one before, which for the first is 0
 */
import { ByteReader, ByteWriter } from "../format/bytes.js";
import type { WalPosition, WalSalts } from "./wal.js";

const MAGIC = 0x31694c50;
const DATABASE = 1;
const RAW = 2;
export const PATH_DIGEST_BYTES = 8;

/** From this LSN on the file's last page has only so many bytes. */
export interface LastPageLength {
  readonly lsn: number;
  readonly bytes: number;
}

export interface ImportPlace {
  readonly kind: "database" | "raw";
  /** Another LSN is the newest where somebody else has committed to the volume. */
  readonly lsn: number;
  /** Tells one source from another, not where it is. */
  readonly pathDigest: Uint8Array;
  /** `undefined` where there was no WAL. */
  readonly wal: (WalPosition & WalSalts) | undefined;
  /** Of any file, by ascending LSN; empty for a database, whose pages are all whole. */
  readonly lengths: readonly LastPageLength[];
}

export function encodeImportPlace(place: ImportPlace): Uint8Array {
  const writer = new ByteWriter();
  writer.u32(MAGIC);
  writer.u8(place.kind === "raw" ? RAW : DATABASE);
  writer.u8(place.wal ? 1 : 0);
  writer.u64(place.lsn);
  writer.raw(place.pathDigest);
  if (place.wal !== undefined) {
    const { salt1, salt2, frame, s1, s2 } = place.wal;
    for (const value of [salt1, salt2, frame, s1, s2]) writer.u32(value);
  }
  if (place.kind === "raw") {
    writer.varint(place.lengths.length);
    let before = 0;
    for (const { lsn, bytes } of place.lengths) {
      writer.varint(lsn - before);
      writer.varint(bytes);
      before = lsn;
    }
  }
  return writer.bytes.slice();
}

/**
 * @param key Names the commit in errors.
 * @returns `undefined` where `meta` is not an import's.
 * @throws Corrupt where it is, but holds what no import writes.
 */
export function decodeImportPlace(meta: Uint8Array | undefined, key: string): ImportPlace | undefined {
  if (meta === undefined || meta.length < 4) return undefined;
  const reader = new ByteReader(meta, key);
  if (reader.u32() !== MAGIC) return undefined;
  const kind = reader.u8();
  if (kind !== DATABASE && kind !== RAW) throw reader.corrupt("import's kind", "1 or 2", `${kind}`, 4);
  const hasWal = reader.u8();
  if (hasWal > 1) throw reader.corrupt("import's WAL flag", "0 or 1", `${hasWal}`, 5);
  const lsn = reader.u64();
  const pathDigest = reader.raw(PATH_DIGEST_BYTES).slice();
  let wal: ImportPlace["wal"];
  if (hasWal === 1) {
    const [salt1, salt2, frame, s1, s2] = [reader.u32(), reader.u32(), reader.u32(), reader.u32(), reader.u32()];
    wal = { salt1, salt2, frame, s1, s2 };
  }
  const lengths: LastPageLength[] = [];
  if (kind === RAW) {
    let before = 0;
    for (let count = reader.varint(meta.length); count > 0; count--) {
      before += reader.varint();
      lengths.push({ lsn: before, bytes: reader.varint() });
    }
  }
  reader.end();
  return { kind: kind === RAW ? "raw" : "database", lsn, pathDigest, wal, lengths };
}
