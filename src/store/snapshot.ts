/** A volume as it stood at one LSN. Plain and cheap: make as many as you like. */
import type { CallOptions } from "./types.js";
import type { Volume } from "./volume.js";

export class Snapshot {
  readonly volume: Volume;
  readonly lsn: number;
  /** The volume's length in pages at this LSN. */
  readonly pageCount: number;
  /** When the LSN was committed. */
  readonly time: Date;

  constructor(volume: Volume, lsn: number, pageCount: number, timeMs: number) {
    this.volume = volume;
    this.lsn = lsn;
    this.pageCount = pageCount;
    this.time = new Date(timeMs);
  }

  /** `PageStore.readPage` at this LSN. */
  readPage(offset: number, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.volume.readPage(offset, this.lsn, options);
  }

  /** `PageStore.readPageSync` at this LSN. */
  readPageSync(offset: number): Uint8Array | undefined {
    return this.volume.readPageSync(offset, this.lsn);
  }

  /** `PageStore.readPageInto` at this LSN. */
  readPageInto(offset: number, target: Uint8Array, options?: CallOptions): Promise<boolean> {
    return this.volume.readPageInto(offset, this.lsn, target, options);
  }

  /** `PageStore.readPageIntoSync` at this LSN. */
  readPageIntoSync(offset: number, target: Uint8Array): boolean {
    return this.volume.readPageIntoSync(offset, this.lsn, target);
  }

  /** `PageStore.readPages` at this LSN. */
  readPages(offsets: ArrayLike<number>, options?: CallOptions): Promise<(Uint8Array | undefined)[]> {
    return this.volume.readPages(offsets, this.lsn, options);
  }

  /**
   * The pages from `first` on into `target`, which is whole pages long; zeros for absent ones. For scans: pages that were
   * not in memory are not kept there.
   */
  readRun(first: number, target: Uint8Array, options?: CallOptions): Promise<void> {
    return this.volume.readRun(first, target, this.lsn, options);
  }

  /** The LSN that wrote what `readPage(offset)` returns, `undefined` where that is nothing. */
  versionLsn(offset: number, options?: CallOptions): Promise<number | undefined> {
    return this.volume.versionLsn(offset, this.lsn, options);
  }
}
