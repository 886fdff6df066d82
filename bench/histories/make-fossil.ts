/**
 * The history `fossil`: the version control system of that name (Debian: fossil) at its own work. This repository's git
 * history up to a fixed commit is committed again, file by file, by the `fossil` program; what it writes into its
 * repository, an SQLite database, is the history. Another run differs a little: Fossil draws ids of its own.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LiveDatabase } from "../../test/helpers/sqlite-history.js";
import { Recorder } from "./recorder.js";
import type { Trace } from "./trace.js";

const LAST_COMMIT = "44c9ad6";

const git = (...args: string[]) => execFileSync("git", args, { maxBuffer: 1 << 28 });
const lines = (output: Buffer) =>
  output
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");

export async function makeFossil(folder: string): Promise<Trace> {
  const repository = join(folder, "repository.fossil");
  const checkout = join(folder, "checkout");
  mkdirSync(checkout);
  const fossil = (...args: string[]) =>
    execFileSync("fossil", args, {
      cwd: checkout,
      env: { ...process.env, HOME: folder, FOSSIL_HOME: folder, USER: "palimpsest" },
      stdio: ["ignore", "ignore", "inherit"],
    });
  fossil("new", repository);
  // A reader that stays keeps the WAL: no checkpoint gets past it, and the last connection's end would delete it.
  const live = new LiveDatabase(repository);
  await live.useWal(4096);
  await live.run("PRAGMA wal_checkpoint(TRUNCATE); BEGIN; SELECT count(*) FROM blob;");
  fossil("open", repository);
  for (const commit of lines(git("rev-list", "--reverse", "--first-parent", LAST_COMMIT))) {
    const subject = git("show", "-s", "--format=%s", commit).toString("utf8").trim();
    for (const line of lines(
      git("diff-tree", "--root", "--no-commit-id", "--no-renames", "-r", "--name-status", commit),
    )) {
      const [status, file] = line.split("\t");
      const path = join(checkout, file);
      if (status === "D") {
        rmSync(path);
        fossil("rm", file);
      } else {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, git("show", `${commit}:${file}`));
        if (status === "A") fossil("add", "--dotfiles", file);
      }
      fossil("commit", "--no-warnings", "--hash", "-m", `${subject}: ${file}`);
    }
  }
  const recorder = new Recorder();
  await recorder.record(repository);
  await live.kill();
  return recorder.trace;
}
