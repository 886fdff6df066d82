/**
 * The writing half of the file store. The bytes go to a temporary name in the object's own folder (`.tmp-…`, which no key
 * can be) and are synced; then `link()`, which refuses a name that is taken, or `rename()`, which replaces, gives them
 * their name; then the folder is synced, and every folder above it that this writer has not synced before. So an object
 * is whole or absent at every instant, and one whose call has returned survives a power cut. `NoSpace`, `ReadOnly` and
 * `Aborted` mean that nothing was written; an error after the name was given is `Unavailable` and leaves open whether the
 * object will last.
 *
 * An object may build on others that were read before: a commit on the one before it, a volume's log on its record in the
 * catalog. Who wrote those may have been killed between the name and the sync, and then a power cut takes them. So before a
 * name is given, every folder is synced in which an object was seen: what an object stands on lasts longer than it.
 */
import * as fs from "node:fs";
import { dirname } from "node:path";
import { Corrupt, InvalidArgument, ReadOnly, throwIfAborted, Unavailable } from "../core/errors.js";
import { toHex } from "../core/ids.js";
import { systemCode, writeFailure } from "./file-errors.js";
import type { CallOptions, IoStats } from "./object-store.js";

/** What the names of temporary files begin with. */
export const TEMPORARY = ".tmp-";
const SYNCS_AT_ONCE = 16;
const ELSEWHERE = "Commits cannot be made safe there: use a folder on another file system";
const LINK_UNSUPPORTED = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"];

/** A folder that is there no more, or became something else, holds nothing. */
const GONE = ["ENOENT", "ENOTDIR"];
/** Of syncing the folder that the store's folder was found in: it belongs to somebody else, who made that durable. */
const NOT_OURS = ["EACCES", "EPERM", "EROFS", "EINVAL", "ENOTSUP"];

const { link, mkdir, rename, stat, unlink } = fs.promises;

export class FileWriter {
  readonly #root: string;
  /** Of the store: this writer counts the bytes and the syncs. */
  readonly #stats: IoStats;
  /** Folders that exist with a synced name, or are being made so. */
  readonly #folders = new Map<string, Promise<void>>();
  /** Folders in which names were seen that may not be durable yet, and of each the number of the last such sight. */
  readonly #unsynced = new Map<string, number>();
  #sights = 0;
  /** The last pass over these folders, and the number of sights that it began after. */
  #pass: { readonly sights: number; readonly done: Promise<void> } | undefined;

  /** @param root an absolute path. Nothing is touched before the first call. */
  constructor(root: string, stats: IoStats) {
    this.#root = root;
    this.#stats = stats;
  }

  /** Creates or replaces; durable when it resolves. */
  async replace(key: string, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    await this.#write(key, bytes, options, rename);
  }

  /** Creates, durably; "exists" where the name is taken, and then that is durable. */
  async create(key: string, bytes: Uint8Array, options?: CallOptions): Promise<"created" | "exists"> {
    let outcome: "created" | "exists" = "created";
    await this.#write(key, bytes, options, async (temporary, path) => {
      try {
        await link(temporary, path);
      } catch (error) {
        if (systemCode(error) !== "EEXIST") throw error;
        outcome = "exists";
      }
    });
    return outcome;
  }

  /** Makes the folder where there is none, and links a temporary file twice: a file system must refuse the second. */
  async check(options?: CallOptions): Promise<void> {
    const temporary = await this.#writeTemporary(this.#root, new Uint8Array(0), options);
    const second = `${temporary}-link`;
    try {
      await link(temporary, second);
      const again = await link(temporary, second).then(() => undefined, systemCode);
      if (again !== "EEXIST")
        throw new ReadOnly(`file:${this.#root}: its file system lets a link replace a file. ${ELSEWHERE}`);
    } catch (error) {
      if (!LINK_UNSUPPORTED.includes(systemCode(error) ?? "")) throw writeFailure(error, second);
      throw new ReadOnly(`file:${this.#root}: its file system has no hard links. ${ELSEWHERE}`, { cause: error });
    } finally {
      await unlink(second).catch(ignore);
      await unlink(temporary).catch(ignore);
    }
  }

  /** An object was read: what gets a name from now on may build on it. */
  noteSeen(key: string): void {
    this.#note(dirname(this.#path(key)));
  }

  /** Makes an object last that was seen. */
  async settle(key: string): Promise<void> {
    await this.#settleFolder(dirname(this.#path(key)));
  }

  #note(folder: string): void {
    this.#unsynced.set(folder, ++this.#sights);
  }

  #path(key: string): string {
    return `${this.#root}/${key}`;
  }

  async #write(
    key: string,
    bytes: Uint8Array,
    options: CallOptions | undefined,
    giveName: (temporary: string, path: string) => Promise<void>,
  ): Promise<void> {
    const path = this.#path(key);
    const folder = dirname(path);
    const temporary = await this.#writeTemporary(folder, bytes, options);
    try {
      await this.#settleSeen();
      throwIfAborted(options?.signal, `writing ${key}`);
      await giveName(temporary, path);
    } catch (error) {
      throw this.#writeFailure(error, path, key);
    } finally {
      await unlink(temporary).catch(ignore);
    }
    // Also where the key was taken: that the object exists must be as durable as a caller will take it to be.
    await this.#settleFolder(folder);
  }

  /** Makes all objects last that were seen before this call. Calls that ask for the same share one pass over the folders. */
  async #settleSeen(): Promise<void> {
    if (this.#unsynced.size === 0) return;
    if (this.#pass?.sights !== this.#sights) this.#pass = { sights: this.#sights, done: this.#settleFolders() };
    await this.#pass.done;
  }

  async #settleFolders(): Promise<void> {
    const folders = [...this.#unsynced.keys()];
    while (folders.length > 0) {
      await Promise.all(folders.splice(0, SYNCS_AT_ONCE).map((folder) => this.#settleFolder(folder, true)));
    }
  }

  /** Makes the names in `folder` durable. `isOther`: nothing is being written there, and it may be gone. */
  async #settleFolder(folder: string, isOther = false): Promise<void> {
    const sight = this.#unsynced.get(folder);
    try {
      await this.#syncFolder(folder);
    } catch (cause) {
      if (!isOther || !GONE.includes(systemCode(cause) ?? "")) {
        this.#note(folder);
        const what = isOther
          ? `an object was read there, and nothing is written on top of it before it is durable`
          : `what was written there may or may not survive a power cut`;
        throw new Unavailable(`syncing ${folder} failed: ${what}`, { cause });
      }
    }
    // What was seen during the sync may have come too late for it.
    if (this.#unsynced.get(folder) === sight) this.#unsynced.delete(folder);
  }

  /** Writes and syncs a file of a fresh name in `folder`; leaves nothing behind when it fails. */
  async #writeTemporary(folder: string, bytes: Uint8Array, options: CallOptions | undefined): Promise<string> {
    throwIfAborted(options?.signal, `writing in ${folder}`);
    const path = `${folder}/${TEMPORARY}${toHex(crypto.getRandomValues(new Uint8Array(8)))}`;
    try {
      await this.#makeFolder(folder);
      const file = await fs.promises.open(path, "wx").catch(async (error) => {
        if (systemCode(error) !== "ENOENT") throw error;
        this.#folders.clear(); // somebody removed the folder since this store made it
        await this.#makeFolder(folder);
        return fs.promises.open(path, "wx");
      });
      try {
        await file.writeFile(bytes);
        this.#stats.bytesWritten += bytes.length;
        throwIfAborted(options?.signal, `writing in ${folder}`);
        await this.#timeSync(() => file.sync());
      } finally {
        await file.close();
      }
      return path;
    } catch (error) {
      await unlink(path).catch(ignore);
      throw this.#writeFailure(error, folder, folder.slice(this.#root.length + 1));
    }
  }

  #writeFailure(error: unknown, path: string, key: string): unknown {
    const code = systemCode(error);
    // EEXIST: of `mkdir`, that the folder is a file. EISDIR: of `rename`, that the object is a folder.
    return code === "ENOTDIR" || code === "EEXIST" || code === "EISDIR"
      ? notFolder(this.#root, key, error)
      : writeFailure(error, path);
  }

  #makeFolder(folder: string): Promise<void> {
    let made = this.#folders.get(folder);
    if (made === undefined) {
      made = folder === this.#root ? this.#makeRoot() : this.#makeInside(folder);
      made.catch(() => this.#folders.delete(folder));
      this.#folders.set(folder, made);
    }
    return made;
  }

  async #makeInside(folder: string): Promise<void> {
    const parent = dirname(folder);
    await this.#makeFolder(parent);
    await mkdir(folder).catch((error) => {
      if (systemCode(error) !== "EEXIST") throw error;
    });
    // Also where it existed: another process may have made it a moment ago, and not have synced its name yet.
    await this.#syncFolder(parent);
  }

  /**
   * From above, the name of each folder synced before the next is made: of folders that exist, only the last may have a name
   * that can be lost, because whoever made it was killed.
   */
  async #makeRoot(): Promise<void> {
    const missing: string[] = [];
    let found = this.#root;
    for (; !(await this.#exists(found)); found = dirname(found)) missing.push(found);
    await this.#syncFolder(dirname(found)).catch((error) => {
      if (!NOT_OURS.includes(systemCode(error) ?? "")) throw error;
    });
    for (const folder of missing.reverse()) {
      await mkdir(folder).catch((error) => {
        if (systemCode(error) !== "EEXIST") throw error;
      });
      await this.#syncFolder(dirname(folder));
    }
  }

  async #exists(path: string): Promise<boolean> {
    try {
      if ((await stat(path)).isDirectory()) return true;
    } catch (error) {
      if (systemCode(error) === "ENOENT") return false;
      throw error;
    }
    throw notFolder(this.#root, path, new Error(`${path} is not a folder`));
  }

  async #syncFolder(folder: string): Promise<void> {
    if (process.platform === "win32") return; // it has no such call
    const handle = await fs.promises.open(folder, "r");
    try {
      await this.#timeSync(() => handle.sync());
    } finally {
      await handle.close();
    }
  }

  async #timeSync(sync: () => Promise<void>): Promise<void> {
    const start = performance.now();
    await sync();
    this.#stats.syncs++;
    this.#stats.syncMs += performance.now() - start;
  }
}

/** A file stands where a folder should: the caller named a file as the store, or somebody replaced a folder. */
export function notFolder(root: string, key: string, cause: unknown): InvalidArgument | Corrupt {
  if (!isFolder(root)) {
    return new InvalidArgument(`${root} is not a folder. Name the folder of the store, or a new one`, { cause });
  }
  const place = { key, byteOffset: 0, expected: "folders on the way to it", actual: "a file" };
  return new Corrupt("not a store's folder", place, { cause });
}

function isFolder(path: string): boolean {
  try {
    return fs.statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function ignore(): undefined {}
