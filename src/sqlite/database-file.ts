/**
 * A SQLite database file: what its first 100 bytes say, and its pages as they are. Big-endian
 * (https://sqlite.org/fileformat2.html#the_database_header):
 *
 *     0   16  "SQLite format 3\0"
 *     16   2  page size; 1 stands for 65536
 *     20   1  bytes reserved at the end of each page
 *     21   3  64, 32, 32: payload fractions, fixed
 *     24   4  change counter
 *     28   4  length in pages; valid where the change counter equals the one at 92
 *     36   4  pages on the freelist
 *     40   4  schema cookie: goes up with every change of the schema, and with VACUUM
 *     52   4  largest root page, where auto-vacuum is on; else 0
 *     56   4  text encoding: 1 to 3, or 0 before the first table
 *     92   4  the change counter at which 28 was written
 */
import { InvalidArgument } from "../core/errors.js";
import { isPageSize } from "../core/numbers.js";
import type { FileState, InputFile } from "./input-file.js";

export const DATABASE_HEADER_BYTES = 100;

const MAGIC = new TextEncoder().encode("SQLite format 3\0");

export interface DatabaseHeader {
  readonly pageSize: number;
  readonly textEncoding: number;
  readonly autoVacuum: boolean;
  readonly freelistCount: number;
  readonly schemaCookie: number;
  /** The database's length in pages, `undefined` where the header does not know it (written by SQLite before 3.7). */
  readonly pageCount: number | undefined;
}

/** Reads the header from the beginning of page 1; `undefined` where the bytes are no SQLite header. */
export function decodeDatabaseHeader(bytes: Uint8Array): DatabaseHeader | undefined {
  if (bytes.length < DATABASE_HEADER_BYTES || !MAGIC.every((byte, i) => bytes[i] === byte)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stored = view.getUint16(16);
  const pageSize = stored === 1 ? 65536 : stored;
  if (!isPageSize(pageSize) || bytes[21] !== 64 || bytes[22] !== 32 || bytes[23] !== 32) return undefined;
  const pageCount = view.getUint32(28);
  return {
    pageSize,
    textEncoding: view.getUint32(56),
    autoVacuum: view.getUint32(52) !== 0,
    freelistCount: view.getUint32(36),
    schemaCookie: view.getUint32(40),
    pageCount: pageCount > 0 && view.getUint32(24) === view.getUint32(92) ? pageCount : undefined,
  };
}

/** A database file that was opened for reading. */
export interface DatabaseFile {
  readonly file: InputFile;
  /** Its state before anything of it was read. */
  readonly state: FileState;
  /** `undefined` where the file is empty: all of the database may still be in the WAL. */
  readonly header: DatabaseHeader | undefined;
}

/** @throws InvalidArgument where the file is not a SQLite database, Unavailable where it is being written. */
export async function readDatabaseFile(file: InputFile, state: FileState): Promise<DatabaseFile> {
  if (state.sizeBytes === 0) return { file, state, header: undefined };
  const bytes = new Uint8Array(DATABASE_HEADER_BYTES);
  const count = await file.read(bytes, 0);
  const header = decodeDatabaseHeader(bytes.subarray(0, count));
  const wrong = header === undefined || state.sizeBytes % header.pageSize !== 0;
  if (wrong) await file.checkUnchanged(state);
  if (header === undefined) {
    throw new InvalidArgument(
      `${file.path} is not a SQLite database, or an encrypted one: it does not begin with a SQLite header. ` +
        "To keep any other file as pages, import it raw with a page size.",
    );
  }
  if (state.sizeBytes % header.pageSize !== 0) {
    throw new InvalidArgument(
      `${file.path} is cut short: its ${state.sizeBytes} bytes are not a whole number of ${header.pageSize}-byte pages. ` +
        "Copy it again.",
    );
  }
  return { file, state, header };
}

/** The file's length in pages. */
export function filePageCount(database: DatabaseFile, pageSize: number): number {
  return database.state.sizeBytes / pageSize;
}
