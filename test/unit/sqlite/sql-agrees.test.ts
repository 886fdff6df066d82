/**
 * SQL at an LSN and the `sqlite3` program on the file restored from it give the same answers, as text: the PROJ database,
 * grown to 50 MB and edited in 1,000 transactions, ten queries and an integrity check at twenty LSNs. (The queries leave out where SQLite's own
 * releases differ: quote() of a REAL, round() and text of a REAL that is a tie.)
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Output } from "../../../src/cli/output.js";
import { CsvFormat, JsonFormat } from "../../../src/cli/sql-format.js";
import { PageStore } from "../../../src/node.js";
import { importDatabase } from "../../../src/sqlite/import.js";
import { restore } from "../../../src/sqlite/restore.js";
import { openSql } from "../../../src/sqlite/sql.js";
import type { Volume } from "../../../src/store/volume.js";
import { Random } from "../../helpers/random.js";
import { needs } from "../../helpers/requires.js";
import { LiveDatabase } from "../../helpers/sqlite-history.js";

const PROJ = "/usr/share/proj/proj.db";
const TRANSACTIONS = 1000;
/** Rows of about 1,000 bytes. */
const GROWN_ROWS = 42_000;
const LSNS = Array.from({ length: 20 }, (_, i) => 1 + i * 50);

const QUERIES = [
  "select count(*), sum(length(name)), min(code), max(code) from crs_view",
  "select auth_name, count(*), avg(deprecated), total(deprecated) from object_view group by 1 order by 1",
  "select name, semi_major_axis, inv_flattening, semi_major_axis / inv_flattening from ellipsoid order by name, code",
  "select e.name, e.south_lat, e.east_lon, count(*) from usage u join extent e on e.auth_name = u.extent_auth_name and e.code = u.extent_code group by e.auth_name, e.code order by 4 desc, 1, 2 limit 100",
  "select type, name, sql from sqlite_schema order by type, name",
  "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20) select i, (select name from geodetic_crs where cast(code as integer) > 4000 + 7 * i order by cast(code as integer), auth_name limit 1) as name from n",
  "select name, row_number() over (partition by auth_name order by name, code) as nr, x'c3a9' || name, null, 9223372036854775807 from geodetic_datum order by auth_name, nr limit 200",
  "select count(*), sum(length(filler)), hex(max(filler)) from grown",
  "select auth_name from authority_list except select 'EPSG'",
  "select hex(name), accuracy, typeof(accuracy), cast(accuracy * 1000 as integer) from helmert_transformation_table order by auth_name, code limit 300",
];

let folder: string;
let store: PageStore;
let volume: Volume;

const random = new Random(20261122);

function transaction(i: number): string {
  switch (i % 10) {
    case 0:
      return `create table note${i}(id integer primary key, text, at real); insert into note${i} values(${i}, 'n', ${i} / 7.0)`;
    case 1:
      return `update ellipsoid set name = name || ' ${i}' where cast(code as integer) % 5 = ${random.below(5)}`;
    case 2:
      return `delete from grown where id % ${TRANSACTIONS} = ${i}`;
    case 3:
      return `insert into metadata values('k${i}', '${"v".repeat(random.below(9000))}')`;
    case 4:
      return `update extent set north_lat = min(90, north_lat + 0.1), description = description || '${i}' where cast(code as integer) % 9 = ${i % 9}`;
    case 5:
      return `create index by_name${i} on geodetic_crs(name, deprecated)`;
    case 6:
      return `alter table note${i - 6} add column extra default 'é${i}'`;
    case 7:
      return `update helmert_transformation_table set accuracy = accuracy + 0.25 where cast(code as integer) % 3 = 1`;
    case 8:
      return i === 38 ? "vacuum" : `drop index by_name${i - 3}`;
    default:
      return `delete from metadata where key = 'k${i - 6}'`;
  }
}

/** Skips, or fails in CI, as `needs` does for programs. */
function needsProj(): { skip: boolean } {
  const skip = needs("sqlite3").skip || !existsSync(PROJ);
  if (skip && process.env.CI) throw new Error("this test needs Debian package proj-data: install it in .ci/run");
  if (skip) console.warn("SKIPPED: these tests need sqlite3 and the database of Debian package proj-data");
  return { skip };
}

describe("sql agrees with sqlite3", needsProj(), () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "palimpsest-agrees-"));
    const path = join(folder, "proj.db");
    copyFileSync(PROJ, join(folder, "live.db"));
    const live = new LiveDatabase(join(folder, "live.db"));
    await live.run(`
      create table grown(id integer primary key, filler blob);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < ${GROWN_ROWS})
      insert into grown select i, randomblob(1000) from n;
      pragma journal_mode=wal; pragma wal_autocheckpoint=0; pragma synchronous=off;`);
    const transactions = Array.from({ length: TRANSACTIONS }, (_, i) => transaction(i));
    await live.run(transactions.map((sql) => (sql === "vacuum" ? "vacuum;" : `begin; ${sql}; commit;`)).join("\n"));
    live.copyTo(path);
    await live.kill();
    expect(statSync(path).size).toBeGreaterThan(50e6);
    store = await PageStore.open(`file:${join(folder, "store")}`);
    const result = await importDatabase(store, path, { name: "proj" });
    volume = result.volume;
    expect(result.lastLsn).toBeGreaterThanOrEqual(TRANSACTIONS);
  });
  afterAll(async () => {
    await store?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(LSNS)("at LSN %d", async (lsn) => {
    const path = join(folder, `at-${lsn}.db`);
    await restore(volume, { lsn, path });
    const sql = await openSql(await volume.snapshot(lsn));
    const ours = async (query: string, newFormat: (out: Output) => CsvFormat | JsonFormat) => {
      const stream = new PassThrough({ highWaterMark: 1 << 26 });
      const out = new Output(stream);
      for (const statement of sql.statements(query)) {
        const format = newFormat(out);
        await format.begin(statement);
        while (statement.step()) await format.row(statement);
        await format.end();
      }
      await out.flush();
      return String(stream.read());
    };
    const theirs = (query: string, ...options: string[]) =>
      execFileSync("sqlite3", ["-readonly", ...options, path, query], { encoding: "utf8", maxBuffer: 1 << 28 });
    const csv = (query: string) => ours(query, (out) => new CsvFormat(out));
    const theirCsv = (query: string) => theirs(query, "-csv", "-header").replaceAll("\r\n", "\n");
    expect(await csv("pragma integrity_check")).toBe("integrity_check\nok\n");
    expect(theirCsv("pragma integrity_check")).toBe("integrity_check\nok\n");
    for (const query of QUERIES) expect(await csv(query), query).toBe(theirCsv(query));
    const [query] = QUERIES;
    expect(JSON.parse(await ours(query, (out) => new JsonFormat(out)))).toEqual(JSON.parse(theirs(query, "-json")));
    sql.close();
    rmSync(path);
  });
});
