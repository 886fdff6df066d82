/**
 * A machine that sleeps after its PUT of a new volume was applied, and wakes long after others have committed to the volume and a
 * collector has deleted what they wrote: found by reading `VolumeLog.fresh`, which took the moment of waking for its look.
 */
import { afterEach, describe, expect, it, vi } from "vitest";
import { MemoryStore } from "../../src/io/memory-store.js";
import { StoreWrapper } from "../../src/io/store-wrapper.js";
import { recordKey } from "../../src/log/keys.js";
import { GRACE_MS } from "../../src/log/look.js";
import { VolumeLog } from "../../src/log/volume-log.js";
import { openOn } from "../helpers/open-on.js";

class Sleeps extends StoreWrapper {
  readonly #meanwhile: () => Promise<void>;

  constructor(inner: MemoryStore, meanwhile: () => Promise<void>) {
    super(inner);
    this.#meanwhile = meanwhile;
  }

  /** Nothing is read in place, as with any storage that one waits for. */
  override get sync(): undefined {
    return undefined;
  }

  override async putIfAbsent(key: string, bytes: Uint8Array): Promise<"created" | "exists"> {
    const answer = await this.inner.putIfAbsent(key, bytes);
    if (key.startsWith("c/")) await this.#meanwhile();
    return answer;
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a volume whose creation is answered after the grace period", () => {
  it("is looked at before anything is believed of it", async () => {
    let sleptMs = 0;
    const { now: monotonic } = performance;
    const wall = Date.now;
    vi.spyOn(performance, "now").mockImplementation(() => monotonic.call(performance) + sleptMs);
    vi.spyOn(Date, "now").mockImplementation(() => wall() + sleptMs);
    const objects = new MemoryStore();
    const meanwhile = async () => {
      const other = await (await openOn(objects)).volume("app");
      await other.commit({ pageCount: 7 });
      const log = await VolumeLog.open(objects, other.id);
      log.traits = { name: other.name, pageSizeBytes: other.pageSize };
      await log.publish({ boundary: 1 });
      sleptMs += GRACE_MS;
      await objects.delete(recordKey(other.id, 1));
    };
    const volume = await (await openOn(new Sleeps(objects, meanwhile))).createVolume({ name: "app" });
    const snapshot = await volume.commit({ pageCount: 9 });
    expect(snapshot.lsn, "LSN 1 is another's").toBe(2);
    expect((await volume.snapshot(1)).pageCount).toBe(7);
  });
});
