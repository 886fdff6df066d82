// The main job, end to end, through the program that this package installs:
//   npm run demo                       with a history made from the packages installed here
//   npm run demo -- path/to/app.db     with a SQLite database of yours, which is only read
// Everything is written to ./demo-output, which the next run replaces.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { basename, dirname, extname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { makeHistory } from "./demo-history.mjs";
import { copyCheckpointed } from "./demo-sqlite.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

const color = process.stdout.isTTY && !process.env.NO_COLOR;
const bold = (text) => (color ? `\x1b[1m${text}\x1b[0m` : text);
const dim = (text) => (color ? `\x1b[2m${text}\x1b[0m` : text);
const say = (text = "") => console.log(text);
const heading = (text) => say(`\n${bold(text)}`);

class DemoError extends Error {}

/** A word as a shell takes it. */
const quote = (word) => (/^[\w./:@=-]+$/.test(word) ? word : `"${word.replaceAll(/["\\$`]/g, "\\$&")}"`);

/** Runs the program and prints the command and what it says. */
function palimpsest(...args) {
  say(dim(`$ node dist/cli.js ${args.map(quote).join(" ")}`));
  try {
    const output = execFileSync(process.execPath, ["dist/cli.js", ...args], { encoding: "utf8", maxBuffer: 1 << 28 });
    process.stdout.write(output.replace(/^(?=.)/gm, "  "));
    return output;
  } catch (error) {
    if (error.status === undefined || error.status === null) throw error;
    throw new DemoError("the command above failed; its own message says why");
  }
}

/** Names the store for every command that follows. */
function useStore(path) {
  process.env.PALIMPSEST_STORE = path;
  say(dim(`$ export PALIMPSEST_STORE=${path}`));
}

const sha256 = (path) => createHash("sha256").update(fs.readFileSync(path)).digest("hex");

/** Restores an LSN and compares it with `truth`, a file that SQLite made. */
function restoreAndCompare(volume, lsn, truth, out) {
  palimpsest("restore", volume, "--lsn", String(lsn), "-o", out);
  const [restored, expected] = [sha256(out), sha256(truth)];
  say(`  SHA-256, restored file  ${restored}`);
  say(`  SHA-256, SQLite's copy  ${expected}`);
  if (restored !== expected) throw new DemoError(`${out} differs from ${truth}`);
  say(`  ${bold("identical")}, byte for byte`);
}

function freshFolder(name) {
  const folder = join("demo-output", name);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(join(folder, "copies"), { recursive: true });
  return folder;
}

async function ownHistory() {
  const folder = freshFolder("packages");
  const database = join(folder, "packages.db");

  heading("1. A SQLite database with a history");
  const { transactions, packages, moments } = await makeHistory(database, join(folder, "copies"));
  say(
    `${packages} installed packages, written to ${database} in ${transactions} transactions: inserts, a new column and`,
  );
  say(`its index, updates, deletes. All are still in its -wal. Copies were taken along the way, for comparison.`);

  heading("2. Import it: one LSN for the file, one for each transaction");
  useStore(join(folder, "store"));
  palimpsest("import", database);

  heading("3. Its log");
  const newest = transactions + 1;
  palimpsest("log", "packages", "--to", "3");
  palimpsest("log", "packages", "--from", String(newest - 2));

  heading("4. SQL at three LSNs, without restoring anything");
  for (const { lsn, what } of moments) {
    say(`LSN ${lsn}: ${what}.`);
    const sizes = lsn >= moments[1].lsn ? ", (select sum(bytes) from package) as bytes" : "";
    palimpsest(
      "sql",
      "packages",
      `select (select count(*) from package) as packages, (select count(*) from file) as files${sizes}`,
      "--lsn",
      String(lsn),
    );
  }

  heading("5. Restore two of them, and compare with the copies taken as the history was made");
  for (const { lsn, copy } of moments.slice(0, 2)) {
    restoreAndCompare("packages", lsn, copy, join(folder, `restored-${lsn}.db`));
  }

  heading("Now you");
  say(`  export PALIMPSEST_STORE=${process.env.PALIMPSEST_STORE}`);
  say(`  node dist/cli.js log packages`);
  say(`  node dist/cli.js sql packages "select license, count(*) from package group by 1" --lsn 150`);
  say(`  node dist/cli.js verify`);
  say(`  npm run demo -- path/to/app.db          the same with a SQLite database of yours; it is only read`);
  say(`  node dist/cli.js --help`);
}

async function yourDatabase(database) {
  if (!fs.existsSync(database)) throw new DemoError(`there is no file ${database}`);
  const folder = join("demo-output", "yours");
  if (`${fs.realpathSync(database)}${sep}`.startsWith(join(fs.realpathSync(root), folder) + sep)) {
    throw new DemoError(`${database} lies in ${folder}, which this demo replaces; copy it elsewhere first`);
  }
  freshFolder("yours");
  const volume = basename(database, extname(database));

  heading("1. Import it: one LSN for the file, one for each transaction in its -wal");
  useStore(join(folder, "store"));
  palimpsest("import", database);

  heading("2. Its log");
  const commits = JSON.parse(
    execFileSync(process.execPath, ["dist/cli.js", "log", volume, "--json"], {
      encoding: "utf8",
      maxBuffer: 1 << 30,
    }),
  );
  const newest = commits.at(-1).lsn;
  palimpsest("log", volume, "--from", String(Math.max(1, newest - 4)));

  heading("3. SQL at the first LSN and at the newest");
  for (const lsn of new Set([1, newest])) {
    palimpsest("sql", volume, "select type, count(*) from sqlite_schema group by type", "--lsn", String(lsn));
  }

  heading("4. Restore the newest, and compare with a copy that SQLite made from the file and its -wal");
  const truth = join(folder, "copies", "newest.db");
  await copyCheckpointed(database, truth);
  restoreAndCompare(volume, newest, truth, join(folder, `restored-${newest}.db`));

  heading("Now you");
  say(`  export PALIMPSEST_STORE=${process.env.PALIMPSEST_STORE}`);
  say(`  node dist/cli.js sql ${quote(volume)} "select * from sqlite_schema limit 5" --lsn ${newest}`);
  say(`  node dist/cli.js restore ${quote(volume)} --lsn 1 -o at-1.db`);
  say(`  node dist/cli.js import ${quote(relative(root, database))}     again, after more commits`);
}

try {
  const argument = process.argv[2];
  // npm runs scripts in the package's folder; a path is meant from where npm was called.
  if (argument === undefined) await ownHistory();
  else await yourDatabase(resolve(process.env.INIT_CWD ?? ".", argument));
} catch (error) {
  if (!(error instanceof DemoError)) throw error;
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}
