/**
 * The laboratory's finders in WebAssembly give the answers of the TypeScript ones over the same bytes, and both those of
 * a `Map`: random volumes, several indexes resident at once, every rLSN width and both forms; single, in batches, and in
 * batches scattered over all resident volumes. Random things print their seed.
 */
import { describe, expect, test } from "vitest";
import { designs } from "../../bench/designs/all.js";
import type { BuildOptions, DesignIndex } from "../../bench/designs/design.js";
import { DesignMemory, type WasmDesign, wasmDesigns } from "../../bench/designs/wasm-designs.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import { Random, runSeed } from "../helpers/random.js";
import { headOf, randomQuery, randomVersions, randomVid, type Shape, VersionsOracle } from "../helpers/versions.js";

const seed = runSeed("designs in WebAssembly");
const memory = new DesignMemory(128 << 20);

/** Lengths of batches: none, below, at and above a block of lanes. */
const BATCHES = [0, 1, 15, 16, 17, 255, 256];
const QUERIES = 2000;

/** Segments of random volumes; each is small enough for every design. */
const shapes: Record<string, Shape & { readonly volumes: number }> = {
  dense: { volumes: 1, offsets: 3000, universe: 3000, rlsns: 1024, versions: 1, uniform: true },
  "dense, one commit": { volumes: 1, offsets: 3000, universe: 3000, rlsns: 1, versions: 1, uniform: true },
  sparse: { volumes: 1, offsets: 3000, universe: 1 << 20, rlsns: 1024, versions: 1, uniform: true },
  "sparse of all offsets": {
    volumes: 2,
    offsets: 1500,
    universe: 2 ** 32 - 1,
    rlsns: 2 ** 32,
    versions: 2,
    uniform: false,
  },
  "four versions": { volumes: 3, offsets: 300, universe: 1 << 17, rlsns: 256, versions: 4, uniform: true },
  "up to forty versions": { volumes: 2, offsets: 100, universe: 200, rlsns: 60_000, versions: 40, uniform: false },
  "long lists": { volumes: 1, offsets: 4, universe: 9, rlsns: 40_000, versions: 3000, uniform: false },
  "small volumes": { volumes: 200, offsets: 4, universe: 64, rlsns: 16, versions: 3, uniform: false },
  "one page": { volumes: 1, offsets: 1, universe: 1, rlsns: 1, versions: 1, uniform: true },
};

/** One segment's volumes, an oracle for each, and its index in both languages. */
interface Resident {
  readonly volumes: readonly VolumeVersions[];
  readonly oracles: readonly VersionsOracle[];
  readonly twin: DesignIndex | undefined;
  readonly handles: readonly number[];
}

function randomVolumes(random: Random, shape: Shape & { readonly volumes: number }): VolumeVersions[] {
  const volumes = Array.from({ length: shape.volumes }, () => randomVersions(random, shape));
  return volumes.sort((a, b) => a.vid.compare(b.vid));
}

function oraclesOf(volumes: readonly VolumeVersions[]): VersionsOracle[] {
  let firstLocal = 0;
  return volumes.map((volume) => {
    const oracle = new VersionsOracle(volume, firstLocal);
    firstLocal += volume.rlsns.length;
    return oracle;
  });
}

/** Three segments of a shape, resident at once. Undefined where the width cannot hold their rLSNs. */
function makeResident(design: WasmDesign, random: Random, shapeName: string, options: BuildOptions) {
  return Array.from({ length: 3 }, (): Resident | undefined => {
    const volumes = randomVolumes(random, shapes[shapeName]);
    let bytes: Uint8Array;
    let twin: DesignIndex | undefined;
    if (design.letter === "g") bytes = headOf(random, volumes);
    else {
      try {
        twin = designs.find(({ letter }) => letter === design.letter)!.build(volumes, options);
      } catch (error) {
        if (error instanceof RangeError) return undefined;
        throw error;
      }
      bytes = twin.bytes;
    }
    const index = design.open(bytes, options.form);
    expect(index.residentBytes).toBeGreaterThan(bytes.length);
    expect(index.volume(randomVid(random))).toBe(-1);
    const handles = volumes.map(({ vid }) => index.volume(vid));
    expect(handles.every((handle) => handle > 0)).toBe(true);
    return { volumes, oracles: oraclesOf(volumes), twin, handles };
  }).filter((resident) => resident !== undefined);
}

/** Queries and the oracle's answers; `volumeOf` picks the volume of each. */
function ask(random: Random, count: number, volumeOf: () => [resident: Resident, volume: number]) {
  const handles = new Uint32Array(count);
  const offsets = new Uint32Array(count);
  const rlsns = new Uint32Array(count);
  const expected = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const [{ volumes, oracles, twin, handles: of }, v] = volumeOf();
    [offsets[i], rlsns[i]] = randomQuery(random, volumes[v]);
    handles[i] = of[v];
    expected[i] = oracles[v].find(offsets[i], rlsns[i]);
    const answer = twin?.findAt(twin.volume(volumes[v].vid), offsets[i], rlsns[i]) ?? expected[i];
    if (answer !== expected[i]) expect.fail(`in TypeScript find(${offsets[i]}, ${rlsns[i]}) = ${answer}`);
  }
  return { handles, offsets, rlsns, expected };
}

const widthsOf = ({ letter }: WasmDesign): BuildOptions[] => {
  // A segment's head has one form, and its encoder chooses how rLSNs are kept.
  if (letter === "g") return [{ form: "inline", rlsns: "elias-fano" }];
  const { rlsnWidths } = designs.find((design) => design.letter === letter)!;
  return rlsnWidths.flatMap((rlsns) => [{ form: "inline", rlsns } as const, { form: "separate", rlsns } as const]);
};

describe.each(wasmDesigns(memory).map((design) => ({ name: `${design.letter} ${design.way}`.trim(), design })))(
  "design $name",
  ({ design }) => {
    test.each(Object.keys(shapes))("%s", (shapeName) => {
      const random = new Random(seed);
      let held = 0;
      for (const options of widthsOf(design)) {
        memory.clear();
        const residents = makeResident(design, random, shapeName, options);
        if (residents.length === 0) continue;
        held++;
        const anywhere = (): [Resident, number] => {
          const resident = random.pick(residents);
          return [resident, random.below(resident.volumes.length)];
        };
        const place = `${options.form}, ${options.rlsns}`;
        const single = ask(random, QUERIES, anywhere);
        for (const [i, expected] of single.expected.entries()) {
          const { handles, offsets, rlsns } = single;
          const local = design.find(handles[i], offsets[i], rlsns[i]);
          if (local !== expected) expect.fail(`${place}: find(${offsets[i]}, ${rlsns[i]}) = ${local}, not ${expected}`);
        }
        for (const count of BATCHES) {
          const locals = new Int32Array(count);
          const [resident, volume] = anywhere();
          const batch = ask(random, count, () => [resident, volume]);
          design.findMany(resident.handles[volume], batch.offsets, batch.rlsns, locals);
          expect(locals, `${place}: batch of ${count}`).toEqual(batch.expected);
          const scattered = ask(random, count, anywhere);
          design.findScattered(scattered.handles, scattered.offsets, scattered.rlsns, locals);
          expect(locals, `${place}: scattered batch of ${count}`).toEqual(scattered.expected);
        }
      }
      expect(held).toBeGreaterThan(0);
    });
  },
);
