/**
 * Importing and restoring SQLite files, each in a process of its own so that its peak memory is its own: the rate of a
 * WAL, of a large database file, and of a restore into the page cache. Time that the storage took to make bytes durable
 * is given apart.
 *
 * The files are SQLite's to the importer: a valid header, pages of noise, a WAL with valid checksums.
 */
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importDatabase, PageStore, restore } from "../../src/node.js";
import { Random } from "../../test/helpers/random.js";
import type { Row, Suite } from "../measure.js";

const PAGE_SIZE = 4096;
const MIB = 1 << 20;

function noise(random: Random, page: Uint8Array): void {
  const words = new Uint32Array(page.buffer, page.byteOffset, page.length / 4);
  for (let i = 0; i < words.length; i++) words[i] = (i + 1) * 0x9e3779b1;
  for (let i = 0; i < words.length; i += 16) words[i] = random.u32();
}

/** A database file of `pageCount` pages; page 1 has the header of one in WAL mode. */
function writeDatabase(path: string, pageCount: number): void {
  const random = new Random(1);
  const file = openSync(path, "w");
  const page = new Uint8Array(PAGE_SIZE);
  for (let i = 0; i < pageCount; i++) {
    noise(random, page);
    if (i === 0) writeHeader(page, pageCount);
    writeSync(file, page);
  }
  closeSync(file);
}

function writeHeader(page: Uint8Array, pageCount: number): void {
  page.fill(0, 0, 100);
  page.set(new TextEncoder().encode("SQLite format 3\0"));
  const view = new DataView(page.buffer, page.byteOffset);
  view.setUint16(16, PAGE_SIZE);
  page.set([2, 2, 0, 64, 32, 32], 18);
  view.setUint32(24, 1);
  view.setUint32(28, pageCount);
  view.setUint32(44, 4);
  view.setUint32(56, 1);
  view.setUint32(92, 1);
  view.setUint32(96, 3045000);
}

/** A WAL of about `bytes`, little-endian checksums, transactions of 4 to 32 pages. */
function writeWal(path: string, pageCount: number, bytes: number): void {
  const random = new Random(2);
  const file = openSync(path, "w");
  let [a, b] = [0, 0];
  const sum = (view: DataView, length: number) => {
    for (let at = 0; at < length; at += 8) {
      a = (a + view.getUint32(at, true) + b) | 0;
      b = (b + view.getUint32(at + 4, true) + a) | 0;
    }
  };
  const header = new DataView(new ArrayBuffer(32));
  for (const [i, word] of [0x377f0682, 3007000, PAGE_SIZE, 0, 0x1234, 0x5678].entries()) header.setUint32(4 * i, word);
  sum(header, 24);
  header.setUint32(24, a);
  header.setUint32(28, b);
  writeSync(file, new Uint8Array(header.buffer));
  const frame = new Uint8Array(24 + PAGE_SIZE);
  const view = new DataView(frame.buffer);
  const page = frame.subarray(24);
  const pageView = new DataView(frame.buffer, 24);
  for (let written = 0; written < bytes; ) {
    const count = random.between(4, 32);
    for (let i = 0; i < count; i++) {
      noise(random, page);
      view.setUint32(0, random.between(2, pageCount));
      view.setUint32(4, i === count - 1 ? pageCount : 0);
      view.setUint32(8, 0x1234);
      view.setUint32(12, 0x5678);
      sum(view, 8);
      sum(pageView, PAGE_SIZE);
      view.setUint32(16, a);
      view.setUint32(20, b);
      written += writeSync(file, frame);
    }
  }
  closeSync(file);
}

/** What a child process reports of its one task. */
interface Outcome {
  readonly bytes: number;
  readonly totalMs: number;
  readonly syncMs: number;
  readonly peakBytes: number;
}

/** The task of a child process: `import DATABASE STORE` or `restore STORE FILE`. Prints its outcome. */
export async function runTask([task, from, to]: readonly string[]): Promise<void> {
  await using store = await PageStore.open(`file:${task === "import" ? to : from}`);
  const started = performance.now();
  let bytes: number;
  if (task === "import") {
    const result = await importDatabase(store, from, { name: "bench" });
    bytes = result.fileBytes + result.walBytes;
  } else {
    const result = await restore(await store.volume("bench"), { path: to, force: true });
    bytes = result.bytes;
  }
  const totalMs = performance.now() - started;
  const outcome: Outcome = {
    bytes,
    totalMs,
    syncMs: store.stats().io.syncMs,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
  console.log(JSON.stringify(outcome));
}

/**
 * The rate of writing so many bytes to a new file and nothing else, in MB/s. A restore is held against it. It also goes
 * first where a virtual machine must still be given memory for the page cache, which can cost more than the restore.
 */
function bareWriteRate(path: string, bytes: number): number {
  const block = new Uint8Array(4 * MIB).fill(1);
  const started = performance.now();
  const file = openSync(path, "w");
  for (let written = 0; written < bytes; ) written += writeSync(file, block);
  closeSync(file);
  const seconds = (performance.now() - started) / 1e3;
  rmSync(path);
  return bytes / 1e6 / seconds;
}

function runChild(...task: string[]): Outcome {
  const output = execFileSync(process.execPath, [process.argv[1], "--task", ...task], { encoding: "utf8" });
  return JSON.parse(output) as Outcome;
}

export const importSuite: Suite = {
  name: "import",
  about: "importing a WAL and a 1 GB database, restoring it: MB/s, time in syncs, peak memory",
  async run({ quick }, report) {
    const folder = mkdtempSync(join(tmpdir(), "palimpsest-bench-"));
    const path = (name: string) => join(folder, name);
    const keep = (workload: string, implementation: string, { bytes, totalMs, syncMs, peakBytes }: Outcome) => {
      const row = (metric: string, value: number, unit: string): void =>
        report({ suite: "import", workload, implementation, metric, value, unit } satisfies Row);
      row("rate, syncs apart", bytes / 1e6 / ((totalMs - syncMs) / 1e3), "MB/s");
      row("rate", bytes / 1e6 / (totalMs / 1e3), "MB/s");
      row("syncs", syncMs, "ms");
      row("peak memory", peakBytes / 1e6, "MB");
    };
    try {
      const walBytes = (quick ? 4 : 256) * MIB;
      writeDatabase(path("small.db"), 8192);
      writeWal(path("small.db-wal"), 8192, walBytes);
      for (let round = 0; round < (quick ? 1 : 3); round++) {
        rmSync(path("wal-store"), { recursive: true, force: true });
        keep(
          `WAL of ${walBytes / MIB} MiB, round ${round + 1}`,
          "import",
          runChild("import", path("small.db"), path("wal-store")),
        );
      }
      const pageCount = ((quick ? 8 : 1024) * MIB) / PAGE_SIZE;
      const name = `database of ${(pageCount * PAGE_SIZE) / MIB} MiB`;
      writeDatabase(path("large.db"), pageCount);
      keep(name, "import", runChild("import", path("large.db"), path("store")));
      for (let round = 0; round < (quick ? 1 : 3); round++) {
        const workload = `${name}, round ${round + 1}`;
        const rate = bareWriteRate(path("bare"), pageCount * PAGE_SIZE);
        report({ suite: "import", workload, implementation: "bare write", metric: "rate", value: rate, unit: "MB/s" });
        keep(workload, "restore", runChild("restore", path("store"), path("out.db")));
        rmSync(path("out.db"));
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
