/** Measuring: rivals take turns in one process, so that what slows the machine slows them all; medians are compared. */

/** One way to do a piece of work. */
export interface Contender {
  readonly implementation: string;
  /** Operations in one run: results are given for each. */
  readonly operations: number;
  /** Does the work and returns a checksum of its answers. */
  run(): number;
}

export interface Row {
  readonly suite: string;
  readonly workload: string;
  readonly implementation: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
}

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Half the distance between the quartiles, relative to the median: how far to trust it. */
export function spread(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
  return (at(0.75) - at(0.25)) / 2 / median(samples);
}

/** Rounds that warm up and are not kept. */
const WARM_UP = 2;

/** Nanoseconds per operation of each contender, a sample a round. */
export function interleave(contenders: readonly Contender[], rounds: number): Map<string, number[]> {
  const samples = new Map<string, number[]>(contenders.map(({ implementation }) => [implementation, []]));
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const { implementation, operations, run } of contenders) {
      const start = performance.now();
      run();
      const elapsed = performance.now() - start;
      if (round >= 0) samples.get(implementation)!.push((elapsed * 1e6) / operations);
    }
  }
  return samples;
}

/** A contender whose work may have to wait. */
export interface AsyncContender extends Omit<Contender, "run"> {
  run(): Promise<number>;
}

/** `interleave` for work that may have to wait. */
export async function interleaveAsync(
  contenders: readonly AsyncContender[],
  rounds: number,
): Promise<Map<string, number[]>> {
  const samples = new Map<string, number[]>(contenders.map(({ implementation }) => [implementation, []]));
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const { implementation, operations, run } of contenders) {
      const start = performance.now();
      await run();
      const elapsed = performance.now() - start;
      if (round >= 0) samples.get(implementation)!.push((elapsed * 1e6) / operations);
    }
  }
  return samples;
}

/** Fails the run unless all contenders give the same answers. */
export function checkAgreement(workload: string, contenders: readonly Contender[]): void {
  const sums = contenders.map(({ implementation, run }) => `${implementation} ${run()}`);
  if (new Set(sums.map((sum) => sum.split(" ").at(-1))).size > 1) {
    throw new Error(`${workload}: the contenders' answers differ: ${sums.join(", ")}`);
  }
}

/** How long and how much a suite measures. */
export interface Effort {
  readonly quick: boolean;
  readonly rounds: number;
}

export interface Suite {
  readonly name: string;
  readonly about: string;
  run(effort: Effort, report: (row: Row) => void): Promise<void>;
}
