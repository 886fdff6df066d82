/**
 * SQLite through better-sqlite3. Offset and LSN are packed into the rowid, `offset << 32 | lsn`, which is the key of SQLite's
 * own B+tree of tables: the newest version at or below an LSN is the last row of a range, and no second tree is searched.
 * Pages of 32 KiB hold 7 versions; the file is mapped, and one read transaction lasts as long as the connection.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { History } from "./history.js";
import { load } from "./packages.js";
import type { OpenPeer, Peer, Places } from "./peer.js";

const FILE = "history.sqlite";
const MAPPED_BYTES = 2 ** 31 - 65536;

export const betterSqlite3: Peer = {
  name: "better-sqlite3",

  async write(history: History, { written, compacted }: Places) {
    await mkdir(written);
    await mkdir(compacted);
    const database = new (load("better-sqlite3"))(join(written, FILE));
    database.pragma("page_size = 32768");
    database.pragma("journal_mode = off");
    database.pragma("synchronous = off");
    database.exec("CREATE TABLE page (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)");
    const insert = database.prepare("INSERT INTO page VALUES (? << 32 | ?, ?)");
    history.commits.forEach((offsets, commit) => {
      const lsn = commit + 1;
      database.exec("BEGIN");
      for (const offset of offsets) insert.run(offset, lsn, history.page(offset, lsn));
      database.exec("COMMIT");
    });
    database.prepare("VACUUM INTO ?").run(join(compacted, FILE));
    database.close();
  },

  async open({ compacted }: Places, memoryBytes: number): Promise<OpenPeer> {
    const database = new (load("better-sqlite3"))(join(compacted, FILE), { readonly: true });
    database.pragma(`mmap_size = ${MAPPED_BYTES}`);
    database.pragma(`cache_size = ${-memoryBytes >> 10}`);
    database.exec("BEGIN");
    const newest = database
      .prepare("SELECT bytes FROM page WHERE id BETWEEN ? << 32 AND (? << 32 | ?) ORDER BY id DESC LIMIT 1")
      .pluck();
    const exact = database.prepare("SELECT bytes FROM page WHERE id = (? << 32 | ?)").pluck();
    return {
      ways: [
        {
          call: "get",
          question: "newest",
          read: (offset, lsn) => newest.get(offset, offset, lsn) as Uint8Array | undefined,
        },
        {
          call: "get",
          question: "exact",
          read: (offset, lsn) => exact.get(offset, lsn) as Uint8Array | undefined,
        },
      ],
      close: async () => database.close(),
    };
  },
};
