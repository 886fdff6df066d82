/** What the explorer meets too seldom: two collectors that overlap, and a manifest that is collected while somebody reads it. */
import { describe, expect, it, vi } from "vitest";
import { VolumeId } from "../../src/core/ids.js";
import { encodeStub, isStub } from "../../src/format/manifest-stub.js";
import { encodeRecord } from "../../src/format/record.js";
import { MemoryStore } from "../../src/io/memory-store.js";
import type { CallOptions, ObjectStore } from "../../src/io/object-store.js";
import { StoreWrapper } from "../../src/io/store-wrapper.js";
import { manifestHeadKey, manifestKey, recordKey } from "../../src/log/keys.js";
import { VolumeLog } from "../../src/log/volume-log.js";
import { collect } from "../helpers/collector.js";

const vid = VolumeId.parse("00112233-4455-6677-8899-aabbccddeeff");

async function open(objects: ObjectStore): Promise<VolumeLog> {
  const log = await VolumeLog.open(objects, vid);
  log.traits = { name: "app", pageSizeBytes: 512 };
  return log;
}

/** One LSN without pages. */
const append = (log: VolumeLog) =>
  log.append((record, key, nonce) => {
    const range = { firstLsn: log.lsn + 1, times: [1], pageCounts: [1], changed: [0], references: [], drops: [] };
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
