/**
 * Real SIGKILLs of a process that commits to a folder (test/fault/programs/committer.ts, bundled), at random moments, and a look
 * at everything after each: what it acknowledged is there, nothing is there in part.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyObjects } from "../../src/history/verify.js";
import { FileStore } from "../../src/io/file-store.js";
import { PageStore } from "../../src/node.js";
import { wrongPages } from "../helpers/known-history.js";
import { Random } from "../helpers/random.js";

/** A folder is killed on so often, then another is begun: looking at every LSN takes longer with each. */
const KILLS_PER_FOLDER = 50;
/** The committer's largest batch: as many LSNs can be there that it did not live to acknowledge. */
const LARGEST_BATCH = 4;
const MAX_DELAY_MS = 150;

export interface KillReport {
  kills: number;
  lsns: number;
  /** Kills after which a commit was there that had not been acknowledged, and those that left a temporary file. */
  unacknowledged: number;
  temporaries: number;
  /** Different numbers of commits that a process lived to acknowledge. */
  lifetimes: number;
}

export class CrashKills {
  readonly report: KillReport = { kills: 0, lsns: 0, unacknowledged: 0, temporaries: 0, lifetimes: 0 };
  readonly #random: Random;
  readonly #count: number;
  readonly #program: string;
  readonly #lifetimes = new Set<number>();

  /** @param program The path of the bundled committer. */
  constructor(seed: number, count: number, program: string) {
    this.#random = new Random(seed);
    this.#count = count;
    this.#program = program;
  }

  /** @throws Error that says what was lost or wrong, and names the folder, which is kept. */
  async run(): Promise<KillReport> {
    while (this.report.kills < this.#count) {
      const parent = mkdtempSync(join(tmpdir(), "palimpsest-kill-"));
      const kills = Math.min(KILLS_PER_FOLDER, this.#count - this.report.kills);
      await this.#killOn(join(parent, "pages"), kills);
      rmSync(parent, { recursive: true });
    }
    this.report.lifetimes = this.#lifetimes.size;
    return this.report;
  }

  async #killOn(folder: string, kills: number): Promise<void> {
    let lsn = 0;
    for (let kill = 0; kill < kills; kill++) {
      const output = await runAndKill(this.#program, folder, this.#random.below(MAX_DELAY_MS * 1000) / 1000);
      const [first, ...lines] = output.trim().split("\n");
      if (first !== `from ${lsn}`) throw new Error(`${folder}: the process began "${first}", not from ${lsn}`);
      const acknowledged = Number(lines.at(-1)?.split(" ")[1] ?? lsn);
      this.#lifetimes.add(acknowledged - lsn);
      const found = await look(folder);
      if (found < acknowledged || found > acknowledged + LARGEST_BATCH) {
        throw new Error(`${folder} is at LSN ${found} after kill ${kill}; ${acknowledged} was acknowledged`);
      }
      this.report.kills++;
      this.report.lsns += found - lsn;
      if (found > acknowledged) this.report.unacknowledged++;
      lsn = found;
    }
    this.report.temporaries += readdirSync(folder, { recursive: true }).filter((name) =>
      `${name}`.includes(".tmp-"),
    ).length;
  }
}

/** The newest LSN of a folder, whose every page is what it must be. */
async function look(folder: string): Promise<number> {
  await using store = await PageStore.open(`file:${folder}`);
  const volume = await store.volume("app");
  const lsn = (await volume.latest())?.lsn ?? 0;
  const wrong = await wrongPages(lsn, (at) => volume.snapshot(at));
  if (wrong.length > 0) throw new Error(`${folder}: ${wrong.slice(0, 5).join("; ")}`);
  const { problems } = await verifyObjects(new FileStore(folder));
  if (problems.length > 0) throw new Error(`${folder}: ${problems.map(({ message }) => message).join("; ")}`);
  return lsn;
}

/** Runs the program until `delayMs` after it began to commit; gives its output. */
function runAndKill(program: string, folder: string, delayMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, folder], { stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      if (stdout === "") setTimeout(() => child.kill("SIGKILL"), delayMs);
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.on("error", reject);
    child.on("close", (_code, signal) => (signal === "SIGKILL" ? resolve(stdout) : reject(new Error(stderr))));
  });
}
