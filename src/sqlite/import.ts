/**
 * Imports a SQLite database: the file as LSN 1, then an LSN for each transaction of its WAL; and again, what is new since.
 * It takes no locks and writes nothing beside the store. What it reads is a consistent pair, or it fails: the file must
 * not change while it is read, and the WAL may grow but not be started over.
 *
 * Going on (spec/sqlite-import.md): where the WAL still holds the frame that the last import ended with, from there. Else
 * the WAL was started over or deleted. What it held before may still be there, behind its new frames; after that, the
 * pages of the file that differ from the volume's newest are one LSN, and there are none where nothing was missed.
 */
import { InvalidArgument } from "../core/errors.js";
import type { PageStore } from "../store/page-store.js";
import type { Volume } from "../store/volume.js";
import { findBackfill } from "./backfill.js";
import { checkWalFits } from "./check-wal.js";
import { DatabaseAndWal } from "./database-and-wal.js";
import { filePageCount } from "./database-file.js";
import { FilePages } from "./file-pages.js";
import type { ImportPlace } from "./import-place.js";
import { defaultVolumeName, type ImportOptions, ImportTarget, pathDigest } from "./import-target.js";
import type { Wal, WalPosition, WalSalts } from "./wal.js";
import { commitTransactions } from "./wal-commits.js";
import type { WalFrames } from "./wal-frames.js";
import { readWalIndex } from "./wal-index.js";

export interface ImportDatabaseOptions extends ImportOptions {
  /** WAL transactions are committed in batches of about this many bytes. By default 16 MiB. */
  readonly batchBytes?: number | undefined;
}

export interface ImportResult {
  readonly volume: Volume;
  /** The first LSN that this import made; `undefined` where there was nothing new. */
  readonly firstLsn: number | undefined;
  /** The volume's newest LSN. */
  readonly lastLsn: number;
  /** LSNs made from transactions of the WAL. */
  readonly transactions: number;
  /** Pages committed. */
  readonly pages: number;
  /** What was left out or could not be told apart, in sentences. */
  readonly warnings: readonly string[];
  /** Bytes of the file and of the WAL that were looked at. */
  readonly fileBytes: number;
  readonly walBytes: number;
  readonly totalMs: number;
  /** Of these, in the store's commits. */
  readonly commitMs: number;
}

const DEFAULT_BATCH_BYTES = 16 << 20;

/**
 * @throws NotFound for no such file; InvalidArgument where it is not a whole SQLite database, its WAL is another's, or
 *   the volume does not fit; Unavailable where it changes while it is read or has a hot journal; Conflict where another
 *   import commits to the volume meanwhile.
 */
export async function importDatabase(
  store: PageStore,
  path: string,
  options: ImportDatabaseOptions = {},
): Promise<ImportResult> {
  const source = await DatabaseAndWal.open(path);
  try {
    return await new DatabaseImport(store, source, options).run();
  } finally {
    await source.close();
  }
}

class DatabaseImport {
  readonly #started = performance.now();
  readonly #store: PageStore;
  readonly #source: DatabaseAndWal;
  readonly #options: ImportDatabaseOptions;
  readonly #pathDigest: Uint8Array;
  readonly #warnings: string[] = [];
  #transactions = 0;
  #pages = 0;
  #walBytes = 0;

  constructor(store: PageStore, source: DatabaseAndWal, options: ImportDatabaseOptions) {
    this.#store = store;
    this.#source = source;
    this.#options = options;
    this.#pathDigest = pathDigest(source.realPath);
  }

  async run(): Promise<ImportResult> {
    const source = this.#source;
    const name = this.#options.name ?? defaultVolumeName(source.database.file.path);
    const target = await ImportTarget.find(this.#store, name, source.pageSize, "database", this.#options.signal);
    const before = target.lsn;
    const last = target.place?.wal;
    const place = last && (await this.#held(last));
    if (place === undefined) await this.#commitFromFile(target, last);
    else await this.#commitTransactions(target, source.wal!, await this.#scan(source.wal!, place), 0);
    return {
      volume: target.volume,
      firstLsn: target.lsn > before ? before + 1 : undefined,
      lastLsn: target.lsn,
      transactions: this.#transactions,
      pages: this.#pages,
      warnings: this.#warnings,
      fileBytes: place === undefined ? source.database.state.sizeBytes : 0,
      walBytes: this.#walBytes,
      totalMs: performance.now() - this.#started,
      commitMs: target.commitMs,
    };
  }

  /** The place of the last import, where the WAL still holds it. */
  async #held(place: WalPosition & WalSalts): Promise<WalPosition | undefined> {
    const { wal } = this.#source;
    if (wal?.header.salt1 !== place.salt1 || wal.header.salt2 !== place.salt2) return undefined;
    return (await wal.holds(place)) ? place : undefined;
  }

  /** Imports for the first time, or after the place was lost: the file, between what the WAL held before and holds now. */
  async #commitFromFile(target: ImportTarget, last: (WalPosition & WalSalts) | undefined): Promise<void> {
    const source = this.#source;
    await source.settle();
    const ignored = await source.ignoredWal();
    if (ignored !== undefined) this.#warnings.push(ignored);
    const { wal } = source;
    const frames = wal && (await this.#scan(wal, wal.start));
    try {
      const continuous = last && wal && frames && (await this.#commitOldFrames(target, wal, last, frames));
      const done = await this.#commitFile(target, frames, continuous ?? false);
      if (wal && frames) await this.#commitTransactions(target, wal, frames, done);
    } catch (error) {
      if (!(error instanceof InvalidArgument)) throw error;
      // What is wrong with files that were written meanwhile is that alone.
      await source.database.file.checkUnchanged(source.database.state);
      if (wal && frames?.frameCount) await wal.checkIntact(0);
      throw error;
    }
  }

  async #scan(wal: Wal, from: WalPosition): Promise<WalFrames> {
    const totalBytes = (await wal.file.state()).sizeBytes - wal.framePosition(from.frame);
    const frames = await wal.scan(from, {
      signal: this.#options.signal,
      onBytes: (bytes) => {
        this.#walBytes += bytes;
        this.#options.onProgress?.({ phase: "scan", doneBytes: this.#walBytes, totalBytes });
      },
    });
    const end = wal.framePosition(from.frame + frames.frameCount);
    const behind = (await wal.file.state()).sizeBytes - end;
    const leftOut = `${wal.file.path}: left out ${behind} bytes behind byte ${end}, where the last whole transaction ends`;
    if (frames.ended === "damaged") this.#warnings.push(`${leftOut}: the next frame is damaged, or was rolled back.`);
    else if (frames.ended === "cut short") this.#warnings.push(`${leftOut}: the last frame is cut short.`);
    else if (frames.uncommittedCount > 0) {
      this.#warnings.push(
        `${wal.file.path}: left out ${frames.uncommittedCount * wal.frameBytes} bytes behind byte ${end}: a transaction ` +
          "that has not committed.",
      );
    }
    return frames;
  }

  /**
   * Where the WAL was started over, commits what it held before, as far as the last import had not seen it and the new
   * frames have not overwritten it.
   *
   * @returns Whether nothing is missing between the volume and the new frames.
   */
  async #commitOldFrames(
    target: ImportTarget,
    wal: Wal,
    last: WalPosition & WalSalts,
    frames: WalFrames,
  ): Promise<boolean> {
    const old = wal.before(last);
    const rest = await old.scan(last, { signal: this.#options.signal });
    await this.#commitTransactions(target, old, rest, 0);
    const restarts = (wal.header.salt1 - last.salt1) >>> 0;
    const overwritten = frames.frameCount + frames.uncommittedCount;
    const isWhole = rest.ended === "whole" || rest.ended === "stale";
    const { sizeBytes } = await wal.file.state();
    return restarts === 1 && isWhole && overwritten <= last.frame && sizeBytes >= wal.framePosition(last.frame);
  }

  /** Commits the transactions of `frames` from `first` on. */
  async #commitTransactions(target: ImportTarget, wal: Wal, frames: WalFrames, first: number): Promise<void> {
    if (first === frames.transactionCount) return;
    this.#pages += await commitTransactions(target, wal, frames, first, {
      batchBytes: this.#options.batchBytes ?? DEFAULT_BATCH_BYTES,
      placeAt: (position, lsn) => this.#placeAt(wal, position, lsn),
      signal: this.#options.signal,
      onBytes: (doneBytes, totalBytes) => this.#options.onProgress?.({ phase: "transactions", doneBytes, totalBytes }),
    });
    this.#transactions += frames.transactionCount - first;
  }

  /**
   * Commits the file as it is, or what differs.
   *
   * @param continuous Nothing is missing between the volume and the WAL.
   * @returns How many of the WAL's transactions are in the volume then.
   */
  async #commitFile(target: ImportTarget, frames: WalFrames | undefined, continuous: boolean): Promise<number> {
    const { database, wal } = this.#source;
    let done = 0;
    let asBefore = true;
    let overlay: { wal: Wal; frames: WalFrames; newest: Uint32Array } | undefined;
    if (wal !== undefined && frames !== undefined && frames.transactionCount > 0) {
      const index = await readWalIndex(this.#source.realPath, wal.header);
      const { transactionCount, untouched } = await findBackfill(database, wal, frames, index);
      // What a checkpoint copied since is no concern of a volume that goes on before it.
      if (continuous && !untouched) return 0;
      done = transactionCount;
      asBefore = untouched;
      await checkWalFits(database, wal, frames, untouched);
      if (done > 0) overlay = { wal, frames, newest: frames.newestFrames(0, done) };
    }
    const inFile = filePageCount(database, target.pageSize);
    if (asBefore && database.header?.pageCount !== undefined && database.header.pageCount > inFile) {
      throw new InvalidArgument(
        `${database.file.path} is cut short: its header counts ${database.header.pageCount} pages, the file has ${inFile}. ` +
          "Copy it again.",
      );
    }
    const pageCount = done > 0 ? frames!.pageCount(done - 1) : inFile;
    const pages = new FilePages(database.file, database.state, target.pageSize, pageCount, overlay);
    const position = frames?.positionAfter(done - 1);
    const changed = await target.commitImage(pages, (lsn) => this.#placeAt(wal, position, lsn), this.#options);
    this.#pages += Math.max(0, changed);
    this.#warnLost(target, done, changed);
    return done;
  }

  #warnLost(target: ImportTarget, done: number, changed: number): void {
    const { path } = this.#source.database.file;
    if (changed < 0) return;
    if (target.place !== undefined) {
      const known = Buffer.compare(target.place.pathDigest, this.#pathDigest) === 0;
      this.#warnings.push(
        `${path}: the WAL was started over since the last import, so LSN ${target.lsn} holds every change until then at ` +
          `once (${changed} pages).${known ? "" : ` Volume ${target.name} was last imported from another path: if that was another database, import this one under a name of its own.`}`,
      );
    }
    if (done > 0) {
      this.#warnings.push(
        `${path}: a checkpoint had copied ${done} transactions of the WAL into the file; LSN ${target.lsn} is the state ` +
          "after them. To keep every transaction, import before checkpoints (PRAGMA wal_autocheckpoint=0).",
      );
    }
  }

  #placeAt(wal: Wal | undefined, position: WalPosition | undefined, lsn: number): ImportPlace {
    const place = wal && position && { ...position, salt1: wal.header.salt1, salt2: wal.header.salt2 };
    return { kind: "database", lsn, pathDigest: this.#pathDigest, wal: place, lengths: [] };
  }
}
