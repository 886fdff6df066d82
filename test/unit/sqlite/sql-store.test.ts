/** SQL on a real store: what the store says when a page cannot be had comes through SQLite as it is. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Closed, Corrupt, NotResident } from "../../../src/core/errors.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { openSql } from "../../../src/sqlite/sql.js";
import { openOn } from "../../helpers/open-on.js";
import { needs } from "../../helpers/requires.js";

const PAGE_SIZE = 4096;
const COUNT = "select count(*), sum(length(b)) from t";
const EXPECTED = [[2000, 120_000]];

describe("sql on a store", needs("sqlite3"), () => {
  let file: Uint8Array;
  const folder = mkdtempSync(join(tmpdir(), "palimpsest-sql-store-"));

  beforeAll(() => {
    const path = join(folder, "app.db");
    const many = "with recursive n(i) as (select 1 union all select i+1 from n where i < 2000)";
    execFileSync("sqlite3", [
      path,
      `create table t(a integer primary key, b); ${many} insert into t select i, hex(randomblob(30)) from n`,
    ]);
    file = readFileSync(path);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function committed(objects: MemoryStore) {
    const store = await openOn(objects);
    const volume = await store.createVolume({ name: "app", pageSize: PAGE_SIZE });
    const pages = Array.from({ length: file.length / PAGE_SIZE }, (_, i): [number, Uint8Array] => [
      i,
      file.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE),
    ]);
    await volume.commit({ pages });
    await store.close();
  }

  test("reads pages as it needs them, at the LSN of the snapshot", async () => {
    const objects = new MemoryStore();
    await committed(objects);
    const store = await openOn(objects);
    const volume = await store.volume("app");
    const snapshot = await volume.snapshot(1);
    await volume.commit({ pages: [[0, new Uint8Array(PAGE_SIZE)]] });
    const sql = await openSql(snapshot);
    expect(sql.query(COUNT)[0].rows).toEqual(EXPECTED);
    const now = await openSql((await volume.latest())!);
    expect(() => now.query(COUNT)).toThrow(/not a database/);
    await store.close();
    await expect(openSql(snapshot)).rejects.toThrow(Closed);
  });

  test("storage that cannot read in place: NotResident, which says what to do", async () => {
    const objects = new MemoryStore();
    Object.defineProperty(objects, "sync", { value: undefined });
    await committed(objects);
    const store = await openOn(objects);
    const snapshot = (await (await store.volume("app")).latest())!;
    await expect(openSql(snapshot)).rejects.toThrow(NotResident);
    await expect(openSql(snapshot)).rejects.toThrow(/use a file: or memory: store.*palimpsest restore/);
  });

  test("a damaged page: Corrupt, with the object and the byte", async () => {
    const objects = new MemoryStore();
    await committed(objects);
    let key = "";
    for await (const { key: found } of objects.list("")) if (/\/l\//.test(found)) key = found;
    const bytes = (await objects.get(key))!;
    bytes[bytes.length - 5 * PAGE_SIZE] ^= 1;
    await objects.put(key, bytes);
    const store = await openOn(objects);
    const sql = await openSql((await (await store.volume("app")).latest())!);
    let error: unknown;
    try {
      sql.query(COUNT);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(Corrupt);
    expect((error as Corrupt).key).toBe(key);
    expect((error as Corrupt).byteOffset).toBeGreaterThan(0);
    // What does not need that page goes on.
    expect(sql.query("select max(a) from t")[0].rows).toEqual([[2000]]);
  });
});
