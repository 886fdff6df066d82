/**
 * A seeded simulation of the whole store: several processes on one bucket, each a `PageStore` of its own with clocks of its own, that
 * commit, read and manage volumes while requests fail in every way and processes crash. What the bucket's history truly is, and
 * that nothing contradicts it, `Truth` sees at every write; every answer that a process gets is held against it.
 *
 *     const { traceHash } = await new Simulation({ seed: 7, operations: 1000 }).run();
 *
 * The same seed gives the same run. An operation is a call that a user makes: a commit, a read, a snapshot, ...
 */

import type { Attempt } from "../../src/core/errors.js";
import type { Random } from "../helpers/random.js";
import { Client } from "./client.js";
import { Drafts } from "./drafts.js";
import { judge } from "./judge.js";
import { Bucket, type FaultRates, NO_FAULTS, type Weather } from "./sim-store.js";
import { type Asked, Truth, Violation } from "./truth.js";
import { Process, World } from "./world.js";

export interface SimulationOptions {
  readonly seed: number;
  readonly operations: number;
}

export interface SimulationReport {
  readonly traceHash: string;
  /** What was done, by kind. */
  readonly counts: Readonly<Record<string, number>>;
  readonly events: number;
  readonly virtualMs: number;
}

/** What all of a simulation's processes have in common. */
export interface Shared {
  readonly world: World;
  readonly bucket: Bucket;
  readonly weather: Weather;
  readonly truth: Truth;
  readonly drafts: Drafts;
  readonly mix: Mix;
  /** Outcomes that were unknown, until somebody resolves them. */
  readonly unknown: { readonly asked: Asked; readonly attempt: Attempt }[];
  /** Takes a number of operations (which may be 0: only to ask) from those that are left; false where there are none. */
  take(kind: string, count?: number): boolean;
  /** Ends a process at this moment, and starts another in its place. */
  crash(process: Process): void;
  readonly processes: readonly Process[];
}

/** What this seed is about. */
export interface Mix {
  /** How many steps of a hundred are commits. */
  readonly commits: number;
  /** Batches of thousands of LSNs, and segments that are objects of their own. */
  readonly hasLarge: boolean;
  readonly crashes: number;
  /** How likely a step collects. */
  readonly collections: number;
  readonly lanes: number;
}

/** After the faults have stopped, nothing may take more events than this. */
const CONVERGES_WITHIN = 100_000;
const EVENTS_PER_OPERATION = 2000;

export class Simulation implements Shared {
  readonly seed: number;
  readonly world: World;
  readonly bucket: Bucket;
  readonly weather: Weather;
  readonly truth: Truth;
  readonly drafts: Drafts;
  readonly mix: Mix;
  readonly unknown: { readonly asked: Asked; readonly attempt: Attempt }[] = [];
  readonly processes: Process[] = [];
  readonly #clients = new Map<Process, Client>();
  readonly #counts: Record<string, number> = {};
  readonly #operations: number;
  #left: number;
  #started = 0;

  constructor({ seed, operations }: SimulationOptions) {
    this.seed = seed;
    this.#operations = operations;
    this.#left = operations;
    this.world = new World(seed);
    const { random } = this.world;
    this.bucket = new Bucket(this.world);
    this.truth = new Truth(this.bucket);
    this.bucket.watcher = this.truth;
    this.weather = { rates: weatherOf(random) };
    this.mix = {
      commits: random.pick([15, 15, 30, 60]),
      hasLarge: random.chance(0.1),
      crashes: random.pick([0, 0.002, 0.01]),
      collections: random.pick([0, 0.01, 0.04]),
      lanes: random.pick([1, 1, 2]),
    };
    this.drafts = new Drafts(random, this.mix.collections > 0 ? 0.4 : 0);
  }

  /** @throws Violation and what the code under test threw, with the seed and the last of the trace. */
  async run(): Promise<SimulationReport> {
    try {
      const count = this.world.random.between(2, 4);
      for (let i = 0; i < count; i++) this.#start();
      await this.world.run(() => this.#left <= 0, EVENTS_PER_OPERATION * this.#operations);
      this.weather.rates = NO_FAULTS;
      await this.world.run(() => [...this.#clients.values()].every((client) => client.isDone), CONVERGES_WITHIN);
      await this.#judge("judge", 16);
      // What is still under way arrives now, and changes nothing.
      await this.world.run(() => this.world.isIdle, CONVERGES_WITHIN);
      await this.#judge("last judge", 4);
    } catch (error) {
      throw this.#explain(error);
    }
    const { nowMs, eventCount, trace } = this.world;
    const counts = { ...this.#counts, ...this.truth.counts, volumes: this.truth.volumes.size };
    return { traceHash: trace.hash, counts, events: eventCount, virtualMs: nowMs };
  }

  take(kind: string, count = 1): boolean {
    if (this.#left <= 0) return false;
    this.#left -= count;
    if (count > 0) this.#counts[kind] = (this.#counts[kind] ?? 0) + count;
    return true;
  }

  crash(process: Process): void {
    this.world.trace.note(this.world.nowMs, process.name, "crashes");
    process.isDead = true;
    this.#clients.delete(process);
    this.processes.splice(this.processes.indexOf(process), 1);
    this.#start();
  }

  #start(): void {
    const { random } = this.world;
    // Within an hour, but for one whose clock is days off.
    const wallOffsetMs = random.below(7_200_000) - 3_600_000 + (random.chance(0.1) ? 5 * 86_400_000 : 0);
    const process = new Process(`p${++this.#started}`, wallOffsetMs, 0.99 + random.below(20) / 1000);
    const client = new Client(this, process);
    this.processes.push(process);
    this.#clients.set(process, client);
    this.world.start(process, "start", () => client.live());
  }

  async #judge(name: string, lsnCount: number): Promise<void> {
    let isDone = false;
    const process = new Process(name);
    this.world.start(process, "start", async () => {
      await judge(this, process, lsnCount);
      isDone = true;
    });
    await this.world.run(() => isDone, CONVERGES_WITHIN);
  }

  #explain(error: unknown): Error {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const again = `seed ${this.seed} (run it alone with SEED=${this.seed} SEEDS=1 OPERATIONS=${this.#operations})`;
    return new Violation(`${again}\n${this.world.trace.tail()}\n${what}`, { cause: error });
  }
}

/** From calm to stormy. */
function weatherOf(random: Random): FaultRates {
  const rate = (most: number) => (random.chance(0.4) ? 0 : (most * (1 + random.below(100))) / 100);
  return {
    fail: rate(0.15),
    lose: rate(0.15),
    late: rate(0.05),
    twice: rate(0.1),
    taken: rate(0.1),
    short: random.chance(0.7) ? 0 : rate(0.03),
    slow: rate(0.05),
    cut: rate(0.05),
  };
}
