/** What a store's volumes share. */
import { Closed, Conflict, InvalidArgument, throwIfAborted } from "../core/errors.js";
import type { Sha256 } from "../core/sha256.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import { unlessAborted } from "../io/shared-request.js";
import type { Core } from "../probe/core.js";
import type { WasmProbe } from "../probe/wasm-probe.js";
import type { PageFrames } from "../segment/page-frames.js";
import { PageViews } from "../segment/page-views.js";
import { PageFetcher } from "./page-fetcher.js";
import { PageSlabs } from "./page-slabs.js";

export class StoreContext {
  readonly objects: ObjectStore;
  readonly core: Core;
  readonly probe: WasmProbe;
  readonly frames: PageFrames;
  readonly sha256: Sha256;
  /** Whether other threads were to read it, in shared memory or, where there is none, by copies. */
  readonly isShared: boolean;
  readonly views: PageViews;
  readonly slabs = new PageSlabs();
  /** Pages read, those of them that had to be loaded, and those loaded before they were asked for. */
  readonly pageCounts = { reads: 0, misses: 0, ahead: 0 };
  readonly fetcher: PageFetcher;
  isClosed = false;
  #writable: Promise<void> | undefined;

  constructor(parts: Pick<StoreContext, "objects" | "core" | "probe" | "frames" | "sha256" | "isShared">) {
    this.objects = parts.objects;
    this.core = parts.core;
    this.views = new PageViews(parts.core.memory);
    this.probe = parts.probe;
    this.frames = parts.frames;
    this.fetcher = new PageFetcher(parts.frames, parts.objects, parts.core.arena, this.pageCounts);
    this.sha256 = parts.sha256;
    this.isShared = parts.isShared;
  }

  /** @throws Closed */
  checkOpen(): void {
    if (this.isClosed) throw new Closed(`the store ${this.objects.url} was closed; open it again`);
  }

  /**
   * Before the first write: that the storage takes writes and honours put-if-absent.
   *
   * @throws ReadOnly, Unavailable
   */
  async checkWritable(options?: CallOptions): Promise<void> {
    this.checkOpen();
    throwIfAborted(options?.signal, "the write");
    if (!this.#writable) {
      // Shared by all calls that wait for it, so one call's signal must not stop it.
      const check = this.objects.checkWritable();
      this.#writable = check;
      // What failed once may pass the next time.
      check.catch(() => {
        this.#writable = undefined;
      });
    }
    await unlessAborted(this.#writable, options?.signal, "the write");
  }
}

/** @throws InvalidArgument for what cannot be an `expectedLsn`. */
export function checkExpectedLsn(lsn: number | undefined): void {
  if (lsn === undefined || (Number.isSafeInteger(lsn) && lsn >= 0)) return;
  throw new InvalidArgument(`expectedLsn ${String(lsn)}: must be an LSN, or 0 for a volume without commits`);
}

export function conflict(volume: string, expected: number | undefined, winningLsn: number): Conflict {
  const message =
    expected === undefined
      ? `volume ${volume} was committed to by others again and again; its last LSN is ${winningLsn}. Try again.`
      : `volume ${volume} is at LSN ${winningLsn}, not at ${expected}: read what changed and commit on top of it`;
  return new Conflict(message, winningLsn);
}
