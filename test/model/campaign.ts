/**
 * Random schedules of the log, as many as one likes: a cast for each seed, and what happened in all. The soak runs it for hours
 * with fresh seeds, the tests for a moment.
 */
import { type Counterexample, type RandomRun, runRandomly } from "./explorer.js";
import { addCounts, NO_COUNTS } from "./oracle.js";
import { type Cast, EVERYBODY, scenario } from "./scenarios.js";

const CASTS: readonly Cast[] = [
  EVERYBODY,
  // Everybody at once, who know the beginning only.
  {
    writers: [
      { commits: 3, isOpen: true, publishes: "manifest" },
      { commits: 3, isOpen: true, segments: "attached" },
      { commits: 3, isOpen: true, publishes: "head" },
    ],
    readers: [{ times: 3, isOpen: true }],
    collectors: [{ rounds: 3 }],
  },
  // Two collectors, one of them with a clock that is nearly twice as fast.
  {
    writers: [{ commits: 3, publishes: "by turns" }, { commits: 3 }],
    readers: [{ times: 3 }, { times: 2, isOpen: true }],
    collectors: [{ rounds: 2 }, { rounds: 2, rate: 1.9 }],
  },
  // The volume is dropped.
  {
    writers: [{ commits: 3 }, { commits: 3, publishes: "manifest" }],
    readers: [{ times: 2 }],
    collectors: [{ rounds: 2 }],
    closes: true,
  },
  // Each record fills a chapter, so that nonces are looked up in leaves.
  {
    before: { commits: 2, lsns: 4096, publishes: "manifest" },
    writers: [
      { commits: 2, lsns: 4096, publishes: "manifest", isOpen: true },
      { commits: 1, isOpen: true },
    ],
    readers: [{ times: 2 }],
    collectors: [{ rounds: 1 }],
  },
];
/** The last one takes long: one seed of so many. */
const CHAPTERS_EVERY = 50;

export class LogCampaign {
  readonly counts = { ...NO_COUNTS };
  runs = 0;
  steps = 0;

  /** @throws Error with the seed and the whole schedule where something was that must not be. */
  async run(seed: number): Promise<RandomRun> {
    const last = CASTS.length - 1;
    const cast = CASTS[seed % CHAPTERS_EVERY === 0 ? last : seed % last];
    const run = await runRandomly(scenario("campaign", cast), seed);
    this.runs++;
    this.steps += run.steps;
    if (run.oracle) addCounts(this.counts, run.oracle);
    if (run.counterexample) throw new Error(`seed ${seed}: ${inLines(run.counterexample)}`);
    return run;
  }
}

export const inLines = ({ problem, steps }: Counterexample): string => [problem, ...steps].join("\n    ");
