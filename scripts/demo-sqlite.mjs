// SQLite for the demo, in WAL mode on real files: wa-sqlite over a file system of a few lines, so that the demo needs no
// sqlite3 program. One connection at a time: locks are not real, and the WAL's index is in memory (locking_mode=exclusive).
import fs from "node:fs";
import { createRequire } from "node:module";
import startModule from "@journeyapps/wa-sqlite/dist/wa-sqlite.mjs";
import { FacadeVFS } from "@journeyapps/wa-sqlite/src/FacadeVFS.js";
import * as SQLite from "@journeyapps/wa-sqlite/src/sqlite-api.js";

const NO_CHECKPOINT_ON_CLOSE = 1006;

class FolderVfs extends FacadeVFS {
  #files = new Map();

  jOpen(path, file, flags, flagsOut) {
    // Temporary files have no name; the demo's statements are too small to need any.
    if (path === null) return SQLite.SQLITE_CANTOPEN;
    const create = flags & SQLite.SQLITE_OPEN_CREATE ? fs.constants.O_CREAT : 0;
    try {
      this.#files.set(file, fs.openSync(path, fs.constants.O_RDWR | create));
    } catch {
      return SQLite.SQLITE_CANTOPEN;
    }
    flagsOut.setInt32(0, flags, true);
    return SQLite.SQLITE_OK;
  }

  jClose(file) {
    fs.closeSync(this.#files.get(file));
    this.#files.delete(file);
    return SQLite.SQLITE_OK;
  }

  jRead(file, target, position) {
    const bytes = target.subarray();
    const read = fs.readSync(this.#files.get(file), bytes, 0, bytes.length, position);
    if (read === bytes.length) return SQLite.SQLITE_OK;
    bytes.fill(0, read);
    return SQLite.SQLITE_IOERR_SHORT_READ;
  }

  jWrite(file, source, position) {
    const bytes = source.subarray();
    fs.writeSync(this.#files.get(file), bytes, 0, bytes.length, position);
    return SQLite.SQLITE_OK;
  }

  jTruncate(file, size) {
    fs.ftruncateSync(this.#files.get(file), size);
    return SQLite.SQLITE_OK;
  }

  jSync(file) {
    fs.fsyncSync(this.#files.get(file));
    return SQLite.SQLITE_OK;
  }

  jFileSize(file, sizeOut) {
    sizeOut.setBigInt64(0, BigInt(fs.fstatSync(this.#files.get(file)).size), true);
    return SQLite.SQLITE_OK;
  }

  jAccess(path, _flags, resultOut) {
    resultOut.setInt32(0, fs.existsSync(path) ? 1 : 0, true);
    return SQLite.SQLITE_OK;
  }

  jDelete(path) {
    fs.rmSync(path, { force: true });
    return SQLite.SQLITE_OK;
  }
}

/** Opens a database file in WAL mode, made if it is not there. `close` leaves the -wal as it is. */
export async function openDatabase(path) {
  const wasmBinary = fs.readFileSync(
    createRequire(import.meta.url).resolve("@journeyapps/wa-sqlite/dist/wa-sqlite.wasm"),
  );
  const module = await startModule({ wasmBinary });
  const sqlite = SQLite.Factory(module);
  const vfs = new FolderVfs("folder", module);
  vfs.mxPathname = 4096;
  sqlite.vfs_register(vfs, true);
  const db = await sqlite.open_v2(path);
  const varargs = module._malloc(8);
  module.setValue(varargs, 1, "i32");
  module.setValue(varargs + 4, 0, "i32");
  module._sqlite3_db_config(db, NO_CHECKPOINT_ON_CLOSE, varargs);

  const run = async (sql, values = []) => {
    const rows = [];
    for await (const statement of sqlite.statements(db, sql)) {
      sqlite.bind_collection(statement, values);
      while ((await sqlite.step(statement)) === SQLite.SQLITE_ROW) rows.push(sqlite.row(statement));
    }
    return rows;
  };
  await run(
    "pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = normal; pragma temp_store = memory",
  );
  return { run, close: () => sqlite.close(db) };
}

/**
 * The database file as SQLite itself makes it of `from` and its -wal: copies both to `to` and lets SQLite move the WAL
 * into the copy. `from` is only read.
 */
export async function copyCheckpointed(from, to) {
  fs.copyFileSync(from, to);
  if (fs.existsSync(`${from}-wal`)) {
    fs.copyFileSync(`${from}-wal`, `${to}-wal`);
    const copy = await openDatabase(to);
    await copy.run("pragma wal_checkpoint(truncate)");
    await copy.close();
    fs.rmSync(`${to}-wal`, { force: true });
  }
}
