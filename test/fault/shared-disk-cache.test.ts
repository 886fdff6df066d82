/** One disk cache under two readers, a writer and processes that are killed: for a minute, or `SHARED_CACHE_SECONDS=600`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { shareDiskCache } from "../campaign/shared-disk-cache.js";
import { bundleProgram } from "../helpers/programs.js";
import { runSeed } from "../helpers/random.js";

const SECONDS = Number(process.env.SHARED_CACHE_SECONDS ?? 60);

describe("a disk cache that processes share", () => {
  const program = bundleProgram("test/fault/programs/cache-user.ts");

  it(
    `gives nobody a wrong page, in ${SECONDS} s`,
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "palimpsest-shared-cache-"));
      const report = await shareDiskCache({ program, folder, seconds: SECONDS, seed: runSeed("shared disk cache") });
      rmSync(folder, { recursive: true });
      console.log(JSON.stringify(report, undefined, 1));
      expect(report.wrong).toEqual([]);
      // It was what it says: pages were read and committed, from the cache, by all of them, while blocks were replaced and spoiled.
      const users = Object.entries(report.users);
      for (const [name, { read, hits, failures }] of users) {
        expect(read, name).toBeGreaterThan(0);
        expect(hits, name).toBeGreaterThan(0);
        expect(failures, name).toBe(0);
      }
      expect(report.users.writer.committed).toBeGreaterThan(SECONDS / 6);
      expect(report.kills).toBeGreaterThan(SECONDS / 6);
      const sum = (field: "damaged" | "evictions") => users.reduce((total, [, user]) => total + user[field], 0);
      expect(sum("damaged")).toBeGreaterThan(0);
      expect(sum("evictions")).toBeGreaterThan(0);
      expect(report.largestFileBytes).toBeLessThanOrEqual(report.limitBytes);
    },
    (SECONDS + 120) * 1000,
  );
});
