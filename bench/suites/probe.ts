/**
 * The index probe. On one segment every design in every language that it is in, on 256 the shipped one, g, in the WASM
 * core and its TypeScript twin; hits and misses, in batches of 256, of g and d also in single calls. Times are also given
 * as multiples of an empty JS→WASM call of the same round, and with each design its bytes: of the index as stored, and of
 * what is resident for the probe once it is opened.
 */
import { decodeSegmentHeader } from "../../src/format/segment-header.js";
import { Core } from "../../src/probe/core.js";
import { JsProbe } from "../../src/probe/js-probe.js";
import { WasmProbe } from "../../src/probe/wasm-probe.js";
import { designs } from "../designs/all.js";
import { DesignMemory, wasmDesigns } from "../designs/wasm-designs.js";
import { type Contender, checkAgreement, type Effort, interleave, median, type Row, type Suite } from "../measure.js";
import { headOf, type Workload, workloads } from "../workloads.js";
import { BATCH, drawBatches } from "./index-queries.js";
import {
  type Ask,
  askAll,
  buildRivals,
  type Contents,
  checksum,
  emptyCallOf,
  probeRival,
  type Rival,
  reportTimes,
  scriptRival,
  WasmSegments,
  wasmRival,
} from "./index-rivals.js";

/** Those that are also asked one query at a time. */
const SINGLE = ["d wasm", "d js", "g wasm", "g js"];
/** A round of one contender takes about so long; slow ones ask fewer of the batches. */
const ROUND_MS = 5;

/** The rivals with some segments open, and what their indexes have in bytes, as stored. */
interface Field {
  readonly rivals: readonly Rival[];
  readonly indexBytes: ReadonlyMap<string, number>;
  close(): void;
}

function openShipped(core: Core, contents: Contents): Field {
  const heads = contents.map(headOf);
  const wasm = probeRival("g wasm", new WasmProbe(core), contents, heads);
  const twin = probeRival("g js", new JsProbe(), contents, heads);
  const indexBytes = heads.reduce((sum, head) => sum + decodeSegmentHeader(head, "bench").indexBytes, 0);
  return {
    rivals: [wasm.rival, twin.rival],
    indexBytes: new Map([wasm, twin].map(({ rival }) => [rival.implementation, indexBytes])),
    close() {
      wasm.close();
      twin.close();
    },
  };
}

/** Every design but g, in TypeScript and, c to f, in WebAssembly too. */
function openOthers(memory: DesignMemory, contents: Contents): Pick<Field, "rivals" | "indexBytes"> {
  memory.clear();
  const rivals: Rival[] = [];
  const indexBytes = new Map<string, number>();
  for (const design of designs.filter(({ letter }) => letter !== "g")) {
    const indexes = buildRivals(design, contents);
    const ways = wasmDesigns(memory).filter(({ letter, way }) => letter === design.letter && way !== "ahead");
    const inWasm = ways.map((wasm) => {
      const segments = new WasmSegments(wasm, contents, (segment) => indexes[segment].bytes);
      return wasmRival(wasm, segments);
    });
    const own = [...inWasm, scriptRival(`${design.letter} js`, indexes, contents)];
    const bytes = indexes.reduce((sum, index) => sum + index.bytes.length, 0);
    for (const { implementation } of own) indexBytes.set(implementation, bytes);
    rivals.push(...own);
  }
  return { rivals, indexBytes };
}

function timeOf(rival: Rival, batches: readonly Ask[]): number {
  const start = performance.now();
  askAll(rival, batches);
  return (performance.now() - start) / batches.length;
}

/** How many of the batches take about `ROUND_MS`. The first look is for the slowest, the second warms up the others. */
function fitting(rival: Rival, batches: readonly Ask[]): number {
  const first = timeOf(rival, batches.slice(0, 1));
  const elapsed = first > ROUND_MS ? first : timeOf(rival, batches.slice(0, 16));
  return Math.max(1, Math.min(batches.length, Math.round(ROUND_MS / elapsed)));
}

function measure(
  { rivals, indexBytes }: Field,
  contents: Contents,
  name: string,
  hits: boolean,
  emptyCall: Contender,
  effort: Effort,
  report: (row: Row) => void,
): void {
  const batches = drawBatches(contents, effort.quick ? 16 : 512, hits);
  const contenders: Contender[] = [emptyCall];
  const reference = rivals[0];
  for (const rival of rivals) {
    const ways: [way: string, asks: Ask[]][] = [["batched", batches.map(rival.batched)]];
    if (SINGLE.includes(rival.implementation)) ways.push(["single", batches.map(rival.single)]);
    for (const [way, all] of ways) {
      const asks = all.slice(0, fitting(rival, all));
      const operations = asks.length * BATCH;
      const implementation = `${rival.implementation} ${way}`;
      checkAgreement(name, [
        {
          implementation: reference.implementation,
          operations,
          run: () => checksum(reference, batches.slice(0, asks.length).map(reference.batched)),
        },
        { implementation, operations, run: () => checksum(rival, asks) },
      ]);
      contenders.push({ implementation, operations, run: () => askAll(rival, asks) });
    }
  }
  const samples = interleave(contenders, effort.rounds);
  reportTimes("probe", name, emptyCall, samples, report);
  const row = (implementation: string, metric: string, value: number, unit: string) =>
    report({ suite: "probe", workload: name, implementation, metric, value, unit });
  for (const { implementation, residentBytes } of rivals) {
    const resident = contents.reduce((sum, _, segment) => sum + residentBytes(segment), 0);
    row(`${implementation} batched`, "index", indexBytes.get(implementation)!, "bytes");
    row(`${implementation} batched`, "resident", resident, "bytes");
  }
  const time = (implementation: string) => median(samples.get(implementation)!);
  for (const implementation of samples.keys()) {
    const [letter, language, way] = implementation.split(" ");
    const twin = `${letter} js ${way}`;
    if (language === "wasm" && samples.has(twin))
      row(`${letter} js / wasm ${way}`, "ratio", time(twin) / time(implementation), "x");
  }
}

function measureWorkload(
  { core, memory, emptyCall }: { core: Core; memory: DesignMemory; emptyCall: Contender },
  workload: Workload,
  effort: Effort,
  report: (row: Row) => void,
): void {
  for (const count of [1, effort.quick ? 4 : 256]) {
    const contents = Array.from({ length: count }, (_, segment) => workload.volumes(segment));
    const shipped = openShipped(core, contents);
    const others = count === 1 ? openOthers(memory, contents) : { rivals: [], indexBytes: new Map() };
    const field: Field = {
      rivals: [...shipped.rivals, ...others.rivals],
      indexBytes: new Map([...shipped.indexBytes, ...others.indexBytes]),
      close: shipped.close,
    };
    for (const hits of [true, false]) {
      const name = `${workload.name}; ${count} segment${count > 1 ? "s" : ""}; ${hits ? "hits" : "misses"}`;
      measure(field, contents, name, hits, emptyCall, effort, report);
    }
    field.close();
  }
}

export const probe: Suite = {
  name: "probe",
  about:
    "index lookups: every design in WASM and TypeScript on one segment; the shipped one, single and batched, on 256",
  async run(effort, report) {
    const core = Core.create({ memoryBytes: 256 << 20 });
    const memory = new DesignMemory(16 << 20);
    const lab = { core, memory, emptyCall: emptyCallOf(memory) };
    for (const workload of workloads) measureWorkload(lab, workload, effort, report);
  },
};
