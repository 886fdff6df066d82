/**
 * The long form of test/fault/crash-states.test.ts, a stretch of states after another with fresh seeds, printed, so that a
 * failure can be run again.
 *
 *     npm run core && node scripts/crash-states.mjs [--states 50000000] [--seed N]
 */
import { parseArgs } from "node:util";
import { type CrashReport, CrashStates } from "./crash-states.js";

/** A stretch's states are remembered, to be counted once. */
const STRETCH = 100_000;

const { values } = parseArgs({
  options: { states: { type: "string", default: "100000" }, seed: { type: "string" } },
});
const wanted = Number(values.states);
if (!(wanted > 0)) throw new Error(`--states ${values.states}: must be a number above 0`);

const total: Partial<Record<keyof CrashReport, number>> = {};
const began = performance.now();
for (let stretch = 0; (total.distinct ?? 0) < wanted; stretch++) {
  const seed = stretch === 0 && values.seed !== undefined ? Number(values.seed) : (Math.random() * 2 ** 31) | 0;
  console.log(`seed ${seed} (run again with --seed ${seed})`);
  const { trace, ...report } = await new CrashStates(seed, Math.min(STRETCH, wanted - (total.distinct ?? 0))).run();
  console.log(`  trace ${trace}: ${JSON.stringify(report)}`);
  for (const [name, value] of Object.entries(report)) {
    total[name as keyof CrashReport] = (total[name as keyof CrashReport] ?? 0) + value;
  }
}
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage();
console.log(
  `${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of a core, all sound: ${JSON.stringify(total)}`,
);
