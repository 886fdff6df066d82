/** Imports of real histories: every LSN's restored file is the file as it stood at that commit, by an independent oracle. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PageStore } from "../../../src/node.js";
import { importDatabase } from "../../../src/sqlite/import.js";
import { restore } from "../../../src/sqlite/restore.js";
import { openSql } from "../../../src/sqlite/sql.js";
import type { Volume } from "../../../src/store/volume.js";
import { Random, runSeed } from "../../helpers/random.js";
import { needs } from "../../helpers/requires.js";
import {
  copyDatabase,
  LiveDatabase,
  makeHistory,
  randomTransaction,
  type State,
  statesOf,
  swapChecksumOrder,
} from "../../helpers/sqlite-history.js";

const random = new Random(runSeed("import"));
const folder = mkdtempSync(join(tmpdir(), "palimpsest-import-"));
afterAll(() => rmSync(folder, { recursive: true }));

const openStore = () => PageStore.open("memory:", { memory: 64 << 20 });

async function sha256At(volume: Volume, lsn: number): Promise<string> {
  const hash = createHash("sha256");
  await restore(volume, { lsn, sink: (bytes) => void hash.update(bytes) });
  return hash.digest("hex");
}

/** The SHA-256 of every LSN's file, from the first. */
async function allSums(volume: Volume): Promise<string[]> {
  const newest = await volume.latest();
  const sums: string[] = [];
  for (let lsn = 1; lsn <= (newest?.lsn ?? 0); lsn++) sums.push(await sha256At(volume, lsn));
  return sums;
}

const sumsOf = (states: State[]) => states.map((state) => state.sha256);

describe.each([512, 4096, 65536])("a history of %d-byte pages", needs("sqlite3", "python3"), (pageSize) => {
  const path = join(folder, `history-${pageSize}.db`);
  let states: State[];

  beforeAll(async () => {
    await makeHistory(path, { pageSize, transactions: 200, random });
    states = statesOf(path);
  });

  test("every LSN is the file as it stood at that commit, whatever the batches", async () => {
    expect(states.length).toBeGreaterThan(120);
    for (const batchBytes of [undefined, 1, 10 * pageSize]) {
      await using store = await openStore();
      const result = await importDatabase(store, path, { name: "app", batchBytes });
      expect(result).toMatchObject({
        firstLsn: 1,
        lastLsn: states.length,
        transactions: states.length - 1,
        warnings: [],
        fileBytes: readFileSync(path).length,
        walBytes: readFileSync(`${path}-wal`).length - 32,
      });
      expect(await allSums(result.volume)).toEqual(sumsOf(states));
      const again = await importDatabase(store, path, { name: "app" });
      expect(again).toMatchObject({
        firstLsn: undefined,
        lastLsn: states.length,
        transactions: 0,
        pages: 0,
        warnings: [],
      });
    }
  });

  test("SQLite's own checkpoint of the WAL's beginning gives the same file", async () => {
    await using store = await openStore();
    const { volume } = await importDatabase(store, path);
    const wal = readFileSync(`${path}-wal`);
    for (let lsn = 2; lsn <= states.length; lsn += 1 + random.below(20)) {
      const copy = join(folder, "prefix.db");
      copyFileSync(path, copy);
      writeFileSync(`${copy}-wal`, wal.subarray(0, 32 + states[lsn - 1].frames * (24 + pageSize)));
      execFileSync("sqlite3", [copy, "PRAGMA wal_checkpoint(TRUNCATE);"]);
      const sum = createHash("sha256").update(readFileSync(copy)).digest("hex");
      expect(await sha256At(volume, lsn)).toBe(sum);
    }
  });

  test("a WAL with checksums of the other byte order gives the same", async () => {
    const swapped = join(folder, `swapped-${pageSize}.db`);
    copyDatabase(path, swapped);
    swapChecksumOrder(`${swapped}-wal`);
    await using store = await openStore();
    const { volume } = await importDatabase(store, swapped);
    const newest = (await volume.latest())!;
    expect(newest.lsn).toBe(states.length);
    expect(await sha256At(volume, newest.lsn)).toBe(states.at(-1)!.sha256);
  });
});

describe("importing again", needs("sqlite3", "python3"), () => {
  let number = 0;

  /** A database in use, and a store that follows it. */
  async function follow() {
    const live = new LiveDatabase(join(folder, `live-${++number}.db`));
    await live.useWal(1024, "incremental");
    const store = await openStore();
    let made = 0;
    return {
      live,
      path: live.path,
      /** More than one transaction: the last of them writes. Of the others some find nothing to change. */
      run: async (count: number) => {
        const sql = Array.from({ length: count }, () => randomTransaction(random, made++, 1024));
        if (count > 1) sql[count - 1] = `INSERT INTO item(name) VALUES ('${made}');`;
        await live.run(sql.join("\n"));
      },
      import: () => importDatabase(store, live.path, { name: "app" }),
      states: () => statesOf(live.path),
      close: async () => {
        await live.kill();
        await store.close();
      },
    };
  }

  test("goes on in a WAL that has grown", async () => {
    const app = await follow();
    await app.run(10);
    for (let round = 0; round < 5; round++) {
      await app.run(1 + random.below(10));
      const result = await app.import();
      const states = app.states();
      expect(result).toMatchObject({ lastLsn: states.length, warnings: [] });
      expect(await allSums(result.volume)).toEqual(sumsOf(states));
    }
    await app.close();
  });

  test.each(["RESTART", "TRUNCATE"])("goes on after a checkpoint that starts the WAL over (%s)", async (mode) => {
    const app = await follow();
    await app.run(10);
    const first = app.states();
    await app.import();
    await app.live.run(`PRAGMA wal_checkpoint(${mode});`);
    const nothing = await app.import();
    expect(nothing).toMatchObject({ firstLsn: undefined, transactions: 0, warnings: [] });
    await app.run(5);
    const second = app.states();
    const result = await app.import();
    expect(result).toMatchObject({ firstLsn: first.length + 1, transactions: second.length - 1, warnings: [] });
    expect(await allSums(result.volume)).toEqual([...sumsOf(first), ...sumsOf(second).slice(1)]);
    await app.close();
  });

  test("goes on after the last connection closed, which deletes the WAL", async () => {
    const app = await follow();
    await app.run(10);
    const first = app.states();
    await app.import();
    await app.live.close();
    const result = await app.import();
    expect(result).toMatchObject({ firstLsn: undefined, lastLsn: first.length, warnings: [] });
    await app.close();
  });

  test("where transactions were missed, makes one LSN of what differs, then goes on", async () => {
    const app = await follow();
    await app.run(10);
    const first = app.states();
    await app.import();
    await app.run(10);
    await app.live.run("PRAGMA wal_checkpoint(TRUNCATE);");
    await app.run(4);
    const second = app.states();
    const result = await app.import();
    expect(result).toMatchObject({ firstLsn: first.length + 1, transactions: second.length - 1 });
    expect(result.warnings).toEqual([expect.stringContaining(`LSN ${first.length + 1} holds every change`)]);
    expect(await allSums(result.volume)).toEqual([...sumsOf(first), ...sumsOf(second)]);
    await app.close();
  });

  test("after an automatic checkpoint, finds the frames of before behind the new ones: no transaction is missed", async () => {
    const app = await follow();
    await app.run(20);
    await app.import();
    await app.run(10);
    const first = app.states();
    await app.live.run("PRAGMA wal_checkpoint(PASSIVE);");
    // The next writer starts the WAL over.
    await app.run(3);
    const second = app.states();
    expect(second.at(-1)!.frames).toBeLessThan(first[10].frames);
    for (const copied of [false, true]) {
      const result = await app.import();
      expect(result.warnings).toEqual([]);
      expect(await allSums(result.volume)).toEqual([...sumsOf(first), ...sumsOf(second).slice(1)]);
      if (!copied) await app.live.run("PRAGMA wal_checkpoint(PASSIVE);");
    }
    await app.close();
  });

  test("goes on at the beginning of a new WAL that is already copied into the file, where nothing was missed", async () => {
    const app = await follow();
    await app.run(20);
    const first = app.states();
    await app.import();
    await app.live.run("PRAGMA wal_checkpoint(RESTART);");
    await app.run(3);
    const second = app.states();
    await app.live.run("PRAGMA wal_checkpoint(PASSIVE);");
    const result = await app.import();
    expect(result).toMatchObject({ transactions: second.length - 1, warnings: [] });
    expect(await allSums(result.volume)).toEqual([...sumsOf(first), ...sumsOf(second).slice(1)]);
    await app.close();
  });

  test("an application that checkpoints as SQLite does by default: every state is one that was", async () => {
    const app = await follow();
    await app.live.run("PRAGMA wal_autocheckpoint=25;");
    const newest = () => app.states().at(-1)!.sha256;
    const known = [newest()];
    for (let round = 0; round < 12; round++) {
      for (let i = 1 + random.below(6); i > 0; i--) {
        await app.run(1);
        known.push(newest());
      }
      const { volume } = await app.import();
      const sums = await allSums(volume);
      expect(sums.at(-1)).toBe(newest());
      // In order, with some missing where a checkpoint went before the import.
      let at = -1;
      for (const sum of sums) {
        at = known.indexOf(sum, Math.max(0, at));
        expect(at).toBeGreaterThanOrEqual(0);
      }
    }
    await app.close();
  });

  test("with the WAL already copied into the file, begins after what was copied", async () => {
    const app = await follow();
    await app.run(12);
    const before = app.states();
    await app.live.run("PRAGMA wal_checkpoint(PASSIVE);");
    const copied = await app.import();
    expect(copied).toMatchObject({ firstLsn: 1, lastLsn: 1, transactions: 0 });
    expect(copied.warnings).toEqual([expect.stringContaining(`copied ${before.length - 1} transactions`)]);
    expect(await allSums(copied.volume)).toEqual([before.at(-1)!.sha256]);
    await app.close();
  });
});

describe("a database in use", needs("sqlite3"), () => {
  test("imported over and over while it is written and checkpointed: every LSN is a state that was", async () => {
    const live = new LiveDatabase(join(folder, "busy.db"));
    await live.useWal(1024);
    await live.run("PRAGMA wal_autocheckpoint=60; CREATE TABLE state(seq); INSERT INTO state VALUES(0);");
    await live.run("CREATE TABLE entry(seq INTEGER PRIMARY KEY, body); CREATE INDEX entry_body ON entry(body);");
    const count = 300;
    const step = (i: number) =>
      `BEGIN; UPDATE state SET seq=${i}; INSERT INTO entry VALUES(${i}, hex(randomblob(${random.below(300)})));
       UPDATE entry SET body='${i}' WHERE seq=${1 + random.below(i)};
       ${i % 10 === 0 ? `DELETE FROM entry WHERE seq<${i} AND seq%${2 + random.below(7)}=1; UPDATE state SET seq=${i};` : ""} COMMIT;`;
    let running = true;
    const writing = (async () => {
      for (let i = 1; i <= count; i++) {
        await live.run(step(i));
        if (i % 4 === 0) await sleep(random.below(30));
      }
    })().finally(() => (running = false));
    await using store = await openStore();
    let tries = 0;
    let volume: Volume | undefined;
    for (let last = false; !last; tries++) {
      last = !running;
      try {
        volume = (await importDatabase(store, live.path, { name: "app" })).volume;
      } catch (error) {
        if ((error as { code?: string }).code !== "Unavailable") throw error;
      }
    }
    await writing;
    const newest = (await volume!.latest())!;
    let before = -1;
    for (let lsn = 1; lsn <= newest.lsn; lsn++) {
      const sql = await openSql(await volume!.snapshot(lsn));
      const tables = sql.query("SELECT count(*) FROM sqlite_master WHERE name IN ('state', 'entry')")[0].rows[0][0];
      if (tables === 2) {
        const [[seq, highest]] = sql.query("SELECT (SELECT seq FROM state), (SELECT max(seq) FROM entry)")[0].rows;
        expect(highest ?? 0, `LSN ${lsn}`).toBe(seq);
        expect(seq as number, `LSN ${lsn}`).toBeGreaterThanOrEqual(before);
        before = seq as number;
      }
      if (lsn % 10 === 0) expect(sql.query("PRAGMA integrity_check")[0].rows, `LSN ${lsn}`).toEqual([["ok"]]);
      sql.close();
    }
    expect(before).toBe(count);
    console.info(`${tries} imports made ${newest.lsn} LSNs of ${count} transactions`);
    await live.kill();
  });
});

/** A `-shm` file as a process that died leaves it. */
function writeWalIndex(path: string, wal: Buffer, copiedFrames: number, attemptedFrames: number): void {
  const words = new Uint32Array(34);
  const bytes = Buffer.from(words.buffer);
  words[0] = 3007000;
  bytes[12] = 1;
  wal.copy(bytes, 32, 16, 24);
  bytes.copy(bytes, 48, 0, 48);
  words[24] = copiedFrames;
  words[32] = attemptedFrames;
  writeFileSync(`${path}-shm`, bytes);
}

describe("a checkpoint that was cut off", needs("sqlite3", "python3"), () => {
  test("leaves a file that is no state: the import begins with one that is", async () => {
    for (let round = 0; round < 12; round++) {
      const path = join(folder, `cut-off-${round}.db`);
      await makeHistory(path, { pageSize: 1024, transactions: 30, random });
      const states = statesOf(path);
      const wal = readFileSync(`${path}-wal`);
      // What SQLite would copy for the first `upTo` transactions, as far as `share` of the pages.
      const upTo = 1 + random.below(states.length - 1);
      const pages = new Map<number, Buffer>();
      for (let frame = 0; frame < states[upTo].frames; frame++) {
        const at = 32 + frame * 1048;
        pages.set(wal.readUInt32BE(at), wal.subarray(at + 24, at + 1048));
      }
      const ascending = [...pages].filter(([page]) => page <= states[upTo].pageCount).sort((a, b) => a[0] - b[0]);
      // Without the WAL index one or two pages are no proof: they may just be as they were.
      const withIndex = round % 2 === 0;
      let copied = round === 0 ? ascending.length : random.below(ascending.length + 1);
      if (!withIndex && copied < 3) copied = 0;
      const attempted = states[upTo].frames;
      if (withIndex) writeWalIndex(path, wal, copied === ascending.length ? attempted : 0, attempted);
      let file = readFileSync(path);
      for (const [page, bytes] of ascending.slice(0, copied)) {
        if (file.length < page * 1024) file = Buffer.concat([file, Buffer.alloc(page * 1024 - file.length)]);
        bytes.copy(file, (page - 1) * 1024);
      }
      writeFileSync(path, file);
      await using store = await openStore();
      const { volume } = await importDatabase(store, path);
      const sums = await allSums(volume);
      // All are states that the database was in, and none is missing behind the first.
      const all = sumsOf(states);
      expect(all).toContain(sums[0]);
      expect(sums.slice(1), `${copied} of ${ascending.length} pages of ${upTo} transactions`).toEqual(
        sums.length > 1 ? all.slice(1 - sums.length) : [],
      );
      if (copied === 0) expect(sums.length).toBe(states.length);
    }
  });
});
