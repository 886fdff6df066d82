/**
 * The comparison with other stores: it runs, tiny, against those of them that are installed, and says by name which are
 * not. Its own checks are tested without any: the history against a plain search, answers that are wrong, a folder that
 * must not stay.
 */
import { existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Row } from "../../../bench/measure.js";
import { contest, type Seat } from "../../../bench/peers/contest.js";
import { inFolder, sizeOnDisk } from "../../../bench/peers/folder.js";
import { History, PAGE_SIZE, type Queries, sampleOf } from "../../../bench/peers/history.js";
import { isInstalled, packageNames } from "../../../bench/peers/packages.js";
import type { Way } from "../../../bench/peers/peer.js";
import { peers } from "../../../bench/suites/peers.js";

const installed = packageNames.filter(isInstalled);
const missing = packageNames.filter((name) => !isInstalled(name));
/** The one that has to be compiled, which takes minutes: CI installs the others. */
const COMPILED = "better-sqlite3";

if (process.env.CI && missing.some((name) => name !== COMPILED)) {
  throw new Error(
    `these tests need ${missing.filter((name) => name !== COMPILED).join(", ")}, and CI must not skip them: ` +
      "npm ci --prefix bench/peers --omit=dev in .ci/run installs them",
  );
}
if (missing.length > 0) {
  console.warn(`NOT COVERED: the comparison with ${missing.join(", ")}. This installs it: npm ci --prefix bench/peers`);
}

afterEach(() => vi.restoreAllMocks());

describe("the history", () => {
  const history = new History(64, 20, 3);

  test("knows the newest version at or below an LSN", () => {
    for (let offset = 0; offset < history.pageCount; offset++) {
      for (let lsn = 1; lsn <= history.lastLsn; lsn++) {
        let expected = 0;
        for (let at = 1; at <= lsn; at++) if (history.commits[at - 1].includes(offset)) expected = at;
        expect(history.versionAt(offset, lsn)).toBe(expected);
      }
    }
  });

  test("has another page for every version, and the same in every run", () => {
    const samples = new Set<number>();
    history.commits.forEach((offsets, commit) => {
      for (const offset of offsets) samples.add(sampleOf(history.page(offset, commit + 1)));
    });
    expect(samples.size).toBe(history.versionCount);
    expect(history.page(5, 1)).toHaveLength(PAGE_SIZE);
    expect(new History(64, 20, 3).page(5, 1)).toEqual(history.page(5, 1));
    expect(new History(64, 20, 4).page(5, 1)).not.toEqual(history.page(5, 1));
  });

  test("asks the same with exact LSNs, and expects the same answers", () => {
    const queries = history.randomQueries(500);
    const exact = history.exactQueries(queries);
    exact.offsets.forEach((offset, i) => {
      expect(offset).toBe(queries.offsets[i]);
      expect(history.commits[exact.lsns[i] - 1]).toContain(offset);
    });
    expect(history.checksum(exact)).toBe(history.checksum(queries));
  });

  test("keeps an LSN for as many questions as asked", () => {
    const { lsns } = history.randomQueries(512, 64);
    for (let i = 0; i < lsns.length; i++) expect(lsns[i]).toBe(lsns[i - (i % 64)]);
    expect(new Set(lsns).size).toBeGreaterThan(1);
  });
});

describe("a contest", () => {
  const history = new History(64, 20, 5);
  const all = history.randomQueries(200);
  const parts: Queries[] = [0, 100].map((from) => ({
    offsets: all.offsets.subarray(from, from + 100),
    lsns: all.lsns.subarray(from, from + 100),
  }));
  const right = (offset: number, lsn: number) => history.page(offset, history.versionAt(offset, lsn));
  const seat = (implementation: string, read: Way["read"], isPeer = true): Seat => ({
    implementation,
    way: { call: "read", question: "newest", read },
    isPeer,
    isYardstick: !isPeer,
  });
  const run = async (...seats: Seat[]) => {
    const rows: Row[] = [];
    await contest("test", history, seats, parts, 3, (row) => rows.push(row));
    return rows;
  };

  test("gives times, and those of peers as multiples of the yardstick's", async () => {
    const rows = await run(seat("ours", right, false), seat("theirs", right));
    const metrics = (implementation: string) =>
      rows.filter((row) => row.implementation === implementation).map(({ metric }) => metric);
    expect(metrics("ours")).toEqual(["time", "processor", "spread"]);
    expect(metrics("theirs")).toEqual(["time", "processor", "spread", "/ ours"]);
    for (const { value } of rows) expect(Number.isFinite(value)).toBe(true);
  });

  test.each<[string, Way["read"]]>([
    ["an older version", (offset, lsn) => history.page(offset, history.versionAt(offset, Math.max(1, lsn - 1)))],
    ["a newer version", (offset, lsn) => history.page(offset, history.versionAt(offset, Math.min(20, lsn + 1)))],
    ["a neighbour", (offset, lsn) => right(offset ^ 1, lsn)],
    ["an empty page", () => new Uint8Array(PAGE_SIZE)],
  ])("is refused to a store that answers with %s", async (_, read) => {
    await expect(run(seat("ours", right, false), seat("theirs", read))).rejects.toThrow(/the answers of theirs/);
  });

  test("is refused to a store that has lost a page", async () => {
    const { offsets } = parts[1];
    const forgetful: Way["read"] = (offset, lsn) => (offset === offsets[7] ? undefined : right(offset, lsn));
    await expect(run(seat("theirs", forgetful))).rejects.toThrow("a page that was written is absent");
  });
});

describe("the folder", () => {
  test("is gone afterwards, also after a failure", async () => {
    let seen = "";
    const fill = async (folder: string) => {
      seen = folder;
      writeFileSync(join(folder, "file"), new Uint8Array(1000));
      expect(sizeOnDisk(folder)).toBe(1000);
    };
    await inFolder(1, fill);
    expect(seen.startsWith(tmpdir())).toBe(true);
    expect(existsSync(seen)).toBe(false);
    const failing = inFolder(1, async (folder) => {
      await fill(folder);
      throw new Error("half-way");
    });
    await expect(failing).rejects.toThrow("half-way");
    expect(existsSync(seen)).toBe(false);
  });

  test("is not made on a disk that is too small", async () => {
    const work = vi.fn();
    await expect(inFolder(2 ** 60, work)).rejects.toThrow(/MiB free, and this takes .*TMPDIR/);
    expect(work).not.toHaveBeenCalled();
  });
});

describe("the suite", () => {
  test.skipIf(installed.length === 0)(
    `--quick, against ${installed.join(", ") || "none, as none is installed"}`,
    async () => {
      const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
      const log = vi.spyOn(console, "log").mockImplementation(() => {});
      const rows: Row[] = [];
      await peers.run({ quick: true, rounds: 1 }, (row) => rows.push(row));

      const warned = warn.mock.calls.flat().join("\n");
      const logged = log.mock.calls.flat().join("\n");
      for (const name of missing) expect(warned).toContain(`LEFT OUT: ${name}`);
      for (const name of installed) {
        expect(warned).not.toContain(name);
        expect(logged).toMatch(new RegExp(`${name} \\d+\\.\\d+\\.\\d+`));
      }

      const workloads = [...new Set(rows.map(({ workload }) => workload))];
      expect(workloads).toHaveLength(4);
      for (const workload of workloads) {
        const of = rows.filter((row) => row.workload === workload);
        for (const name of ["palimpsest", ...installed]) {
          expect(of.some(({ implementation }) => implementation.split(" ")[0] === name)).toBe(true);
        }
        for (const name of missing)
          expect(of.some(({ implementation }) => implementation.startsWith(name))).toBe(false);
      }
      for (const { suite, value, unit } of rows) {
        expect(suite).toBe("peers");
        expect(Number.isFinite(value) && value >= 0).toBe(true);
        // No store can make random pages smaller.
        if (unit === "bytes") expect(value).toBeGreaterThan(PAGE_SIZE);
      }
      expect(rows.filter(({ unit }) => unit === "x").length).toBeGreaterThan(0);
    },
  );

  test("says what to do where no peer is installed", async () => {
    vi.resetModules();
    vi.doMock("../../../bench/peers/packages.js", async (original) => ({
      ...(await original<typeof import("../../../bench/peers/packages.js")>()),
      isInstalled: () => false,
    }));
    const { peers: bare } = await import("../../../bench/suites/peers.js");
    vi.doUnmock("../../../bench/peers/packages.js");
    await expect(bare.run({ quick: true, rounds: 1 }, () => {})).rejects.toThrow("npm ci --prefix bench/peers");
  });
});
