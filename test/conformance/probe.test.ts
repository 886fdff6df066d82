/**
 * Every probe gives the answers of the oracle: a million random keys for each workload of the benches, and for shapes at
 * the edges, in every pair of encodings that can hold them; batched and single. Then batches of every length, and packed
 * values of every width. One loop for all implementations.
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
  firstDifference,
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

function ask(random: Random, volumes: readonly VolumeVersions[], queries = QUERIES): Asked[] {
  const count = Math.ceil(queries / volumes.length);
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
    const wrong = firstDifference(locals, expected);
    if (wrong >= 0)
      expect.fail(`${probe.kind}: query ${wrong} (${offsets[wrong]}, ${rlsns[wrong]}) = ${locals[wrong]}`);
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
      for (const field of ["offsets", "starts", "rlsns"] as const) {
        if (firstDifference(decoded[field], volumes[v][field]) < 0) continue;
        expect(decoded[field], `volume ${v}: ${field}`).toEqual(volumes[v][field]);
      }
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

interface Query {
  readonly offset: number;
  readonly rlsn: number;
  readonly expected: number;
}

/** Queries with an answer and queries without, each several. */
function hitsAndMisses(random: Random, versions: VolumeVersions): Query[][] {
  const oracle = new VersionsOracle(versions, 0);
  const asked = Array.from({ length: 400 }, () => randomQuery(random, versions));
  for (const [i, offset] of versions.offsets.entries()) asked.push([offset, versions.rlsns[versions.starts[i]]]);
  const queries = asked.map(([offset, rlsn]): Query => ({ offset, rlsn, expected: oracle.find(offset, rlsn) }));
  return [queries.filter(({ expected }) => expected >= 0), queries.filter(({ expected }) => expected < 0)];
}

/** Batches of every length up to 40, and around those at which loops, regions and calls end. */
const LENGTHS = [...Array(41).keys(), 63, 64, 65, 255, 256, 257, 4095, 4096, 4097, 8192, 8193];

/** Which of a batch's queries are hits. */
const mixes: ((i: number) => boolean)[] = [() => true, () => false, (i) => i % 2 === 0, (i) => i % 3 !== 1];

const small: Record<string, Shape> = {
  "one version": { offsets: 300, universe: 500, rlsns: 1, versions: 1, uniform: true },
  "one version, many commits": { offsets: 300, universe: 300, rlsns: 2000, versions: 1, uniform: true },
  "5 versions": { offsets: 300, universe: 90_000, rlsns: 250, versions: 5, uniform: true },
  "up to 40 versions": { offsets: 300, universe: 400, rlsns: 2000, versions: 40, uniform: false },
};

describe.each(Object.entries(small))("batches of every length: %s", (_name, shape) => {
  const random = new Random(seed);
  const versions = randomVersions(random, shape);
  const [hits, misses] = hitsAndMisses(random, versions);

  test.each(pairs.filter((force) => canForce(versions, force)))("$offsets offsets, $rlsns rLSNs", (force) => {
    const head = headOf(random, [versions], force);
    for (const probe of probes) {
      const index = probe.openIndex(head, "test");
      const volume = index.volume(versions.vid);
      for (const length of LENGTHS) {
        for (const [m, isHit] of mixes.entries()) {
          const offsets = new Uint32Array(length);
          const rlsns = new Uint32Array(length);
          const expected = new Int32Array(length);
          for (let i = 0; i < length; i++) {
            const query = random.pick(isHit(i) ? hits : misses);
            offsets[i] = query.offset;
            rlsns[i] = query.rlsn;
            expected[i] = query.expected;
          }
          const locals = new Int32Array(length).fill(-2);
          index.findMany(volume, offsets, rlsns, locals);
          const wrong = firstDifference(locals, expected);
          if (wrong < 0) continue;
          expect.fail(
            `${probe.kind}: mix ${m}, query ${wrong} of ${length}: ${offsets[wrong]},${rlsns[wrong]} = ${locals[wrong]}`,
          );
        }
      }
      index.close();
    }
  });
});

/** `count` distinct whole numbers below `limit`, the last of them `limit - 1`: anywhere, or in rows. */
function scattered(random: Random, count: number, limit: number, inRows: boolean): number[] {
  const drawn = new Set([limit - 1]);
  while (drawn.size < Math.min(count, limit)) {
    const start = random.below(limit);
    const length = inRows ? random.between(1, 20) : 1;
    for (let i = 0; i < length && drawn.size < count; i++) drawn.add((start + i) % limit);
  }
  return [...drawn].sort((a, b) => a - b);
}

/**
 * A history in which what is searched, packed, is `width` bits wide: the low bits of its offsets (up to 30), its rLSNs, and
 * the low bits of its rLSNs when they are merged.
 */
function ofWidth(random: Random, width: number, merged: boolean, inRows: boolean): VolumeVersions {
  const perBucket = 1.4 * 2 ** Math.min(width, 30);
  const count = Math.min(60, Math.floor((2 ** 32 - 1) / perBucket));
  const offsets = scattered(random, count, Math.floor(count * perBucket), inRows);
  const first = offsets[0];
  const each = width <= 30 ? 3 : 1;
  const limit = merged ? Math.min(2 ** 32, Math.floor(each * 1.2 * 2 ** width)) : 2 ** width;
  const starts = [0];
  const rlsns: number[] = [];
  for (let i = 0; i < count; i++) {
    const size = merged ? each : random.between(1, Math.min(30, limit));
    rlsns.push(...scattered(random, size, i === 0 ? limit : random.between(size, limit), inRows));
    starts.push(rlsns.length);
  }
  return {
    vid: randomVid(random),
    offsets: Uint32Array.from(offsets, (offset) => offset - first),
    starts: Uint32Array.from(starts),
    rlsns: Uint32Array.from(rlsns),
  };
}

describe.each([
  ["fixed", "anywhere"],
  ["fixed", "in rows"],
  ["elias-fano", "anywhere"],
  ["elias-fano", "in rows"],
] as const)("packed values of every width: %s rLSNs, %s", (encoding, place) => {
  const widths = [...Array(33).keys()].slice(encoding === "fixed" ? 1 : 0);

  test.each(widths)("%i bits", (width) => {
    const random = new Random(seed + width);
    for (let round = 0; round < 10; round++) {
      const versions = ofWidth(random, width, encoding === "elias-fano", place === "in rows");
      const [asked] = ask(random, [versions], 2000);
      for (const offsets of OFFSET_ENCODINGS) {
        const force = { offsets, rlsns: encoding };
        if (!canForce(versions, force)) continue;
        for (const probe of probes) hold(probe, headOf(random, [versions], force), [asked]);
      }
    }
  });
});
