/**
 * Commits on a folder, stopped at every single change that they make to the disk: the change fails once, the process
 * dies before it or halfway through a write, or the power goes and takes what was not synced. What was acknowledged must
 * be there afterwards, nothing may be there in part, and the store must go on.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { OutcomeUnknown, PalimpsestError } from "../../src/core/errors.js";
import { type VerifyProblem, verifyObjects } from "../../src/history/verify.js";
import { FileStore } from "../../src/io/file-store.js";
import type { PageStore } from "../../src/node.js";
import { nodePlatform } from "../../src/node-platform.js";
import type { Volume } from "../../src/store/volume.js";
import { type DiskCall, disk, systemError } from "../helpers/fault-fs.js";
import { KNOWN_PAGE_SIZE, knownCommit, wrongPages } from "../helpers/known-history.js";
import { openOn } from "../helpers/open-on.js";
import { PowerCut } from "../helpers/power-cut.js";
import { runSeed, seededRandom } from "../helpers/random.js";

vi.mock("node:fs", async (original) => (await import("../helpers/fault-fs.js")).faulty(await original()));

/** What fails is tried again at once: the points are many. */
const AT_ONCE = { retry: { baseMs: 0, capMs: 0 } };
const LONG = { timeout: 600_000 };

const random = seededRandom(runSeed("crash points"));
// A disk in memory, where there is one: that it can be synced is all that matters, not how long it takes.
const parent = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "palimpsest-crash-"));
afterAll(() => rmSync(parent, { recursive: true }));

/** Single commits, small and large, a batch, a shrink, a drop: LSN by LSN, those of one call together. */
const CALLS = [[1], [2], [3, 4, 5], [6], [7], [8, 9, 10, 11, 12], [13], [14]];
const LAST = CALLS.flat().at(-1)!;

class Writer {
  acknowledged = 0;
  /** What the call that is under way would make the newest LSN. */
  attempted = 0;
  readonly errors: unknown[] = [];

  /** Runs the calls from where the volume stands. `again`: those that failed are tried a second time. */
  async run(folder: string, again: boolean): Promise<void> {
    const store = await this.#try(again, () => openOn(new FileStore(folder), undefined, AT_ONCE));
    try {
      const volume = await this.#try(again, () => this.#volume(store));
      for (const lsns of CALLS) {
        if (lsns[0] <= this.acknowledged) continue;
        this.attempted = lsns.at(-1)!;
        await this.#try(again, () => this.#commit(volume, lsns));
        this.acknowledged = this.attempted;
      }
    } finally {
      await store.close().catch(() => undefined);
    }
  }

  async #try<T>(again: boolean, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      this.errors.push(error);
      if (!again) throw error;
      return call();
    }
  }

  async #volume(store: PageStore): Promise<Volume> {
    for await (const { name } of store.volumes()) if (name === "app") return store.volume("app");
    return store.createVolume({ name: "app", pageSize: KNOWN_PAGE_SIZE });
  }

  async #commit(volume: Volume, lsns: number[]): Promise<void> {
    const expectedLsn = lsns[0] - 1;
    try {
      if (lsns.length > 1) await volume.commitBatch(lsns.map(knownCommit), { expectedLsn });
      else await volume.commit({ ...knownCommit(lsns[0]), expectedLsn });
    } catch (error) {
      if (!(error instanceof OutcomeUnknown)) throw error;
      const outcome = await volume.resolve(error.attempt);
      if (outcome.status !== "committed") throw error;
      expect(outcome.lastLsn).toBe(lsns.at(-1));
    }
  }
}

/** As `palimpsest verify` does it, with the faster SHA-256. */
async function problemsIn(folder: string): Promise<VerifyProblem[]> {
  return (await verifyObjects(new FileStore(folder), { sha256: nodePlatform.sha256 })).problems;
}

/** The store holds a prefix that ends at `from` or `to`; verify finds nothing; and the work can be finished. */
async function expectSound(folder: string, from: number, to: number, what: string): Promise<void> {
  const store = await openOn(new FileStore(folder), undefined, AT_ONCE);
  let lsn = 0;
  for await (const { name } of store.volumes()) {
    expect(name).toBe("app");
    const volume = await store.volume("app");
    lsn = (await volume.latest())?.lsn ?? 0;
    expect(await wrongPages(lsn, (at) => volume.snapshot(at)), what).toEqual([]);
    expect(await problemsIn(folder), what).toEqual([]);
  }
  expect([from, to], what).toContain(lsn);
  await store.close();
  if (lsn === LAST) return;
  const writer = new Writer();
  writer.acknowledged = lsn;
  await writer.run(folder, false);
  const again = await openOn(new FileStore(folder), undefined, AT_ONCE);
  const volume = await again.volume("app");
  expect((await volume.latest())?.lsn, what).toBe(LAST);
  expect(await wrongPages(LAST, (at) => volume.snapshot(at)), what).toEqual([]);
  expect(await problemsIn(folder), what).toEqual([]);
  await again.close();
}

let folders = 0;
const newFolder = () => join(parent, `${folders++}`);

/** The changes that the whole run makes, in order. */
async function changesOfARun(): Promise<DiskCall[]> {
  const changes: DiskCall[] = [];
  disk.beforeChange = (call) => {
    changes.push(call);
    return undefined;
  };
  const folder = newFolder();
  await new Writer().run(folder, false);
  disk.beforeChange = undefined;
  await expectSound(folder, LAST, LAST, "without a fault");
  return changes;
}

type Mode = (isPoint: boolean, isAfter: boolean, call: DiskCall) => "torn" | undefined;

describe("a store whose disk fails at any point", async () => {
  const changes = await changesOfARun();

  async function atEveryPoint(name: string, again: boolean, makeMode: () => { mode: Mode; after?: () => void }) {
    for (const [point, { name: change, path }] of changes.entries()) {
      const what = `${name} at change ${point} of ${changes.length}: ${change} ${path.replace(parent, "")}`;
      const folder = newFolder();
      const { mode, after } = makeMode();
      const writer = new Writer();
      let count = 0;
      disk.beforeChange = (call) => {
        const index = count++;
        return mode(index === point, index > point, call);
      };
      const finished = await writer.run(folder, again).then(
        () => true,
        () => false,
      );
      disk.beforeChange = undefined;
      after?.();
      for (const error of writer.errors) expect(error, `${what}: ${error}`).toBeInstanceOf(PalimpsestError);
      if (again) expect(finished, `${what}: ${writer.errors.at(-1)}`).toBe(true);
      await expectSound(folder, writer.acknowledged, finished ? LAST : writer.attempted, what);
      rmSync(folder, { recursive: true, force: true });
    }
  }

  for (const code of ["EIO", "ENOSPC"]) {
    it(`goes on after a single ${code}: ${changes.length} points`, LONG, async () => {
      await atEveryPoint(`${code} once`, true, () => ({
        mode: (isPoint) => {
          if (isPoint) throw systemError(code);
          return undefined;
        },
      }));
    });
  }

  it("keeps what it acknowledged when the process dies, and shows no part of the rest", LONG, async () => {
    await atEveryPoint("death", false, () => ({
      mode: (isPoint, isAfter, call) => {
        if (isPoint && call.name === "write") return "torn";
        if (isPoint || isAfter) throw systemError("EIO", "the process is dead");
        return undefined;
      },
    }));
  });

  it("keeps what it acknowledged when the power is cut", LONG, async () => {
    await atEveryPoint("power cut", false, () => {
      const cut = new PowerCut();
      const mode: Mode = (isPoint, isAfter, call) => {
        if (isPoint || isAfter) throw systemError("EIO", "the power is gone");
        cut.note(call);
        return undefined;
      };
      return { mode, after: () => cut.cut(random) };
    });
  });
});
