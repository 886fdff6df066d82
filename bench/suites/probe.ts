/**
 * The index probe: the WASM core against its TypeScript twin, on one segment and on 256, hits and misses, single calls
 * and batches of 256. Times are also given as multiples of an empty JS→WASM call of the same round.
 */
import { Core } from "../../src/probe/core.js";
import { JsProbe } from "../../src/probe/js-probe.js";
import type { Probe, SegmentIndex } from "../../src/probe/probe.js";
import { WasmProbe } from "../../src/probe/wasm-probe.js";
import { Random } from "../../test/helpers/random.js";
import {
  type Contender,
  checkAgreement,
  type Effort,
  interleave,
  median,
  type Row,
  type Suite,
  spread,
} from "../measure.js";
import { headOf, type Workload, workloads } from "../workloads.js";

const BATCH = 256;

/** Queries against one volume of one segment. */
interface Batch {
  readonly segment: number;
  readonly volume: number;
  readonly offsets: Uint32Array;
  readonly rlsns: Uint32Array;
}

function makeBatches(workload: Workload, segmentCount: number, batchCount: number, hits: boolean): Batch[] {
  const random = new Random(99);
  const contents = Array.from({ length: segmentCount }, (_, segment) => workload.volumes(segment));
  return Array.from({ length: batchCount }, () => {
    const segment = random.below(segmentCount);
    const volume = random.below(contents[segment].length);
    const { offsets, starts, rlsns } = contents[segment][volume];
    const stored = new Set(offsets);
    const span = offsets[offsets.length - 1] + 1;
    const batch = { segment, volume, offsets: new Uint32Array(BATCH), rlsns: new Uint32Array(BATCH) };
    for (let i = 0; i < BATCH; i++) {
      const ordinal = random.below(offsets.length);
      if (hits) {
        // At or above a version that is there.
        batch.offsets[i] = offsets[ordinal];
        const version = starts[ordinal] + random.below(starts[ordinal + 1] - starts[ordinal]);
        batch.rlsns[i] = rlsns[version] + random.below(3);
      } else {
        // An offset that is not there; in a set without gaps, one behind its end.
        let offset = random.below(span);
        for (let tries = 0; stored.has(offset) && tries < 20; tries++) offset = random.below(span);
        batch.offsets[i] = stored.has(offset) ? span + offset : offset;
        batch.rlsns[i] = 0xffff_ffff;
      }
    }
    return batch;
  });
}

/** One implementation with all segments open. */
class Opened {
  readonly #indexes: SegmentIndex[];
  readonly #handles: number[][];
  readonly #locals = new Int32Array(BATCH);

  constructor(probe: Probe, workload: Workload, segmentCount: number) {
    const contents = Array.from({ length: segmentCount }, (_, segment) => workload.volumes(segment));
    this.#indexes = contents.map((volumes, segment) => probe.openIndex(headOf(volumes, segment), workload.name));
    this.#handles = contents.map((volumes, i) => volumes.map(({ vid }) => this.#indexes[i].volume(vid)));
  }

  batched(batches: readonly Batch[]): number {
    const locals = this.#locals;
    let sum = 0;
    for (const { segment, volume, offsets, rlsns } of batches) {
      this.#indexes[segment].findMany(this.#handles[segment][volume], offsets, rlsns, locals);
      sum = (sum + locals[0] + locals[BATCH - 1]) | 0;
    }
    return sum;
  }

  single(batches: readonly Batch[]): number {
    let sum = 0;
    for (const { segment, volume, offsets, rlsns } of batches) {
      const index = this.#indexes[segment];
      const handle = this.#handles[segment][volume];
      for (let i = 0; i < BATCH; i++) sum = (sum + index.find(handle, offsets[i], rlsns[i])) | 0;
    }
    return sum;
  }

  /** Of every answer, for the comparison of implementations. */
  checksum(batches: readonly Batch[]): number {
    let sum = 0;
    for (const { segment, volume, offsets, rlsns } of batches) {
      this.#indexes[segment].findMany(this.#handles[segment][volume], offsets, rlsns, this.#locals);
      for (const local of this.#locals) sum = (Math.imul(sum, 31) + local) | 0;
    }
    return sum;
  }

  close(): void {
    for (const index of this.#indexes) index.close();
  }
}

function measure(
  core: Core,
  workload: Workload,
  segmentCount: number,
  effort: Effort,
  report: (row: Row) => void,
): void {
  const probes: Probe[] = [new WasmProbe(core), new JsProbe()];
  const opened = new Map(probes.map((probe) => [probe.kind, new Opened(probe, workload, segmentCount)]));
  const { empty } = core.exports;
  const emptyCall: Contender = {
    implementation: "empty call",
    operations: 100_000,
    run() {
      for (let i = 0; i < 100_000; i++) empty();
      return 0;
    },
  };
  for (const hits of [true, false]) {
    const batches = makeBatches(workload, segmentCount, effort.quick ? 16 : 512, hits);
    const operations = batches.length * BATCH;
    const name = `${workload.name}; ${segmentCount} segment${segmentCount > 1 ? "s" : ""}; ${hits ? "hits" : "misses"}`;
    checkAgreement(
      name,
      [...opened].map(([implementation, set]) => ({ implementation, operations, run: () => set.checksum(batches) })),
    );
    const contenders: Contender[] = [emptyCall];
    for (const [implementation, set] of opened) {
      contenders.push(
        { implementation: `${implementation} batched`, operations, run: () => set.batched(batches) },
        { implementation: `${implementation} single`, operations, run: () => set.single(batches) },
      );
    }
    const samples = interleave(contenders, effort.rounds);
    const unit = median(samples.get("empty call")!);
    const row = (implementation: string, metric: string, value: number, rowUnit: string) =>
      report({ suite: "probe", workload: name, implementation, metric, value, unit: rowUnit });
    row("empty call", "time", unit, "ns");
    for (const [implementation, times] of samples) {
      if (implementation === "empty call") continue;
      row(implementation, "time", median(times), "ns");
      row(implementation, "spread", spread(times), "of the median");
      row(implementation, "empty calls", median(times) / unit, "x");
    }
    for (const way of ["batched", "single"]) {
      const ratio = median(samples.get(`js ${way}`)!) / median(samples.get(`wasm ${way}`)!);
      row(`js / wasm ${way}`, "ratio", ratio, "x");
    }
  }
  for (const set of opened.values()) set.close();
}

export const probe: Suite = {
  name: "probe",
  about: "index lookups: WASM core and TypeScript twin, single and batched, one segment and 256",
  async run(effort, report) {
    const core = Core.create({ memoryBytes: 256 << 20 });
    for (const workload of workloads) {
      for (const segmentCount of [1, effort.quick ? 4 : 256]) measure(core, workload, segmentCount, effort, report);
    }
  },
};
