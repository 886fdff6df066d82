/**
 * The fuzzing campaign on opening and probing an index. For each hostile head the WASM core (twice, each time with other
 * noise in the rest of its linear memory), its TypeScript twin and an oracle have to agree: accepted or refused, and why;
 * where accepted, on the answer to every question. Whatever throws anything but a typed error, writes beside its memory or
 * takes over 50 ms, fails. One seed makes all.
 */
import { PalimpsestError } from "../../src/core/errors.js";
import { VolumeId } from "../../src/core/ids.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import { Core } from "../../src/probe/core.js";
import { JsProbe } from "../../src/probe/js-probe.js";
import type { SegmentIndex } from "../../src/probe/probe.js";
import { WasmProbe } from "../../src/probe/wasm-probe.js";
import { Random } from "../helpers/random.js";
import { randomQuery } from "../helpers/versions.js";
import { withoutStacks } from "../helpers/without-stacks.js";
import { type HostileHead, HostileHeads, sealer } from "./hostile-heads.js";
import { type OracleVolume, readIndex } from "./index-oracle.js";
import { Watchdog } from "./watchdog.js";

const MAX_CASE_MS = 50;
/** A case that takes this long will not end. */
const STALL_MS = 30_000;
const QUERIES = 12;
/** Cases between two fillings of all memory with noise; what is near an index is filled for every case. */
const NOISE_EVERY = 500;
/** Noise on either side of an allocation: further than any load or store of the core could stray by one step. */
const MARGIN_BYTES = 256;
const NOISE_BYTES = 1 << 18;

export interface FuzzReport {
  cases: number;
  accepted: number;
  /** Questions that were asked of every implementation. */
  answers: number;
  /** How often each reason was given for a refusal. */
  readonly refused: Map<string, number>;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** A core in whose linear memory all that does not belong to the open index is noise. */
class NoisyCore {
  readonly #probe: WasmProbe;
  readonly #memory: Uint8Array;
  readonly #heap: number;
  readonly #random: Random;
  readonly #noise: Uint8Array;
  #allocated: Range[] = [];
  /** The noise beside the allocations, and what it has to be still. */
  #margins: { range: Range; noise: Uint8Array }[] = [];

  constructor(seed: number) {
    const core = Core.create({ memoryBytes: 2 << 20 });
    // The arena makes and forgets a slab with the first and last slot in use: these slots save that for every case.
    for (let sizeBytes = 256; sizeBytes <= 8192; sizeBytes += 64) core.arena.allocate(sizeBytes);
    this.#probe = new WasmProbe(core);
    this.#memory = core.memory;
    this.#heap = core.exports.heapAddress();
    this.#random = new Random(seed);
    const words = Uint32Array.from({ length: NOISE_BYTES / 4 }, () => this.#random.u32());
    this.#noise = new Uint8Array(words.buffer);
    const allocate = core.arena.allocate.bind(core.arena);
    core.arena.allocate = (sizeBytes, ...rest) => {
      const start = allocate(sizeBytes, ...rest);
      const end = start + sizeBytes;
      // Memory comes with what was there before.
      if (sizeBytes <= NOISE_BYTES) this.#memory.set(this.#someNoise(sizeBytes), start);
      this.#allocated.push({ start, end });
      return start;
    };
  }

  #someNoise(length: number): Uint8Array {
    const at = this.#random.below(NOISE_BYTES - length + 1);
    return this.#noise.subarray(at, at + length);
  }

  /** Fills the whole heap; nothing may be open. */
  fill(): void {
    for (let at = this.#heap; at < this.#memory.length; at += NOISE_BYTES) {
      this.#memory.set(this.#someNoise(Math.min(NOISE_BYTES, this.#memory.length - at)), at);
    }
  }

  openIndex(head: Uint8Array, key: string): SegmentIndex {
    this.#allocated = [];
    return this.#probe.openIndex(head, key);
  }

  /** Puts new noise beside what the open index allocated. */
  shake(): void {
    this.#margins = [];
    for (const { start, end } of this.#allocated) {
      const before = { start: Math.max(this.#heap, start - MARGIN_BYTES), end: start };
      const after = { start: end, end: Math.min(this.#memory.length, end + MARGIN_BYTES) };
      for (const range of [before, after]) {
        const taken = [...this.#allocated, ...this.#margins.map((margin) => margin.range)];
        if (taken.some((other) => range.start < other.end && other.start < range.end)) continue;
        const noise = this.#someNoise(range.end - range.start);
        this.#memory.set(noise, range.start);
        this.#margins.push({ range, noise });
      }
    }
  }

  /** Whether the noise is as `shake` left it. */
  isUntouched(): boolean {
    return this.#margins.every(
      ({ range, noise }) => Buffer.compare(this.#memory.subarray(range.start, range.end), noise) === 0,
    );
  }
}

/** What became of opening a head in every implementation. */
interface Opened {
  readonly indexes: SegmentIndex[];
  /** Why, from those that refused it. */
  readonly refusals: string[];
}

export class SegmentFuzz {
  readonly report: FuzzReport = { cases: 0, accepted: 0, answers: 0, refused: new Map() };
  readonly heads: HostileHeads;
  readonly #seed: number;
  readonly #random: Random;
  readonly #cores: [NoisyCore, NoisyCore];
  readonly #twin = new JsProbe();

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.heads = new HostileHeads(this.#random, sealer());
    this.#cores = [new NoisyCore(seed + 1), new NoisyCore(seed + 2)];
  }

  /**
   * Runs `cases` more cases.
   *
   * @throws Error that tells what disagrees and shows the head, at the first case that fails.
   */
  run(cases: number): void {
    using watchdog = new Watchdog(`fuzzing segments with seed ${this.#seed}`, STALL_MS);
    withoutStacks(() => {
      for (let i = 0; i < cases; i++) {
        this.#runCase();
        watchdog.beat();
      }
    });
  }

  #runCase(): void {
    const hostile = this.heads.next();
    if (this.report.cases++ % NOISE_EVERY === 0) for (const core of this.#cores) core.fill();
    try {
      this.#check(hostile);
    } catch (error) {
      const head = Buffer.from(hostile.head).toString("hex");
      throw new Error(`seed ${this.#seed}, case ${this.report.cases}: ${String(error)}; head ${head}`, {
        cause: error,
      });
    }
  }

  #check({ head, sealed, volumes }: HostileHead): void {
    const { report } = this;
    const began = performance.now();
    const { indexes, refusals } = this.#open(head);
    try {
      const expected = sealed ? readIndex(head) : undefined;
      if (refusals.some((other) => other !== refusals[0]) || (refusals.length > 0 && indexes.length > 0)) {
        throw new Error(`${indexes.length} accept it; others refuse it: ${refusals.join(" | ")}`);
      }
      if (indexes.length > 0) {
        if (!expected) throw new Error("accepted, and the oracle refuses it");
        report.accepted++;
        this.#ask(indexes, expected, volumes);
      } else {
        const [reason] = refusals;
        if (expected) throw new Error(`refused (${reason}), and the oracle accepts it`);
        report.refused.set(reason, (report.refused.get(reason) ?? 0) + 1);
      }
    } finally {
      for (const index of indexes) index.close();
    }
    if (performance.now() - began > MAX_CASE_MS) this.#timeAgain(head);
  }

  /** Opens a head everywhere. Throws what is no typed error of ours: a trap, say. */
  #open(head: Uint8Array): Opened {
    const opened: Opened = { indexes: [], refusals: [] };
    for (const implementation of [...this.#cores, this.#twin]) {
      try {
        opened.indexes.push(implementation.openIndex(head, "fuzz"));
      } catch (error) {
        if (!(error instanceof PalimpsestError)) throw error;
        opened.refusals.push(`${error.code} ${error.message.split(":")[0]}`);
      }
    }
    return opened;
  }

  /** Slow once may be the machine; slow three times is the head. */
  #timeAgain(head: Uint8Array): void {
    let shortest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 3; i++) {
      const began = performance.now();
      for (const index of this.#open(head).indexes) index.close();
      shortest = Math.min(shortest, performance.now() - began);
    }
    if (shortest > MAX_CASE_MS) throw new Error(`takes ${shortest.toFixed(0)} ms to open`);
  }

  /** Asks every implementation the same, of each volume, and holds the answers to the oracle's. */
  #ask(indexes: SegmentIndex[], expected: readonly OracleVolume[], written: readonly VolumeVersions[]): void {
    const random = this.#random;
    for (const [v, volume] of expected.entries()) {
      const vid = VolumeId.fromBytes(volume.vid);
      const offsets = new Uint32Array(QUERIES);
      const rlsns = new Uint32Array(QUERIES);
      for (let i = 0; i < QUERIES; i++) {
        [offsets[i], rlsns[i]] = this.#question(volume, written[Math.min(v, written.length - 1)]);
      }
      const answers = Int32Array.from(offsets, (offset, i) => volume.find(offset, rlsns[i]));
      this.report.answers += QUERIES;
      const some = random.pick(volume.versions);
      for (const core of this.#cores) core.shake();
      for (const [which, index] of indexes.entries()) {
        const handle = index.volume(vid);
        if (handle < 0) throw new Error(`implementation ${which}: volume ${v} is not found`);
        const locals = new Int32Array(QUERIES);
        index.findMany(handle, offsets, rlsns, locals);
        for (let i = 0; i < QUERIES; i++) {
          const found = index.find(handle, offsets[i], rlsns[i]);
          if (found === answers[i] && locals[i] === answers[i]) continue;
          throw new Error(
            `implementation ${which}: volume ${v} at (${offsets[i]}, ${rlsns[i]}): find says ${found}, ` +
              `findMany ${locals[i]}, the oracle ${answers[i]}`,
          );
        }
        const rlsn = index.rlsnAt(handle, some.local);
        if (rlsn !== some.rlsn) {
          throw new Error(`implementation ${which}: page ${some.local} has rLSN ${rlsn}, by the oracle ${some.rlsn}`);
        }
      }
    }
    // An id that differs by a bit, mostly a stranger's.
    const near = random.pick(expected).vid.slice();
    near[random.pick([0, 7, 8, 15])] ^= 1 << random.below(8);
    const isThere = expected.some(({ vid }) => Buffer.compare(vid, near) === 0);
    const vid = VolumeId.fromBytes(near);
    for (const index of indexes) if (index.volume(vid) >= 0 !== isThere) throw new Error(`a stranger is found: ${vid}`);
    if (!this.#cores.every((core) => core.isUntouched())) throw new Error("the core wrote beside its memory");
  }

  /** What is there, what is just beside it, or what was there before the edits. */
  #question(volume: OracleVolume, written: VolumeVersions): [offset: number, rlsn: number] {
    const random = this.#random;
    const { offset, rlsn } = random.pick(volume.versions);
    switch (random.below(3)) {
      case 0:
        return [offset, Math.max(0, rlsn - random.below(2))];
      case 1:
        return [offset + random.between(-1, 1), random.pick([0, rlsn, rlsn + 1, 0xffff_ffff])];
      default:
        return randomQuery(random, written);
    }
  }
}
