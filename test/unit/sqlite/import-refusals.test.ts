/** Files that cannot be imported: each gets its typed error, and the store is left as it was. */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { PageStore } from "../../../src/node.js";
import { type ImportDatabaseOptions, importDatabase } from "../../../src/sqlite/import.js";
import { importFile } from "../../../src/sqlite/import-file.js";
import { Random, runSeed } from "../../helpers/random.js";
import { needs } from "../../helpers/requires.js";
import { copyDatabase, LiveDatabase, makeHistory, statesOf } from "../../helpers/sqlite-history.js";

const random = new Random(runSeed("import refusals"));
const folder = mkdtempSync(join(tmpdir(), "palimpsest-refusals-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const openStore = () => PageStore.open("memory:", { memory: 16 << 20 });

async function names(store: PageStore): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of store.volumes()) found.push(name);
  return found;
}

/** Imports into a new store, expects `code` and a message, and no trace in the store. */
async function refuses(path: string, code: string, message: RegExp, options?: ImportDatabaseOptions): Promise<void> {
  await using store = await openStore();
  await expect(importDatabase(store, path, options)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
  expect(await names(store)).toEqual([]);
}

test("what is no SQLite database", async () => {
  writeFileSync(at("text"), "hello, I am a text, long enough to hold a database's header of a hundred bytes".repeat(4));
  await refuses(at("text"), "InvalidArgument", /not a SQLite database.*import it raw/s);
  writeFileSync(at("short"), "SQLite format 3\0");
  await refuses(at("short"), "InvalidArgument", /not a SQLite database/);
  writeFileSync(at("empty"), "");
  await refuses(at("empty"), "InvalidArgument", /is empty/);
  await refuses(at("missing"), "NotFound", /no such file/);
  await refuses(at("missing/file"), "NotFound", /no such file/);
  mkdirSync(at("a-folder"));
  await refuses(at("a-folder"), "InvalidArgument", /is a folder/);
  await refuses("/dev/null", "InvalidArgument", /no regular file/);
});

test("an import that fails half way leaves no segment behind", async () => {
  writeFileSync(at("large.bin"), "");
  truncateSync(at("large.bin"), 40 << 20);
  const objects = new MemoryStore();
  await using store = await PageStore.open("memory:", { memory: 16 << 20, objects });
  const controller = new AbortController();
  let segments = 0;
  const onProgress = ({ doneBytes }: { doneBytes: number }) => {
    if (doneBytes < 36 << 20) return;
    segments = objects.stats.puts;
    controller.abort();
  };
  await expect(
    importFile(store, at("large.bin"), { pageSize: 4096, signal: controller.signal, onProgress }),
  ).rejects.toMatchObject({ code: "Aborted" });
  expect(segments).toBeGreaterThan(1);
  for await (const { key } of objects.list("s/")) expect.unreachable(key);
  expect(await names(store)).toEqual([]);
});

describe("databases", needs("sqlite3", "python3"), () => {
  const good = at("good.db");
  const noWal = at("no-wal.db");

  beforeAll(async () => {
    await makeHistory(good, { pageSize: 1024, transactions: 20, random });
    const live = new LiveDatabase(noWal);
    await live.run("PRAGMA page_size=1024; CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(9000)); SELECT 1;");
    await live.close();
  });

  test("a file that is cut short", async () => {
    const bytes = readFileSync(noWal);
    for (const cut of [1024 * 3, bytes.length - 1024]) {
      writeFileSync(at("cut.db"), bytes.subarray(0, cut));
      await refuses(at("cut.db"), "InvalidArgument", /cut short: its header counts/);
    }
    writeFileSync(at("cut.db"), bytes.subarray(0, bytes.length - 1));
    await refuses(at("cut.db"), "InvalidArgument", /cut short.*whole number/);
  });

  test("an encrypted file, or a page size that cannot be", async () => {
    const bytes = readFileSync(noWal);
    for (const [position, value] of [
      [0, 0x52],
      [16, 3],
      [17, 1],
      [21, 63],
    ]) {
      const damaged = Buffer.from(bytes);
      damaged[position] = value;
      writeFileSync(at("damaged.db"), damaged);
      await refuses(at("damaged.db"), "InvalidArgument", /not a SQLite database, or an encrypted one/);
    }
  });

  test("a hot rollback journal; one that is finished is no hindrance", async () => {
    const path = at("hot.db");
    copyFileSync(noWal, path);
    const live = new LiveDatabase(path);
    // A cache that spills makes SQLite sync the journal and write to the database in the middle of the transaction.
    await live.run(
      "PRAGMA cache_size=1; BEGIN; INSERT INTO t SELECT zeroblob(900) FROM t, t, t, t; UPDATE t SET a=zeroblob(800);",
    );
    await live.run(
      "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<200) SELECT zeroblob(900) FROM n;",
    );
    await live.kill();
    const journal = readFileSync(`${path}-journal`);
    expect(journal.length).toBeGreaterThan(512);
    await refuses(path, "Unavailable", /hot rollback journal.*sqlite3/);

    // A persistent journal's header is zeroed, a truncated one is empty; of an empty database SQLite deletes it.
    copyFileSync(noWal, path);
    for (const void_ of [Buffer.alloc(0), Buffer.concat([Buffer.alloc(28), journal.subarray(28)])]) {
      writeFileSync(`${path}-journal`, void_);
      await using store = await openStore();
      expect((await importDatabase(store, path)).lastLsn).toBe(1);
    }

    // A journal that names a super-journal is void once that is deleted.
    const withSuper = (name: string) => {
      const text = Buffer.from(name);
      const tail = Buffer.alloc(8);
      tail.writeUInt32BE(text.length, 0);
      tail.writeInt32BE(
        text.reduce((sum, byte) => sum + ((byte << 24) >> 24), 0),
        4,
      );
      return Buffer.concat([journal, Buffer.alloc(4), text, tail, journal.subarray(0, 8)]);
    };
    writeFileSync(`${path}-journal`, withSuper(at("super-mj1")));
    await using store = await openStore();
    expect((await importDatabase(store, path)).lastLsn).toBe(1);
    writeFileSync(at("super-mj1"), "x");
    await refuses(path, "Unavailable", /hot rollback journal/);
  });

  test("the WAL of another database", async () => {
    const path = at("mixed.db");
    const mix = (wal: Buffer) => {
      copyFileSync(noWal, path);
      writeFileSync(`${path}-wal`, wal);
    };
    await makeHistory(at("other-512.db"), { pageSize: 512, transactions: 5, random });
    mix(readFileSync(`${at("other-512.db")}-wal`));
    await refuses(path, "InvalidArgument", /WAL of another database/);

    // The same page size: an update that does not touch page 1 of a longer database, one of a database that grew, and
    // one of a shorter database.
    const live = new LiveDatabase(at("other.db"));
    await live.run(
      `PRAGMA page_size=1024; CREATE TABLE u(a);
       INSERT INTO u WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<99) SELECT zeroblob(400) FROM n;`,
    );
    await live.useWal(1024);
    await live.run("PRAGMA wal_checkpoint(TRUNCATE); UPDATE u SET a=zeroblob(399) WHERE rowid=7;");
    mix(readFileSync(`${live.path}-wal`));
    await refuses(path, "InvalidArgument", /is not that of .* begins with a database of/);
    await live.run("PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO u VALUES(zeroblob(5000));");
    mix(readFileSync(`${live.path}-wal`));
    await refuses(path, "InvalidArgument", /is not that of .* grew/);
    await live.kill();
    const short = new LiveDatabase(at("short.db"));
    await short.useWal(1024);
    await short.run("CREATE TABLE t(a); INSERT INTO t VALUES(1);");
    mix(readFileSync(`${short.path}-wal`));
    await refuses(path, "InvalidArgument", /is not that of .* begins with a database of/);
    await short.kill();

    const other = new LiveDatabase(at("utf16.db"));
    await other.run(
      "PRAGMA encoding='UTF-16'; PRAGMA page_size=1024; CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(9000));",
    );
    await other.useWal(1024);
    await other.run("CREATE TABLE v(a);");
    mix(readFileSync(`${other.path}-wal`));
    await refuses(path, "InvalidArgument", /is not that of .* encoding/);
    await other.kill();
  });

  test("a WAL without a valid header is ignored, as SQLite does, and said", async () => {
    const path = at("garbage-wal.db");
    copyFileSync(noWal, path);
    for (const wal of [Buffer.from("short"), Buffer.alloc(5000), readFileSync(`${good}-wal`).fill(0, 0, 4)]) {
      writeFileSync(`${path}-wal`, wal);
      await using store = await openStore();
      const result = await importDatabase(store, path);
      expect(result).toMatchObject({ lastLsn: 1, transactions: 0 });
      expect(result.warnings).toEqual([expect.stringMatching(`left out all of its ${wal.length} bytes`)]);
    }
    writeFileSync(`${path}-wal`, "");
    await using store = await openStore();
    expect((await importDatabase(store, path)).warnings).toEqual([]);
  });

  test("a torn WAL: the transactions before, and a warning that counts the bytes", async () => {
    const path = at("torn.db");
    const states = statesOf(good);
    const wal = readFileSync(`${good}-wal`);
    copyFileSync(good, path);
    writeFileSync(`${path}-wal`, wal.subarray(0, wal.length - 1));
    await using store = await openStore();
    const torn = await importDatabase(store, path);
    const end = 32 + states.at(-2)!.frames * 1048;
    expect(torn.lastLsn).toBe(states.length - 1);
    expect(torn.warnings).toEqual([expect.stringMatching(`left out ${wal.length - 1 - end} bytes behind byte ${end}`)]);
    // Whole again, the import goes on.
    writeFileSync(`${path}-wal`, wal);
    expect(await importDatabase(store, path)).toMatchObject({ lastLsn: states.length, transactions: 1, warnings: [] });
  });

  test("a volume that does not fit", async () => {
    await using store = await openStore();
    await store.createVolume({ name: "wide", pageSize: 4096 });
    await expect(importDatabase(store, good, { name: "wide" })).rejects.toMatchObject({
      code: "InvalidArgument",
      message: expect.stringMatching(/pages of 4096 bytes, the file has 1024.*another name/s),
    });
    const mine = await store.createVolume({ name: "mine", pageSize: 1024 });
    await mine.commit({ pages: [[0, new Uint8Array(1024)]] });
    await expect(importDatabase(store, good, { name: "mine" })).rejects.toThrow(/not made by an import/);
    const { volume } = await importDatabase(store, good, { name: "app" });
    await volume.commit({ pages: [[0, new Uint8Array(1024)]] });
    await expect(importDatabase(store, good, { name: "app" })).rejects.toThrow(/not made by an import/);
  });

  test("an empty volume, as a killed import leaves it, is used", async () => {
    await using store = await openStore();
    await store.createVolume({ name: "good", pageSize: 1024 });
    expect((await importDatabase(store, good)).firstLsn).toBe(1);
  });

  test("a symbolic link leads to the database and to its WAL", async () => {
    symlinkSync(good, at("link.db"));
    await using store = await openStore();
    const result = await importDatabase(store, at("link.db"));
    expect(result.lastLsn).toBe(statesOf(good).length);
    expect(result.volume.name).toBe("link");
  });

  test("a database of 0 bytes has all of its content in the WAL", async () => {
    const live = new LiveDatabase(at("whole.db"));
    await live.useWal(1024);
    await live.run("CREATE TABLE t(a); INSERT INTO t VALUES(1);");
    copyDatabase(live.path, at("zero.db"));
    await live.kill();
    writeFileSync(at("zero.db"), "");
    await using store = await openStore();
    const { volume, lastLsn } = await importDatabase(store, at("zero.db"));
    expect((await volume.snapshot(1)).pageCount).toBe(0);
    expect(lastLsn).toBe(statesOf(at("zero.db")).length);
  });

  test("an import that is aborted leaves no volume", async () => {
    const controller = new AbortController();
    controller.abort();
    await refuses(good, "Aborted", /aborted/, { signal: controller.signal });
    await using store = await openStore();
    const late = new AbortController();
    await expect(
      importDatabase(store, good, { signal: late.signal, onProgress: () => late.abort() }),
    ).rejects.toMatchObject({ code: "Aborted" });
    expect(await names(store)).toEqual([]);
  });
});

describe("a database that changes while it is read", needs("sqlite3"), () => {
  /** Runs `change` at the first report of `phase`. */
  const during = (phase: string, change: () => void) => {
    let done = false;
    return (progress: { phase: string }) => {
      if (done || progress.phase !== phase) return;
      done = true;
      change();
    };
  };

  test("the file is written: nothing is committed", async () => {
    const path = at("changing.db");
    await makeHistory(path, { pageSize: 1024, transactions: 20, random });
    const touch = () => writeFileSync(path, readFileSync(path));
    await refuses(path, "Unavailable", /changed while it was read: try again/, { onProgress: during("scan", touch) });
    await refuses(path, "Unavailable", /changed while it was read/, {
      onProgress: during("scan", () => {
        copyFileSync(path, at("replacement"));
        rmSync(path);
        copyFileSync(at("replacement"), path);
      }),
    });
  });

  test("the WAL is started over: what was read before stays, and the next import goes on", async () => {
    const path = at("restarting.db");
    await makeHistory(path, { pageSize: 1024, transactions: 30, random });
    const wal = readFileSync(`${path}-wal`);
    await using store = await openStore();
    const restart = () => {
      const other = Buffer.from(wal);
      const salt = wal.readUInt32BE(16) + 1;
      for (const at of [16, ...Array.from({ length: (wal.length - 32) / 1048 }, (_, i) => 32 + i * 1048 + 8)]) {
        other.writeUInt32BE(salt >>> 0, at);
      }
      writeFileSync(`${path}-wal`, other);
    };
    await expect(
      importDatabase(store, path, { name: "app", batchBytes: 4096, onProgress: during("transactions", restart) }),
    ).rejects.toMatchObject({ code: "Unavailable", message: expect.stringContaining("started over") });
    const kept = (await (await store.volume("app")).latest())!.lsn;
    expect(kept).toBeGreaterThan(1);
    writeFileSync(`${path}-wal`, wal);
    expect(await importDatabase(store, path, { name: "app" })).toMatchObject({ firstLsn: kept + 1, warnings: [] });
  });
});
