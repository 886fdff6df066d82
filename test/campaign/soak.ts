/**
 * The soak: the fuzzing campaign on segments for as long as one likes, with a fresh seed for each stretch, printed, so that
 * a failure can be run again.
 *
 *     npm run core && node scripts/soak.mjs [--minutes 10] [--seed N]
 */
import { parseArgs } from "node:util";
import { SegmentFuzz } from "./fuzz-segments.js";

const CASES = 100_000;

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, seed: { type: "string" } },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes}: must be a number above 0`);
const until = performance.now() + minutes * 60_000;

let cases = 0;
let accepted = 0;
let answers = 0;
for (let stretch = 0; stretch === 0 || performance.now() < until; stretch++) {
  const seed = stretch === 0 && values.seed !== undefined ? Number(values.seed) : (Math.random() * 2 ** 31) | 0;
  console.log(`seed ${seed} (run again with --seed ${seed})`);
  const began = performance.now();
  const fuzz = new SegmentFuzz(seed);
  fuzz.run(CASES);
  cases += fuzz.report.cases;
  accepted += fuzz.report.accepted;
  answers += fuzz.report.answers;
  const micros = ((performance.now() - began) * 1000) / CASES;
  console.log(`  ${CASES} heads, ${fuzz.report.accepted} accepted, ${micros.toFixed(0)} µs each: all agree`);
}
console.log(`${cases} hostile heads, ${accepted} accepted, ${answers} questions: all agree`);
