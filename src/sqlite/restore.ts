/**
 * Writes a volume as it stood at an LSN: for a database the file byte for byte as a checkpoint at that commit would have
 * left it; for any other file that was imported, the file. An absent page below the page count is one of zeros, as it is
 * in a file that was made longer and not written there.
 *
 * A path gets the whole file or none: it is written beside it under a name that ends in ".partial", then renamed. (After
 * a power cut it may be lost: it can be restored again, so nothing waits for the disk.)
 */
import { open, rename, stat, unlink } from "node:fs/promises";
import { InvalidArgument, NoSpace, NotFound, throwIfAborted, Unavailable } from "../core/errors.js";
import type { Snapshot } from "../store/snapshot.js";
import type { Volume } from "../store/volume.js";
import { decodeImportPlace } from "./import-place.js";

export interface RestoreOptions {
  /** By default the newest. */
  readonly lsn?: number | undefined;
  /** The file to write; or `sink`. */
  readonly path?: string | undefined;
  /** Overwrites a file at `path`. */
  readonly force?: boolean | undefined;
  /** Takes the bytes in order, in blocks of a few MiB that are valid until it has settled. */
  readonly sink?: ((bytes: Uint8Array) => void | Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { readonly doneBytes: number; readonly totalBytes: number }) => void) | undefined;
}

export interface RestoreResult {
  readonly lsn: number;
  readonly pageCount: number;
  readonly bytes: number;
  readonly totalMs: number;
}

const BLOCK_BYTES = 4 << 20;

/**
 * @throws NotFound for an LSN that the volume does not have; InvalidArgument where `path` exists, or neither or both of
 *   `path` and `sink` are given; NoSpace; Corrupt where a page that it needs is damaged.
 */
export async function restore(volume: Volume, options: RestoreOptions): Promise<RestoreResult> {
  const started = performance.now();
  const { path, sink, signal } = options;
  if ((path === undefined) === (sink === undefined)) throw new InvalidArgument("restore to a path or to a sink");
  const at =
    options.lsn === undefined ? await volume.latest({ signal }) : await volume.snapshot(options.lsn, { signal });
  if (at === undefined) throw new NotFound(`volume ${volume.name} has no commits yet: there is nothing to restore`);
  const totalBytes = await byteLength(volume, at, signal);
  const write = (to: (bytes: Uint8Array) => void | Promise<void>) => writePages(at, totalBytes, to, options);
  if (sink !== undefined) await write(sink);
  else await writeFile(path!, options.force ?? false, write);
  return { lsn: at.lsn, pageCount: at.pageCount, bytes: totalBytes, totalMs: performance.now() - started };
}

/** The file's length: whole pages, but for the last one of a file that was imported raw. */
async function byteLength(volume: Volume, at: Snapshot, signal: AbortSignal | undefined): Promise<number> {
  const place = decodeImportPlace(await volume.latestMeta({ signal }), `meta of volume ${volume.name}`);
  const last = place?.lengths.findLast(({ lsn }) => lsn <= at.lsn);
  if (last === undefined || at.pageCount === 0) return at.pageCount * volume.pageSize;
  return (at.pageCount - 1) * volume.pageSize + last.bytes;
}

async function writePages(
  at: Snapshot,
  totalBytes: number,
  to: (bytes: Uint8Array) => void | Promise<void>,
  { signal, onProgress }: RestoreOptions,
): Promise<void> {
  const { pageSize } = at.volume;
  const blockPages = BLOCK_BYTES / pageSize;
  const block = new Uint8Array(BLOCK_BYTES);
  for (let first = 0; first < at.pageCount; first += blockPages) {
    throwIfAborted(signal, `restoring volume ${at.volume.name}`);
    const count = Math.min(blockPages, at.pageCount - first);
    await at.readRun(first, block.subarray(0, count * pageSize), { signal });
    const doneBytes = Math.min(totalBytes, (first + count) * pageSize);
    await to(block.subarray(0, doneBytes - first * pageSize));
    onProgress?.({ doneBytes, totalBytes });
  }
}

async function writeFile(
  path: string,
  force: boolean,
  write: (to: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  await checkTarget(path, force);
  const partial = `${path}.${crypto.randomUUID().slice(0, 8)}.partial`;
  try {
    const handle = await open(partial, "wx");
    try {
      await write(async (bytes) => {
        for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
      });
    } finally {
      await handle.close();
    }
    await checkTarget(path, force);
    await rename(partial, path);
  } catch (error) {
    await unlink(partial).catch(() => {});
    throw outputError(error, path);
  }
}

async function checkTarget(path: string, force: boolean): Promise<void> {
  if (!force && (await sizeOf(path)) !== undefined) {
    throw new InvalidArgument(`${path} exists: name another file, or overwrite it with force.`);
  }
  // SQLite would take them for the restored file's own, and damage it.
  for (const suffix of ["-wal", "-journal"]) {
    if (((await sizeOf(path + suffix)) ?? 0) === 0) continue;
    throw new InvalidArgument(
      `${path}${suffix} belongs to a database that was there: restore to another name, or move it away first.`,
    );
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw outputError(error, path);
  }
}

function outputError(error: unknown, path: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  const options = { cause: error };
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return new NoSpace(`${path}: the disk or the quota is full; nothing was left there. Free some space.`, options);
    case "ENOENT":
    case "ENOTDIR":
      return new NotFound(`${path}: its folder does not exist. Make it first.`, options);
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "EISDIR":
      return new InvalidArgument(`${path} cannot be written (${message}): choose another place.`, options);
    case "EIO":
    case "EMFILE":
    case "ENFILE":
      return new Unavailable(`${path} cannot be written (${message}): try again.`, options);
    default:
      return error;
  }
}
