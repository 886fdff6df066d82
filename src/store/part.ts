/**
 * A part of a chapter that is looked up as one: a segment by its own index, or several by a run of their merged versions.
 * Either lies in the core's memory and may be evicted; it is made again from the heads that the log carries, or, for a
 * segment whose head is too long for that, from the segment.
 *
 * Readers on other threads may follow the part of the resolver's table (assembly/parts.ts) that describes it: it says there
 * that it is gone before its memory is freed.
 */
import { Corrupt } from "../core/errors.js";
import type { VolumeId } from "../core/ids.js";
import { lastLsnIn, type Reference } from "../format/record-reference.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import { placeOf } from "../log/keys.js";
import type { Core } from "../probe/core.js";
import { PART_BYTES, PART_SEGMENT, PART_UNLOADED, type RunContents, VersionRun } from "../probe/version-run.js";
import type { WasmIndex, WasmProbe } from "../probe/wasm-probe.js";
import { PlacedSegment } from "../segment/page-frames.js";
import { checkHeader, checkOffsets, missingVolume } from "./referenced-head.js";

/** What the parts of one volume share. */
export interface PartContext {
  readonly vid: VolumeId;
  readonly pageSizeBytes: number;
  readonly objects: ObjectStore;
  readonly core: Core;
  readonly probe: WasmProbe;
}

/** Something that a lookup found missing in memory. */
export interface Loadable {
  load(options?: CallOptions): Promise<void>;
  /** False where the storage cannot read in place. */
  loadSync(): boolean;
}

/** Fields of a part in the resolver's table (assembly/parts.ts). */
const LOWEST_DROP = 48;
const OWN_FRAMES = 52;
/** No offset is at or above it. */
const NO_DROP = 0xffff_ffff;

/** What a part is looked up by. */
type Opened =
  | { readonly run: VersionRun; readonly index?: undefined }
  | { readonly run?: undefined; readonly index: WasmIndex; readonly volume: number };

export class Part implements Loadable {
  readonly references: readonly Reference[];
  readonly #places: readonly PlacedSegment[];
  readonly #context: PartContext;
  /** Told when it was opened, or evicted. */
  readonly #onChange: () => void;
  /** What is known without opening it; it has at least as many versions as references. */
  readonly contents: RunContents;
  readonly pageCount: number;
  #opened: Opened | undefined;
  /** Its part of a resolver's table, 0 where it is in none. */
  #described = 0;
  /** Its references and places are another part's by now, or nobody's: what is read for it comes too late. */
  #isClosed = false;

  private constructor(
    context: PartContext,
    references: readonly Reference[],
    places: readonly PlacedSegment[],
    onChange: () => void,
  ) {
    this.#context = context;
    this.references = references;
    this.#places = places;
    this.#onChange = onChange;
    let [baseLsn, lastLsn, lowestOffset, highestOffset] = [Number.MAX_SAFE_INTEGER, 0, Number.MAX_SAFE_INTEGER, 0];
    let [pageCount, maxPageCount] = [0, 0];
    for (const reference of references) {
      baseLsn = Math.min(baseLsn, reference.baseLsn);
      lastLsn = Math.max(lastLsn, lastLsnIn(reference));
      lowestOffset = Math.min(lowestOffset, reference.lowestOffset);
      highestOffset = Math.max(highestOffset, reference.highestOffset);
      maxPageCount = Math.max(maxPageCount, reference.pageCount);
      pageCount += reference.pageCount;
    }
    const counts = { versionCount: references.length, segmentCount: references.length, maxPageCount };
    this.contents = { baseLsn, lastLsn, lowestOffset, highestOffset, ...counts };
    this.pageCount = pageCount;
  }

  static of(context: PartContext, reference: Reference, onChange: () => void): Part {
    const { segmentId, bodyOffset, pageCount, location } = reference;
    const { key, start } = placeOf(context.vid, segmentId, location);
    const place = { key, start, segmentId, bodyOffset, pageSizeBytes: context.pageSizeBytes, pageCount };
    return new Part(context, [reference], [new PlacedSegment(context.core, place)], onChange);
  }

  /** One part of several, oldest first. They must not be used any more. */
  static merge(parts: readonly Part[]): Part {
    const merged = new Part(
      parts[0].#context,
      parts.flatMap((part) => part.references),
      parts.flatMap((part) => part.#places),
      parts[0].#onChange,
    );
    merged.#adopt(parts);
    return merged;
  }

  /** A part for each reference again: of one that cannot be made without reading each. */
  split(): Part[] {
    const { references } = this;
    this.close();
    return references.map((reference, i) => new Part(this.#context, [reference], [this.#places[i]], this.#onChange));
  }

  get isOpen(): boolean {
    return this.#opened !== undefined;
  }

  /** Whether it can be opened without reading from the storage. */
  get carriesHeads(): boolean {
    return this.references.every(({ head }) => head !== undefined);
  }

  /** Whether it can be made again only by reading each segment. */
  get isBroken(): boolean {
    return !this.isOpen && this.references.length > 1 && !this.carriesHeads;
  }

  place(segment: number): PlacedSegment {
    return this.#places[segment];
  }

  /** Writes its part of a resolver's table, and tells its segments where the core looks for their frames. */
  describe(address: number): void {
    const { view, memory } = this.#context.core;
    const opened = this.#opened;
    this.#described = address;
    if (opened?.run) {
      memory.copyWithin(address, opened.run.address, opened.run.address + PART_BYTES);
      view.setUint32(address + LOWEST_DROP, NO_DROP, true);
      return;
    }
    const { baseLsn, lastLsn, lowestOffset, highestOffset } = this.contents;
    memory.fill(0, address, address + PART_BYTES);
    view.setUint8(address, opened ? PART_SEGMENT : PART_UNLOADED);
    view.setFloat64(address + 8, baseLsn, true);
    view.setFloat64(address + 16, lastLsn, true);
    view.setUint32(address + 24, lowestOffset, true);
    view.setUint32(address + 28, highestOffset - lowestOffset, true);
    view.setUint32(address + LOWEST_DROP, NO_DROP, true);
    if (!opened) return;
    view.setUint32(address + 32, address + OWN_FRAMES, true);
    view.setUint32(address + 36, opened.volume, true);
    view.setUint32(address + 40, opened.index.headAddress, true);
    view.setUint32(address + 56, opened.index.areaAddress, true);
    this.#places[0].lookAt(address + OWN_FRAMES);
  }

  /** The table that it was described in is no more. */
  leaveTable(): void {
    this.#described = 0;
    if (this.#opened?.index) this.#places[0].lookAt(0);
  }

  /**
   * Opens it from the heads at hand. False where some of them must be read first.
   *
   * @throws Corrupt, UnsupportedFormat, NoSpace
   */
  open(): boolean {
    if (this.#opened) return true;
    if (!this.carriesHeads) return false;
    if (this.references.length === 1) this.#openOne(this.references[0].head!);
    else this.#openRun();
    return true;
  }

  #openIndex(reference: Reference, head: Uint8Array, onEvict?: () => void): { index: WasmIndex; volume: number } {
    const { vid, pageSizeBytes, probe, core } = this.#context;
    const { key } = placeOf(vid, reference.segmentId, reference.location);
    const index = probe.openIndex(head, key, onEvict);
    try {
      checkHeader(index.header, reference, vid, pageSizeBytes);
      const volume = index.volume(reference.vid);
      if (volume === -1) throw missingVolume(reference, vid);
      const first = core.view.getUint32(volume + 4, true);
      checkOffsets(reference, vid, first, first + core.view.getUint32(volume + 8, true));
      return { index, volume };
    } catch (error) {
      index.close();
      throw error;
    }
  }

  #openOne(head: Uint8Array): void {
    this.#opened = this.#openIndex(this.references[0], head, () => this.#forget());
    this.#onChange();
  }

  /** A pinned run of one segment. */
  #runOf(reference: Reference, index: WasmIndex, volume: number): VersionRun {
    const { core, vid } = this.#context;
    const { baseLsn, lowestOffset, highestOffset, pageCount: maxPageCount } = reference;
    const versionCount = core.view.getUint32(volume + 56, true);
    const contents = { baseLsn, lastLsn: lastLsnIn(reference), lowestOffset, highestOffset, versionCount };
    const run = VersionRun.ofVolume(core, index, volume, { ...contents, segmentCount: 1, maxPageCount });
    if (run) return run;
    const { key, start } = placeOf(vid, reference.segmentId, reference.location);
    throw new Corrupt("segment that the log refers to: rLSN", {
      key,
      byteOffset: start,
      expected: `at most ${reference.highestRlsn}`,
      actual: "a larger one",
    });
  }

  /** A run of all references, from their heads. */
  #openRun(): void {
    const runs = new RunStack(this.#context.core);
    try {
      for (const reference of this.references) {
        const { index, volume } = this.#openIndex(reference, reference.head!);
        try {
          runs.push(this.#runOf(reference, index, volume));
        } finally {
          index.close();
        }
      }
      this.#keep(runs.finish());
    } catch (error) {
      runs.close();
      throw error;
    }
  }

  /** Opens it by merging `parts`, if any of them is open and the others can be. They are closed. */
  #adopt(parts: readonly Part[]): void {
    const runs = new RunStack(this.#context.core);
    let run: VersionRun | undefined;
    try {
      if (!parts.some((part) => part.isOpen)) return;
      for (const part of parts) {
        if (!part.open()) return;
        // No allocation of the merge may evict what it reads.
        (part.#opened!.run ?? part.#opened!.index)!.pin();
      }
      for (const part of parts) {
        const opened = part.#opened!;
        if (opened.run) {
          part.#forget();
          runs.push(opened.run);
        } else {
          runs.push(this.#runOf(part.references[0], opened.index, opened.volume));
        }
      }
      run = runs.finish();
    } catch (error) {
      runs.close();
      throw error;
    } finally {
      // They share their segments' places with this part: it takes them over after them.
      for (const part of parts) part.close();
      if (run) this.#keep(run);
    }
  }

  #keep(run: VersionRun): void {
    for (const [i, place] of this.#places.entries()) place.lookAt(run.framesSlot(i));
    run.release(() => this.#forget());
    this.#opened = { run };
    this.#onChange();
  }

  #forget(): void {
    this.#opened = undefined;
    if (this.#described !== 0) Atomics.store(this.#context.core.memory, this.#described, PART_UNLOADED);
    for (const place of this.#places) place.lookAt(0);
    this.#onChange();
  }

  /** It is not to be used any more. */
  close(): void {
    this.#isClosed = true;
    const opened = this.#opened;
    if (!opened) return;
    this.#forget();
    (opened.run ?? opened.index).close();
  }

  /** Closes it for good, and gives up its pages. */
  dispose(): void {
    this.close();
    for (const place of this.#places) place.close();
  }

  /** Of a part of one segment: reads its head. */
  async load(options?: CallOptions): Promise<void> {
    const { key, start } = this.#place;
    const { bodyOffset } = this.references[0];
    const read = async (refresh: boolean) => {
      const head = await this.#context.objects.getRange(key, start, bodyOffset, { ...options, refresh });
      if (!this.isOpen && !this.#isClosed) this.#openOne(this.#checkLength(head, head?.length ?? -1));
    };
    try {
      await read(false);
    } catch (error) {
      // What a cache on the way has kept may be damaged: the storage itself is asked before that is said of it.
      if (!(error instanceof Corrupt)) throw error;
      await read(true);
    }
  }

  loadSync(): boolean {
    const { sync } = this.#context.objects;
    if (!sync) return false;
    const { key, start } = this.#place;
    const head = new Uint8Array(this.references[0].bodyOffset);
    this.#openOne(this.#checkLength(head, sync.readRange(key, start, head)));
    return true;
  }

  get #place(): { key: string; start: number } {
    return this.#places[0].place;
  }

  #checkLength(head: Uint8Array | undefined, length: number): Uint8Array {
    const { bodyOffset } = this.references[0];
    if (head && length === bodyOffset) return head;
    const { key, start } = this.#place;
    throw new Corrupt("segment that the log refers to", {
      key,
      byteOffset: start,
      expected: `${bodyOffset} bytes of header and index`,
      actual: length < 0 ? "no object" : `${length} bytes`,
    });
  }
}

/** Merges runs of like size, so that a version is copied a number of times that is logarithmic in the number of runs. */
class RunStack {
  readonly #core: Core;
  readonly #runs: VersionRun[] = [];

  constructor(core: Core) {
    this.#core = core;
  }

  /** Takes over a pinned run, newer than those before. */
  push(run: VersionRun): void {
    this.#runs.push(run);
    for (;;) {
      const [older, newer] = this.#runs.slice(-2);
      if (!newer || older.contents.versionCount > newer.contents.versionCount) return;
      this.#mergeLast();
    }
  }

  #mergeLast(): void {
    const [older, newer] = this.#runs.slice(-2);
    const merged = VersionRun.merge(this.#core, older, newer);
    this.#runs.length -= 2;
    this.#runs.push(merged);
    older.close();
    newer.close();
  }

  /** One run of all. */
  finish(): VersionRun {
    while (this.#runs.length > 1) this.#mergeLast();
    return this.#runs.pop()!;
  }

  close(): void {
    for (const run of this.#runs) run.close();
    this.#runs.length = 0;
  }
}
