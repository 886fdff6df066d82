/**
 * Imports any file as pages: all of it as LSN 1, and with each further import the pages that differ as one more LSN. The
 * last page is filled up with zeros; the file's true length is kept, so that `restore` gives the very bytes back.
 */
import { realpath } from "node:fs/promises";
import { InvalidArgument } from "../core/errors.js";
import { MAX_PAGE_COUNT, toPageSize } from "../core/numbers.js";
import type { PageStore } from "../store/page-store.js";
import { FilePages } from "./file-pages.js";
import type { ImportResult } from "./import.js";
import { encodeImportPlace, type ImportPlace, type LastPageLength } from "./import-place.js";
import { defaultVolumeName, type ImportOptions, ImportTarget, pathDigest } from "./import-target.js";
import { InputFile } from "./input-file.js";

export interface ImportFileOptions extends ImportOptions {
  /** Bytes a page: a power of two, 512 to 65536. */
  readonly pageSize: number;
}

/** What a volume's meta can hold; see `MAX_META_BYTES` of the commit log. */
const MAX_PLACE_BYTES = 4096;

/**
 * @throws NotFound for no such file; InvalidArgument for a wrong page size, a file of too many pages, or a volume that
 *   does not fit; Unavailable where the file changes while it is read.
 */
export async function importFile(store: PageStore, path: string, options: ImportFileOptions): Promise<ImportResult> {
  const started = performance.now();
  const pageSize = toPageSize(options.pageSize);
  const file = await InputFile.open(path, "file");
  try {
    const digest = pathDigest(await realpath(path));
    const state = await file.settledState();
    const pageCount = Math.ceil(state.sizeBytes / pageSize);
    if (pageCount > MAX_PAGE_COUNT) {
      throw new InvalidArgument(
        `${path} has ${pageCount} pages of ${pageSize} bytes, more than 2^32 - 1: use larger pages.`,
      );
    }
    const name = options.name ?? defaultVolumeName(path);
    const target = await ImportTarget.find(store, name, pageSize, "raw", options.signal);
    const bytes = pageCount === 0 ? 0 : state.sizeBytes - (pageCount - 1) * pageSize;
    const known = target.place?.lengths ?? [];
    const changed = known.at(-1)?.bytes !== bytes;
    const place = (lsn: number): ImportPlace => {
      const lengths: readonly LastPageLength[] = changed ? [...known, { lsn, bytes }] : known;
      return { kind: "raw", lsn, pathDigest: digest, wal: undefined, lengths };
    };
    if (encodeImportPlace(place(target.lsn + 1)).length > MAX_PLACE_BYTES) {
      throw new InvalidArgument(
        `volume ${name} has seen more lengths of ${path} than it can keep: import under another name.`,
      );
    }
    const before = target.lsn;
    const pages = new FilePages(file, state, pageSize, pageCount);
    const count = await target.commitImage(pages, place, options, changed);
    return {
      volume: target.volume,
      firstLsn: count < 0 ? undefined : before + 1,
      lastLsn: target.lsn,
      transactions: 0,
      pages: Math.max(0, count),
      warnings: [],
      fileBytes: state.sizeBytes,
      walBytes: 0,
      totalMs: performance.now() - started,
      commitMs: target.commitMs,
    };
  } finally {
    await file.close();
  }
}
