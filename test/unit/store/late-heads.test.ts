/**
 * An index that arrives late, when what it was asked for was already opened by another call and merged with its neighbours: its
 * memory must not be that of a part which is no longer looked up, since that one would take the merged part's pages with it.
 */
import { expect, it, vi } from "vitest";
import { MemoryStore } from "../../../src/io/memory-store.js";
import type { CallOptions, RangeOptions } from "../../../src/io/object-store.js";
import { StoreWrapper } from "../../../src/io/store-wrapper.js";
import { PageStore } from "../../../src/node.js";
import { Core } from "../../../src/probe/core.js";
import { pageOf, tagOf } from "../../helpers/page-oracle.js";
import { Random } from "../../helpers/random.js";

const PAGE_SIZE = 512;
const SEGMENTS = 8;
const PAGES = 1800;
const CHUNK_BYTES = 65536;
/** What is left for the merged index and the table of parts. */
const SPARED_CHUNKS = 4;

/** Cannot be read in place. Holds back the answer to the second request for the beginning of a segment. */
class LateStore extends StoreWrapper {
  readonly #heads = new Map<string, number>();
  readonly #held: (() => void)[] = [];
  #isReleased = false;

  override get sync(): undefined {
    return undefined;
  }

  override async getRange(key: string, start: number, length: number, options?: RangeOptions) {
    const bytes = await this.inner.getRange(key, start, length, options as CallOptions);
    if (start === 0 && key.startsWith("s/")) {
      const count = (this.#heads.get(key) ?? 0) + 1;
      this.#heads.set(key, count);
      if (count === 2 && !this.#isReleased) await new Promise<void>((resolve) => this.#held.push(resolve));
    }
    return bytes;
  }

  get heldCount(): number {
    return this.#held.length;
  }

  release(): void {
    this.#isReleased = true;
    for (const go of this.#held.splice(0)) go();
  }
}

it("does not lose the pages of a merged index when one of its parts comes late", async () => {
  const random = new Random(5);
  const inner = new MemoryStore();
  const writer = await PageStore.open("memory:", { objects: inner });
  const sparse = await writer.createVolume({ name: "sparse", pageSize: PAGE_SIZE });
  const offsetsOf: number[][] = [];
  for (let lsn = 1; lsn <= SEGMENTS; lsn++) {
    const offsets = [...new Set(Array.from({ length: PAGES }, () => random.below(2 ** 31)))].sort((a, b) => a - b);
    offsetsOf.push(offsets);
    await sparse.commit({ pages: offsets.map((offset) => [offset, pageOf(lsn, PAGE_SIZE)] as const) });
  }
  await writer.close();

  const late = new LateStore(inner);
  const creating = vi.spyOn(Core, "create");
  const store = await PageStore.open("memory:", { objects: late, memory: 9 << 18 });
  const core = creating.mock.results[0].value as Core;
  creating.mockRestore();
  const volume = await store.volume(sparse.id);
  const oldest = offsetsOf[0][1000];
  // Both need the indexes of all; the second one's first answer stays on its way until the first has all of them merged.
  const first = volume.readPage(oldest, SEGMENTS);
  const second = volume.readPage(oldest, SEGMENTS);
  expect(tagOf((await first)!)).toBe(1);
  expect(late.heldCount).toBe(1);
  late.release();
  expect(tagOf((await second)!)).toBe(1);

  // A page of the newest segment, and with it that segment's table of frames.
  const newest = offsetsOf[SEGMENTS - 1];
  expect(tagOf((await volume.readPage(newest[0], SEGMENTS))!)).toBe(SEGMENTS);
  const { arena, memory } = core;
  // All memory is taken but for what is in use: the merged index. What is taken is overwritten.
  const taken: number[] = [];
  while ((taken.length + SPARED_CHUNKS) * CHUNK_BYTES < arena.limitBytes) {
    for (let n = 0; n < 4; n++) expect(await volume.readPage(oldest + 1, SEGMENTS)).toBeUndefined();
    const address = arena.allocate(CHUNK_BYTES);
    memory.fill(0x55, address, address + CHUNK_BYTES);
    taken.push(address);
  }
  for (const address of taken) arena.free(address);
  for (const offset of newest.slice(0, 50)) {
    expect(tagOf((await volume.readPage(offset, SEGMENTS))!)).toBe(SEGMENTS);
  }
  await store.close();
});
