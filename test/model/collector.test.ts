/**
 * What the explorer meets too seldom: two collectors that overlap, leaves of publishers that stall, and a manifest that is
 * collected while somebody reads it.
 */
import { describe, expect, it, vi } from "vitest";
import { VolumeId } from "../../src/core/ids.js";
import { encodeStub, isStub } from "../../src/format/manifest-stub.js";
import { encodeRecord } from "../../src/format/record.js";
import { MemoryStore } from "../../src/io/memory-store.js";
import type { CallOptions, ObjectStore } from "../../src/io/object-store.js";
import { StoreWrapper } from "../../src/io/store-wrapper.js";
import { leafKey, manifestHeadKey, manifestKey, recordKey } from "../../src/log/keys.js";
import { VolumeLog } from "../../src/log/volume-log.js";
import { collect, deleteLeaves } from "../helpers/collector.js";
import { Random, runSeed } from "../helpers/random.js";

const vid = VolumeId.parse("00112233-4455-6677-8899-aabbccddeeff");

async function open(objects: ObjectStore): Promise<VolumeLog> {
  const log = await VolumeLog.open(objects, vid);
  log.traits = { name: "app", pageSizeBytes: 512 };
  return log;
}

/** A record of `count` LSNs without pages. */
const append = (log: VolumeLog, count = 1) =>
  log.append((record, key, nonce) => {
    const [times, pageCounts, changed] = [1, 1, 0].map((value) => Array<number>(count).fill(value));
    const range = { firstLsn: log.lsn + 1, times, pageCounts, changed, references: [], drops: [] };
    return encodeRecord(key, vid, record, { nonce, range });
  });

describe("a collector", () => {
  it("deletes by the boundary that it has waited for, not by one that another announced meanwhile", async () => {
    const objects = new MemoryStore();
    const log = await open(objects);
    await append(log);
    await log.publish();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
    try {
      const collecting = collect(objects, vid);
      await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
      await log.refresh();
      await append(log);
      for (let tries = 0; log.boundary < 2 && tries < 3; tries++) await log.publish({ boundary: 2 });
      expect(log.boundary).toBe(2);
      await vi.advanceTimersByTimeAsync(2 * 60 * 60 * 1000);
      const { boundary, records } = await collecting;
      expect([boundary, records]).toEqual([1, 1]);
    } finally {
      vi.useRealTimers();
    }
    expect(await objects.get(recordKey(vid, 1))).toBeUndefined();
    expect(await objects.get(recordKey(vid, 2)), "announced a moment ago").toBeDefined();
    expect(isStub((await objects.get(manifestKey(vid, 1)))!)).toBe(true);
  });
});

/** Whoever publishes through it waits before the manifest, its leaves put, until it is let go. */
class Stalling extends StoreWrapper {
  letGo: (() => void) | undefined;

  override async putIfAbsent(key: string, bytes: Uint8Array, options?: CallOptions): Promise<"created" | "exists"> {
    if (key.includes("/m/")) await new Promise<void>((resolve) => (this.letGo = resolve));
    this.letGo = undefined;
    return await this.inner.putIfAbsent(key, bytes, options);
  }
}

describe("a collector of leaves", () => {
  it("deletes what lost a race to be published, and nothing that a publisher who stalled will name", async () => {
    const random = new Random(runSeed("leaves"));
    let deleted = 0;
    for (let history = 0; history < 8; history++) {
      const objects = new MemoryStore();
      const fresh = async () => {
        const log = await open(objects);
        await log.refresh();
        return log;
      };
      const stores = [1, 2, 3].map(() => new Stalling(objects));
      const publishers = await Promise.all(
        stores.map(async (store) => ({
          store,
          log: await open(store),
          publishing: undefined as Promise<boolean> | undefined,
        })),
      );
      const leafKeys = async () => {
        const keys = [];
        for await (const { key } of objects.list(`v/${vid}/f/`)) keys.push(key);
        return keys;
      };
      const check = async () => {
        const { chapters, leaves } = await fresh();
        for (const chapter of chapters) await leaves.read(chapter);
      };
      for (let step = 0; step < 60; step++) {
        const publisher = random.pick(publishers);
        if (publisher.store.letGo) {
          if (random.chance(0.5)) continue;
          publisher.store.letGo();
          await publisher.publishing;
          await check();
        } else {
          await publisher.log.refresh();
          for (let i = random.between(0, 6); i > 0; i--) await append(publisher.log, 1000);
          publisher.publishing = publisher.log.publish();
          while (!publisher.store.letGo) await new Promise(setImmediate);
        }
        if (random.chance(0.3)) deleted += await deleteLeaves(objects, await fresh());
      }
      for (const { store, publishing } of publishers) {
        store.letGo?.();
        await publishing;
      }
      // What the last of them left becomes garbage with the next manifest.
      const log = await fresh();
      expect(await log.publish()).toBe(true);
      deleted += await deleteLeaves(objects, log);
      const named = log.chapters.flatMap(({ entry }) => (entry ? [leafKey(vid, entry.id)] : []));
      expect(await leafKeys()).toEqual(named.sort());
      await check();
    }
    expect(deleted).toBeGreaterThan(8);
  });
});

describe("a reader", () => {
  it("goes on from a stub to the manifest that it names", async () => {
    const objects = new MemoryStore();
    const log = await open(objects);
    await append(log);
    await log.publish();
    const oldHead = (await objects.get(manifestHeadKey(vid)))!;
    await log.publish();
    await log.publish();
    await objects.put(manifestHeadKey(vid), oldHead);
    class CollectedMeanwhile extends StoreWrapper {
      override get sync(): undefined {
        return undefined;
      }

      /** Manifest 3 was found to be the newest; it is no more when it is read. */
      override async get(key: string, options?: CallOptions): Promise<Uint8Array | undefined> {
        if (key === manifestKey(vid, 3) && log.boundary === 0) {
          await log.publish({ boundary: 1 });
          await objects.put(key, encodeStub(key, 4));
          await objects.put(manifestHeadKey(vid), oldHead);
        }
        return await this.inner.get(key, options);
      }
    }
    const reader = await VolumeLog.open(new CollectedMeanwhile(objects), vid);
    expect(reader.boundary).toBe(0);
    await reader.refresh();
    expect(log.boundary).toBe(1);
    expect(reader.boundary).toBe(1);
  });
});
