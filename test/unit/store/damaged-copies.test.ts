/** What a cache on the way gives damaged is asked for once more, past it, before it is called damaged. */
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { openOn } from "../../helpers/open-on.js";
import { pageOf } from "../../helpers/page-oracle.js";
import { RemoteStore } from "../../helpers/remote-store.js";

const SIZE = 512;
/** So sparse that the log does not carry their index. */
const OFFSETS = Array.from({ length: 2500 }, (_, i) => i * 800_000 + ((i * 7919) % 700_000));

async function withDamagedCopies(isDamaged: (key: string) => boolean) {
  const objects = new MemoryStore();
  const writer = await openOn(objects);
  const { id } = await writer.createVolume({ name: "app", pageSize: SIZE });
  await (await writer.volume(id)).commit({ pages: OFFSETS.map((offset) => [offset, pageOf(1, SIZE)] as const) });
  const remote = new RemoteStore(objects);
  remote.onGet = (key, bytes, { refresh }) => {
    if (bytes && !refresh && isDamaged(key)) bytes[Math.min(bytes.length - 1, 100)] ^= 1;
  };
  return await (await openOn(remote)).volume("app");
}

describe("a damaged copy", () => {
  it("of an index does not keep changedOffsets from an answer", async () => {
    const volume = await withDamagedCopies((key) => key.startsWith("s/"));
    expect(await volume.readPage(OFFSETS[7], 1)).toEqual(pageOf(1, SIZE));
    expect(await volume.changedOffsets(0, 1)).toEqual(Uint32Array.from(OFFSETS));
  });

  it("of a record does not keep a volume from being opened", async () => {
    const volume = await withDamagedCopies((key) => /^v\/[^/]+\/l\//.test(key));
    expect((await volume.latest())?.lsn).toBe(1);
  });
});
