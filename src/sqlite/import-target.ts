/**
 * The volume that an import writes to: found by its name or created, with the place that the last import left there; and
 * the commit of a whole image, as the first LSN or as the pages that differ from the newest one.
 */
import { createHash } from "node:crypto";
import { basename, extname, resolve } from "node:path";
import { InvalidArgument, NotFound, OutcomeUnknown } from "../core/errors.js";
import { toPageCount } from "../core/numbers.js";
import type { PageStore } from "../store/page-store.js";
import type { Snapshot } from "../store/snapshot.js";
import type { Volume } from "../store/volume.js";
import type { FilePages } from "./file-pages.js";
import { decodeImportPlace, encodeImportPlace, type ImportPlace, PATH_DIGEST_BYTES } from "./import-place.js";

export interface ImportProgress {
  /** "scan": checking the WAL; "pages": reading the file; "transactions": committing the WAL's. */
  readonly phase: "scan" | "pages" | "transactions";
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface ImportOptions {
  /** The volume's name; by default the file's, without its extension. */
  readonly name?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
}

/** A volume's name for a file where none is given. */
export function defaultVolumeName(path: string): string {
  return basename(path, extname(path));
}

export function pathDigest(path: string): Uint8Array {
  return createHash("sha256").update(resolve(path)).digest().subarray(0, PATH_DIGEST_BYTES);
}

export class ImportTarget {
  readonly store: PageStore;
  readonly name: string;
  readonly pageSize: number;
  /** Where the last import ended; `undefined` before the first. */
  readonly place: ImportPlace | undefined;
  /** The newest LSN, as this import knows it: another writer's commit makes the next one fail with `Conflict`. */
  lsn: number;
  /** Time spent in the store's commits. */
  commitMs = 0;
  #volume: Volume | undefined;
  /** The newest LSN's state. */
  #previous: Snapshot | undefined;

  private constructor(
    store: PageStore,
    name: string,
    pageSize: number,
    found: { volume?: Volume; previous?: Snapshot | undefined; place?: ImportPlace | undefined },
  ) {
    this.store = store;
    this.name = name;
    this.pageSize = pageSize;
    this.place = found.place;
    this.lsn = found.previous?.lsn ?? 0;
    this.#volume = found.volume;
    this.#previous = found.previous;
  }

  /** @throws InvalidArgument where the volume has another page size, or holds something else than imports of this kind. */
  static async find(
    store: PageStore,
    name: string,
    pageSize: number,
    kind: ImportPlace["kind"],
    signal?: AbortSignal,
  ): Promise<ImportTarget> {
    let volume: Volume;
    try {
      volume = await store.volume(name, { signal });
    } catch (error) {
      if (error instanceof NotFound) return new ImportTarget(store, name, pageSize, {});
      throw error;
    }
    const other = "import under another name (--name), which begins a new volume";
    if (volume.pageSize !== pageSize) {
      throw new InvalidArgument(
        `volume ${name} has pages of ${volume.pageSize} bytes, the file has ${pageSize}, and a volume's page size is ` +
          `fixed: ${other}.`,
      );
    }
    const previous = await volume.latest({ signal });
    if (previous === undefined) return new ImportTarget(store, name, pageSize, { volume });
    const place = decodeImportPlace(
      await volume.latestMeta({ signal }),
      `meta of volume ${name} at LSN ${previous.lsn}`,
    );
    if (place?.lsn !== previous.lsn) {
      throw new InvalidArgument(`the newest commit of volume ${name} was not made by an import: ${other}.`);
    }
    if (place.kind !== kind) {
      const [was, is] = kind === "raw" ? ["a SQLite database", "raw"] : ["raw", "a SQLite database"];
      throw new InvalidArgument(`volume ${name} was imported as ${was}, not as ${is}: ${other}.`);
    }
    return new ImportTarget(store, name, pageSize, { volume, previous, place });
  }

  get volume(): Volume {
    if (this.#volume === undefined) throw new Error("palimpsest bug: an import used its volume before it was created");
    return this.#volume;
  }

  /**
   * Commits a file's pages as one LSN: all of them as the first, else those that differ from the newest LSN's.
   *
   * @param place Makes the place for the new LSN.
   * @param force Makes an LSN even where no page differs.
   * @returns How many pages were committed; -1 where nothing differs, and no LSN was made.
   */
  async commitImage(
    pages: FilePages,
    place: (lsn: number) => ImportPlace,
    options: ImportOptions,
    force = false,
  ): Promise<number> {
    const previous = this.#previous;
    const pageCount = toPageCount(pages.pageCount);
    const meta = encodeImportPlace(place(this.lsn + 1));
    const { signal } = options;
    if (previous !== undefined) {
      const offsets = await this.#differing(previous, pages, options);
      if (offsets.length === 0 && previous.pageCount === pageCount && !force) return -1;
      await this.commit(() =>
        this.volume.commit({ pages: pages.writes(offsets, signal), pageCount, meta, expectedLsn: this.lsn, signal }),
      );
      return offsets.length;
    }
    const created = this.#volume === undefined;
    this.#volume ??= await this.store.createVolume({ name: this.name, pageSize: this.pageSize, signal });
    const writes = withProgress(pages, options);
    try {
      await this.commit(() => this.volume.commit({ pages: writes, pageCount, meta, expectedLsn: 0, signal }));
    } catch (error) {
      // The store is left as it was. Where even this fails, the empty volume is used by the next import.
      if (created && !(error instanceof OutcomeUnknown)) await this.store.dropVolume(this.name).catch(() => {});
      throw error;
    }
    return pageCount;
  }

  /** Runs a commit of one or more LSNs, and counts its time. */
  async commit(run: () => Promise<Snapshot>): Promise<void> {
    const start = performance.now();
    this.#previous = await run();
    this.lsn = this.#previous.lsn;
    this.commitMs += performance.now() - start;
  }

  /** The offsets at which `pages` differ from `previous`, where an absent page is one of zeros. */
  async #differing(previous: Snapshot, pages: FilePages, options: ImportOptions): Promise<Uint32Array> {
    const differing: number[] = [];
    const { pageSize } = pages;
    let stored = new Uint8Array(0);
    for await (const { first, bytes } of pages.blocks(options.signal)) {
      const count = bytes.length / pageSize;
      if (stored.length !== bytes.length) stored = new Uint8Array(bytes.length);
      await previous.readRun(first, stored, { signal: options.signal });
      for (let i = 0; i < count; i++) {
        const [from, to] = [i * pageSize, (i + 1) * pageSize];
        if (Buffer.compare(stored.subarray(from, to), bytes.subarray(from, to)) !== 0) differing.push(first + i);
      }
      report(pages, first + count, options);
    }
    return Uint32Array.from(differing);
  }
}

async function* withProgress(pages: FilePages, options: ImportOptions) {
  for await (const write of pages.writes(undefined, options.signal)) {
    yield write;
    if ((write[0] & 0x3ff) === 0x3ff) report(pages, write[0] + 1, options);
  }
  report(pages, pages.pageCount, options);
}

function report(pages: FilePages, donePages: number, options: ImportOptions): void {
  const totalBytes = pages.pageCount * pages.pageSize;
  options.onProgress?.({ phase: "pages", doneBytes: donePages * pages.pageSize, totalBytes });
}
