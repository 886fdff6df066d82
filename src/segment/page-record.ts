/**
 * A page record: the page, then the XXH64 of it, 8 bytes (spec/segment.md, "Page records"). The sum is seeded with the
 * XXH64 of the segment's id, which is seeded with the local page number, so that a page of another segment or another
 * place does not pass for this one.
 */
import type { SegmentId } from "../core/ids.js";
import { PAGE_CHECKSUM_BYTES } from "../format/segment-header.js";
import type { Core } from "../probe/core.js";

/** Whether `record`, a page and its checksum, is local page `local` of segment `id`. Uses the core's staging region. */
export function pageIsIntact(core: Core, record: Uint8Array, id: SegmentId, local: number): boolean {
  core.memory.set(record, core.stagingAddress);
  return core.pageIsIntact(core.stagingAddress, record.length - PAGE_CHECKSUM_BYTES, id, local);
}
