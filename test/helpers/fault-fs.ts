/**
 * A file system that fails where a test says so, under the file store's real code:
 *
 *     vi.mock("node:fs", async (original) => (await import("../helpers/fault-fs.js")).faulty(await original()));
 *
 * Every asynchronous call that changes the disk asks `disk.beforeChange`, every one that opens or reads a file
 * `disk.beforeRead`; both may throw `systemError(…)`, or ask for a write to be torn or a read to be short.
 */
import type * as fs from "node:fs";

export interface DiskCall {
  readonly name: string;
  readonly path: string;
  /** The other path of a link or a rename: what gets the name. */
  readonly from?: string;
}

export const disk: {
  /** Says "torn" to have `writeFile` write half of the bytes and then fail. */
  beforeChange?: ((call: DiskCall) => "torn" | undefined) | undefined;
  /** Says "short" to have `read` and `readSync` give one byte. */
  beforeRead?: ((call: DiskCall) => unknown) | undefined;
} = {};

export function systemError(code: string, message = "injected"): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${message}`), { code, syscall: "injected" });
}

type Call = (...args: never[]) => unknown;

/** A proxy, so that what `util.promisify` knows of a function stays known. */
function before<F extends Call>(target: F, check: (args: unknown[]) => void): F {
  return new Proxy(target, {
    apply(call, self, args) {
      check(args);
      return Reflect.apply(call, self, args);
    },
  });
}

export function faulty(actual: typeof fs): typeof fs {
  const change = (name: string) => (args: unknown[]) => void disk.beforeChange?.({ name, path: String(args[0]) });
  const naming = (name: string) => (args: unknown[]) =>
    void disk.beforeChange?.({ name, path: String(args[1]), from: String(args[0]) });
  const reading = (name: string) => (args: unknown[]) => {
    // The fourth is the length.
    if (disk.beforeRead?.({ name, path: String(args[0]) }) === "short") args[3] = 1;
  };

  /** As an asynchronous call does: the failure comes by the promise. */
  const promised = <F extends Call>(target: F, check: (args: unknown[]) => void): F => {
    const checked = before(target, check);
    return (async (...args: never[]) => checked(...args)) as unknown as F;
  };

  const open: typeof actual.promises.open = async (path, flags, mode) => {
    const writes = flags !== undefined && flags !== "r";
    if (writes) disk.beforeChange?.({ name: "create", path: String(path) });
    const handle = await actual.promises.open(path, flags, mode);
    const write = handle.writeFile.bind(handle);
    const sync = handle.sync.bind(handle);
    handle.writeFile = async (data) => {
      const torn = disk.beforeChange?.({ name: "write", path: String(path) }) === "torn";
      const bytes = data as Uint8Array;
      await write(torn ? bytes.subarray(0, bytes.length >> 1) : bytes);
      if (torn) throw systemError("EIO", "torn write");
    };
    handle.sync = async () => {
      disk.beforeChange?.({ name: writes ? "sync" : "syncFolder", path: String(path) });
      await sync();
    };
    return handle;
  };

  const { link, mkdir, rename, unlink, readdir, lstat } = actual.promises;
  const promises = {
    ...actual.promises,
    open,
    link: promised(link, naming("link")),
    rename: promised(rename, naming("rename")),
    mkdir: promised(mkdir, change("mkdir")),
    unlink: promised(unlink, change("unlink")),
    readdir: promised(readdir, reading("readdir")),
    lstat: promised(lstat, reading("lstat")),
  };
  return {
    ...actual,
    promises,
    open: before(actual.open as unknown as Call, reading("open")) as unknown as typeof actual.open,
    read: before(actual.read as unknown as Call, reading("read")) as unknown as typeof actual.read,
    openSync: before(actual.openSync, reading("openSync")),
    readSync: before(actual.readSync as unknown as Call, reading("readSync")) as unknown as typeof actual.readSync,
  };
}
