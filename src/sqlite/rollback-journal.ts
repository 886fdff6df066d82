/**
 * Whether a database has a hot rollback journal: one that SQLite would play back before it reads the database, since a
 * transaction was cut off (https://sqlite.org/fileformat2.html#the_rollback_journal). Such a database file alone is in no
 * state that ever was. The rule is SQLite's own, but for its locks, which cannot be seen from here: the journal of a
 * transaction that is still running counts as hot, too.
 *
 * A journal begins with a magic number, which is zeroed or cut off when the transaction ends. One that belongs to a
 * transaction over several databases ends with the name of a super-journal, and is void once that file is gone:
 *
 *     ... | page number of the lock byte, 4 | name | its length, 4 | sum of its bytes, 4 | magic, 8
 */
import { stat } from "node:fs/promises";
import { Unavailable } from "../core/errors.js";
import { InputFile } from "./input-file.js";

const MAGIC = Uint8Array.of(0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7);
const MAX_NAME_BYTES = 4096;

const isMagic = (bytes: Uint8Array) => MAGIC.every((byte, i) => bytes[i] === byte);

/** @throws Unavailable where the database at `path`, `sizeBytes` long, has a hot journal. */
export async function checkNoHotJournal(path: string, sizeBytes: number): Promise<void> {
  // SQLite deletes the journal of an empty database.
  if (sizeBytes === 0) return;
  const journal = await InputFile.openIfPresent(`${path}-journal`, "rollback journal");
  if (journal === undefined) return;
  try {
    const start = new Uint8Array(MAGIC.length);
    if ((await journal.read(start, 0)) < start.length || !isMagic(start)) return;
    const superJournal = await superJournalName(journal);
    if (superJournal !== undefined && !(await exists(superJournal))) return;
  } finally {
    await journal.close();
  }
  throw new Unavailable(
    `${path} has a hot rollback journal: a transaction is running, or was cut off half done. If no program has the ` +
      `database open, let SQLite roll it back (sqlite3 "${path}" "PRAGMA schema_version"); then import again.`,
  );
}

async function superJournalName(journal: InputFile): Promise<string | undefined> {
  const { sizeBytes } = await journal.state();
  if (sizeBytes < 16) return undefined;
  const tail = new Uint8Array(16);
  await journal.read(tail, sizeBytes - 16);
  const view = new DataView(tail.buffer);
  const length = view.getUint32(0);
  if (!isMagic(tail.subarray(8)) || length === 0 || length > Math.min(MAX_NAME_BYTES, sizeBytes - 16)) return undefined;
  const name = new Uint8Array(length);
  await journal.read(name, sizeBytes - 16 - length);
  const sum = name.reduce((total, byte) => (total + ((byte << 24) >> 24)) | 0, 0);
  return sum === view.getInt32(4) ? new TextDecoder().decode(name) : undefined;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
