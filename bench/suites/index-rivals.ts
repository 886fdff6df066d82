/**
 * What the index suites compare: one design in one language, with the indexes of some segments open. All rivals are asked
 * in the same ways: in batches against one volume, in batches scattered over the segments, and one query at a time. The
 * answers of a batch come to `locals`.
 */
import type { VolumeId } from "../../src/core/ids.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import type { Probe } from "../../src/probe/probe.js";
import type { Design, DesignIndex } from "../designs/design.js";
import type { DesignMemory, WasmDesign } from "../designs/wasm-designs.js";
import { type Contender, median, type Row, spread } from "../measure.js";
import { BATCH, type Batch, type Scattered } from "./index-queries.js";

/** The volumes of each segment, ascending by id. */
export type Contents = readonly (readonly VolumeVersions[])[];

/** Asks one batch. */
export type Ask = () => void;

export interface Rival {
  readonly implementation: string;
  /** Bytes of memory of one segment's opened index. */
  residentBytes(segment: number): number;
  readonly locals: Int32Array;
  batched(batch: Batch): Ask;
  scattered(batch: Scattered): Ask;
  single(batch: Batch): Ask;
}

/** Asks every batch; returns the sum of their first and last answers, so that no answer is idle. */
export function askAll({ locals }: Rival, batches: readonly Ask[]): number {
  let sum = 0;
  for (const batch of batches) {
    batch();
    sum = (sum + locals[0] + locals[BATCH - 1]) | 0;
  }
  return sum;
}

/** Asks every batch; returns a checksum of all answers. */
export function checksum({ locals }: Rival, batches: readonly Ask[]): number {
  let sum = 0;
  for (const batch of batches) {
    batch();
    for (const local of locals) sum = (Math.imul(sum, 31) + local) | 0;
  }
  return sum;
}

const EMPTY_CALLS = 100_000;

/** A call into WebAssembly that does nothing: the unit in which times are given beside nanoseconds. */
export function emptyCallOf({ exports: { empty } }: DesignMemory): Contender {
  return {
    implementation: "empty call",
    operations: EMPTY_CALLS,
    run() {
      for (let i = 0; i < EMPTY_CALLS; i++) empty();
      return 0;
    },
  };
}

/** Handles by segment and volume: what callers look up once. */
function handlesOf(contents: Contents, volumeOf: (segment: number, vid: VolumeId) => number): number[][] {
  return contents.map((volumes, segment) => volumes.map(({ vid }) => volumeOf(segment, vid)));
}

/** A design in WebAssembly with segments open, which may serve several ways to ask it. */
export class WasmSegments {
  readonly residentBytes: readonly number[];
  readonly handles: readonly (readonly number[])[];

  constructor(design: WasmDesign, contents: Contents, bytesOf: (segment: number) => Uint8Array) {
    const indexes = contents.map((_, segment) => design.open(bytesOf(segment), FORM));
    this.residentBytes = indexes.map(({ residentBytes }) => residentBytes);
    this.handles = handlesOf(contents, (segment, vid) => indexes[segment].volume(vid));
  }
}

export function wasmRival(design: WasmDesign, { residentBytes, handles }: WasmSegments): Rival {
  const locals = new Int32Array(BATCH);
  return {
    implementation: `${design.letter} wasm${design.way && `, ${design.way}`}`,
    locals,
    residentBytes: (segment) => residentBytes[segment],
    batched({ segment, volume, offsets, rlsns }) {
      const handle = handles[segment][volume];
      return () => design.findMany(handle, offsets, rlsns, locals);
    },
    scattered({ segments, volumes, offsets, rlsns }) {
      const each = Uint32Array.from(segments, (segment, i) => handles[segment][volumes[i]]);
      return () => design.findScattered(each, offsets, rlsns, locals);
    },
    single({ segment, volume, offsets, rlsns }) {
      const handle = handles[segment][volume];
      const { find } = design;
      return () => {
        for (let i = 0; i < BATCH; i++) locals[i] = find(handle, offsets[i], rlsns[i]);
      };
    },
  };
}

/** The shipped probe, in either language. */
export function probeRival(implementation: string, probe: Probe, contents: Contents, heads: readonly Uint8Array[]) {
  const indexes = heads.map((head) => probe.openIndex(head, "bench"));
  const handles = handlesOf(contents, (segment, vid) => indexes[segment].volume(vid));
  const locals = new Int32Array(BATCH);
  const rival: Rival = {
    implementation,
    locals,
    residentBytes: (segment) => indexes[segment].residentBytes,
    batched({ segment, volume, offsets, rlsns }) {
      const index = indexes[segment];
      const handle = handles[segment][volume];
      return () => index.findMany(handle, offsets, rlsns, locals);
    },
    scattered({ segments, volumes, offsets, rlsns }) {
      const asked = Array.from(segments, (segment) => indexes[segment]);
      const each = Array.from(segments, (segment, i) => handles[segment][volumes[i]]);
      return () => {
        for (let i = 0; i < BATCH; i++) locals[i] = asked[i].find(each[i], offsets[i], rlsns[i]);
      };
    },
    single({ segment, volume, offsets, rlsns }) {
      const index = indexes[segment];
      const handle = handles[segment][volume];
      return () => {
        for (let i = 0; i < BATCH; i++) locals[i] = index.find(handle, offsets[i], rlsns[i]);
      };
    },
  };
  const close = () => {
    for (const index of indexes) index.close();
  };
  return { rival, close };
}

type FindAll = (
  index: DesignIndex,
  volume: number,
  offsets: Uint32Array,
  rlsns: Uint32Array,
  locals: Int32Array,
) => void;

/**
 * A loop of its own for each design: V8 optimizes a function for the classes that it has seen in it, and a loop that all
 * designs shared would be slow for all of them.
 */
function ownLoop(): FindAll {
  const body = "for (let i = 0; i < locals.length; i++) locals[i] = index.findAt(volume, offsets[i], rlsns[i]);";
  return new Function("index", "volume", "offsets", "rlsns", "locals", body) as FindAll;
}

/** A design in TypeScript. */
export function scriptRival(implementation: string, indexes: readonly DesignIndex[], contents: Contents): Rival {
  const handles = handlesOf(contents, (segment, vid) => indexes[segment].volume(vid));
  const locals = new Int32Array(BATCH);
  const findAll = ownLoop();
  const batched = ({ segment, volume, offsets, rlsns }: Batch) => {
    const index = indexes[segment];
    const handle = handles[segment][volume];
    return () => findAll(index, handle, offsets, rlsns, locals);
  };
  return {
    implementation,
    locals,
    residentBytes: (segment) => indexes[segment].bytes.length,
    batched,
    single: batched,
    scattered({ segments, volumes, offsets, rlsns }) {
      const asked = Array.from(segments, (segment) => indexes[segment]);
      const each = Array.from(segments, (segment, i) => handles[segment][volumes[i]]);
      return () => {
        for (let i = 0; i < BATCH; i++) locals[i] = asked[i].findAt(each[i], offsets[i], rlsns[i]);
      };
    },
  };
}

/** The rivals' indexes are of the form that is made for speed, with aligned sections. */
const FORM = "separate";

/** Indexes of a rival of g. u16 holds the rLSNs of every workload; a design without it keeps the next wider. */
export function buildRivals(design: Design, contents: Contents): DesignIndex[] {
  const rlsns = design.rlsnWidths.includes("u16") ? "u16" : design.rlsnWidths[0];
  return contents.map((volumes) => design.build(volumes, { form: FORM, rlsns }));
}

/** Rows of what was measured: times, how far to trust them, and as multiples of an empty call. */
export function reportTimes(
  suite: string,
  workload: string,
  emptyCall: Contender,
  samples: ReadonlyMap<string, readonly number[]>,
  report: (row: Row) => void,
): void {
  const unit = median(samples.get(emptyCall.implementation)!);
  for (const [implementation, times] of samples) {
    const row = (metric: string, value: number, unit: string) =>
      report({ suite, workload, implementation, metric, value, unit });
    row("time", median(times), "ns");
    if (implementation === emptyCall.implementation) continue;
    row("spread", spread(times), "of the median");
    row("empty calls", median(times) / unit, "x");
  }
}
