/**
 * Processes that share one disk cache: two readers, a writer that commits to their store, and two more readers that are killed
 * and started again and again. Meanwhile bytes of the cache's file are spoiled. Every page that anyone reads is checked against
 * what it must be. The cache is small, so that its blocks are replaced all the time.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CacheUserReport } from "../fault/programs/cache-user.js";
import { Random } from "../helpers/random.js";

const CACHE_BYTES = 1 << 20;
const NOTHING: CacheUserReport = {
  read: 0,
  committed: 0,
  wrong: [],
  hits: 0,
  misses: 0,
  damaged: 0,
  evictions: 0,
  failures: 0,
};

export interface SharedCacheOptions {
  /** `test/fault/programs/cache-user.ts`, bundled. */
  readonly program: string;
  /** An empty folder. */
  readonly folder: string;
  readonly seconds: number;
  readonly seed: number;
}

export interface SharedCacheReport {
  /** By name: what each of the processes that were not killed saw, and all that were killed together. */
  readonly users: Readonly<Record<"reader 1" | "reader 2" | "writer" | "killed", CacheUserReport>>;
  readonly kills: number;
  /** What was wrong, in words: pages, and processes that ended by themselves. */
  readonly wrong: readonly string[];
  readonly largestFileBytes: number;
  readonly limitBytes: number;
}

/** One process, and what it has said last. */
class User {
  report = NOTHING;
  stderr = "";
  isKilled = false;
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;

  constructor(program: string, args: readonly string[]) {
    this.#child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let rest = "";
    this.#child.stdout!.on("data", (chunk) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      if (lines.length > 0) this.report = JSON.parse(lines.at(-1)!);
    });
    this.#child.stderr!.on("data", (chunk) => (this.stderr += chunk));
    this.ended = new Promise((resolve) => {
      this.#child.on("error", (error) => {
        this.stderr += error.message;
        resolve();
      });
      this.#child.on("close", () => resolve());
    });
  }

  async kill(): Promise<void> {
    this.isKilled = true;
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}

export async function shareDiskCache(options: SharedCacheOptions): Promise<SharedCacheReport> {
  const { program, folder, seconds, seed } = options;
  const random = new Random(seed);
  const cache = join(folder, "cache");
  const until = performance.now() + seconds * 1000;
  const wrong: string[] = [];
  const start = (name: string) => {
    const role = name === "writer" ? "writer" : "reader";
    const user = new User(program, [role, join(folder, "pages"), cache, String(CACHE_BYTES), String(random.u32())]);
    void user.ended.then(() => {
      if (!user.isKilled) wrong.push(`${name} ended: ${user.report.wrong.join("; ")} ${user.stderr}`);
    });
    return user;
  };
  const steady = { writer: start("writer"), "reader 1": start("reader 1"), "reader 2": start("reader 2") };
  const killed = { ...NOTHING };
  let kills = 0;
  const goOn = () => performance.now() < until && wrong.length === 0;

  async function killAgainAndAgain(): Promise<void> {
    while (goOn()) {
      const user = start("killed");
      await sleep(300 + random.below(2500));
      await user.kill();
      kills++;
      addTo(killed, user.report);
      wrong.push(...user.report.wrong);
    }
  }

  let largestFileBytes = 0;
  async function spoil(): Promise<void> {
    const path = join(cache, "palimpsest.slab");
    while (goOn()) {
      await sleep(50);
      if (!existsSync(path)) continue;
      const { size } = statSync(path);
      largestFileBytes = Math.max(largestFileBytes, size);
      // Not the header: a process that starts would take another file, and share no more.
      const fd = openSync(path, "r+");
      writeSync(fd, random.bytes(1), 0, 1, 4096 + random.below(size - 4096));
      closeSync(fd);
    }
  }

  await Promise.all([killAgainAndAgain(), killAgainAndAgain(), spoil()]);
  for (const user of Object.values(steady)) {
    await user.kill();
    wrong.push(...user.report.wrong);
  }
  const reports = {
    writer: steady.writer.report,
    "reader 1": steady["reader 1"].report,
    "reader 2": steady["reader 2"].report,
  };
  return { users: { ...reports, killed }, kills, wrong, largestFileBytes, limitBytes: CACHE_BYTES };
}

function addTo(sum: CacheUserReport, report: CacheUserReport): void {
  for (const key of ["read", "committed", "hits", "misses", "damaged", "evictions", "failures"] as const) {
    sum[key] += report[key];
  }
}
