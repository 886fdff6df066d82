/** The configurations that are explored. Each begins with a short history, most of it in a manifest. */
import { VolumeId } from "../../src/core/ids.js";
import { closer, collector, type How, type ReaderOptions, reader, type WriterOptions, writer } from "./actors.js";
import type { Scenario } from "./explorer.js";
import { Oracle } from "./oracle.js";
import type { World } from "./world.js";

const VID = VolumeId.parse("00112233-4455-6677-8899-aabbccddeeff");

/** Runs a process alone, before there are others. */
async function prepare(world: World, oracle: Oracle, options: WriterOptions): Promise<void> {
  const process = world.add("before", writer(oracle, options));
  await world.start(process);
  while (!world.isOver) await world.take(world.steps()[0]);
  world.processes.pop();
}

/** Three writers of different habits, a reader, and a collector. */
export const EVERYBODY: Cast = {
  writers: [
    { commits: 3, publishes: "by turns", segments: "by turns" },
    { commits: 3, isOpen: true },
    { commits: 2, publishes: "head" },
  ],
  readers: [{ times: 3 }],
  collectors: [{ rounds: 2 }],
};

export interface Cast {
  readonly writers?: readonly WriterOptions[];
  readonly readers?: readonly ReaderOptions[];
  readonly collectors?: readonly { rounds: number; how?: How; rate?: number }[];
  readonly closes?: boolean;
  /** See `Oracle`. */
  readonly isLenient?: boolean;
  /** What is there at first. */
  readonly before?: WriterOptions;
}

export function scenario(name: string, cast: Cast): Scenario {
  return {
    name,
    setUp: async (world) => {
      const oracle = new Oracle(world, VID, cast);
      await prepare(world, oracle, cast.before ?? { commits: 1, publishes: "manifest" });
      const { writers = [], readers = [], collectors = [] } = cast;
      for (const [i, options] of writers.entries()) world.add(`writer ${i + 1}`, writer(oracle, options));
      for (const [i, options] of readers.entries()) world.add(`reader ${i + 1}`, reader(oracle, options));
      for (const [i, { rate = 1, ...options }] of collectors.entries()) {
        world.add(`collector ${i + 1}`, collector(oracle, options), { rate });
      }
      if (cast.closes) world.add("closer", closer(oracle));
      return oracle;
    },
  };
}
