/**
 * A slab in a folder of the local disk: one sparse file, `palimpsest.slab`, which several processes may open at once.
 *
 * One file never changes its geometry: a slab of another one (or another version, or damaged, or truncated) is unlinked and a
 * new one made, while whoever still has the old one open goes on with it until he closes it. A new one is written under a
 * temporary name and linked, so that of two processes that start at once one makes it and both use it.
 *
 * Nothing is synced: what a power cut tears is a miss.
 *
 * Reading 16 KiB in place takes 5 µs where the kernel has it in memory, and 45 through Node's thread pool. Where it has not,
 * reading in place would stop everybody for as long as the disk takes. So a read that was slow sends the next ones to the
 * pool, for a while. Writes are nobody's wait: they go to the pool, whose disk may stop them when much is to be written.
 */
import * as fs from "node:fs";
import { promisify } from "node:util";
import { Closed, InvalidArgument, Unavailable } from "../core/errors.js";
import { toHex } from "../core/ids.js";
import { systemCode, writeFailure } from "./file-errors.js";
import type { SlabFile } from "./slab-file.js";
import { HEADER_BYTES, type SlabLayout } from "./slab-layout.js";

const NAME = "palimpsest.slab";
const TEMPORARY = ".palimpsest-slab-";
/** Writing a header takes no time; a temporary file of this age is of a process that died. */
const STALE_MS = 60_000;
const MAX_ATTEMPTS = 10;
/** A read in place that takes so long has waited for the disk. */
const SLOW_MS = 0.5;
const READS_BY_POOL = 32;
const OPEN_FLAGS = fs.constants.O_RDWR | (fs.constants.O_NONBLOCK ?? 0);

const read = promisify(fs.read);
const write = promisify(fs.write);

/**
 * The slab of `folder`, which is made where there is none.
 *
 * @throws InvalidArgument for what is no folder's path, NoSpace, ReadOnly, Unavailable
 */
export async function openSlabFile(folder: string, layout: SlabLayout): Promise<SlabFile> {
  if (typeof folder !== "string" || folder === "" || folder.includes("\0")) {
    throw new InvalidArgument(`cache folder ${JSON.stringify(folder)}: must be a path, such as "/var/cache/pages"`);
  }
  const path = `${folder}/${NAME}`;
  try {
    fs.mkdirSync(folder, { recursive: true });
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const fd = openExisting(path, layout);
      if (fd !== undefined) return new NodeSlabFile(fd, path, layout.sizeBytes);
      create(folder, path, layout);
    }
  } catch (error) {
    throw writeFailure(error, path);
  }
  throw new Unavailable(
    `${path} is replaced again and again: give each program that caches with another size a folder of its own`,
  );
}

/** The descriptor of the slab that is there. One that is not of this layout is unlinked. */
function openExisting(path: string, layout: SlabLayout): number | undefined {
  let fd: number;
  try {
    fd = fs.openSync(path, OPEN_FLAGS);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
  let isOf = false;
  try {
    const header = new Uint8Array(HEADER_BYTES);
    const found = fs.fstatSync(fd);
    const count = found.isFile() ? fs.readSync(fd, header, 0, HEADER_BYTES, 0) : 0;
    isOf = layout.isOf(header.subarray(0, count), found.size);
    // Another process may have put a good one in its place.
    if (!isOf && statIfThere(path)?.ino === found.ino) fs.rmSync(path, { force: true });
    return isOf ? fd : undefined;
  } finally {
    if (!isOf) fs.closeSync(fd);
  }
}

function create(folder: string, path: string, layout: SlabLayout): void {
  removeStale(folder);
  const temporary = `${folder}/${TEMPORARY}${toHex(crypto.getRandomValues(new Uint8Array(8)))}`;
  try {
    const fd = fs.openSync(temporary, "wx", 0o600);
    try {
      const header = layout.header();
      fs.writeSync(fd, header, 0, header.length, 0);
      fs.ftruncateSync(fd, layout.sizeBytes);
    } finally {
      fs.closeSync(fd);
    }
    giveName(temporary, path);
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}

/** By a link, which does not replace what another process made; where the file system has none, by renaming. */
function giveName(temporary: string, path: string): void {
  try {
    fs.linkSync(temporary, path);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") fs.renameSync(temporary, path);
  }
}

function removeStale(folder: string): void {
  for (const name of fs.readdirSync(folder)) {
    if (!name.startsWith(TEMPORARY)) continue;
    const found = statIfThere(`${folder}/${name}`);
    if (found && Date.now() - found.mtimeMs > STALE_MS) fs.rmSync(`${folder}/${name}`, { force: true });
  }
}

function statIfThere(path: string): fs.Stats | undefined {
  return fs.lstatSync(path, { throwIfNoEntry: false });
}

class NodeSlabFile implements SlabFile {
  readonly #fd: number;
  readonly #path: string;
  readonly #sizeBytes: number;
  /** Calls that the pool has not ended: they must not meet a descriptor that is closed, or reused. */
  readonly #underWay = new Set<Promise<unknown>>();
  #readsByPool = 0;
  #isClosed = false;

  constructor(fd: number, path: string, sizeBytes: number) {
    this.#fd = fd;
    this.#path = path;
    this.#sizeBytes = sizeBytes;
  }

  read(at: number, target: Uint8Array): number | Promise<number> {
    this.#check(at, target.length);
    if (this.#readsByPool > 0) {
      this.#readsByPool--;
      return this.#note(read(this.#fd, target, 0, target.length, at).then(({ bytesRead }) => bytesRead));
    }
    const began = performance.now();
    const count = fs.readSync(this.#fd, target, 0, target.length, at);
    if (performance.now() - began > SLOW_MS) this.#readsByPool = READS_BY_POOL;
    return count;
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    this.#check(at, bytes.length);
    const { bytesWritten } = await this.#note(write(this.#fd, bytes, 0, bytes.length, at));
    // A full disk may take a part. The rest would fail; what is there now is a miss.
    if (bytesWritten < bytes.length) throw new Unavailable(`writing ${this.#path}: ${bytesWritten} bytes were taken`);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.allSettled(this.#underWay);
    fs.closeSync(this.#fd);
  }

  #note<T>(call: Promise<T>): Promise<T> {
    this.#underWay.add(call);
    const forget = () => void this.#underWay.delete(call);
    call.then(forget, forget);
    return call;
  }

  /** Nothing may make the file longer. */
  #check(at: number, length: number): void {
    if (this.#isClosed) throw new Closed(`${this.#path} was closed. Open the cache again`);
    if (at < 0 || at + length > this.#sizeBytes) throw new InvalidArgument(`${this.#path}: no place at ${at}`);
  }
}
