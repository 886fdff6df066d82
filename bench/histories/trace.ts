/**
 * A trace: which pages each transaction of a real database wrote, and nothing of what they held. The database file as it
 * was has LSN 1; the transactions have the LSNs from 2 on, as an import gives them. The file itself is not in the trace.
 *
 * A trace's file is compressed with Brotli. It holds LEB128 varints (`src/format/bytes.ts`):
 *
 *     page size in bytes
 *     page count of the database, at its largest
 *     how many transactions there are
 *     how many offsets were written
 *     of each of them, ascending: the gap to the one before less 1 (the first: the offset), then its version count
 *     of each of them: the gaps between the LSNs of its versions less 1 (the first: LSN - 2)
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { ByteReader, ByteWriter } from "../../src/format/bytes.js";

export const HISTORIES = ["proj", "fossil", "packages", "tpcb"] as const;
export type HistoryName = (typeof HISTORIES)[number];

export const FIRST_LSN = 2;

export interface Trace {
  readonly pageSizeBytes: number;
  /** The database's length at its largest: every offset lies below it. */
  readonly pageCount: number;
  readonly transactionCount: number;
  /** What was written, ascending. */
  readonly offsets: Uint32Array;
  /** The versions of `offsets[i]` are those from `starts[i]` up to `starts[i + 1]`. */
  readonly starts: Uint32Array;
  /** Of every version, ascending for each offset. */
  readonly lsns: Uint32Array;
}

export function encodeTrace({ pageSizeBytes, pageCount, transactionCount, offsets, starts, lsns }: Trace): Uint8Array {
  const writer = new ByteWriter(1 << 16);
  writer.varint(pageSizeBytes);
  writer.varint(pageCount);
  writer.varint(transactionCount);
  writer.varint(offsets.length);
  for (let i = 0; i < offsets.length; i++) {
    writer.varint(i === 0 ? offsets[i] : offsets[i] - offsets[i - 1] - 1);
    writer.varint(starts[i + 1] - starts[i]);
  }
  for (let i = 0; i < offsets.length; i++) {
    let next = FIRST_LSN;
    for (let j = starts[i]; j < starts[i + 1]; j++) {
      writer.varint(lsns[j] - next);
      next = lsns[j] + 1;
    }
  }
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 };
  return brotliCompressSync(writer.bytes, { params });
}

/** @throws Corrupt, or what zlib throws, for bytes that are no trace; `name` is told. */
export function decodeTrace(compressed: Uint8Array, name: string): Trace {
  const reader = new ByteReader(brotliDecompressSync(compressed), name);
  const pageSizeBytes = reader.varint();
  const pageCount = reader.varint();
  const transactionCount = reader.varint();
  const offsets = new Uint32Array(reader.varint(pageCount));
  const starts = new Uint32Array(offsets.length + 1);
  for (let i = 0, next = 0; i < offsets.length; i++) {
    offsets[i] = next + reader.varint();
    next = offsets[i] + 1;
    starts[i + 1] = starts[i] + reader.varint(transactionCount);
  }
  const lsns = new Uint32Array(starts[offsets.length]);
  for (let i = 0; i < offsets.length; i++) {
    let next = FIRST_LSN;
    for (let j = starts[i]; j < starts[i + 1]; j++) {
      lsns[j] = next + reader.varint();
      next = lsns[j] + 1;
    }
  }
  reader.end();
  return { pageSizeBytes, pageCount, transactionCount, offsets, starts, lsns };
}

/** Tests and benches run at the package's root. */
export const tracePath = (name: HistoryName): string => join("bench", "histories", `${name}.trace.br`);

export function readTrace(name: HistoryName): Trace {
  return decodeTrace(readFileSync(tracePath(name)), tracePath(name));
}
