/**
 * Numbers at the limits of their widths: offsets, rLSNs, LSNs and page counts one below, at and one above each power of two that
 * an encoding may change at. What is in range is answered as a map says, by both probes and by a store; what is out of range is
 * refused; nothing wraps.
 */
import { InvalidArgument, NotFound, PalimpsestError } from "../../src/core/errors.js";
import { VolumeId } from "../../src/core/ids.js";
import { MemoryStore } from "../../src/io/memory-store.js";
import { PageStore } from "../../src/node.js";
import { Segment } from "../../src/segment/segment.js";
import { SegmentBuilder } from "../../src/segment/segment-builder.js";
import { pageOf, tagOf } from "../helpers/page-oracle.js";
import { Random } from "../helpers/random.js";

const PAGE_SIZE = 512;
const AROUND = [
  0,
  2 ** 7,
  2 ** 8,
  2 ** 14,
  2 ** 15,
  2 ** 16,
  2 ** 20,
  2 ** 21,
  2 ** 24,
  2 ** 28,
  2 ** 31,
  2 ** 32 - 2,
  2 ** 32,
];
const AT_LIMITS = [...new Set(AROUND.flatMap((limit) => [limit - 2, limit - 1, limit, limit + 1]))];
const BEYOND = [
  2 ** 33,
  2 ** 40,
  2 ** 52,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 60,
  -1,
  -(2 ** 31),
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
];
const OFFSETS = AT_LIMITS.filter((value) => value >= 0 && value <= 2 ** 32 - 2);
const RLSNS = AT_LIMITS.filter((value) => value >= 0 && value <= 2 ** 32 - 1);
const BAD_OFFSETS = [...AT_LIMITS.filter((value) => !OFFSETS.includes(value)), ...BEYOND];
const BAD_RLSNS = [...AT_LIMITS.filter((value) => !RLSNS.includes(value)), ...BEYOND];

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

function mustRefuse(call: () => unknown, what: string): void {
  try {
    call();
  } catch (error) {
    must(error instanceof InvalidArgument, `${what}: refused by ${String(error)}`);
    return;
  }
  throw new Error(`${what}: not refused`);
}

export class Boundaries {
  readonly #random: Random;
  cases = 0;
  refused = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** Segments, until so many more cases were looked at. */
  runSegments(cases: number): void {
    for (const until = this.cases + cases; this.cases < until; ) this.#segment();
  }

  /** Versions at the limits in one segment, asked for at and beside them. */
  #segment(): void {
    const random = this.#random;
    const vid = VolumeId.fromBytes(random.bytes(16));
    const offsets = Array.from({ length: random.between(1, 6) }, () => random.pick(OFFSETS));
    const rlsns = Array.from({ length: random.between(1, 5) }, () => random.pick(RLSNS));
    const versions = new Map<number, Set<number>>();
    const builder = new SegmentBuilder({ pageSize: PAGE_SIZE });
    for (const offset of offsets) {
      const known = versions.get(offset) ?? new Set();
      versions.set(offset, known);
      for (const rlsn of rlsns) {
        if (known.has(rlsn) || random.chance(0.3)) continue;
        known.add(rlsn);
        builder.add(vid, offset, rlsn, new Uint8Array(PAGE_SIZE));
      }
    }
    if ([...versions.values()].every((known) => known.size === 0)) builder.add(vid, 0, 0, new Uint8Array(PAGE_SIZE));
    if ([...versions.values()].every((known) => known.size === 0)) versions.set(0, new Set([0]));
    const page = new Uint8Array(PAGE_SIZE);
    const bad = random.pick(BAD_OFFSETS);
    mustRefuse(() => builder.add(vid, bad, 0, page), `offset ${bad}`);
    const badRlsn = random.pick(BAD_RLSNS);
    mustRefuse(() => builder.add(vid, 0, badRlsn, page), `rLSN ${badRlsn}`);
    this.refused += 2;
    const bytes = builder.finish();
    // Local page numbers go by offset, then by rLSN.
    const order = [...versions].sort((a, b) => a[0] - b[0]);
    const firstOf = new Map<number, number>();
    let local = 0;
    for (const [offset, known] of order) {
      firstOf.set(offset, local);
      local += known.size;
    }
    for (const probe of ["wasm", "js"] as const) {
      const segment = Segment.open(bytes, { probe });
      for (const offset of [...versions.keys(), random.pick(OFFSETS)]) {
        const known = [...(versions.get(offset) ?? [])].sort((a, b) => a - b);
        for (const rlsn of [...known, random.pick(RLSNS)].flatMap((value) => [value - 1, value, value + 1])) {
          if (rlsn < 0 || rlsn > 2 ** 32 - 1) {
            mustRefuse(() => segment.find(vid, offset, rlsn), `find at rLSN ${rlsn}`);
            this.refused++;
          } else {
            const below = known.filter((value) => value <= rlsn).length;
            const expected = below === 0 ? -1 : firstOf.get(offset)! + below - 1;
            const found = segment.find(vid, offset, rlsn);
            must(found === expected, `${probe}: offset ${offset}, rLSN ${rlsn}: ${found}, not ${expected}`);
          }
          this.cases++;
        }
      }
      mustRefuse(() => segment.find(vid, bad, 0), `find at offset ${bad}`);
      segment.close();
    }
  }

  /** One volume with pages, page counts and drops at the limits, asked at and beside its LSNs. */
  async runStore(commits: number): Promise<void> {
    const random = this.#random;
    const store = await PageStore.open("memory:", { objects: new MemoryStore(), memory: 4 << 20 });
    const volume = await store.createVolume({ name: "limits", pageSize: PAGE_SIZE });
    const states: Map<number, number>[] = [new Map()];
    let pageCount = 0;
    for (let lsn = 1; lsn <= commits; lsn++) {
      const state = new Map(states[lsn - 1]);
      const drops: [number, number][] = [];
      if (random.chance(0.3)) {
        const [from, to] = [random.pick(OFFSETS), random.pick([...OFFSETS, 2 ** 32 - 1])];
        if (from < to) drops.push([from, to]);
      }
      const pages = new Map<number, Uint8Array>();
      for (let left = random.between(0, 3); left > 0; left--) pages.set(random.pick(OFFSETS), pageOf(lsn, PAGE_SIZE));
      const highest = Math.max(-1, ...pages.keys());
      const shrinks = random.chance(0.2);
      pageCount = shrinks ? Math.max(highest + 1, random.pick(OFFSETS)) : Math.max(pageCount, highest + 1);
      const bad = random.pick([...BAD_OFFSETS.filter((value) => value !== 2 ** 32 - 1)]);
      const refused = await volume.commit({ pageCount: bad, pages }).catch((error: unknown) => error);
      must(refused instanceof InvalidArgument, `page count ${bad}: ${String(refused)}`);
      this.refused++;
      const snapshot = await volume.commit({ expectedLsn: lsn - 1, pages, drops, pageCount });
      must(snapshot.pageCount === pageCount, `page count ${snapshot.pageCount}, not ${pageCount}`);
      for (const [from, to] of drops)
        for (const offset of state.keys()) if (offset >= from && offset < to) state.delete(offset);
      for (const offset of state.keys()) if (offset >= pageCount) state.delete(offset);
      for (const offset of pages.keys()) state.set(offset, lsn);
      states.push(state);
    }
    for (let lsn = 1; lsn <= commits; lsn++) {
      const found = await store.readPages(volume.id, OFFSETS, lsn);
      OFFSETS.forEach((offset, i) => {
        const tag = found[i] && tagOf(found[i]);
        must(tag === states[lsn].get(offset), `offset ${offset} at ${lsn}: ${tag}, not ${states[lsn].get(offset)}`);
        this.cases++;
      });
    }
    for (const lsn of [0, -1, 0.5, Number.NaN, commits + 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53, Number.POSITIVE_INFINITY]) {
      const error = await store.readPage(volume.id, 0, lsn).catch((thrown: unknown) => thrown);
      const isBeyond = Number.isSafeInteger(lsn) && lsn > commits;
      must(error instanceof (isBeyond ? NotFound : InvalidArgument), `LSN ${lsn}: ${String(error)}`);
      must(error instanceof PalimpsestError, "typed");
      this.refused++;
    }
    await store.close();
  }
}
