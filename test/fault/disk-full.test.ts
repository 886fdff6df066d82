/** A store on a disk that fills up, or that is mounted read-only: readable all along, and writable again afterwards. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NoSpace, ReadOnly } from "../../src/core/errors.js";
import { verifyObjects } from "../../src/history/verify.js";
import { FileStore } from "../../src/io/file-store.js";
import { importDatabase, PageStore, type Volume } from "../../src/node.js";
import { KNOWN_PAGE_SIZE, knownCommit, wrongPages } from "../helpers/known-history.js";
import { Random, runSeed, seededRandom } from "../helpers/random.js";
import { needs } from "../helpers/requires.js";
import { needsSmallDisk, SmallDisk } from "../helpers/small-disk.js";
import { makeHistory } from "../helpers/sqlite-history.js";

describe("a store on a small disk", needsSmallDisk(), () => {
  let disk: SmallDisk;
  let folder: string;
  beforeEach(() => {
    disk = new SmallDisk(4 << 20);
    folder = `${disk.folder}/pages`;
  });
  afterEach(() => disk.unmount());

  async function expectSound(lsn: number): Promise<void> {
    const store = await PageStore.open(`file:${folder}`);
    const volume = await store.volume("app");
    expect((await volume.latest())?.lsn ?? 0).toBe(lsn);
    expect(await wrongPages(lsn, (at) => volume.snapshot(at))).toEqual([]);
    expect((await verifyObjects(new FileStore(folder))).problems).toEqual([]);
    await store.close();
  }

  it("refuses commits while the disk is full, loses none, and goes on in the same process", async () => {
    const random = seededRandom(runSeed("disk full"));
    const store = await PageStore.open(`file:${folder}`);
    const volume = await store.createVolume({ name: "app", pageSize: KNOWN_PAGE_SIZE });
    let lsn = 0;
    let refused = 0;
    for (let round = 0; round < 12; round++) {
      // Room for some commits, or for a part of one: where it ends is another place each time.
      const free = disk.fill(Math.floor(random() * (400 << 10)));
      for (let tries = 0; tries < 8; tries++) {
        const lsns = Array.from({ length: round % 3 === 2 ? 3 : 1 }, (_, i) => lsn + 1 + i);
        try {
          if (lsns.length > 1) await volume.commitBatch(lsns.map(knownCommit), { expectedLsn: lsn });
          else await volume.commit({ ...knownCommit(lsns[0]), expectedLsn: lsn });
          lsn += lsns.length;
        } catch (error) {
          expect(error).toBeInstanceOf(NoSpace);
          refused++;
          break;
        }
      }
      expect((await volume.latest())?.lsn ?? 0).toBe(lsn);
      await expectSound(lsn);
      free();
      if (disk.freeBytes < 1 << 20) break;
    }
    expect(refused).toBeGreaterThan(0);
    expect(lsn).toBeGreaterThan(5);
    await store.close();
    await expectSound(lsn);
  });

  it(
    "keeps the transactions that fitted when an import fills the disk, and imports the rest later",
    needs("sqlite3"),
    async () => {
      const made = mkdtempSync(join(tmpdir(), "palimpsest-import-"));
      const path = join(made, "app.db");
      await makeHistory(path, { pageSize: 1024, transactions: 60, random: new Random(runSeed("disk full import")) });
      // What it must be: the same import into memory.
      await using reference = await PageStore.open("memory:");
      const { lastLsn: last, volume: expected } = await importDatabase(reference, path, { batchBytes: 8192 });
      const hashAt = async (volume: Volume, lsn: number) => {
        const { pageCount } = await volume.snapshot(lsn);
        const hash = createHash("sha256");
        for (const page of await volume.readPages(
          Array.from({ length: pageCount }, (_, i) => i),
          lsn,
        ))
          hash.update(page!);
        return hash.digest("hex");
      };
      let reached = 0;
      let refused = 0;
      // A little more room each time, for the transaction that would not fit otherwise.
      for (let finished = false, roomBytes = 16 << 10; !finished; roomBytes += 16 << 10) {
        const free = disk.fill(roomBytes);
        const store = await PageStore.open(`file:${folder}`);
        try {
          await importDatabase(store, path, { batchBytes: 8192 });
          finished = true;
        } catch (error) {
          expect(error).toBeInstanceOf(NoSpace);
          refused++;
        }
        expect((await verifyObjects(new FileStore(folder))).problems).toEqual([]);
        for await (const { name } of store.volumes()) {
          const volume = await store.volume(name);
          const lsn = (await volume.latest())?.lsn ?? 0;
          expect(lsn).toBeGreaterThanOrEqual(reached);
          expect(lsn).toBeLessThanOrEqual(last);
          reached = lsn;
          if (lsn > 0) expect(await hashAt(volume, lsn)).toBe(await hashAt(expected, lsn));
        }
        await store.close();
        free();
      }
      expect(refused).toBeGreaterThan(1);
      expect(reached).toBe(last);
      await using store = await PageStore.open(`file:${folder}`);
      const { lastLsn, volume } = await importDatabase(store, path, { batchBytes: 8192 });
      expect(lastLsn).toBe(last);
      for (let lsn = 1; lsn <= last; lsn++)
        expect(await hashAt(volume, lsn), `LSN ${lsn}`).toBe(await hashAt(expected, lsn));
      expect((await verifyObjects(new FileStore(folder))).problems).toEqual([]);
      rmSync(made, { recursive: true });
    },
  );

  it("says that a full disk has no space for a new store, and leaves nothing that cannot be used later", async () => {
    const free = disk.fill();
    const create = async () => {
      await using store = await PageStore.open(`file:${folder}`);
      await store.createVolume({ name: "app", pageSize: KNOWN_PAGE_SIZE });
    };
    await expect(create()).rejects.toThrow(NoSpace);
    free();
    await create();
    await expectSound(0);
  });

  it("reads a store on a disk that is mounted read-only, and refuses every write", async () => {
    {
      await using store = await PageStore.open(`file:${folder}`);
      const volume = await store.createVolume({ name: "app", pageSize: KNOWN_PAGE_SIZE });
      for (let lsn = 1; lsn <= 20; lsn++) await volume.commit(knownCommit(lsn));
    }
    disk.remount("ro");
    await expectSound(20);
    await using store = await PageStore.open(`file:${folder}`);
    const volume = await store.volume("app");
    for (const call of [
      () => volume.commit(knownCommit(21)),
      () => volume.commitBatch([knownCommit(21), knownCommit(22)]),
      () => store.createVolume({ name: "other" }),
      () => store.renameVolume("app", "other"),
      () => store.dropVolume("app"),
    ]) {
      await expect(call()).rejects.toThrow(ReadOnly);
    }
    await expectSound(20);
    disk.remount("rw");
    await volume.commit(knownCommit(21));
    await expectSound(21);
  });
});
