/**
 * Load: many readers in one process, each with a store of its own over HTTP or S3 on loopback, and every page that they read is
 * checked. Their memory stays flat: after half of the reads it grows by no more than `GROWTH_MIB`, however many follow.
 * Longer: `LOAD_READERS=256 LOAD_READS=5000000 npx vitest run test/fault/load.test.ts`.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { S3Store } from "../../src/io/s3-store.js";
import { LOAD_LSNS, LOAD_PAGE_SIZE, loadCommit } from "../helpers/load-history.js";
import { MemoryS3 } from "../helpers/memory-s3.js";
import { openOn } from "../helpers/open-on.js";
import { bundleProgram, runProgram } from "../helpers/programs.js";
import { runSeed } from "../helpers/random.js";
import type { LoadResult } from "./programs/load-readers.js";

const READERS = Number(process.env.LOAD_READERS ?? 16);
const READS = Number(process.env.LOAD_READS ?? 100_000);
/** The JavaScript heap breathes. A leak of 1.3 KiB a read shows in the short form, of 27 bytes in the long one. */
const GROWTH_MIB = 64;

describe("readers under load", () => {
  const program = bundleProgram("test/fault/programs/load-readers.ts");
  let server: MemoryS3;

  beforeAll(async () => {
    server = await MemoryS3.start();
    await using store = await openOn(new S3Store({ bucket: "test", endpoint: server.endpoint }));
    const volume = await store.createVolume({ name: "app", pageSize: LOAD_PAGE_SIZE });
    for (let lsn = 1; lsn <= LOAD_LSNS; lsn++) await volume.commit({ ...loadCommit(lsn), expectedLsn: lsn - 1 });
    return () => server[Symbol.asyncDispose]();
  });

  it(
    `${READERS} readers read ${READS} pages, all of them right, in flat memory`,
    async () => {
      const seed = runSeed("load");
      const { code, stdout, stderr } = await runProgram(
        program,
        [server.endpoint, "test", READERS, READS, seed].map(String),
      );
      expect(stderr).toBe("");
      expect(code).toBe(0);
      const result: LoadResult = JSON.parse(stdout);
      console.info("load:", stdout.trim());
      expect(result.reads).toBeGreaterThanOrEqual(READS);
      // Neither all from memory, nor all from the server.
      expect(result.requests).toBeGreaterThan(READS / 100);
      expect(result.requests).toBeLessThan(READS);
      expect(result.rss.warm).toBeGreaterThan(0);
      expect(result.rss.most - result.rss.warm).toBeLessThanOrEqual(GROWTH_MIB);
    },
    6 * 3_600_000,
  );
});
