/** SQL over pages, without a store: what the virtual file system reads, and what it does with errors. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Aborted, Closed, Corrupt, InvalidArgument, NotResident, ReadOnly } from "../../../src/core/errors.js";
import { openSqlOn } from "../../../src/sqlite/sql.js";
import type { SyncPages } from "../../../src/sqlite/vfs-files.js";
import { needs } from "../../helpers/requires.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "palimpsest-sql-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The pages of a file that the `sqlite3` program makes by `sql`. */
function database(sql: string, pageSize = 4096, path = join(folder, `${Math.random()}.db`)): Uint8Array {
  execFileSync("sqlite3", [path, `pragma page_size=${pageSize}; ${sql}`], { stdio: ["ignore", "ignore", "inherit"] });
  return readFileSync(path);
}

function pagesOf(file: Uint8Array, pageSize = 4096): SyncPages & { reads: number } {
  return {
    reads: 0,
    pageSize,
    pageCount: file.length / pageSize,
    readPageIntoSync(offset, target) {
      this.reads++;
      target.set(file.subarray(offset * pageSize, (offset + 1) * pageSize));
      return true;
    },
  };
}

const NUMBERS = (count: number) => `with recursive n(i) as (select 1 union all select i+1 from n where i<${count})`;
const TABLE = `create table t(a integer primary key, b); ${NUMBERS(1000)} insert into t select i, hex(randomblob(30)) from n;`;

describe("a snapshot's pages as a database", needs("sqlite3"), () => {
  test.each([512, 1024, 4096, 65536])("of %d bytes a page, in WAL mode or not", async (pageSize) => {
    for (const mode of ["delete", "wal"]) {
      const sql = await openSqlOn(pagesOf(database(`pragma journal_mode=${mode}; ${TABLE}`, pageSize), pageSize));
      expect(sql.query("select count(*), sum(a) from t; pragma integrity_check; pragma page_size")).toEqual([
        { columns: ["count(*)", "sum(a)"], rows: [[1000, 500500]] },
        { columns: ["integrity_check"], rows: [["ok"]] },
        { columns: ["page_size"], rows: [[pageSize]] },
      ]);
      sql.close();
    }
  });

  test("pages of the store may be larger or smaller than the database's", async () => {
    const file = database(TABLE, 4096);
    for (const pageSize of [512, 1024]) {
      const sql = await openSqlOn(pagesOf(file, pageSize));
      expect(sql.query("pragma integrity_check")[0].rows).toEqual([["ok"]]);
    }
    const padded = new Uint8Array(Math.ceil(file.length / 65536) * 65536);
    padded.set(file);
    const sql = await openSqlOn(pagesOf(padded, 65536));
    expect(sql.query("select count(*) from t")[0].rows).toEqual([[1000]]);
  });

  test("a page is read once for many queries, since nothing changes", async () => {
    const pages = pagesOf(database(TABLE));
    const sql = await openSqlOn(pages);
    sql.query("select count(*) from t");
    const reads = pages.reads;
    for (let i = 0; i < 10; i++) sql.query("select count(*) from t");
    expect(pages.reads).toBe(reads);
  });

  test("values keep their types, and integers their digits", async () => {
    const sql = await openSqlOn(pagesOf(database("create table t(a)")));
    const [{ rows }] = sql.query(
      "select 1, -1, 9007199254740991, 9007199254740993, -9223372036854775808, 1.0, 0.1, null, 'a' || char(0) || 'é', x'00ff', x'', ''",
    );
    expect(rows).toEqual([
      [
        1,
        -1,
        9007199254740991,
        9007199254740993n,
        -9223372036854775808n,
        1,
        0.1,
        null,
        "a\0é",
        Uint8Array.of(0, 255),
        new Uint8Array(0),
        "",
      ],
    ]);
  });

  test("string literals in double quotes open and run, as in the sqlite3 program", async () => {
    const sql = await openSqlOn(
      pagesOf(database(`create table t(a); create view v as select "x y" as b; insert into t values(1)`)),
    );
    expect(sql.query(`select b from v; select "no such column"`).map((result) => result.rows)).toEqual([
      [["x y"]],
      [["no such column"]],
    ]);
  });

  test("absent pages read as zeros: an empty volume is an empty database", async () => {
    const sql = await openSqlOn({ pageSize: 4096, pageCount: 3, readPageIntoSync: () => false });
    expect(() => sql.query("select * from sqlite_schema")).toThrow(InvalidArgument);
    const empty = await openSqlOn({ pageSize: 4096, pageCount: 0, readPageIntoSync: () => false });
    expect(empty.query("select * from sqlite_schema")[0].rows).toEqual([]);
  });

  test("temporary files work: a sort and a table larger than SQLite's cache", async () => {
    const sql = await openSqlOn(pagesOf(database(TABLE)));
    const results = sql.query(
      `pragma temp_store=file; pragma cache_size=10; create temp table big as ${NUMBERS(50_000)} select i, hex(randomblob(40)) as h from n;
       select count(*), min(i), max(i) from big; create index temp.by_h on big(h); delete from big where i % 3 = 0;
       select count(*) from (select h from big order by h || 'x' desc); pragma temp.integrity_check`,
    );
    expect(results.map((result) => result.rows)).toEqual([[[50_000, 1, 50_000]], [[33_334]], [["ok"]]]);
  });

  test("many statements, comments and empty ones among them", async () => {
    const sql = await openSqlOn(pagesOf(database(TABLE)));
    expect(sql.query(";; select 1; -- one\n /* two */ ; select 2 -- end").map((result) => result.rows)).toEqual([
      [[1]],
      [[2]],
    ]);
    for (const nothing of ["", " ", ";", "-- select 1"])
      expect(() => sql.query(nothing)).toThrow(/there is no statement/);
  });
});

describe("what is refused", needs("sqlite3"), () => {
  test.each([
    "insert into t values(7000, 1)",
    "update t set b = 1",
    "delete from t",
    "drop table t",
    "create table u(a)",
    "vacuum",
    "pragma user_version = 5",
    "attach '/tmp/other.db' as other",
    "vacuum into '/tmp/copy.db'",
  ])("%s: the snapshot stays as it is", async (statement) => {
    const sql = await openSqlOn(pagesOf(database(TABLE)));
    expect(() => sql.query(statement)).toThrow(ReadOnly);
    expect(sql.query("select count(*) from t; pragma integrity_check").map((result) => result.rows)).toEqual([
      [[1000]],
      [["ok"]],
    ]);
  });

  test.each(["selec 1", "select * from nope", "select 'abc", "select ?", "select :name", "select 1\0"])(
    "%j, with SQLite's own words",
    async (statement) => {
      const sql = await openSqlOn(pagesOf(database(TABLE)));
      expect(() => sql.query(statement)).toThrow(InvalidArgument);
      expect(() => sql.query(statement)).toThrow(/^SQL: /);
      expect(sql.query("select 1")[0].rows).toEqual([[1]]);
    },
  );

  test("an error of the store comes out as it is, and the database goes on", async () => {
    const pages = pagesOf(database(TABLE, 512), 512);
    const readPage = pages.readPageIntoSync;
    const corrupt = new Corrupt("page", { key: "s/1", byteOffset: 512, expected: "1", actual: "2" });
    let error: Error | undefined;
    pages.readPageIntoSync = function (offset, target) {
      if (error !== undefined && offset > 3) throw error;
      return readPage.call(this, offset, target);
    };
    const sql = await openSqlOn(pages);
    error = corrupt;
    expect(() => sql.query("select count(b) from t")).toThrow(corrupt);
    error = new NotResident("page 4 is not resident");
    expect(() => sql.query("select count(b) from t")).toThrow(/restore the volume to a file/);
    expect(() => sql.query("select count(b) from t")).toThrow(NotResident);
    error = undefined;
    expect(sql.query("select count(b) from t")[0].rows).toEqual([[1000]]);
  });

  test("pages that are no database, or a damaged one, are told apart from a failing store", async () => {
    const noise = await openSqlOn(pagesOf(new Uint8Array(8192).fill(7)));
    expect(() => noise.query("select 1 from sqlite_schema")).toThrow(/does not hold a SQLite database/);
    const file = Uint8Array.from(database(TABLE));
    file.fill(0xff, 4096);
    const damaged = await openSqlOn(pagesOf(file));
    expect(() => damaged.query("select sum(length(b)) from t")).toThrow(/malformed.*no sound SQLite database/s);
  });

  test("after close, and when the signal has fired", async () => {
    const sql = await openSqlOn(pagesOf(database(TABLE)));
    expect(() => sql.query("select * from t", { signal: AbortSignal.abort() })).toThrow(Aborted);
    sql.close();
    sql.close();
    expect(() => sql.query("select 1")).toThrow(Closed);
  });
});

test("two databases are open at once, and the process is left as it was", needs("sqlite3"), async () => {
  const listeners = process.eventNames().map((name) => [name, process.listenerCount(name)]);
  const one = await openSqlOn(pagesOf(database("create table t(a); insert into t values('one')")));
  const two = await openSqlOn(pagesOf(database("create table t(a); insert into t values('two')")));
  expect([one, two].map((sql) => sql.query("select a from t")[0].rows)).toEqual([[["one"]], [["two"]]]);
  const [first] = one.statements("select a from t");
  expect(first.columns).toEqual(["a"]);
  expect(process.eventNames().map((name) => [name, process.listenerCount(name)])).toEqual(listeners);
  expect("toJSON" in BigInt.prototype).toBe(false);
});
