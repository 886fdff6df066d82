/**
 * Refuses the WAL of another database. Nothing in a WAL names its database, and SQLite does not look; but some things
 * cannot be if it belongs to this one.
 */
import { InvalidArgument } from "../core/errors.js";
import { DATABASE_HEADER_BYTES, type DatabaseFile, decodeDatabaseHeader, filePageCount } from "./database-file.js";
import type { Wal } from "./wal.js";
import type { WalFrames } from "./wal-frames.js";

/** SQLite never uses the page that holds byte 2^30, where its locks are. */
const LOCK_BYTE = 2 ** 30;

/**
 * @param frames Of the whole WAL, with at least one transaction.
 * @param untouched Whether the file is what it was when the WAL began.
 * @throws InvalidArgument
 */
export async function checkWalFits(
  database: DatabaseFile,
  wal: Wal,
  frames: WalFrames,
  untouched: boolean,
): Promise<void> {
  const pageOne = await firstPageOne(wal, frames);
  if (pageOne !== undefined) {
    const header = decodeDatabaseHeader(pageOne.bytes);
    if (header === undefined) throw foreign(database, wal, "its page 1 is not a SQLite header");
    if (header.pageSize !== wal.header.pageSize) {
      throw foreign(database, wal, `its page 1 says that pages have ${header.pageSize} bytes`);
    }
    const encoding = database.header?.textEncoding ?? 0;
    if (encoding !== 0 && header.textEncoding !== 0 && header.textEncoding !== encoding) {
      throw foreign(database, wal, "its text has another encoding");
    }
  }
  if (!untouched || database.header === undefined) return;
  // The first transaction must follow from the file. A change of length is written to page 1; new pages are written, or
  // on the freelist; and only vacuuming shortens a database: at the end of the file, or by writing every page anew with
  // another schema cookie.
  const before = database.header.pageCount ?? filePageCount(database, wal.header.pageSize);
  const after = frames.pageCount(0);
  if (pageOne === undefined || pageOne.frame >= frames.firstFrame(1)) {
    if (after !== before) throw foreign(database, wal, `it begins with a database of ${after} pages, not of ${before}`);
    return;
  }
  const header = decodeDatabaseHeader(pageOne.bytes)!;
  const written = frames.newestFrames(0, 1);
  const lockPage = LOCK_BYTE / wal.header.pageSize + 1;
  const vacuumed =
    header.schemaCookie !== database.header.schemaCookie && written.length >= after - (after >= lockPage ? 1 : 0);
  if (after < before && !header.autoVacuum && !vacuumed) {
    throw foreign(database, wal, `it begins with a database of ${after} pages, not of ${before}`);
  }
  let fresh = after >= lockPage && before < lockPage ? 1 : 0;
  for (const frame of written) if (frames.pageNumber(frame) > before) fresh++;
  if (after - before > fresh + header.freelistCount) {
    throw foreign(database, wal, `it begins with a database that grew to ${after} pages, but not from ${before}`);
  }
}

function foreign(database: DatabaseFile, wal: Wal, why: string): InvalidArgument {
  return new InvalidArgument(
    `WAL ${wal.file.path} is not that of ${database.file.path}: ${why}. Put the right one beside the database, or none.`,
  );
}

/** The beginning of the first page 1 in the WAL that is the last of its transaction. */
async function firstPageOne(wal: Wal, frames: WalFrames): Promise<{ frame: number; bytes: Uint8Array } | undefined> {
  for (let transaction = 0; transaction < frames.transactionCount; transaction++) {
    let found = -1;
    for (let frame = frames.firstFrame(transaction); frame < frames.firstFrame(transaction + 1); frame++) {
      if (frames.pageNumber(frame) === 1) found = frame;
    }
    if (found < 0) continue;
    const bytes = new Uint8Array(DATABASE_HEADER_BYTES);
    await wal.readPage(frames.from.frame + found, bytes);
    return { frame: found, bytes };
  }
  return undefined;
}
