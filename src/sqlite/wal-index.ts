/**
 * What SQLite's WAL index (the `-shm` file) says of checkpoints. It is in the byte order of the machine and belongs to a
 * WAL while it has its salts (https://sqlite.org/walformat.html):
 *
 *     0   48  header: 0 version 3007000, 12 initialised (1 byte), 16 frames, 32 salt-1 and salt-2 as in the WAL's bytes
 *     48  48  the same again
 *     96   4  frames that checkpoints have copied into the database file
 *     128  4  frames that the last checkpoint set out to copy
 */
import { compareBytes } from "../core/ids.js";
import { InputFile } from "./input-file.js";
import type { WalSalts } from "./wal.js";

const HEADER_BYTES = 48;
const READ_BYTES = 132;
const VERSION = 3007000;

export interface CheckpointState {
  readonly copiedFrames: number;
  /** More than were copied where a checkpoint was cut off, or where SQLite cannot know. */
  readonly attemptedFrames: number;
}

/** `undefined` where there is no index for a WAL of these salts. */
export async function readWalIndex(databasePath: string, salts: WalSalts): Promise<CheckpointState | undefined> {
  const file = await InputFile.openIfPresent(`${databasePath}-shm`, "WAL index");
  if (file === undefined) return undefined;
  try {
    const words = new Uint32Array(READ_BYTES / 4);
    const bytes = new Uint8Array(words.buffer);
    if ((await file.read(bytes, 0)) < READ_BYTES) return undefined;
    const header = bytes.subarray(0, HEADER_BYTES);
    const twice = compareBytes(header, bytes.subarray(HEADER_BYTES, 2 * HEADER_BYTES)) === 0;
    if (!twice || words[0] !== VERSION || header[12] !== 1) return undefined;
    const view = new DataView(words.buffer);
    if (view.getUint32(32) !== salts.salt1 || view.getUint32(36) !== salts.salt2) return undefined;
    const [copiedFrames, attemptedFrames] = [words[24], words[32]];
    return copiedFrames <= attemptedFrames ? { copiedFrames, attemptedFrames } : undefined;
  } finally {
    await file.close();
  }
}
