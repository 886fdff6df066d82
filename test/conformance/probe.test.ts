/**
 * Every probe gives the answers of the oracle, for every pair of encodings that can hold a history: a million queries in
 * each shape, single and batched. One loop for both implementations.
 */
import { describe, expect, test } from "vitest";
import { decodeIndex } from "../../src/format/segment-index.js";
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
  type Shape,
  VersionsOracle,
} from "../helpers/versions.js";

const seed = runSeed("probe conformance");
const probes: Probe[] = [new WasmProbe(Core.create({ memoryBytes: 64 << 20 })), new JsProbe()];

const shapes: Record<string, Shape> = {
  "dense, one commit": { offsets: 4087, universe: 4087, rlsns: 1, versions: 1, uniform: true },
  "dense with history": { offsets: 4087, universe: 4087, rlsns: 1024, versions: 1, uniform: true },
  "4 versions each": { offsets: 1000, universe: 1 << 20, rlsns: 1024, versions: 4, uniform: true },
  "sparse, one commit": { offsets: 4087, universe: 1 << 20, rlsns: 1, versions: 1, uniform: true },
  "sparse with history": { offsets: 4087, universe: 1 << 20, rlsns: 1024, versions: 1, uniform: true },
  "sparse in all offsets": { offsets: 3000, universe: 2 ** 32 - 1, rlsns: 2 ** 32, versions: 2, uniform: false },
  "gaps, many versions": { offsets: 300, universe: 500, rlsns: 256, versions: 40, uniform: false },
  "long groups": { offsets: 5, universe: 9, rlsns: 70_000, versions: 9000, uniform: false },
  "one page": { offsets: 1, universe: 1, rlsns: 1, versions: 1, uniform: true },
  "over 65,535 of each": { offsets: 70_000, universe: 1 << 20, rlsns: 300, versions: 2, uniform: false },
};

const QUERIES = 1_000_000;

describe.each(Object.entries(shapes))("%s", (_name, shape) => {
  const random = new Random(seed);
  const versions = randomVersions(random, shape);
  const oracle = new VersionsOracle(versions, 0);
  const offsets = new Uint32Array(QUERIES);
  const rlsns = new Uint32Array(QUERIES);
  const expected = new Int32Array(QUERIES);
  for (let i = 0; i < QUERIES; i++) {
    [offsets[i], rlsns[i]] = randomQuery(random, versions);
    expected[i] = oracle.find(offsets[i], rlsns[i]);
  }

  const forced: ForcedEncodings[] = [{}];
  for (const o of OFFSET_ENCODINGS) for (const r of RLSN_ENCODINGS) forced.push({ offsets: o, rlsns: r });
  const possible = forced.filter((force) => canForce(versions, force));

  test.each(possible)("$offsets offsets, $rlsns rLSNs", (force) => {
    const head = headOf(random, [versions], force);
    const decoded = decodeIndex(head, "test").volumes[0];
    expect(decoded.offsets).toEqual(versions.offsets);
    expect(decoded.starts).toEqual(versions.starts);
    expect(decoded.rlsns).toEqual(versions.rlsns);
    const locals = new Int32Array(QUERIES);
    for (const probe of probes) {
      const index = probe.openIndex(head, "test");
      const volume = index.volume(versions.vid);
      index.findMany(volume, offsets, rlsns, locals.fill(-2));
      const wrong = locals.findIndex((local, i) => local !== expected[i]);
      expect(wrong, `${probe.kind}: query ${wrong} (${offsets[wrong]}, ${rlsns[wrong]})`).toBe(-1);
      for (let i = 0; i < 10_000; i++) {
        const local = index.find(volume, offsets[i], rlsns[i]);
        if (local !== expected[i]) expect.fail(`${probe.kind}: find(${offsets[i]}, ${rlsns[i]}) = ${local}`);
        if (local >= 0 && index.rlsnAt(volume, local) !== versions.rlsns[local]) {
          expect.fail(`${probe.kind}: rlsnAt(${local})`);
        }
      }
      index.close();
    }
  });
});

test("many volumes in one segment, each with its own encodings", () => {
  const random = new Random(seed);
  const volumes = Array.from({ length: 1000 }, () =>
    randomVersions(random, {
      offsets: random.between(1, 12),
      universe: random.pick([12, 1024, 2 ** 32 - 1]),
      rlsns: random.pick([8, 300, 2 ** 32]),
      versions: random.between(1, 3),
      uniform: random.chance(0.5),
    }),
  ).sort((a, b) => a.vid.compare(b.vid));
  const head = headOf(random, volumes);
  for (const probe of probes) {
    const index = probe.openIndex(head, "test");
    let firstLocal = 0;
    for (const versions of volumes) {
      const oracle = new VersionsOracle(versions, firstLocal);
      const volume = index.volume(versions.vid);
      for (let i = 0; i < 100; i++) {
        const [offset, rlsn] = randomQuery(random, versions);
        expect(index.find(volume, offset, rlsn)).toBe(oracle.find(offset, rlsn));
      }
      firstLocal += versions.rlsns.length;
    }
    for (let i = 0; i < 1000; i++) {
      const stranger = randomVersions(random, { offsets: 1, universe: 1, rlsns: 1, versions: 1, uniform: true });
      expect(index.volume(stranger.vid)).toBe(-1);
    }
    index.close();
  }
});
