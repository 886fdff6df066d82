/**
 * The log's code in chosen schedules: all of them in small configurations, up to a number of deviations from the plain run, and
 * many at random in larger ones. `MODEL_DEVIATIONS=2` and `MODEL_SEEDS=100000` are the longer form.
 */
import { describe, expect, it } from "vitest";
import { GRACE_MS } from "../../src/log/look.js";
import { runSeed } from "../helpers/random.js";
import { inLines, LogCampaign } from "./campaign.js";
import { type Bounds, exhaust } from "./explorer.js";
import { type Cast, scenario } from "./scenarios.js";
import type { Choice } from "./world.js";

const FAULTS: readonly Choice["kind"][] = ["hold", "lose", "apply-lose", "refuse", "jump", "crash"];
const MORE = Number(process.env.MODEL_DEVIATIONS ?? 0);
const SEEDS = Number(process.env.MODEL_SEEDS ?? 600);
const HOURS_MS = 24 * 60 * 60 * 1000;

interface Configuration extends Partial<Bounds> {
  readonly name: string;
  readonly cast: Cast;
  readonly deviations: number;
}

const SMALL: readonly Configuration[] = [
  { name: "a writer", cast: { writers: [{ commits: 1, publishes: "manifest" }] }, deviations: 2 },
  {
    name: "a writer that is behind, and a collector",
    cast: { writers: [{ commits: 1, isOpen: true }], collectors: [{ rounds: 1 }] },
    deviations: 1,
  },
  {
    name: "two writers",
    cast: {
      writers: [
        { commits: 1, isOpen: true },
        { commits: 1, isOpen: true },
      ],
    },
    deviations: 2,
  },
  {
    name: "two writers and a collector",
    cast: {
      writers: [
        { commits: 1, isOpen: true },
        { commits: 1, isOpen: true },
      ],
      collectors: [{ rounds: 1 }],
    },
    deviations: 1,
    faults: ["lose", "apply-lose", "jump"],
  },
  {
    name: "a writer, a reader and a collector",
    cast: {
      writers: [{ commits: 1, isOpen: true }],
      readers: [{ times: 1, isOpen: true }],
      collectors: [{ rounds: 1 }],
    },
    deviations: 1,
    faults: ["hold", "jump"],
  },
  {
    name: "two writers, a reader and a collector",
    cast: {
      writers: [
        { commits: 1, isOpen: true },
        { commits: 1, isOpen: true },
      ],
      readers: [{ times: 1, isOpen: true }],
      collectors: [{ rounds: 1 }],
    },
    deviations: 0,
  },
  {
    name: "a reader whose look is answered late",
    cast: {
      writers: [
        { commits: 1, isOpen: true },
        { commits: 1, isOpen: true },
      ],
      // Its look is old: its clock was set on.
      readers: [{ times: 1, isOpen: true, clockMs: GRACE_MS }],
      collectors: [{ rounds: 1 }],
    },
    deviations: 1,
    faults: ["hold"],
    interrupts: false,
    victim: "reader 1",
  },
  {
    name: "a writer whose manifest is answered late, and one whose clock was set back",
    cast: {
      writers: [
        { commits: 2, isOpen: true, publishes: "manifest" },
        { commits: 1, isOpen: true, clockMs: -3 * GRACE_MS },
      ],
      collectors: [{ rounds: 1 }],
    },
    deviations: 1,
    faults: ["hold"],
    interrupts: false,
    victim: "writer 1",
  },
  {
    name: "a writer that publishes, late, what another has published",
    cast: {
      writers: [
        { commits: 1, isOpen: true, publishesAfterMs: 0 },
        { commits: 1, isOpen: true, publishesAfterMs: 0.7 * GRACE_MS, commitsAfterMs: 0.4 * GRACE_MS },
      ],
      collectors: [{ rounds: 1 }],
    },
    deviations: 1,
    faults: ["hold"],
    interrupts: false,
  },
];

describe("the log's code", () => {
  it.each(SMALL)("holds in every schedule: $name", { timeout: HOURS_MS }, async ({ name, cast, ...small }) => {
    const bounds = MORE > small.deviations ? { deviations: MORE, faults: FAULTS } : { faults: FAULTS, ...small };
    const result = await exhaust(scenario(name, cast), bounds);
    const { schedules, states, counterexample, complete, counts } = result;
    console.log(`${name}: ${schedules} schedules, ${states} states`, JSON.stringify(counts));
    expect(counterexample && inLines(counterexample)).toBeUndefined();
    expect(complete).toBe(true);
    expect(counts.committed).toBeGreaterThan(0);
  });

  it("holds in random schedules", { timeout: HOURS_MS }, async () => {
    const base = runSeed("random schedules of the log");
    const campaign = new LogCampaign();
    for (let seed = base; seed < base + SEEDS; seed++) await campaign.run(seed);
    const { runs, steps, counts } = campaign;
    console.log(`${runs} schedules, ${steps} steps`, JSON.stringify(counts));
    // Leaves are collected in few of them (collector.test.ts has more).
    for (const [what, count] of Object.entries(counts)) if (what !== "leaves") expect(count, what).toBeGreaterThan(0);
  });

  it("runs the same again for the same seed, and otherwise for another", async () => {
    const campaign = new LogCampaign();
    const traces = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      const { trace } = await campaign.run(seed);
      expect((await campaign.run(seed)).trace).toBe(trace);
      traces.add(trace);
    }
    expect(traces.size).toBe(20);
  });
});
