/**
 * Loads pages into memory: those that are asked for in the same turn and lie side by side with one request, and each page once,
 * however many ask for it while it is on its way.
 */
import { Corrupt } from "../core/errors.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import { SharedRequest } from "../io/shared-request.js";
import type { Arena } from "../probe/arena.js";
import type { PageFrames, PlacedSegment } from "../segment/page-frames.js";
import { type PlacedPage, rangeOf, runsOf } from "./page-runs.js";

/** A request that is under way, or about to be sent. */
interface Run {
  readonly request: SharedRequest<void>;
  readonly pages: readonly Wanted[];
  /** What was wrong with a page, by its local number: told to who asked for it, and to nobody else. */
  readonly failures: Map<number, unknown>;
}

interface Wanted extends PlacedPage {
  /** Somebody waits for it; otherwise it is read ahead. */
  isAwaited: boolean;
}

export class PageFetcher {
  readonly #frames: PageFrames;
  readonly #objects: ObjectStore;
  readonly #arena: Arena;
  readonly #counts: { misses: number; ahead: number };
  /** Asked for in this turn, not sent yet. */
  #wanted = new Map<PlacedSegment, Map<number, Wanted>>();
  #turn: Promise<void> | undefined;
  /** By segment and local page number, until it has ended. */
  readonly #underWay = new Map<PlacedSegment, Map<number, Run>>();

  constructor(frames: PageFrames, objects: ObjectStore, arena: Arena, counts: { misses: number; ahead: number }) {
    this.#frames = frames;
    this.#objects = objects;
    this.#arena = arena;
    this.#counts = counts;
  }

  /** Whether pages were asked for that the next request will be made of. */
  get isCollecting(): boolean {
    return this.#turn !== undefined;
  }

  /**
   * Makes a page resident, for a moment at least: the next allocation may evict it.
   *
   * @param ahead Pages to load with it, of this or other segments; nobody waits for them.
   * @throws Corrupt, Aborted, what the storage throws.
   */
  async load(page: PlacedPage, ahead: readonly PlacedPage[], options?: CallOptions): Promise<void> {
    this.#counts.misses++;
    let run = this.#runOf(page);
    const joined = run?.pages.find(({ local }) => local === page.local);
    // It was on its way for nobody: now somebody waits, so the storage is asked before it is called damaged.
    if (joined) joined.isAwaited = true;
    if (!run) {
      this.#want(page, true);
      for (const other of ahead) if (!this.#runOf(other)) this.#want(other, false);
      await (this.#turn ??= this.#endOfTurn());
      run = this.#runOf(page);
    }
    // None: it came while the turn went on.
    if (!run) return;
    await run.request.wait(options?.signal);
    const failure = run.failures.get(page.local);
    if (failure !== undefined) throw failure;
  }

  #runOf({ place, local }: PlacedPage): Run | undefined {
    const run = this.#underWay.get(place)?.get(local);
    return run?.request.isCancelled ? undefined : run;
  }

  #want({ place, local }: PlacedPage, isAwaited: boolean): void {
    let pages = this.#wanted.get(place);
    if (!pages) this.#wanted.set(place, (pages = new Map()));
    const known = pages.get(local);
    if (known) known.isAwaited ||= isAwaited;
    else pages.set(local, { place, local, isAwaited });
  }

  /** A few steps later, so that calls made side by side have all arrived. */
  async #endOfTurn(): Promise<void> {
    for (let step = 0; step < 4; step++) await undefined;
    this.#turn = undefined;
    const wanted = [...this.#wanted.values()].flatMap((pages) => [...pages.values()]);
    this.#wanted = new Map();
    for (const run of runsOf(wanted)) this.#send(run);
  }

  #send(pages: readonly Wanted[]): void {
    const [{ place, local: first }] = pages;
    const last = pages[pages.length - 1].local;
    const failures = new Map<number, unknown>();
    const request = new SharedRequest(`reading ${place.place.key}`, async (signal) => {
      try {
        await this.#read(pages, first, last, failures, { signal });
      } finally {
        this.#end(pages, run);
      }
    });
    const run: Run = { request, pages, failures };
    let underWay = this.#underWay.get(place);
    if (!underWay) this.#underWay.set(place, (underWay = new Map()));
    for (const { local } of pages) underWay.set(local, run);
  }

  #end(pages: readonly Wanted[], run: Run): void {
    const [{ place }] = pages;
    const underWay = this.#underWay.get(place);
    if (!underWay) return;
    for (const { local } of pages) if (underWay.get(local) === run) underWay.delete(local);
    if (underWay.size === 0) this.#underWay.delete(place);
  }

  async #read(
    pages: readonly Wanted[],
    first: number,
    last: number,
    failures: Map<number, unknown>,
    options: CallOptions,
  ): Promise<void> {
    const [{ place }] = pages;
    const { key, start, length, recordBytes } = rangeOf(place, first, last);
    let left = pages;
    // What a cache or a proxy on the way has kept may be damaged: the storage itself is asked before that is said of it.
    for (const refresh of [false, true]) {
      const bytes = await this.#objects.getRange(key, start, length, { ...options, refresh });
      failures.clear();
      for (const page of left) {
        const at = (page.local - first) * recordBytes;
        try {
          if (place.frame(page.local) === 0) this.#put(page, bytes?.subarray(at, at + recordBytes));
        } catch (error) {
          failures.set(page.local, error);
        }
      }
      left = left.filter(({ local, isAwaited }) => isAwaited && failures.get(local) instanceof Corrupt);
      if (left.length === 0) return;
    }
  }

  #put({ place, local, isAwaited }: Wanted, record: Uint8Array | undefined): void {
    const address = this.#frames.put(place, local, record);
    if (isAwaited) return;
    this.#counts.ahead++;
    this.#arena.toPass(address);
  }
}
