/**
 * Explores the schedules of a scenario: exhaustively up to a number of deviations from the plain run (a process is interrupted, an
 * answer is late or lost, time jumps, a process stops), or at random by a seed. A schedule is run from its beginning each time,
 * since promises cannot be copied; a state that was met before is not gone on from again.
 */
import { GRACE_MS } from "../../src/log/look.js";
import { Random } from "../helpers/random.js";
import { withoutStacks } from "../helpers/without-stacks.js";
import { addCounts, NO_COUNTS, type Oracle, Violation } from "./oracle.js";
import { type Choice, mix, type Process, World } from "./world.js";

export interface Scenario {
  readonly name: string;
  /** Makes the storage as it is at first, and adds the processes. */
  readonly setUp: (world: World) => Promise<Oracle>;
}

/** A schedule that ends in what must not be. */
export interface Counterexample {
  readonly problem: string;
  /** What was chosen, in words. */
  readonly steps: readonly string[];
}

const MAX_STEPS = 3000;
/** A look is old after it, and then young for the rest of the grace period. */
const MORE_THAN_HALF_MS = 0.6 * GRACE_MS;
const SEED = 1;

const JUMPS = [MORE_THAN_HALF_MS, GRACE_MS].map(
  (ms): Choice => ({ kind: "jump", process: undefined, outOfOrder: false, ms }),
);

/** A run in progress. */
class Run {
  readonly world: World;
  readonly oracle: Oracle;
  readonly steps: string[] = [];
  /** Whose step was the last. */
  last: Process | undefined;

  private constructor(world: World, oracle: Oracle) {
    this.world = world;
    this.oracle = oracle;
  }

  static async begin(scenario: Scenario, world: World): Promise<Run> {
    const oracle = await scenario.setUp(world);
    const run = new Run(world, oracle);
    for (const process of world.processes) await world.start(process);
    run.#check();
    return run;
  }

  async take(choice: Choice): Promise<void> {
    if (this.steps.length > MAX_STEPS) throw new Violation(`no end after ${MAX_STEPS} steps`);
    this.steps.push("");
    this.steps[this.steps.length - 1] = await this.world.take(choice);
    // What happens to a request without its process being told is none of the process's steps.
    if (choice.process && choice.kind !== "hold") this.last = choice.process;
    this.#check();
    this.oracle.checkWatched();
  }

  #check(): void {
    if (this.world.failure !== undefined) throw this.world.failure;
  }

  /** Whether nothing is left to do but by those that have stopped. */
  get isOver(): boolean {
    return this.world.isOver;
  }

  /** When faults end, whoever stopped starts again, copies land late, and everything is as it was told. */
  async finish(): Promise<void> {
    const { world } = this;
    const restarts = () => world.accidents().filter(({ kind }) => kind === "restart");
    for (const choice of restarts()) await this.take(choice);
    while (!world.isOver) await this.take(world.steps()[0]);
    for (const choice of world.strays()) await this.take(choice);
    await this.oracle.finish();
  }
}

const problemOf = (error: unknown): string => {
  if (error instanceof Violation) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
};

// --- exhaustively

export interface Bounds {
  /** Deviations in one schedule. */
  readonly deviations: number;
  /** What may go wrong, besides that a process is interrupted. */
  readonly faults: readonly Choice["kind"][];
  /** Whether a process may be interrupted, and its requests change places; by default they may. */
  readonly interrupts?: boolean;
  /** Whose requests may go wrong; by default everybody's. */
  readonly victim?: string;
  /** Schedules to run at most: a number that ends the search early is told. */
  readonly schedules?: number;
}

export interface Exhausted {
  readonly schedules: number;
  readonly states: number;
  /** Schedules of fewer deviations were all run. */
  readonly complete: boolean;
  readonly counterexample: Counterexample | undefined;
  readonly counts: Oracle["counts"];
}

interface Option {
  readonly choice: Choice;
  readonly cost: number;
}

/** The way to a state: which option was taken, from the last one back. Ways share their beginnings. */
interface Way {
  readonly before: Way | undefined;
  readonly option: number;
}

/**
 * What may come next, and how much of a deviation it is. The first costs nothing. Their order is the same whatever is still
 * allowed; those that cost are left out where nothing is.
 */
function optionsOf({ world, last }: Run, { faults, interrupts = true, victim }: Bounds, isAllowed: boolean): Option[] {
  const steps = world.steps();
  // One that waits for a late answer may wait: that it is late has been paid for.
  const goesOn = steps.some(({ process, isLate }) => process === last && !isLate);
  const cost = interrupts ? 1 : Number.POSITIVE_INFINITY;
  const switching = ({ process }: Choice) => (goesOn && process !== last ? cost : 0);
  const options = steps.map((choice) => ({ choice, cost: switching(choice) + (choice.outOfOrder ? cost : 0) }));
  options.sort((a, b) => a.cost - b.cost);
  // That they may land has been paid for by whatever made them.
  for (const choice of world.strays()) options.push({ choice, cost: 0 });
  if (!isAllowed) return options;
  const may = ({ kind, process }: Choice) => faults.includes(kind) && (victim ?? process?.name) === process?.name;
  for (const choice of world.faults().filter(may))
    options.push({ choice, cost: 1 + (interrupts ? switching(choice) : 0) });
  for (const choice of world.accidents().filter(may)) options.push({ choice, cost: 1 });
  if (faults.includes("jump")) for (const choice of JUMPS) options.push({ choice, cost: 1 });
  return options;
}

/** Fewer deviations first, so that a counterexample has the fewest. */
export async function exhaust(scenario: Scenario, bounds: Bounds): Promise<Exhausted> {
  return await withoutStacks(() => new Search(scenario, bounds).run());
}

class Search {
  readonly #scenario: Scenario;
  readonly #bounds: Bounds;
  /** By what they cost: ways that are still to be gone. */
  readonly #queues: (Way | undefined)[][];
  readonly #visited = new Set<string>();
  readonly #counts = { ...NO_COUNTS };
  #counterexample: Counterexample | undefined;

  constructor(scenario: Scenario, bounds: Bounds) {
    this.#scenario = scenario;
    this.#bounds = bounds;
    this.#queues = Array.from({ length: bounds.deviations + 1 }, () => []);
  }

  async run(): Promise<Exhausted> {
    const limit = this.#bounds.schedules ?? Number.POSITIVE_INFINITY;
    let schedules = 0;
    this.#queues[0].push(undefined);
    for (const [spent, queue] of this.#queues.entries()) {
      while (queue.length > 0 && schedules < limit && !this.#counterexample) {
        await this.#go(queue.pop(), spent);
        if (++schedules % 256 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    return {
      schedules,
      states: this.#visited.size,
      complete: this.#queues.every((queue) => queue.length === 0),
      counterexample: this.#counterexample,
      counts: this.#counts,
    };
  }

  /** Goes a way, and on from there by first options, unless somebody was there before. */
  async #go(way: Way | undefined, spent: number): Promise<void> {
    const world = new World(SEED);
    await world.inside(async () => {
      const run = await Run.begin(this.#scenario, world);
      try {
        for (const option of optionsOn(way)) {
          // The first one costs nothing, so what costs need not be listed to find it.
          await run.take(optionsOf(run, this.#bounds, option > 0)[option].choice);
        }
        for (let here = way; !run.isOver; ) {
          const state = `${world.stateHash()}/${run.last?.name}`;
          if (this.#visited.has(state)) return;
          this.#visited.add(state);
          const options = optionsOf(run, this.#bounds, spent < this.#bounds.deviations);
          for (let option = 1; option < options.length; option++) {
            this.#queues[spent + options[option].cost]?.push({ before: here, option });
          }
          here = { before: here, option: 0 };
          await run.take(options[0].choice);
        }
        await run.finish();
      } catch (error) {
        this.#counterexample ??= { problem: problemOf(error), steps: run.steps };
      }
      addCounts(this.#counts, run.oracle);
    });
  }
}

function optionsOn(way: Way | undefined): number[] {
  const options: number[] = [];
  for (let at = way; at; at = at.before) options.push(at.option);
  return options.reverse();
}

// --- at random

export interface RandomRun {
  readonly seed: number;
  /** Of everything that happened. */
  readonly trace: number;
  readonly steps: number;
  readonly counterexample: Counterexample | undefined;
  readonly oracle: Oracle | undefined;
}

/** How often things go wrong in a run: one of each. */
export interface Rates {
  readonly fault: readonly number[];
  readonly crash: readonly number[];
  /** Time that passes, and clocks that are set. */
  readonly jump: readonly number[];
  /** Copies that land. */
  readonly late: readonly number[];
}

export const MIXED: Rates = {
  fault: [0, 0.02, 0.1, 0.25],
  crash: [0, 0, 0.01],
  jump: [0, 0.01, 0.05],
  late: [0, 0.02, 0.1],
};
/** No run in peace. */
export const HARSH: Rates = { fault: [0.1, 0.25], crash: [0], jump: [0.05, 0.1], late: [0.1] };

/** One schedule, made by a seed: how quick each process is, and how much goes wrong, differ from run to run. */
export async function runRandomly(scenario: Scenario, seed: number, rates = MIXED): Promise<RandomRun> {
  const random = new Random(seed);
  const world = new World(seed);
  const drive = async () => {
    let run: Run | undefined;
    let counterexample: Counterexample | undefined;
    try {
      run = await Run.begin(scenario, world);
      const speeds = new Map<Process, number>();
      const roll = () => {
        for (const process of world.processes) speeds.set(process, random.pick([1, 1, 4, 0.1, 0.01]));
      };
      roll();
      const { fault, crash, jump, late } = rates;
      const now = {
        fault: random.pick(fault),
        crash: random.pick(crash),
        jump: random.pick(jump),
        late: random.pick(late),
      };
      while (!run.isOver) {
        if (random.chance(0.03)) roll();
        await run.take(pick(world, random, speeds, now));
      }
      await run.finish();
    } catch (error) {
      counterexample = { problem: problemOf(error), steps: run?.steps ?? [] };
    }
    return {
      seed,
      trace: mix(world.trace, world.timeMs),
      steps: run?.steps.length ?? 0,
      counterexample,
      oracle: run?.oracle,
    };
  };
  return await withoutStacks(() => world.inside(drive));
}

function pick(
  world: World,
  random: Random,
  speeds: ReadonlyMap<Process, number>,
  rates: { fault: number; crash: number; jump: number; late: number },
): Choice {
  const anyOf = (choices: readonly Choice[]) => (choices.length > 0 ? random.pick(choices) : undefined);
  let choice: Choice | undefined;
  if (random.chance(rates.late)) choice = anyOf(world.strays());
  else if (random.chance(rates.jump)) choice = anyOf([...JUMPS, ...clocks(world, random)]);
  else if (random.chance(rates.crash)) choice = anyOf(world.accidents());
  else if (random.chance(rates.fault)) choice = anyOf(world.faults());
  if (choice) return choice;
  const steps = world.steps();
  const inTurn = random.chance(0.8) ? steps.filter(({ outOfOrder }) => !outOfOrder) : steps;
  const weights = inTurn.map(({ process }) => speeds.get(process!)!);
  let left = (random.u32() / 2 ** 32) * weights.reduce((sum, weight) => sum + weight, 0);
  return inTurn[weights.findIndex((weight) => (left -= weight) < 0)] ?? inTurn[0];
}

/** Wall clocks are set now and then, forward and back. */
const clocks = (world: World, random: Random): Choice[] => [
  {
    kind: "set-clock",
    process: random.pick(world.processes),
    outOfOrder: false,
    ms: random.pick([-2, -1, 1, 2]) * GRACE_MS,
  },
];
