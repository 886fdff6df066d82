/**
 * Many segments resident: the designs in WebAssembly, and g in TypeScript too, with 1 to 1024 segments open. Once in
 * batches against one segment each, whose first queries bring its index into the cache for the others; once with the same
 * queries scattered over the segments, so that the caches have to hold them all. "resident" is how many bytes the indexes
 * have together: time against it is the picture to draw.
 */
import type { VolumeVersions } from "../../src/format/segment-index.js";
import { Core } from "../../src/probe/core.js";
import { JsProbe } from "../../src/probe/js-probe.js";
import { WasmProbe } from "../../src/probe/wasm-probe.js";
import { designs } from "../designs/all.js";
import { DesignMemory, wasmDesigns } from "../designs/wasm-designs.js";
import { type Contender, checkAgreement, type Effort, interleave, median, type Row, type Suite } from "../measure.js";
import { headOf, type Workload, workloads } from "../workloads.js";
import { BATCH, drawBatches, scatter } from "./index-queries.js";
import {
  askAll,
  buildRivals,
  type Contents,
  checksum,
  emptyCallOf,
  probeRival,
  type Rival,
  reportTimes,
  WasmSegments,
  wasmRival,
} from "./index-rivals.js";

const WORKLOADS = ["dense, one commit", "dense, T=1024", "sparse, one commit", "sparse, T=1024", "Zipf"];
/**
 * So many segments have contents of their own; further ones repeat them at other addresses, which is the same to caches
 * and saves most of the building.
 */
const DISTINCT = 64;
const MEMORY_BYTES = 512 << 20;

/** The rivals of g that are in WebAssembly. */
const RIVALS = ["c", "d", "e", "f"];

/** A workload's segments, encoded by every design. */
class Encoded {
  readonly #volumes: VolumeVersions[][];
  /** By the design's letter; of g, the heads of segments. */
  readonly #bytes = new Map<string, Uint8Array[]>();

  constructor(workload: Workload, count: number) {
    this.#volumes = Array.from({ length: Math.min(count, DISTINCT) }, (_, segment) => workload.volumes(segment));
    for (const design of designs) {
      if (!RIVALS.includes(design.letter)) continue;
      const indexes = buildRivals(design, this.#volumes);
      this.#bytes.set(
        design.letter,
        indexes.map(({ bytes }) => bytes),
      );
    }
    this.#bytes.set("g", this.#volumes.map(headOf));
  }

  contents(count: number): Contents {
    return Array.from({ length: count }, (_, segment) => this.#volumes[segment % DISTINCT]);
  }

  bytes(letter: string, segment: number): Uint8Array {
    return this.#bytes.get(letter)![segment % DISTINCT];
  }
}

/** Every rival with so many segments open. */
interface Field {
  readonly batched: readonly Rival[];
  readonly scattered: readonly Rival[];
  close(): void;
}

function openField(memory: DesignMemory, core: Core, encoded: Encoded, count: number): Field {
  memory.clear();
  const contents = encoded.contents(count);
  const opened = new Map<string, WasmSegments>();
  const rivals = wasmDesigns(memory).map((wasm) => {
    const { letter } = wasm;
    const segments =
      opened.get(letter) ?? new WasmSegments(wasm, contents, (segment) => encoded.bytes(letter, segment));
    opened.set(letter, segments);
    return wasmRival(wasm, segments);
  });
  const heads = contents.map((_, segment) => encoded.bytes("g", segment));
  const shipped = probeRival("g wasm", new WasmProbe(core), contents, heads);
  const twin = probeRival("g js", new JsProbe(), contents, heads);
  return {
    // The core's own batches ask one volume each; scattered ones are the laboratory's, over the same probe. Touching
    // ahead makes sense for those alone.
    batched: [...rivals.filter(({ implementation }) => !/^g|ahead$/.test(implementation)), shipped.rival, twin.rival],
    scattered: [...rivals, twin.rival],
    close() {
      shipped.close();
      twin.close();
    },
  };
}

function totalResident(rival: Rival, count: number): number {
  let sum = 0;
  for (let segment = 0; segment < count; segment++) sum += rival.residentBytes(segment);
  return sum;
}

/** Measures one way of asking, every rival by the same batches. */
function measure(
  name: string,
  count: number,
  asked: readonly { readonly rival: Rival; readonly batches: readonly (() => void)[] }[],
  emptyCall: Contender,
  effort: Effort,
  report: (row: Row) => void,
): void {
  const contenders = asked.map(
    ({ rival, batches }): Contender => ({
      implementation: rival.implementation,
      operations: batches.length * BATCH,
      run: () => askAll(rival, batches),
    }),
  );
  checkAgreement(
    name,
    asked.map(({ rival, batches }, i) => ({ ...contenders[i], run: () => checksum(rival, batches) })),
  );
  const samples = interleave([emptyCall, ...contenders], effort.rounds);
  const row = (implementation: string, metric: string, value: number, unit: string) =>
    report({ suite: "segments", workload: name, implementation, metric, value, unit });
  const time = (implementation: string) => median(samples.get(implementation)!);
  const fastestOfG = Math.min(...[...samples.keys()].filter((known) => known.startsWith("g wasm")).map(time));
  reportTimes("segments", name, emptyCall, samples, report);
  for (const { rival } of asked) {
    const { implementation } = rival;
    row(implementation, "resident", totalResident(rival, count), "bytes");
    row(implementation, "of g in WASM", time(implementation) / fastestOfG, "x");
  }
}

export const segments: Suite = {
  name: "segments",
  about: "lookups with 1 to 1024 segments resident: designs c to g in WASM, batched and scattered",
  async run(effort, report) {
    const counts = effort.quick ? [1, 4] : [1, 16, 256, 1024];
    const memory = new DesignMemory(effort.quick ? 16 << 20 : MEMORY_BYTES);
    const core = Core.create({ memoryBytes: effort.quick ? 16 << 20 : MEMORY_BYTES });
    const emptyCall = emptyCallOf(memory);
    for (const workload of workloads.filter(({ name }) => WORKLOADS.includes(name))) {
      const encoded = new Encoded(workload, counts[counts.length - 1]);
      for (const count of counts) {
        const field = openField(memory, core, encoded, count);
        const batches = drawBatches(encoded.contents(count), effort.quick ? 16 : Math.max(256, count), true);
        const scattered = scatter(batches, effort.quick ? 16 : 256);
        const name = `${workload.name}; ${count} segment${count > 1 ? "s" : ""}`;
        const batched = field.batched.map((rival) => ({ rival, batches: batches.map(rival.batched) }));
        measure(`${name}; a batch, a segment`, count, batched, emptyCall, effort, report);
        const mixed = field.scattered.map((rival) => ({ rival, batches: scattered.map(rival.scattered) }));
        if (count > 1) measure(`${name}; scattered`, count, mixed, emptyCall, effort, report);
        field.close();
      }
    }
  },
};
