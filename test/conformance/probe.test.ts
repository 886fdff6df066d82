/**
 * Every probe gives the answers of the oracle: a million random keys for each workload of the benches, and for shapes at
 * the edges, in every pair of encodings that can hold them; batched and single. One loop for all implementations.
 */
import { describe, expect, test } from "vitest";
import { workloads } from "../../bench/workloads.js";
import { decodeIndex, type VolumeVersions } from "../../src/format/segment-index.js";
import type { ForcedEncodings } from "../../src/format/segment-index-encode.js";
import { Core } from "../../src/probe/core.js";
import { JsProbe } from "../../src/probe/js-probe.js";
import type { Probe } from "../../src/probe/probe.js";
import { WasmProbe } from "../../src/probe/wasm-probe.js";
import { Random, runSeed } from "../helpers/random.js";
import {
  canForce,
  headOf,
  OFFSET_ENCODINGS,
  RLSN_ENCODINGS,
  randomQuery,
  randomVersions,
  randomVid,
  type Shape,
  VersionsOracle,
} from "../helpers/versions.js";

const QUERIES = 1_000_000;
const SINGLE_QUERIES = 10_000;

const seed = runSeed("probe conformance");
const probes: Probe[] = [new WasmProbe(Core.create({ memoryBytes: 64 << 20 })), new JsProbe()];

const edges: Record<string, Shape> = {
  "sparse in all offsets and rLSNs": {
    offsets: 3000,
    universe: 2 ** 32 - 1,
    rlsns: 2 ** 32,
    versions: 2,
    uniform: false,
  },
  "gaps, many versions": { offsets: 300, universe: 500, rlsns: 256, versions: 40, uniform: false },
  "long groups": { offsets: 5, universe: 9, rlsns: 70_000, versions: 9000, uniform: false },
  "one page": { offsets: 1, universe: 1, rlsns: 1, versions: 1, uniform: true },
  "over 65,535 of each": { offsets: 70_000, universe: 1 << 20, rlsns: 300, versions: 2, uniform: false },
};

const contents: [name: string, volumes: VolumeVersions[]][] = [
  ...workloads.map(({ name, volumes }): [string, VolumeVersions[]] => [name, volumes(seed)]),
  ...Object.entries(edges).map(([name, shape]): [string, VolumeVersions[]] => [
    name,
    [randomVersions(new Random(seed), shape)],
  ]),
];

/** Queries of one volume and the oracle's answers. */
interface Asked {
  readonly versions: VolumeVersions;
  readonly firstLocal: number;
  readonly offsets: Uint32Array;
  readonly rlsns: Uint32Array;
  readonly expected: Int32Array;
}

function ask(random: Random, volumes: readonly VolumeVersions[]): Asked[] {
  const count = Math.ceil(QUERIES / volumes.length);
  let firstLocal = 0;
  return volumes.map((versions) => {
    const oracle = new VersionsOracle(versions, firstLocal);
    const asked = {
      versions,
      firstLocal,
      offsets: new Uint32Array(count),
      rlsns: new Uint32Array(count),
      expected: new Int32Array(count),
    };
    for (let i = 0; i < count; i++) {
      const [offset, rlsn] = randomQuery(random, versions);
      asked.offsets[i] = offset;
      asked.rlsns[i] = rlsn;
      asked.expected[i] = oracle.find(offset, rlsn);
    }
    firstLocal += versions.rlsns.length;
    return asked;
  });
}

function hold(probe: Probe, head: Uint8Array, everything: readonly Asked[]): void {
  const index = probe.openIndex(head, "test");
  for (const { versions, firstLocal, offsets, rlsns, expected } of everything) {
    const volume = index.volume(versions.vid);
    const locals = new Int32Array(offsets.length).fill(-2);
    index.findMany(volume, offsets, rlsns, locals);
    const wrong = locals.findIndex((local, i) => local !== expected[i]);
    expect(wrong, `${probe.kind}: query ${wrong} (${offsets[wrong]}, ${rlsns[wrong]})`).toBe(-1);
    for (let i = 0; i < Math.min(offsets.length, SINGLE_QUERIES); i++) {
      const local = index.find(volume, offsets[i], rlsns[i]);
      if (local !== expected[i]) expect.fail(`${probe.kind}: find(${offsets[i]}, ${rlsns[i]}) = ${local}`);
      if (local >= 0 && index.rlsnAt(volume, local) !== versions.rlsns[local - firstLocal]) {
        expect.fail(`${probe.kind}: rlsnAt(${local})`);
      }
    }
  }
  index.close();
}

const pairs: ForcedEncodings[] = [{}];
for (const offsets of OFFSET_ENCODINGS) for (const rlsns of RLSN_ENCODINGS) pairs.push({ offsets, rlsns });

describe.each(contents)("%s", (_name, volumes) => {
  const random = new Random(seed);
  const everything = ask(random, volumes);
  const possible = pairs.filter((force) => volumes.every((versions) => canForce(versions, force)));

  test.each(possible)("$offsets offsets, $rlsns rLSNs", (force) => {
    const head = headOf(random, volumes, force);
    for (const [v, decoded] of decodeIndex(head, "test").volumes.entries()) {
      expect(decoded.offsets).toEqual(volumes[v].offsets);
      expect(decoded.starts).toEqual(volumes[v].starts);
      expect(decoded.rlsns).toEqual(volumes[v].rlsns);
    }
    for (const probe of probes) hold(probe, head, everything);
  });
});

test("a volume that is not in the segment has no handle", () => {
  const random = new Random(seed);
  const head = headOf(random, workloads.find(({ name }) => name.startsWith("1000"))!.volumes(seed));
  for (const probe of probes) {
    const index = probe.openIndex(head, "test");
    for (let i = 0; i < 1000; i++) expect(index.volume(randomVid(random))).toBe(-1);
    index.close();
  }
});
