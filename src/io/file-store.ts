/**
 * An object store in a folder. An object is a file whose path is its key; folders are made as they are needed and never
 * removed. A folder that does not exist reads as empty. How an object is written, and what that promises, is in
 * `file-writer.ts`; reading, listing and deleting are here.
 *
 * A process that dies while it writes leaves its temporary file behind. `list` does not show it, and removes it after a
 * day where the store was opened for writing.
 *
 * Reads follow symbolic links, so that a folder may be moved to another disk; `list` does not, so that nothing outside
 * the folder is ever collected.
 */
import * as fs from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Closed, Corrupt, InvalidArgument, throwIfAborted } from "../core/errors.js";
import { type Descriptor, DescriptorCache } from "./descriptor-cache.js";
import { readFailure, systemCode, writeFailure } from "./file-errors.js";
import { FileWriter, notFolder, TEMPORARY } from "./file-writer.js";
import { checkKey, checkPrefix, checkRange, isKeyPart } from "./object-key.js";
import {
  type CallOptions,
  newIoStats,
  type ObjectInfo,
  type ObjectStore,
  type RangeOptions,
  type SyncReads,
} from "./object-store.js";

const MAX_OPEN_FILES = 128;
const SHORT_RANGE_BYTES = 128 << 10;
const STALE_MS = 24 * 60 * 60 * 1000;
/** Without O_NONBLOCK, opening a named pipe that somebody put in the folder would wait for ever. */
const READ_FLAGS = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);

const open = promisify(fs.open);
const close = promisify(fs.close);
const fstat = promisify(fs.fstat);
const read = promisify(fs.read);
const { lstat, readdir, unlink } = fs.promises;

export class FileStore implements ObjectStore {
  /** `file:` and the absolute path, which `open` takes back. */
  readonly url: string;
  readonly stats = newIoStats();
  readonly #root: string;
  readonly #writer: FileWriter;
  readonly #descriptors = new DescriptorCache(MAX_OPEN_FILES, fs.closeSync);
  #writable = false;
  #closed = false;

  /** @param folder a path, by itself or from the current directory. Nothing is touched before the first call. */
  constructor(folder: string) {
    if (typeof folder !== "string" || folder === "" || folder.includes("\0")) {
      throw new InvalidArgument(`store folder ${JSON.stringify(folder)}: must be a path, such as "./pages"`);
    }
    this.#root = resolve(folder);
    this.url = `file:${this.#root}`;
    this.#writer = new FileWriter(this.#root, this.stats);
  }

  /**
   * The store that a URL names: `file:` and a path as it is, which may be relative to the working directory, or
   * `file:///` and a path as URLs write it.
   */
  static open(url: string): FileStore {
    if (!url.startsWith("file:")) throw new InvalidArgument(`${url}: the URL of a folder begins with file:`);
    if (!url.startsWith("file://")) return new FileStore(url.slice("file:".length));
    try {
      return new FileStore(fileURLToPath(url));
    } catch (cause) {
      throw new InvalidArgument(`${url} names no folder here: write file:./pages or file:///home/me/pages`, { cause });
    }
  }

  /** The absolute path of the folder. */
  get folder(): string {
    return this.#root;
  }

  readonly sync: SyncReads = {
    get: (key) => {
      const path = this.#startRead(key);
      let fd = -1;
      try {
        fd = fs.openSync(path, READ_FLAGS);
        const target = new Uint8Array(this.#checkFile(key, fs.fstatSync(fd)));
        this.#writer.noteSeen(key);
        return target.subarray(0, this.#readSync(fd, 0, target));
      } catch (error) {
        return this.#absent(error, path, key);
      } finally {
        if (fd !== -1) fs.closeSync(fd);
      }
    },
    readRange: (key, start, target) => {
      const path = this.#startRead(key);
      checkRange(start, target.length);
      let descriptor = this.#descriptors.acquire(key);
      try {
        descriptor ??= this.#descriptors.add(key, this.#openSync(path, key));
        return this.#readSync(descriptor.fd, start, target);
      } catch (error) {
        this.#descriptors.drop(key);
        this.#absent(error, path, key);
        return -1;
      } finally {
        if (descriptor) this.#descriptors.release(descriptor);
      }
    },
  };

  async get(key: string, options?: CallOptions): Promise<Uint8Array | undefined> {
    const path = this.#startRead(key, options);
    let fd = -1;
    try {
      fd = await open(path, READ_FLAGS);
      const target = new Uint8Array(this.#checkFile(key, await fstat(fd)));
      const bytes = await this.#read(fd, 0, target, options);
      this.#writer.noteSeen(key);
      if (options?.lasting) await this.#writer.settle(key);
      return bytes;
    } catch (error) {
      return this.#absent(error, path, key);
    } finally {
      if (fd !== -1) await close(fd).catch(ignore); // what was read was read
    }
  }

  /**
   * Keeps the file open for the next range. Ranges are read from objects that are never rewritten; of one that another
   * process replaced, the old bytes may be read.
   */
  async getRange(key: string, start: number, length: number, options?: RangeOptions): Promise<Uint8Array | undefined> {
    const path = this.#startRead(key, options);
    checkRange(start, length);
    let descriptor = this.#descriptors.acquire(key);
    try {
      descriptor ??= await this.#open(path, key);
      const target = options?.into?.subarray(0, length) ?? (await this.#room(descriptor.fd, start, length));
      return await this.#read(descriptor.fd, start, target, options);
    } catch (error) {
      this.#descriptors.drop(key);
      return this.#absent(error, path, key);
    } finally {
      if (descriptor) this.#descriptors.release(descriptor);
    }
  }

  /** Memory for a range: of a long one no more than the file has. Asking for its size would double what a short one costs. */
  async #room(fd: number, start: number, length: number): Promise<Uint8Array> {
    if (length <= SHORT_RANGE_BYTES) return new Uint8Array(length);
    const { size } = await fstat(fd);
    return new Uint8Array(Math.max(0, Math.min(length, size - start)));
  }

  async put(key: string, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#startWrite(key);
    await this.#writer.replace(key, bytes, options).finally(() => this.#descriptors.drop(key));
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options?: CallOptions): Promise<"created" | "exists"> {
    this.#startWrite(key);
    return await this.#writer.create(key, bytes, options).finally(() => this.#descriptors.drop(key));
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    this.#checkOpen();
    this.stats.lists++;
    const parts = prefix.split("/");
    const beginning = parts.pop()!;
    let folder = this.#root;
    for (const part of parts) {
      folder += `/${part}`;
      const found = await lstat(folder).catch((error) => this.#absent(error, folder, prefix));
      if (!found?.isDirectory()) return;
    }
    yield* this.#walk(parts.map((part) => `${part}/`).join(""), beginning, options);
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    checkKey(key);
    this.#checkOpen();
    throwIfAborted(options?.signal, `deleting ${key}`);
    const path = this.#path(key);
    this.stats.deletes++;
    this.#descriptors.drop(key);
    try {
      await unlink(path);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw writeFailure(error, path);
    }
  }

  async checkWritable(options?: CallOptions): Promise<void> {
    this.#checkOpen();
    throwIfAborted(options?.signal, `checking that ${this.url} can be written`);
    await this.#writer.check(options);
    this.#writable = true;
  }

  noteSeen(key: string): void {
    checkKey(key);
    this.#writer.noteSeen(key);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#descriptors.clear();
  }

  #path(key: string): string {
    return `${this.#root}/${key}`;
  }

  #checkOpen(): void {
    if (this.#closed) throw new Closed(`${this.url} was closed. Open the store again`);
  }

  #startWrite(key: string): void {
    checkKey(key);
    this.#checkOpen();
    this.stats.puts++;
  }

  #startRead(key: string, options?: CallOptions): string {
    checkKey(key);
    this.#checkOpen();
    throwIfAborted(options?.signal, `reading ${key}`);
    this.stats.gets++;
    return this.#path(key);
  }

  async #open(path: string, key: string): Promise<Descriptor> {
    const fd = await open(path, READ_FLAGS);
    try {
      this.#checkFile(key, await fstat(fd));
      this.#checkOpen();
    } catch (error) {
      await close(fd);
      throw error;
    }
    return this.#descriptors.add(key, fd);
  }

  #openSync(path: string, key: string): number {
    const fd = fs.openSync(path, READ_FLAGS);
    try {
      this.#checkFile(key, fs.fstatSync(fd));
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
    return fd;
  }

  /** The size of a regular file. */
  #checkFile(key: string, found: fs.Stats): number {
    if (found.isFile() && found.size < 2 ** 31) return found.size;
    const actual = found.isFile() ? `${found.size} bytes` : found.isDirectory() ? "a folder" : "a device or a pipe";
    throw new Corrupt("not an object", { key, byteOffset: 0, expected: "a file under 2 GiB", actual });
  }

  async #read(fd: number, start: number, target: Uint8Array, options?: CallOptions): Promise<Uint8Array> {
    let done = 0;
    while (done < target.length) {
      const { bytesRead } = await read(fd, target, done, target.length - done, start + done);
      throwIfAborted(options?.signal, "reading");
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    this.stats.bytesRead += done;
    return target.subarray(0, done);
  }

  #readSync(fd: number, start: number, target: Uint8Array): number {
    let done = 0;
    while (done < target.length) {
      const count = fs.readSync(fd, target, done, target.length - done, start + done);
      if (count === 0) break;
      done += count;
    }
    this.stats.bytesRead += done;
    return done;
  }

  /** An absent file is a value. All else is thrown: what cannot be read must not look absent. */
  #absent(error: unknown, path: string, key: string): undefined {
    const code = systemCode(error);
    if (code === "ENOTDIR") throw notFolder(this.#root, key, error);
    if (code !== "ENOENT") throw readFailure(error, path);
    this.stats.misses++;
    return undefined;
  }

  async *#walk(folder: string, beginning: string, options: CallOptions | undefined): AsyncGenerator<ObjectInfo> {
    const path = this.#path(folder);
    const entries = await readdir(path, { withFileTypes: true }).catch((error) => this.#absent(error, path, folder));
    const names = (entries ?? [])
      .filter((entry) => entry.isFile() || entry.isDirectory())
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .sort();
    for (const name of names) {
      throwIfAborted(options?.signal, `listing ${folder}`);
      if (name.startsWith(TEMPORARY)) await this.#removeStale(path + name);
      if (!name.startsWith(beginning)) continue;
      if (name.endsWith("/")) {
        if (isKeyPart(name.slice(0, -1))) yield* this.#walk(folder + name, "", options);
      } else if (isKeyPart(name)) {
        const found = await lstat(path + name).catch((error) => this.#absent(error, path, folder + name));
        if (found) yield { key: folder + name, sizeBytes: found.size, modifiedMs: found.mtimeMs };
      }
    }
  }

  /** Its writer is long dead; were it only asleep, it would fail to link what it wrote and report that. */
  async #removeStale(path: string): Promise<void> {
    if (!this.#writable) return;
    const found = await lstat(path).catch(ignore);
    if (found && Date.now() - found.mtimeMs > STALE_MS) await unlink(path).catch(ignore);
  }
}

function ignore(): undefined {}
