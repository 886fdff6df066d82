/**
 * What a volume makes of answers that come late, belong to somebody else, or contradict what it has read: a commit that did not
 * land is never told as committed, one that landed never as failed, and damage is `Corrupt`, not a loop. Each test is a mistake
 * that a review found: a manifest of long ago that was taken for the newest one; a page count that was read again after its
 * commit; a segment that moved without being compared; a record that was gone, and waited for.
 */
import { afterEach, describe, expect, it, vi } from "vitest";
import { Conflict, Corrupt, Unavailable } from "../../../src/core/errors.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { manifestKey, recordKey } from "../../../src/log/keys.js";
import { GRACE_MS } from "../../../src/log/look.js";
import { VolumeLog } from "../../../src/log/volume-log.js";
import type { Volume } from "../../../src/node.js";
import { openOn } from "../../helpers/open-on.js";
import { pageOf, tagOf } from "../../helpers/page-oracle.js";
import { RemoteStore } from "../../helpers/remote-store.js";

const SIZE = 512;

afterEach(() => {
  vi.restoreAllMocks();
});

/** Both clocks, which go on as they do, and further by what a test adds. */
function clocks(): { aheadMs: number } {
  const added = { aheadMs: 0 };
  const { now: monotonic } = performance;
  const wall = Date.now;
  vi.spyOn(performance, "now").mockImplementation(() => monotonic.call(performance) + added.aheadMs);
  vi.spyOn(Date, "now").mockImplementation(() => wall() + added.aheadMs);
  return added;
}

async function createOn(objects: MemoryStore): Promise<Volume> {
  return await (await openOn(new RemoteStore(objects))).createVolume({ name: "app", pageSize: SIZE });
}

/** As another process has it. */
async function openedOn(objects: MemoryStore, remote = new RemoteStore(objects)): Promise<Volume> {
  return await (await openOn(remote)).volume("app");
}

/** A log that has read what there is, and publishes when a test says so: a collector's, or a slow writer's. */
async function logOf(volume: Volume, objects: MemoryStore): Promise<VolumeLog> {
  const log = await VolumeLog.open(objects, volume.id);
  await log.refresh();
  log.traits = { name: volume.name, pageSizeBytes: volume.pageSize };
  return log;
}

const changes = (count: number) => Array.from({ length: count }, () => ({ pageCount: 5 }));

describe("a commit", () => {
  it("is not put in a collected record's place, though its manifest was found to be there already", async () => {
    const time = clocks();
    const objects = new MemoryStore();
    const remote = new RemoteStore(objects);
    const writer = await createOn(objects);
    const volume = await openedOn(objects, remote);
    for (let lsn = 1; lsn <= 64; lsn++) await writer.commit({ pageCount: lsn });
    await vi.waitFor(async () => expect(await objects.get(manifestKey(writer.id, 1))).toBeDefined());
    await volume.latest(); // 64 records, and it knows no manifest
    await writer.commit({ expectedLsn: 64, pageCount: 777 });
    const collector = await logOf(writer, objects);
    expect(await collector.publish({ boundary: 65 })).toBe(true);

    time.aheadMs += 0.85 * GRACE_MS;
    // A conflict without any request. Behind it manifest 1 is put, which is there, with the same bytes.
    const put = new Promise<void>((resolve) => {
      remote.onPut = (key) => key === manifestKey(volume.id, 1) && resolve();
    });
    await expect(volume.commit({ expectedLsn: 1, pageCount: 1 })).rejects.toThrow(Conflict);
    await put;
    time.aheadMs += 0.2 * GRACE_MS;
    for (let record = 1; record <= 65; record++) await objects.delete(recordKey(writer.id, record));
    await expect(volume.commit({ expectedLsn: 64, pageCount: 9 })).rejects.toThrow(Conflict);
    expect((await (await openedOn(objects)).snapshot(65)).pageCount).toBe(777);
  });

  it("that landed is told as committed, though nothing can be read when its answer comes", async () => {
    const time = clocks();
    const objects = new MemoryStore();
    const remote = new RemoteStore(objects);
    const store = await openOn(remote, 32 << 20, { retry: { attempts: 2, baseMs: 1 } });
    const volume = await store.createVolume({ name: "app", pageSize: SIZE });
    const other = await openedOn(objects);
    await volume.commit({ pageCount: 1 });
    // The machine sleeps for more than half of the grace period. Meanwhile another fills a chapter and publishes.
    remote.onPut = async (key) => {
      if (key !== recordKey(volume.id, 2)) return;
      await other.commitBatch(changes(4096));
      for (let i = 0; i < 64; i++) await other.commit({ pageCount: 5 });
      await vi.waitFor(async () => expect(await objects.get(manifestKey(volume.id, 1))).toBeDefined());
      time.aheadMs += 0.6 * GRACE_MS;
      remote.onGet = (key) => {
        if (key.includes("/f/")) throw new Unavailable("injected: leaves cannot be read");
      };
    };
    const { lsn, pageCount } = await volume.commit({ expectedLsn: 1, pageCount: 77 });
    expect([lsn, pageCount]).toEqual([2, 77]);
    expect((await (await openedOn(objects)).snapshot(2)).pageCount).toBe(77);
  });
});

describe("a segment that moves because another won its record", () => {
  const pages = Array.from({ length: 1000 }, (_, offset) => [offset, pageOf(offset, SIZE)] as const);

  /** Commits `pages` on top of another's record, with one bit wrong in what is read of segments where `isDamaged` says so. */
  async function moved(isDamaged: (refresh: boolean) => boolean) {
    const objects = new MemoryStore();
    const remote = new RemoteStore(objects);
    await createOn(objects);
    const volume = await openedOn(objects, remote);
    const other = await openedOn(objects);
    await volume.commit({ pageCount: 1 });
    await other.commit({ pageCount: 2 });
    const reads: boolean[] = [];
    remote.onGet = (key, bytes, { refresh = false }) => {
      if (!bytes || !key.startsWith("s/")) return;
      reads.push(refresh);
      if (isDamaged(refresh)) bytes[bytes.length - 100] ^= 1;
    };
    const lsn = volume.commit({ pages }).then(({ lsn }) => lsn);
    return { objects, reads, lsn };
  }

  it("is not committed with other bytes than were written", async () => {
    const { objects, reads, lsn } = await moved(() => true);
    await expect(lsn).rejects.toThrow(Corrupt);
    expect(reads).toEqual([false, true]);
    expect((await (await openedOn(objects)).latest())!.lsn, "nothing was committed").toBe(2);
  });

  it("is read again past the caches before it is called damaged", async () => {
    const { objects, reads, lsn } = await moved((refresh) => !refresh);
    expect(await lsn).toBe(3);
    expect(reads).toEqual([false, true]);
    const reader = await openedOn(objects);
    for (const offset of [0, 500, 999]) expect(tagOf((await reader.readPage(offset, 3))!)).toBe(offset);
  });
});

describe("a hole in the log", () => {
  /** Three records, of which a volume has read all, and a log of another process only the first. */
  async function withHole() {
    const objects = new MemoryStore();
    const remote = new RemoteStore(objects);
    const writer = await createOn(objects);
    await writer.commit({ pageCount: 1 });
    const behind = await logOf(writer, objects);
    await writer.commit({ pageCount: 2 });
    await writer.commit({ pageCount: 3 });
    const volume = await openedOn(objects, remote);
    await volume.latest();
    await objects.delete(recordKey(writer.id, 2));
    remote.gets.length = 0;
    remote.onGet = () => {
      if (remote.gets.length > 100) throw new Unavailable("injected: it asks for ever");
    };
    return { volume, behind };
  }

  it("is damage, told to whoever asks for a commit's outcome", async () => {
    const { volume } = await withHole();
    const attempt = { volume: volume.id.toString(), record: 2, nonce: "00".repeat(16) };
    const error = await volume.resolve(attempt).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(Corrupt);
    expect(error.key).toBe(recordKey(volume.id, 2));
  });

  it("is damage, told to whoever goes on from a manifest behind what is known", async () => {
    const time = clocks();
    const { volume, behind } = await withHole();
    expect(await behind.publish()).toBe(true);
    time.aheadMs += GRACE_MS;
    const error = await volume.latest().catch((thrown) => thrown);
    expect(error).toBeInstanceOf(Corrupt);
    expect(error.key).toBe(recordKey(volume.id, 2));
  });
});
