/**
 * The soak: every campaign in turn, a stretch at a time, each with a fresh seed that is printed first, so that what fails can be
 * run again. Whichever has had the least time goes next. A table of what was looked at ends it; the first failure ends it at once.
 * A stretch is a process of its own: some replace the clock, or leave connections behind.
 *
 *     npm run soak -- --minutes 60 [--only NAME,NAME] [--json FILE]
 *     npm run soak -- --stretch NAME --seed N
 */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { S3Store } from "../../src/io/s3-store.js";
import type { LoadResult } from "../fault/programs/load-readers.js";
import { LOAD_LSNS, LOAD_PAGE_SIZE, loadCommit } from "../helpers/load-history.js";
import { MemoryS3 } from "../helpers/memory-s3.js";
import { openOn } from "../helpers/open-on.js";
import { LogCampaign } from "../model/campaign.js";
import { Simulation } from "../sim/simulation.js";
import { Boundaries } from "./boundaries.js";
import { CrashKills } from "./crash-kills.js";
import { LogFuzz } from "./fuzz-log.js";
import { SegmentFuzz } from "./fuzz-segments.js";
import { shareDiskCache } from "./shared-disk-cache.js";
import { runSocketFaults } from "./socket-faults.js";

/** What a stretch looked at, by name; the first is what the campaign is measured in. */
type Counts = Record<string, number>;

interface Campaign {
  readonly name: string;
  /** @throws where anything was that must not be. */
  stretch(seed: number): Promise<Counts>;
}

const SIMULATED = { seeds: 100, operations: 1000 };
const LOAD = { readers: 16, reads: 200_000, growthMiB: 64 };
/** Made by scripts/soak.mjs. */
const PROGRAMS = { cache: "build/cache-user.mjs", commit: "build/committer.mjs", load: "build/load-readers.mjs" };

/** Of a stretch: what it prints. */
const MAX_OUTPUT = 64 << 20;

const run = promisify(execFile);

const campaigns: Campaign[] = [
  {
    name: "simulation",
    async stretch(seed) {
      const sums: Counts = { operations: 0, seeds: SIMULATED.seeds };
      for (let i = 0; i < SIMULATED.seeds; i++) {
        const { counts } = await new Simulation({ seed: seed + i, operations: SIMULATED.operations }).run();
        sums.operations += SIMULATED.operations;
        for (const [what, count] of Object.entries(counts)) sums[what] = (sums[what] ?? 0) + count;
      }
      return sums;
    },
  },
  {
    name: "protocol",
    async stretch(seed) {
      const campaign = new LogCampaign();
      for (let i = 0; i < 1000; i++) await campaign.run(seed + i);
      return { schedules: campaign.runs, steps: campaign.steps, ...campaign.counts };
    },
  },
  {
    name: "crash states",
    async stretch(seed) {
      // In a process of its own, which has a disk in memory in place of `node:fs`.
      const { stdout } = await run(process.execPath, [
        "scripts/crash-states.mjs",
        "--states",
        "10000",
        "--seed",
        `${seed}`,
      ]);
      const { distinct, points, nested, faults, acknowledged } = JSON.parse(stdout.slice(stdout.lastIndexOf("{")));
      return { "different states": distinct, points, nested, "failed calls": faults, acknowledged };
    },
  },
  {
    name: "kills",
    async stretch(seed) {
      const { kills, lsns, unacknowledged, temporaries } = await new CrashKills(seed, 50, PROGRAMS.commit).run();
      return { kills, lsns, "commits not acknowledged": unacknowledged, "files left": temporaries };
    },
  },
  {
    name: "socket faults",
    async stretch(seed) {
      await using server = await MemoryS3.start();
      const store = { bucket: "soak", endpoint: server.endpoint };
      const { seen } = await runSocketFaults({ seed, operations: 2000, store });
      return { operations: 2000, ...seen };
    },
  },
  {
    name: "shared disk cache",
    async stretch(seed) {
      const folder = mkdtempSync(join(tmpdir(), "palimpsest-soak-"));
      const report = await shareDiskCache({ program: PROGRAMS.cache, folder, seconds: 60, seed });
      rmSync(folder, { recursive: true });
      if (report.wrong.length > 0) throw new Error(report.wrong.join("\n"));
      const users = Object.values(report.users);
      const sum = (field: "read" | "hits" | "damaged" | "evictions" | "committed") =>
        users.reduce((total, user) => total + user[field], 0);
      return {
        "pages checked": sum("read"),
        "blocks found": sum("hits"),
        "damaged blocks": sum("damaged"),
        evictions: sum("evictions"),
        commits: sum("committed"),
        kills: report.kills,
      };
    },
  },
  {
    name: "load",
    async stretch(seed) {
      await using server = await MemoryS3.start();
      await using store = await openOn(new S3Store({ bucket: "test", endpoint: server.endpoint }));
      const volume = await store.createVolume({ name: "app", pageSize: LOAD_PAGE_SIZE });
      for (let lsn = 1; lsn <= LOAD_LSNS; lsn++) await volume.commit({ ...loadCommit(lsn), expectedLsn: lsn - 1 });
      const request = [server.endpoint, "test", LOAD.readers, LOAD.reads, seed].map(String);
      const { stdout } = await run(process.execPath, [PROGRAMS.load, ...request]);
      const { reads, requests, rss } = JSON.parse(stdout) as LoadResult;
      if (rss.most - rss.warm > LOAD.growthMiB) throw new Error(`memory grew from ${rss.warm} to ${rss.most} MiB`);
      return { "pages checked": reads, requests };
    },
  },
  {
    name: "hostile segments",
    async stretch(seed) {
      const fuzz = new SegmentFuzz(seed);
      fuzz.run(50_000);
      const { cases, accepted, answers } = fuzz.report;
      return { heads: cases, accepted, "questions, both probes": answers };
    },
  },
  {
    name: "hostile log objects",
    async stretch(seed) {
      const fuzz = new LogFuzz(seed);
      fuzz.run(100_000);
      const accepted = [...fuzz.report.accepted.values()].reduce((sum, count) => sum + count, 0);
      return { objects: fuzz.report.cases, accepted };
    },
  },
  {
    name: "boundaries",
    async stretch(seed) {
      const boundaries = new Boundaries(seed);
      boundaries.runSegments(500_000);
      await boundaries.runStore(600);
      return { cases: boundaries.cases, refused: boundaries.refused };
    },
  },
];

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    only: { type: "string" },
    stretch: { type: "string" },
    seed: { type: "string", default: String(newSeed()) },
    json: { type: "string" },
  },
});
for (const program of Object.values(PROGRAMS)) {
  if (!existsSync(program)) throw new Error(`${program} is missing: run this by "npm run soak"`);
}
const names = campaigns.map(({ name }) => name);
if (values.stretch !== undefined) {
  const campaign = campaigns.find(({ name }) => name === values.stretch);
  if (!campaign) throw new Error(`--stretch ${values.stretch}: one of ${names.join(", ")}`);
  console.log(JSON.stringify(await campaign.stretch(Number(values.seed))));
} else {
  await soak(Number(values.minutes), values.only?.split(",") ?? [""]);
}

function newSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

async function soak(minutes: number, only: readonly string[]): Promise<void> {
  const chosen = names.filter((name) => only.some((part) => name.includes(part)));
  if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes}: must be a number above 0`);
  if (chosen.length === 0) throw new Error(`--only ${values.only}: some of ${names.join(", ")}`);
  const began = performance.now();
  const until = began + minutes * 60_000;
  const done = new Map(chosen.map((name) => [name, { ms: 0, stretches: 0, counts: {} as Counts }]));
  const msOf = (name: string) => done.get(name)!.ms;
  for (let round = 0; round < chosen.length || performance.now() < until; round++) {
    const name = chosen.reduce((least, next) => (msOf(next) < msOf(least) ? next : least));
    const request = ["--stretch", name, "--seed", `${newSeed()}`];
    console.log(`${name}, ${request.slice(2).join(" ")}`);
    const start = performance.now();
    const { stdout } = await run(process.execPath, ["build/soak.mjs", ...request], { maxBuffer: MAX_OUTPUT }).catch(
      (error) => {
        console.error(`FAILED: npm run soak -- --stretch "${name}" ${request.slice(2).join(" ")}`);
        throw error;
      },
    );
    const counts: Counts = JSON.parse(stdout.slice(stdout.lastIndexOf("{")));
    const ms = performance.now() - start;
    const sums = done.get(name)!;
    sums.ms += ms;
    sums.stretches++;
    for (const [what, count] of Object.entries(counts)) sums.counts[what] = (sums.counts[what] ?? 0) + count;
    console.log(`  ${(ms / 1000).toFixed(1)} s: ${told(counts)}`);
    if (values.json) writeFileSync(values.json, JSON.stringify(Object.fromEntries(done), undefined, 1));
  }
  console.log(`\n${((performance.now() - began) / 60_000).toFixed(0)} minutes, no failure`);
  for (const [name, { ms, stretches, counts }] of done) {
    console.log(`${name}: ${(ms / 60_000).toFixed(1)} min, ${stretches} seeds: ${told(counts)}`);
  }
}

function told(counts: Counts): string {
  return Object.entries(counts)
    .map(([what, count]) => `${count.toLocaleString("en")} ${what}`)
    .join(", ");
}
