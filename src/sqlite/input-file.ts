/**
 * A file that somebody else owns: opened for reading alone, read in bulk at a position, and watched for changes. The
 * one place where the import touches `node:fs`.
 */
import { constants, type FileHandle, open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { InvalidArgument, NotFound, PalimpsestError, Unavailable } from "../core/errors.js";

/** Enough of `stat` to tell that a file was written or replaced. */
export interface FileState {
  readonly sizeBytes: number;
  readonly modifiedNs: bigint;
  readonly inode: bigint;
}

/**
 * File systems stamp a write with a clock that ticks every few milliseconds, or every one or two seconds where times are
 * whole seconds: two writes within a tick leave one time. A file that was written more recently than a tick is watched until
 * it is older: from then on every write changes the time.
 */
const TICK_MS = 20;
const SECONDS_TICK_MS = 2_000;
/** How often a file that is written all the time is looked at before the import gives up. */
const MAX_LOOKS = 150;

const tickMs = ({ modifiedNs }: FileState) => (modifiedNs % 1_000_000_000n === 0n ? SECONDS_TICK_MS : TICK_MS);

/** Turns an error of `node:fs` into one of ours. */
export function fileError(error: unknown, what: string, path: string): Error {
  if (error instanceof PalimpsestError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const options = { cause: error };
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return new NotFound(`${what} ${path}: there is no such file. Check the path.`, options);
    case "EISDIR":
      return new InvalidArgument(`${what} ${path} is a folder: name the file.`, options);
    case "EACCES":
    case "EPERM":
      return new InvalidArgument(`${what} ${path} may not be read: check its permissions.`, options);
    default:
      return new Unavailable(`${what} ${path} cannot be read (${message}): try again.`, options);
  }
}

export class InputFile {
  readonly path: string;
  /** What the file is, for messages: "database", "WAL". */
  readonly what: string;
  readonly #handle: FileHandle;

  private constructor(path: string, what: string, handle: FileHandle) {
    this.path = path;
    this.what = what;
    this.#handle = handle;
  }

  /** @throws NotFound, InvalidArgument where it is no regular file or may not be read, Unavailable for a failing disk. */
  static async open(path: string, what: string): Promise<InputFile> {
    try {
      // Without O_NONBLOCK, opening a pipe would wait for its writer for ever.
      const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      const stats = await handle.stat();
      if (!stats.isFile()) {
        await handle.close();
        const kind = stats.isDirectory() ? "a folder" : "no regular file";
        throw new InvalidArgument(`${what} ${path} is ${kind}: name the file.`);
      }
      return new InputFile(path, what, handle);
    } catch (error) {
      throw fileError(error, what, path);
    }
  }

  /** As `open`; `undefined` where there is no such file. */
  static async openIfPresent(path: string, what: string): Promise<InputFile | undefined> {
    try {
      return await InputFile.open(path, what);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  async state(): Promise<FileState> {
    try {
      const { size, mtimeNs, ino } = await this.#handle.stat({ bigint: true });
      return { sizeBytes: Number(size), modifiedNs: mtimeNs, inode: ino };
    } catch (error) {
      throw fileError(error, this.what, this.path);
    }
  }

  /**
   * The file's state once its last write is old enough for any further write to show.
   *
   * @throws Unavailable where it is written all the time.
   */
  async settledState(): Promise<FileState> {
    for (let look = 0; look < MAX_LOOKS; look++) {
      const state = await this.state();
      const ageMs = Date.now() - Number(state.modifiedNs / 1_000_000n);
      // A time in the future (a clock that was set back) says nothing; after a tick, a further write shows.
      if (ageMs >= tickMs(state) || (ageMs < 0 && look > 0)) return state;
      await sleep(TICK_MS);
    }
    throw new Unavailable(`${this.what} ${this.path} is written all the time: import again when it is less busy.`);
  }

  /** @throws Unavailable where the file was written, or another put in its place, since it had `before`. */
  async checkUnchanged(before: FileState): Promise<void> {
    const now = await this.state();
    let named: bigint | undefined;
    try {
      named = (await stat(this.path, { bigint: true })).ino;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw fileError(error, this.what, this.path);
    }
    if (now.sizeBytes === before.sizeBytes && now.modifiedNs === before.modifiedNs && named === before.inode) return;
    throw new Unavailable(
      `${this.what} ${this.path} changed while it was read: try again, best while nothing writes to it.`,
    );
  }

  /** Fills `target` from `position`; returns the bytes read, fewer than its length only where the file ends. */
  async read(target: Uint8Array, position: number): Promise<number> {
    let count = 0;
    try {
      while (count < target.length) {
        const { bytesRead } = await this.#handle.read(target, count, target.length - count, position + count);
        if (bytesRead === 0) break;
        count += bytesRead;
      }
    } catch (error) {
      throw fileError(error, this.what, this.path);
    }
    return count;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
