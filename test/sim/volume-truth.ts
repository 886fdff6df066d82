/** What one volume must hold at every LSN, as plainly as it can be kept: the versions of each offset, in order. */
import type { VolumeId } from "../../src/core/ids.js";
import type { Draft } from "./truth.js";

/** From `lsn` on the offset holds page `tag`; 0: it is absent. */
interface Version {
  readonly lsn: number;
  readonly tag: number;
}

export class VolumeTruth {
  readonly id: VolumeId;
  readonly pageSize: number;
  /** The last LSN after each record, from none. */
  readonly records: number[] = [0];
  /** Objects that references name. */
  readonly places = new Set<string>();
  isClosed = false;
  generation = 0;
  cutoff = 1;
  boundary = 0;
  readonly #versions = new Map<number, Version[]>();
  readonly #pageCounts = [0];
  readonly #times = [0];
  readonly #commits = [-1];
  readonly #drafts: (Draft | undefined)[] = [undefined];

  constructor(id: VolumeId, pageSize: number) {
    this.id = id;
    this.pageSize = pageSize;
  }

  get lsn(): number {
    return this.#times.length - 1;
  }

  pageCountAt(lsn: number): number {
    return this.#pageCounts[lsn];
  }

  timeAt(lsn: number): number {
    return this.#times[lsn];
  }

  /** The number of the commit that the LSN is of. */
  commitAt(lsn: number): number {
    return this.#commits[lsn];
  }

  pagesChangedAt(lsn: number): number {
    return this.#drafts[lsn]!.pages.size;
  }

  /** The last LSN at or before a time, 0 for none. */
  lsnAt(timeMs: number): number {
    return this.#times.findLastIndex((time, lsn) => lsn === 0 || time <= timeMs);
  }

  /** The page at an offset, and who wrote it; `undefined` where there is none. */
  at(offset: number, lsn: number): Version | undefined {
    const version = this.#versions.get(offset)?.findLast((candidate) => candidate.lsn <= lsn);
    return version?.tag ? version : undefined;
  }

  apply(draft: Draft, commit: number): void {
    const { lsn: before } = this;
    const lsn = before + 1;
    let written = 0;
    for (const offset of draft.pages.keys()) written = Math.max(written, offset + 1);
    const pageCount = draft.pageCount ?? Math.max(this.#pageCounts[before], written);
    const isShorter = pageCount < this.#pageCounts[before];
    if (isShorter || draft.drops.length > 0) {
      for (const [offset, versions] of this.#versions) {
        const isGone = (isShorter && offset >= pageCount) || covers(draft, offset);
        if (isGone && versions[versions.length - 1].tag !== 0) versions.push({ lsn, tag: 0 });
      }
    }
    for (const [offset, tag] of draft.pages) {
      const versions = this.#versions.get(offset);
      if (versions) versions.push({ lsn, tag });
      else this.#versions.set(offset, [{ lsn, tag }]);
    }
    this.#pageCounts.push(pageCount);
    this.#times.push(Math.max(this.#times[before], draft.timeMs));
    this.#commits.push(commit);
    this.#drafts.push(draft);
  }

  /** Offsets below `limit` that LSNs above `from` up to `to` wrote or dropped, and below the larger page count. */
  changed(from: number, to: number, limit: number): number[] {
    const end = Math.min(limit, Math.max(this.#pageCounts[from], this.#pageCounts[to]));
    const changed = new Uint8Array(end);
    for (let lsn = from + 1; lsn <= to; lsn++) {
      const draft = this.#drafts[lsn]!;
      for (const offset of draft.pages.keys()) if (offset < end) changed[offset] = 1;
      for (const [low, high] of draft.drops) changed.fill(1, low, Math.min(high, end));
      if (this.#pageCounts[lsn] < this.#pageCounts[lsn - 1]) changed.fill(1, this.#pageCounts[lsn], end);
    }
    return Array.from(changed.keys()).filter((offset) => changed[offset] === 1);
  }
}

const covers = ({ drops }: Draft, offset: number) => drops.some(([from, to]) => offset >= from && offset < to);
