/** Pages that lie side by side, or nearly so, in a segment: what one request reads. */
import { PAGE_CHECKSUM_BYTES, recordPosition } from "../format/segment-header.js";
import type { PlacedSegment } from "../segment/page-frames.js";

/** One request reads at most so many bytes. */
export const RUN_BYTES = 1 << 20;
/** So many bytes between two pages that are wanted are read with them: cheaper than a request more. */
const GAP_BYTES = 16 << 10;

/** A page of a segment. */
export interface PlacedPage {
  readonly place: PlacedSegment;
  readonly local: number;
}

/** Where the records of pages `first` to `last` lie in the object that holds their segment. */
export function rangeOf(
  { place }: PlacedSegment,
  first: number,
  last: number,
): { readonly key: string; readonly start: number; readonly length: number; readonly recordBytes: number } {
  const recordBytes = place.pageSizeBytes + PAGE_CHECKSUM_BYTES;
  const start = place.start + recordPosition(place.bodyOffset, place.pageSizeBytes, first);
  return { key: place.key, start, length: (last - first + 1) * recordBytes, recordBytes };
}

/** Groups pages into runs, each in the order of its places. A page that comes twice does so in one run. */
export function runsOf<T extends PlacedPage>(pages: readonly T[]): T[][] {
  const bySegment = new Map<PlacedSegment, T[]>();
  for (const page of pages) {
    const others = bySegment.get(page.place);
    if (others) others.push(page);
    else bySegment.set(page.place, [page]);
  }
  const runs: T[][] = [];
  for (const [segment, group] of bySegment) {
    group.sort((a, b) => a.local - b.local);
    const recordBytes = segment.place.pageSizeBytes + PAGE_CHECKSUM_BYTES;
    const maxPages = Math.max(1, Math.floor(RUN_BYTES / recordBytes));
    const maxStep = 1 + Math.floor(GAP_BYTES / recordBytes);
    let run: T[] = [];
    for (const page of group) {
      const last = run[run.length - 1];
      if (!last || page.local > last.local + maxStep || page.local - run[0].local >= maxPages) runs.push((run = []));
      run.push(page);
    }
  }
  return runs;
}
