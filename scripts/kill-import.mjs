// Kills imports with SIGKILL at random moments, and looks at what they leave:
//
//   node scripts/kill-import.mjs [--count N] [--seed N]        default 1000 kills; needs `npm run build` and sqlite3
//
// After each kill the store must open, hold a prefix of the commits that an import left in peace makes, and verify clean.
// Importing again (which may be killed, too) must finish with the same LSNs and the same bytes at each.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const CLI = join(root, "dist", "cli.js");
const TRANSACTIONS = 100;
/** Small batches make more moments to be killed at: a record, and thrice as many changes to the disk, for each. */
const BATCH_BYTES = 32 << 10;

if (!existsSync(CLI)) {
  console.error('dist/cli.js is missing: run "npm run build" first');
  process.exit(2);
}

/** The library and what it does not export, in one file: loaded here, and by the children. */
async function bundleLibrary(folder) {
  const outfile = join(folder, "library.mjs");
  await build({
    stdin: {
      contents: 'export * from "./src/node.js"; export { verifyObjects } from "./src/history/verify.js";',
      resolveDir: root,
    },
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "es2022",
    loader: { ".wasm": "binary" },
    logLevel: "warning",
  });
  return pathToFileURL(outfile).href;
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
const MEMORY_BYTES = 32 << 20;

/** Imports in small batches. */
async function importInto(library, path, folder, onProgress) {
  const store = await library.PageStore.open(`file:${folder}`, { memory: MEMORY_BYTES });
  try {
    await library.importDatabase(store, path, { batchBytes: BATCH_BYTES, onProgress });
  } finally {
    await store.close();
  }
}

/** Fractions in [0, 1), the same for the same seed (mulberry32). */
function seededRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A database with a WAL of `TRANSACTIONS` transactions, copied while its connection is open. */
function makeDatabase(folder, random) {
  const below = (bound) => Math.floor(random() * bound);
  const text = (length) => `hex(randomblob(${1 + below(length)}))`;
  const sql = [
    "PRAGMA page_size=4096; PRAGMA journal_mode=wal; PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=off;",
    "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, body TEXT);",
    `INSERT INTO item(name, body) SELECT value, ${text(700)} FROM generate_series(1, 400);`,
    "PRAGMA wal_checkpoint(TRUNCATE);",
    "CREATE INDEX item_name ON item(name);",
  ];
  for (let i = 0; i < TRANSACTIONS; i++) {
    const modulo = 40 + below(200);
    const kind = below(10);
    if (kind < 5)
      sql.push(`INSERT INTO item(name, body) SELECT value, ${text(900)} FROM generate_series(1, ${1 + below(12)});`);
    else if (kind < 8) sql.push(`UPDATE item SET body=${text(600)} WHERE id % ${modulo} = ${below(modulo)};`);
    else if (kind < 9) sql.push(`DELETE FROM item WHERE id % ${modulo} = ${below(modulo)};`);
    else sql.push(i % 100 === 99 ? "VACUUM;" : `CREATE TABLE extra${i}(a); INSERT INTO extra${i} VALUES(${i});`);
  }
  const live = join(folder, "live.db");
  const path = join(folder, "app.db");
  sql.push(`.shell cp "${live}" "${path}" && cp "${live}-wal" "${path}-wal"`);
  const made = spawnSync("sqlite3", ["-batch", "-bail", live], { input: sql.join("\n"), encoding: "utf8" });
  if (made.error ?? made.status !== 0) throw new Error(`sqlite3: ${made.error?.message ?? made.stderr}`);
  return path;
}

/**
 * Runs an import in a process of its own; says whether it finished, and its length. `killAt` is a fraction of the length
 * that an import has which is left in peace: by the clock for the command line, by its reports of progress for the library,
 * so that a busy machine does not have most of them killed before Node has started.
 */
function runImport(url, path, store, how, length, killAt) {
  const args =
    how === "cli"
      ? [CLI, "import", path, "--store", store]
      : [fileURLToPath(import.meta.url), "--child", url, path, store];
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    const kill = () => child.kill("SIGKILL");
    let reports = 0;
    let timer;
    if (killAt !== undefined && how === "cli") timer = setTimeout(kill, killAt * length);
    child.stdout.on("data", (chunk) => {
      reports += chunk.length;
      // A moment later, and each time another one: not always right behind a report.
      if (killAt !== undefined && how === "batches" && reports > killAt * length)
        timer ??= setTimeout(kill, (killAt * 997) % 3);
    });
    let errors = "";
    child.stderr.on("data", (chunk) => (errors += chunk));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (code !== 0 && signal !== "SIGKILL") reject(new Error(`import failed with ${code ?? signal}: ${errors}`));
      else resolve({ finished: code === 0, length: how === "cli" ? performance.now() - started : reports });
    });
  });
}

async function hashAt(volume, lsn) {
  const { pageCount } = await volume.snapshot(lsn);
  const hash = createHash("sha256");
  const offsets = Array.from({ length: pageCount }, (_, offset) => offset);
  for (const page of await volume.readPages(offsets, lsn)) hash.update(page ?? "absent");
  return hash.digest("hex");
}

function check(condition, message) {
  if (!condition) throw new Error(message);
}

async function main(count, seed) {
  console.log(`kill-import: ${count} kills, seed ${seed}`);
  const random = seededRandom(seed);
  const folder = mkdtempSync(join(tmpdir(), "palimpsest-kill-import-"));
  const path = makeDatabase(folder, random);
  const url = await bundleLibrary(folder);
  const library = await import(url);
  const { FileStore, PageStore, verifyObjects } = library;

  // What an import gives that is left in peace, by the command line and in small batches, and how long each takes.
  const lengths = {};
  const reference = join(folder, "reference");
  for (const [how, store] of [
    ["cli", `${reference}-cli`],
    ["batches", reference],
  ]) {
    lengths[how] = (await runImport(url, path, store, how)).length;
  }
  const store = await PageStore.open(`file:${reference}`, { memory: MEMORY_BYTES });
  const volume = await store.volume("app");
  const { lsn: last } = await volume.latest();
  check(last > TRANSACTIONS / 2, `the reference has only ${last} LSNs`);
  const hashes = new Map();
  const expectedHash = async (lsn) => {
    if (!hashes.has(lsn)) hashes.set(lsn, await hashAt(volume, lsn));
    return hashes.get(lsn);
  };

  /** How far a killed import came: 0 where it had made no volume or committed nothing. */
  async function lookAt(folderOfStore, mustBe) {
    const objects = new FileStore(folderOfStore);
    const { problems } = await verifyObjects(objects, { sha256 });
    check(problems.length === 0, `verify: ${JSON.stringify(problems)}`);
    const killed = await PageStore.open("killed", { objects, memory: MEMORY_BYTES });
    try {
      const lsn = await lookInto(killed);
      check(lsn <= last, `LSN ${lsn}, of ${last} that there are`);
      check(mustBe === undefined || lsn === mustBe, `LSN ${lsn}, where ${mustBe} was due`);
      return lsn;
    } finally {
      await killed.close();
      await objects.close();
    }
  }

  async function lookInto(killed) {
    const names = [];
    for await (const { name } of killed.volumes()) names.push(name);
    check(
      names.every((name) => name === "app"),
      `unexpected volumes ${names}`,
    );
    if (names.length === 0) return 0;
    const found = await killed.volume("app");
    const lsn = (await found.latest())?.lsn ?? 0;
    if (lsn === 0) return 0;
    const sampled = new Set([1, lsn, 1 + Math.floor(random() * lsn), 1 + Math.floor(random() * lsn)]);
    for (const each of sampled) {
      if (each > lsn) continue;
      check((await hashAt(found, each)) === (await expectedHash(each)), `LSN ${each} of ${lsn} holds other pages`);
    }
    return lsn;
  }

  await lookAt(`${reference}-cli`, last);
  const reached = { nothing: 0, part: 0, all: 0 };
  let kills = 0;
  for (let run = 0; kills < count; run++) {
    const killed = join(folder, `run-${run}`);
    const how = run % 5 === 0 ? "cli" : "batches";
    for (let again = true; again; ) {
      const killAt = random();
      const { finished } = await runImport(url, path, killed, how, lengths[how], killAt);
      if (!finished) kills++;
      const lsn = await lookAt(killed).catch((error) => {
        throw new Error(
          `seed ${seed}, run ${run}, ${how}, killed at ${killAt.toFixed(4)}: ${error.message}; see ${killed}`,
          { cause: error },
        );
      });
      if (!finished) reached[lsn === 0 ? "nothing" : lsn === last ? "all" : "part"]++;
      // Now and then what goes on is killed as well.
      again = !finished && random() < 0.3;
    }
    if (how === "cli") await runImport(url, path, killed, how);
    else await importInto(library, path, killed);
    await lookAt(killed, last).catch((error) => {
      throw new Error(`seed ${seed}, run ${run}, ${how}, imported again: ${error.message}; see ${killed}`, {
        cause: error,
      });
    });
    rmSync(killed, { recursive: true });
    if (process.stderr.isTTY) process.stderr.write(`\r${kills} of ${count}`);
  }
  await store.close();
  rmSync(folder, { recursive: true });
  console.log(
    `kill-import: ${kills} kills of imports of ${last} LSNs: ${reached.nothing} before the first commit, ` +
      `${reached.part} within, ${reached.all} after the last; all stores sound, all imports finished`,
  );
}

const { values, positionals } = parseArgs({
  options: { count: { type: "string" }, seed: { type: "string" }, child: { type: "boolean" } },
  allowPositionals: true,
});
if (values.child) {
  const [url, path, folder] = positionals;
  const library = await import(url);
  await importInto(library, path, folder, () => writeSync(1, "."));
} else {
  await main(Number(values.count ?? 1000), Number(values.seed ?? Math.floor(Math.random() * 2 ** 31)));
}
