/**
 * The read-only file system under `sql`: the database file is a snapshot's pages one behind the other, and temporary
 * files (sorts, statement journals) are blocks of memory. SQLite calls it synchronously, in the callback convention of
 * wa-sqlite: pointers into the module's memory, 64-bit numbers as two 32-bit halves.
 *
 * A callback never throws, since an exception must not cross SQLite's own frames: it keeps the first error, answers
 * with a status, and `takeError` gives the error to whoever made the call.
 */
import { NotResident, ReadOnly } from "../core/errors.js";
import type { WaSqlite } from "./sql-module.js";
import { MemoryFile, type OpenFile, SnapshotFile, type SyncPages } from "./vfs-files.js";

/** The path that opens the snapshot. */
export const DATABASE_PATH = "/snapshot.db";

const OK = 0;
const READONLY = 8;
const IOERR = 10;
const NOTFOUND = 12;
const CANTOPEN = 14;
const IOERR_SHORT_READ = IOERR | (2 << 8);
const OPEN_READONLY = 0x1;
const OPEN_MAIN_DB = 0x100;
/** The file never changes while it is open: SQLite then takes no locks, looks for no journal or -wal, and opens a WAL-mode file. */
const IOCAP_IMMUTABLE = 0x2000;

export class SnapshotVfs {
  readonly name = "palimpsest";
  readonly mxPathname = 512;
  readonly #pages: SyncPages;
  readonly #files = new Map<number, OpenFile>();
  #module: WaSqlite | undefined;
  #error: Error | undefined;

  constructor(pages: SyncPages) {
    this.#pages = pages;
  }

  /** Makes it the file system of `module`, for every file that the module opens from now on. */
  register(module: WaSqlite): void {
    this.#module = module;
    module.vfs_register(this, true);
  }

  /** The first error since the last call, forgotten by this one. */
  takeError(): Error | undefined {
    const error = this.#error;
    this.#error = undefined;
    return error;
  }

  hasAsyncMethod(_method: string): boolean {
    return false;
  }

  xOpen(_vfs: number, name: number, file: number, flags: number, flagsOut: number): number {
    const module = this.#module!;
    if ((flags & OPEN_MAIN_DB) === 0) {
      this.#files.set(file, new MemoryFile());
      return OK;
    }
    const path = module.UTF8ToString(name);
    if (path !== DATABASE_PATH) {
      this.#keep(
        new ReadOnly(
          `cannot open ${JSON.stringify(path)}: sql sees the snapshot alone; restore it to use it beside other files`,
        ),
      );
      return CANTOPEN;
    }
    this.#files.set(file, new SnapshotFile(this.#pages));
    module.setValue(flagsOut, (flags & ~0x7) | OPEN_READONLY, "i32");
    return OK;
  }

  xClose(file: number): number {
    this.#files.delete(file);
    return OK;
  }

  xRead(file: number, target: number, length: number, positionLow: number, positionHigh: number): number {
    return this.#call(() => {
      const open = this.#files.get(file)!;
      const position = joinHalves(positionLow, positionHigh);
      const bytes = this.#module!.HEAPU8.subarray(target, target + length);
      const present = Math.max(0, Math.min(length, open.sizeBytes - position));
      if (present > 0) open.read(bytes.subarray(0, present), position);
      if (present === length) return OK;
      bytes.fill(0, present);
      return IOERR_SHORT_READ;
    });
  }

  xWrite(file: number, source: number, length: number, positionLow: number, positionHigh: number): number {
    return this.#call(() => {
      const bytes = this.#module!.HEAPU8.subarray(source, source + length);
      this.#files.get(file)!.write(bytes, joinHalves(positionLow, positionHigh));
      return OK;
    });
  }

  xTruncate(file: number, sizeLow: number, sizeHigh: number): number {
    return this.#call(() => {
      this.#files.get(file)!.truncate(joinHalves(sizeLow, sizeHigh));
      return OK;
    });
  }

  xFileSize(file: number, sizeOut: number): number {
    const heap = this.#module!.HEAPU8;
    const size = BigInt(this.#files.get(file)!.sizeBytes);
    new DataView(heap.buffer, heap.byteOffset + sizeOut, 8).setBigUint64(0, size, true);
    return OK;
  }

  xSync(): number {
    return OK;
  }

  xLock(): number {
    return OK;
  }

  xUnlock(): number {
    return OK;
  }

  xCheckReservedLock(_file: number, reservedOut: number): number {
    this.#module!.setValue(reservedOut, 0, "i32");
    return OK;
  }

  xFileControl(): number {
    return NOTFOUND;
  }

  xSectorSize(): number {
    return 4096;
  }

  xDeviceCharacteristics(file: number): number {
    return this.#files.get(file) instanceof SnapshotFile ? IOCAP_IMMUTABLE : 0;
  }

  xDelete(): number {
    return READONLY;
  }

  xAccess(_vfs: number, _name: number, _flags: number, resultOut: number): number {
    this.#module!.setValue(resultOut, 0, "i32");
    return OK;
  }

  xFullPathname(_vfs: number, name: number, sizeBytes: number, target: number): number {
    const heap = this.#module!.HEAPU8;
    const length = heap.indexOf(0, name) - name;
    if (length >= sizeBytes) return CANTOPEN;
    heap.copyWithin(target, name, name + length + 1);
    return OK;
  }

  #call(body: () => number): number {
    try {
      return body();
    } catch (error) {
      this.#keep(error instanceof Error ? error : new Error(String(error)));
      return IOERR;
    }
  }

  #keep(error: Error): void {
    this.#error ??=
      error instanceof NotResident
        ? new NotResident(
            "sql reads pages in place, and this storage cannot: use a file: or memory: store, or restore the volume to " +
              'a file ("palimpsest restore") and query that',
            { cause: error },
          )
        : error;
  }
}

/** SQLite's 64-bit file positions arrive as two signed 32-bit halves. */
function joinHalves(low: number, high: number): number {
  return high * 2 ** 32 + (low >>> 0);
}
