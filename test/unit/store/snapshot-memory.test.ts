/** Whoever asks for snapshots all along a history does not end with all of it in memory. */
import { expect, it, vi } from "vitest";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { VolumeLog } from "../../../src/log/volume-log.js";
import { openOn } from "../../helpers/open-on.js";

const CHAPTERS = 40;
const LSNS = 4096;

it("keeps few chapters when snapshots are made of LSNs in all of them", async () => {
  const objects = new MemoryStore();
  const writer = await openOn(objects);
  const written = await writer.createVolume({ name: "app", pageSize: 512 });
  for (let n = 0; n < CHAPTERS; n++) {
    await written.commitBatch(Array.from({ length: LSNS }, (_, i) => ({ pageCount: n * LSNS + i })));
  }
  await writer.close();

  const opening = vi.spyOn(VolumeLog, "open");
  const volume = await (await openOn(objects)).volume(written.id);
  const log = (await opening.mock.results[0].value) as VolumeLog;
  opening.mockRestore();
  for (let n = 0; n < CHAPTERS; n++) {
    expect((await volume.snapshot(n * LSNS + 1)).pageCount).toBe(n * LSNS);
  }
  expect(log.chapters.filter(({ leaf }) => leaf).length).toBeLessThan(20);
});
