/** Turns the WAL of a database that is being written into a trace, transaction by transaction. */
import { InputFile } from "../../src/sqlite/input-file.js";
import { decodeWalHeader, WAL_HEADER_BYTES, Wal } from "../../src/sqlite/wal.js";
import type { LiveDatabase } from "../../test/helpers/sqlite-history.js";
import { FIRST_LSN, type Trace } from "./trace.js";

export class Recorder {
  readonly #lsnsByOffset = new Map<number, number[]>();
  #transactionCount = 0;
  #pageCount = 0;
  #pageSizeBytes = 0;

  /** Records every transaction that the WAL of the database at `path` holds. */
  async record(path: string): Promise<void> {
    const file = await InputFile.open(`${path}-wal`, "WAL");
    try {
      const start = new Uint8Array(WAL_HEADER_BYTES);
      await file.read(start, 0);
      const header = decodeWalHeader(start, file.path);
      if (!header) throw new Error(`${file.path} is no WAL`);
      const wal = new Wal(file, header);
      const frames = await wal.scan(wal.start);
      if (frames.ended === "damaged" || frames.ended === "cut short") throw new Error(`${file.path}: ${frames.ended}`);
      this.#pageSizeBytes = header.pageSize;
      for (let i = 0; i < frames.transactionCount; i++) {
        const lsn = FIRST_LSN + this.#transactionCount++;
        for (const frame of frames.newestFrames(i, i + 1)) {
          const offset = frames.pageNumber(frame) - 1;
          const lsns = this.#lsnsByOffset.get(offset);
          if (lsns) lsns.push(lsn);
          else this.#lsnsByOffset.set(offset, [lsn]);
        }
        this.#pageCount = Math.max(this.#pageCount, frames.pageCount(i));
      }
    } finally {
      await file.close();
    }
  }

  /** As `record`; then the WAL begins anew. For databases that only `live` has open. */
  async recordAndReset(live: LiveDatabase): Promise<void> {
    await this.record(live.path);
    await live.run("PRAGMA wal_checkpoint(TRUNCATE);");
  }

  get trace(): Trace {
    const sorted = [...this.#lsnsByOffset].sort(([a], [b]) => a - b);
    const starts = new Uint32Array(sorted.length + 1);
    for (const [i, [, lsns]] of sorted.entries()) starts[i + 1] = starts[i] + lsns.length;
    return {
      pageSizeBytes: this.#pageSizeBytes,
      pageCount: this.#pageCount,
      transactionCount: this.#transactionCount,
      offsets: Uint32Array.from(sorted, ([offset]) => offset),
      starts,
      lsns: Uint32Array.from(sorted.flatMap(([, lsns]) => lsns)),
    };
  }
}
