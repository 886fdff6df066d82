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
import {
  firstDifference,
  headOf,
  randomQuery,
  randomVersions,
  randomVid,
  type Shape,
  VersionsOracle,
} from "../helpers/versions.js";

const seed = runSeed("designs in WebAssembly");
const memory = new DesignMemory(128 << 20);

/** Lengths of batches: none, below, at and above a block of lanes. */
const BATCHES = [0, 1, 15, 16, 17, 255, 256];
const QUERIES = 2000;

/** A segment's volumes; each is small enough for every design. */
type Make = (random: Random) => VolumeVersions[];

const volumesOf =
  (count: number, shape: Shape): Make =>
  (random) =>
    Array.from({ length: count }, () => randomVersions(random, shape));

/** Offsets in a few dense places far apart, so that trees have long shared prefixes below their roots. */
const clusters: Make = (random) => {
  const offsets = Array.from({ length: 6 }, (_, place) => 0x2000_0000 * place + random.below(0x1000_0000)).flatMap(
    (first) => Array.from({ length: 100 }, (_, i) => first + 3 * i),
  );
  return [
    {
      vid: randomVid(random),
      offsets: Uint32Array.from(offsets),
      starts: Uint32Array.from({ length: offsets.length + 1 }, (_, i) => i),
      rlsns: Uint32Array.from(offsets, () => random.below(100)),
    },
  ];
};

/** Volumes of very different sizes, so that searches side by side end at different times. */
const anySize: Make = (random) =>
  [1, 2, 3, 40, 500, 700].map((offsets) =>
    randomVersions(random, { offsets, universe: 1 << 16, rlsns: 200, versions: 1, uniform: true }),
  );

const contents: Record<string, Make> = {
  dense: volumesOf(1, { offsets: 1500, universe: 1500, rlsns: 1024, versions: 1, uniform: true }),
  "dense, one commit": volumesOf(1, { offsets: 1500, universe: 1500, rlsns: 1, versions: 1, uniform: true }),
  sparse: volumesOf(1, { offsets: 1500, universe: 1 << 20, rlsns: 1024, versions: 1, uniform: true }),
  "sparse of all": volumesOf(2, { offsets: 700, universe: 2 ** 32 - 1, rlsns: 2 ** 32, versions: 2, uniform: false }),
  "four versions": volumesOf(3, { offsets: 300, universe: 1 << 17, rlsns: 256, versions: 4, uniform: true }),
  "up to forty versions": volumesOf(2, { offsets: 100, universe: 200, rlsns: 60_000, versions: 40, uniform: false }),
  "long lists": volumesOf(1, { offsets: 4, universe: 9, rlsns: 40_000, versions: 1000, uniform: false }),
  "small volumes": volumesOf(200, { offsets: 4, universe: 64, rlsns: 16, versions: 3, uniform: false }),
  "one page": volumesOf(1, { offsets: 1, universe: 1, rlsns: 1, versions: 1, uniform: true }),
  clusters,
  "any size": anySize,
};

/** `randomQuery`, or a stored offset with one bit changed: in a byte that a tree skips, perhaps. */
function query(random: Random, volume: VolumeVersions): [offset: number, rlsn: number] {
  const [offset, rlsn] = randomQuery(random, volume);
  if (random.chance(0.8)) return [offset, rlsn];
  return [(volume.offsets[random.below(volume.offsets.length)] ^ (1 << random.below(32))) >>> 0, rlsn];
}

/** One segment's volumes, an oracle for each, and its index in both languages. */
interface Resident {
  readonly volumes: readonly VolumeVersions[];
  readonly oracles: readonly VersionsOracle[];
  readonly twin: DesignIndex | undefined;
  readonly handles: readonly number[];
}

function oraclesOf(volumes: readonly VolumeVersions[]): VersionsOracle[] {
  let firstLocal = 0;
  return volumes.map((volume) => {
    const oracle = new VersionsOracle(volume, firstLocal);
    firstLocal += volume.rlsns.length;
    return oracle;
  });
}

/** Three segments, resident at once; less those whose rLSNs the width cannot hold. */
function makeResident(design: WasmDesign, random: Random, make: Make, options: BuildOptions): Resident[] {
  return Array.from({ length: 3 }, (): Resident | undefined => {
    const volumes = make(random).sort((a, b) => a.vid.compare(b.vid));
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
    [offsets[i], rlsns[i]] = query(random, volumes[v]);
    handles[i] = of[v];
    expected[i] = oracles[v].find(offsets[i], rlsns[i]);
    const answer = twin?.findAt(twin.volume(volumes[v].vid), offsets[i], rlsns[i]) ?? expected[i];
    if (answer !== expected[i]) expect.fail(`in TypeScript find(${offsets[i]}, ${rlsns[i]}) = ${answer}`);
  }
  return { handles, offsets, rlsns, expected };
}

function hold(locals: Int32Array, expected: Int32Array, what: string): void {
  if (firstDifference(locals, expected) >= 0) expect(locals, what).toEqual(expected);
}

const widthsOf = ({ letter }: WasmDesign): BuildOptions[] => {
  // A segment's head has one form, and its encoder chooses how rLSNs are kept.
  if (letter === "g") return [{ form: "inline", rlsns: "elias-fano" }];
  const { rlsnWidths } = designs.find((design) => design.letter === letter)!;
  return rlsnWidths.flatMap((rlsns) => [{ form: "inline", rlsns } as const, { form: "separate", rlsns } as const]);
};

describe.each(wasmDesigns(memory).map((design) => [`${design.letter} ${design.way}`.trim(), design] as const))(
  "design %s",
  (_letter, design) => {
    test.each(Object.entries(contents))("%s", (_name, make) => {
      const random = new Random(seed);
      let held = 0;
      for (const options of widthsOf(design)) {
        memory.clear();
        const residents = makeResident(design, random, make, options);
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
          hold(locals, batch.expected, `${place}: batch of ${count}`);
          const scattered = ask(random, count, anywhere);
          design.findScattered(scattered.handles, scattered.offsets, scattered.rlsns, locals);
          hold(locals, scattered.expected, `${place}: scattered batch of ${count}`);
        }
      }
      expect(held).toBeGreaterThan(0);
    });
  },
);
