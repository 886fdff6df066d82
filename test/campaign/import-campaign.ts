/**
 * The import campaign: PROJ's database (`proj.db`), grown to 50 MB and edited in over a thousand transactions with growth,
 * shrinking, schema changes and VACUUM, at three page sizes. Every LSN's restored file must have the SHA-256 of the file
 * as it stood at that commit, by the Python oracle; at a sample of LSNs, SQLite's own checkpoint of the WAL up to that
 * commit must give the same file, and our SQL the same answers as the `sqlite3` program's.
 *
 *     npm run build && node scripts/import-campaign.mjs [--transactions 1200] [--sample 20] [--pages 512,4096,65536]
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { importDatabase, openSql, PageStore, restore, type Volume } from "../../src/node.js";
import { Random } from "../helpers/random.js";
import { copyDatabase, LiveDatabase, type State, statesOf } from "../helpers/sqlite-history.js";

const { values } = parseArgs({
  options: {
    database: { type: "string", default: "/usr/share/proj/proj.db" },
    transactions: { type: "string", default: "1200" },
    sample: { type: "string", default: "20" },
    pages: { type: "string", default: "4096,512,65536" },
    megabytes: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
  },
});

const QUERIES = [
  "PRAGMA integrity_check",
  "SELECT count(*) AS n FROM usage",
  "SELECT type, count(*) AS n FROM sqlite_master GROUP BY type ORDER BY type",
  "SELECT name, description FROM extent ORDER BY auth_name, code LIMIT 50",
  "SELECT table_name, count(*) AS n FROM alias_name GROUP BY table_name ORDER BY 1",
  "SELECT copy, count(*) AS n, sum(length(note)) AS bytes FROM grown GROUP BY copy ORDER BY copy",
  "SELECT code, note FROM grown WHERE object_code = '4326' ORDER BY rowid LIMIT 20",
  "SELECT max(rowid) AS m FROM grown",
  "SELECT name FROM projected_crs WHERE auth_name = 'EPSG' AND code BETWEEN '3000' AND '3050' ORDER BY code",
  "SELECT e.name, count(*) AS n FROM usage u JOIN extent e ON e.auth_name = u.extent_auth_name AND e.code = u.extent_code GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20",
  "SELECT auth_name, code, name FROM unit_of_measure ORDER BY name DESC LIMIT 30",
];

/** SQL of one transaction. */
function transaction(random: Random, i: number, count: number): string {
  const text = (length: number) =>
    random
      .u32()
      .toString(36)
      .repeat(Math.ceil(length / 6))
      .slice(0, length);
  if (i === Math.floor(count / 3)) return "VACUUM;";
  if (i === Math.floor(count / 2)) return "DELETE FROM grown WHERE copy >= 4;";
  if (i === Math.floor(count / 2) + 1) return "PRAGMA incremental_vacuum(500);";
  if (i === Math.floor(count / 2) + 2) return "PRAGMA incremental_vacuum;";
  const kind = random.below(100);
  const row = random.below(60_000);
  if (kind < 40)
    return `UPDATE grown SET note = '${text(random.below(300))}' WHERE rowid BETWEEN ${row} AND ${row + random.below(30)};`;
  if (kind < 60) {
    return `INSERT INTO grown SELECT ${random.below(4)}, auth_name, code, object_code, '${text(60)}' || rowid FROM usage
            WHERE rowid % 997 = ${random.below(997)};`;
  }
  if (kind < 70) return `DELETE FROM grown WHERE rowid BETWEEN ${row} AND ${row + random.below(200)};`;
  if (kind < 80) return `UPDATE extent SET description = '${text(200)}' WHERE code % 400 = ${random.below(400)};`;
  if (kind < 88) return `INSERT INTO alias_name VALUES('geodetic_crs', 'EPSG', '4326', '${text(20)}', '${text(10)}');`;
  if (kind < 91) return `CREATE TABLE made${i}(a, b UNIQUE, c DEFAULT ${i}); `;
  if (kind < 93) return `CREATE INDEX IF NOT EXISTS by_code${i % 5} ON grown(code${i % 2 ? ", copy" : ""});`;
  if (kind < 95) return `DROP INDEX IF EXISTS by_code${i % 5}; `;
  if (kind < 97) return `PRAGMA incremental_vacuum(${random.below(50)});`;
  return `BEGIN; DELETE FROM grown WHERE rowid % 500 = ${random.below(500)}; INSERT INTO grown(copy, note) VALUES (1, '${text(5000)}'); COMMIT;`;
}

/** Grows a copy of the database to `megabytes`, and edits it with the WAL left alone. */
async function makeHistory(path: string, pageSize: number, random: Random): Promise<void> {
  copyFileSync(values.database, path);
  const live = new LiveDatabase(path);
  await live.run(`PRAGMA synchronous=off; PRAGMA page_size=${pageSize}; PRAGMA auto_vacuum=incremental; VACUUM;
    CREATE TABLE grown(copy, auth_name, code, object_code, note); CREATE INDEX grown_object ON grown(object_code);`);
  for (let copy = 0; statSync(path).size < Number(values.megabytes) * 1e6; copy++) {
    await live.run(`INSERT INTO grown SELECT ${copy}, auth_name, code, object_code, hex(randomblob(40)) FROM usage;`);
  }
  await live.useWal(pageSize);
  const count = Number(values.transactions);
  for (let i = 0; i < count; i++) await live.run(transaction(random, i, count));
  live.copyTo(`${path}.copy`);
  await live.kill();
  copyDatabase(`${path}.copy`, path);
}

async function sha256At(volume: Volume, lsn: number): Promise<string> {
  const hash = createHash("sha256");
  await restore(volume, { lsn, sink: (bytes) => void hash.update(bytes) });
  return hash.digest("hex");
}

/** What SQLite makes of the file and the WAL up to a commit. */
function checkpointed(path: string, copy: string, pageSize: number, state: State): string {
  copyFileSync(path, copy);
  writeFileSync(`${copy}-wal`, readFileSync(`${path}-wal`).subarray(0, 32 + state.frames * (24 + pageSize)));
  execFileSync("sqlite3", [copy, "PRAGMA wal_checkpoint(TRUNCATE);"]);
  return createHash("sha256").update(readFileSync(copy)).digest("hex");
}

function answersOfSqlite(path: string, sql: string): unknown[] {
  const text = execFileSync("sqlite3", ["-json", path, sql], { encoding: "utf8", maxBuffer: 256 << 20 });
  return text.trim() === "" ? [] : (JSON.parse(text) as Record<string, unknown>[]).map((row) => Object.values(row));
}

async function run(folder: string, pageSize: number): Promise<number> {
  const path = join(folder, `proj-${pageSize}.db`);
  const random = new Random(Number(values.seed));
  await makeHistory(path, pageSize, random);
  const states = statesOf(path);
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const lengths = states.map(({ pageCount }) => pageCount * pageSize);
  console.log(
    `${pageSize}-byte pages: database ${megabytes(statSync(path).size)}, WAL ${megabytes(statSync(`${path}-wal`).size)}, ` +
      `${states.length - 1} transactions, ${megabytes(Math.min(...lengths))} to ${megabytes(Math.max(...lengths))}`,
  );
  await using store = await PageStore.open(`file:${join(folder, `store-${pageSize}`)}`);
  const result = await importDatabase(store, path);
  let failures = 0;
  const check = (what: string, expected: unknown, actual: unknown) => {
    if (JSON.stringify(expected) === JSON.stringify(actual)) return;
    failures++;
    console.log(
      `  FAILED ${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(actual)}`.slice(0, 500),
    );
  };
  check("LSNs", states.length, result.lastLsn);
  check("warnings", [], result.warnings);
  const rate = (result.fileBytes + result.walBytes) / 1e3 / (result.totalMs - store.stats().io.syncMs);
  console.log(`  imported in ${(result.totalMs / 1e3).toFixed(1)} s, ${rate.toFixed(0)} MB/s without syncs`);
  const start = performance.now();
  for (let lsn = 1; lsn <= states.length; lsn++) {
    check(`the file at LSN ${lsn}`, states[lsn - 1].sha256, await sha256At(result.volume, lsn));
  }
  const seconds = (performance.now() - start) / 1e3;
  console.log(`  ${states.length} LSNs restored and hashed in ${seconds.toFixed(0)} s`);
  const sample = Number(values.sample);
  for (let k = 0; k < sample; k++) {
    const lsn = 1 + Math.floor((k * (states.length - 1)) / Math.max(1, sample - 1));
    const copy = join(folder, "sample.db");
    check(
      `SQLite's checkpoint at LSN ${lsn}`,
      states[lsn - 1].sha256,
      checkpointed(path, copy, pageSize, states[lsn - 1]),
    );
    const sql = await openSql(await result.volume.snapshot(lsn));
    for (const query of QUERIES) {
      check(`LSN ${lsn}: ${query}`, answersOfSqlite(copy, query), sql.query(query)[0]?.rows ?? []);
    }
    sql.close();
  }
  console.log(`  ${sample} LSNs checkpointed by SQLite, ${QUERIES.length} queries at each`);
  return failures;
}

const folder = mkdtempSync(join(tmpdir(), "palimpsest-campaign-"));
let failures = 0;
try {
  for (const pageSize of values.pages.split(",")) failures += await run(folder, Number(pageSize));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(failures === 0 ? "all right" : `${failures} failures`);
process.exitCode = failures === 0 ? 0 : 1;
