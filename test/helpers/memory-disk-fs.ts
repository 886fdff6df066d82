/**
 * The part of `node:fs` that the file store uses, in its synchronous, callback and promise forms, on a `MemoryDisk`:
 *
 *     vi.mock("node:fs", () => import("../helpers/memory-disk-fs.js"));
 *
 * or an esbuild plugin that puts it in place of `node:fs` (scripts/crash-states.mjs). A call has its effect when it is
 * made, or some turns of the microtask queue later where a test wants calls to overlap in varied orders.
 */
import { promisify } from "node:util";
import type { FileInfo, MemoryDisk } from "./memory-disk.js";

let disk: MemoryDisk | undefined;
let delay: (() => number) | undefined;

/** From now on calls are made on this disk. `turns` says for how many turns each is delayed. */
export function mount(mounted: MemoryDisk, turns?: () => number): void {
  disk = mounted;
  delay = turns;
}

/** The disk of a process that was killed: what it would still do fails. */
function mounted(): MemoryDisk {
  if (disk === undefined) throw new Error("no memory disk is mounted");
  return disk;
}

/** A call of whichever disk was mounted when it was made. */
async function call<T>(run: (on: MemoryDisk) => T): Promise<T> {
  const on = mounted();
  for (let turns = delay?.() ?? 0; turns > 0; turns--) await undefined;
  return run(on);
}

export const constants = { O_RDONLY: 0, O_NONBLOCK: 2048 };

function stats({ isFolder, size, modifiedMs }: FileInfo) {
  return { size, mtimeMs: modifiedMs, isFile: () => !isFolder, isDirectory: () => isFolder };
}

class FileHandle {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  writeFile(bytes: Uint8Array): Promise<void> {
    return call((on) => on.append(this.#fd, bytes));
  }

  sync(): Promise<void> {
    return call((on) => on.sync(this.#fd));
  }

  close(): Promise<void> {
    return call((on) => on.close(this.#fd));
  }
}

function isCreating(flags: unknown): boolean {
  if (flags === "wx") return true;
  if (flags === "r" || (typeof flags === "number" && (flags & 3) === constants.O_RDONLY)) return false;
  throw new Error(`the memory disk opens files with "wx" or to be read, not with ${String(flags)}`);
}

export const promises = {
  open: (path: string, flags: string) => call((on) => new FileHandle(on.open(path, isCreating(flags)))),
  link: (from: string, to: string) => call((on) => on.link(from, to)),
  rename: (from: string, to: string) => call((on) => on.rename(from, to)),
  unlink: (path: string) => call((on) => on.unlink(path)),
  mkdir: (path: string) => call((on) => on.mkdir(path)),
  lstat: (path: string) => call((on) => stats(on.stat(path))),
  stat: (path: string) => call((on) => stats(on.stat(path))),
  readdir: (path: string) =>
    call((on) =>
      on.readdir(path).map(({ name, isFolder }) => ({ name, isFile: () => !isFolder, isDirectory: () => isFolder })),
    ),
};

type Callback<T> = (error: unknown, value?: T) => void;

function settle<T>(promise: Promise<T>, callback: Callback<T>): void {
  promise.then((value) => callback(null, value), callback);
}

const openAsync = (path: string, flags: number | string) => call((on) => on.open(path, isCreating(flags)));
const closeAsync = (fd: number) => call((on) => on.close(fd));
const fstatAsync = (fd: number) => call((on) => stats(on.stat(fd)));

export function open(path: string, flags: number | string, callback: Callback<number>): void {
  settle(openAsync(path, flags), callback);
}

export function close(fd: number, callback: Callback<void>): void {
  settle(closeAsync(fd), callback);
}

export function fstat(fd: number, callback: Callback<ReturnType<typeof stats>>): void {
  settle(fstatAsync(fd), callback);
}

const readAsync = (fd: number, target: Uint8Array, offset: number, length: number, position: number) =>
  call((on) => on.read(fd, target.subarray(offset, offset + length), position));

export function read(
  fd: number,
  target: Uint8Array,
  offset: number,
  length: number,
  position: number,
  callback: Callback<number>,
): void {
  settle(readAsync(fd, target, offset, length, position), callback);
}

/** What `promisify` gives for a callback form: without one it would make a promise of the callback of a promise. */
function promisified(form: object, value: (...args: never[]) => Promise<unknown>): void {
  Object.defineProperty(form, promisify.custom, { value });
}
// A turn of the microtask queue later than the call, as from a callback.
promisified(open, async (path: string, flags: number | string) => await openAsync(path, flags));
promisified(close, async (fd: number) => await closeAsync(fd));
promisified(fstat, async (fd: number) => await fstatAsync(fd));
// As Node's own: promisified, `read` answers with an object.
promisified(read, async (...args: Parameters<typeof readAsync>) => ({
  bytesRead: await readAsync(...args),
  buffer: args[1],
}));

export const openSync = (path: string, flags: number | string): number => mounted().open(path, isCreating(flags));
export const closeSync = (fd: number): void => mounted().close(fd);
export const fstatSync = (fd: number) => stats(mounted().stat(fd));
export const statSync = (path: string) => stats(mounted().stat(path));
export const readSync = (fd: number, target: Uint8Array, offset: number, length: number, position: number): number =>
  mounted().read(fd, target.subarray(offset, offset + length), position);
