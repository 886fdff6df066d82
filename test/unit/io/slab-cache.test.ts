/** A cache may forget; it may not be wrong, nor grow: against a Map, with damage of every kind, and beside others. */
import { describe, expect, it, vi } from "vitest";
import { InvalidArgument } from "../../../src/core/errors.js";
import { SlabCache } from "../../../src/io/slab-cache.js";
import { ENTRY_BYTES, HEADER_BYTES, SlabLayout, WAYS } from "../../../src/io/slab-layout.js";
import { MemorySlabFile } from "../../helpers/block-caches.js";
import { Random, runSeed } from "../../helpers/random.js";

const BLOCK = 512;
/** The smallest slab of so many sets. */
const layoutOf = (sets: number, blockBytes = BLOCK) =>
  new SlabLayout(
    HEADER_BYTES + Math.ceil((sets * WAYS * ENTRY_BYTES) / 4096) * 4096 + sets * WAYS * blockBytes,
    blockBytes,
  );

/** The one content that a block ever has; every seventh is an object's short end, some of these empty. */
function contentOf(key: string, block: number): Uint8Array {
  const random = new Random(block * 31 + key.length * 7 + key.charCodeAt(key.length - 1));
  return random.bytes(block % 7 === 6 ? random.below(4) * 100 : BLOCK);
}

/** The block in each way of set 0, by the entries in the file; -1 where there is none. */
function blocksIn(file: MemorySlabFile, layout: SlabLayout): number[] {
  const view = new DataView(file.bytes.buffer);
  return Array.from({ length: WAYS }, (_, way) => {
    const at = layout.entryAt(0, way);
    return view.getUint32(at + ENTRY_BYTES - 4, true) === 0 ? -1 : view.getUint32(at + 12, true);
  });
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

describe("the layout of a slab", () => {
  it("takes at most what was asked for, and wastes less than a set and a page", () => {
    for (const blockBytes of [512, 4096, 16384, 1 << 20]) {
      const setBytes = WAYS * (blockBytes + ENTRY_BYTES);
      for (let bytes = setBytes + 8192; bytes < 40 * setBytes; bytes += Math.floor(setBytes / 3) + 1) {
        const layout = new SlabLayout(bytes, blockBytes);
        expect(layout.sizeBytes).toBeLessThanOrEqual(bytes);
        expect(layout.sizeBytes).toBeGreaterThan(bytes - setBytes - 2 * 4096);
        expect(layout.slotAt(layout.setCount - 1, WAYS - 1) + blockBytes).toBe(layout.sizeBytes);
        expect(layout.setAt(layout.setCount)).toBeLessThanOrEqual(layout.slotsStart);
      }
    }
  });

  it("knows its own header, and no other", () => {
    const layout = layoutOf(3);
    const header = layout.header();
    expect(layout.isOf(header, layout.sizeBytes)).toBe(true);
    expect(layout.isOf(header, layout.sizeBytes - 1)).toBe(false);
    expect(layout.isOf(header.subarray(0, 100), layout.sizeBytes)).toBe(false);
    for (const other of [layoutOf(4), layoutOf(3, 1024)])
      expect(layout.isOf(other.header(), layout.sizeBytes)).toBe(false);
    // Every bit of what it says, and one of each byte that says nothing.
    for (let bit = 0; bit < header.length * 8; bit += bit < 256 ? 1 : 9) {
      header[bit >> 3] ^= 1 << (bit & 7);
      expect(layout.isOf(header, layout.sizeBytes)).toBe(false);
      header[bit >> 3] ^= 1 << (bit & 7);
    }
  });

  it("refuses a size that holds nothing, and blocks that are none", () => {
    const smallest = layoutOf(1, 16384).sizeBytes;
    expect(smallest).toBe(264 << 10);
    expect(new SlabLayout(smallest).setCount).toBe(1);
    for (const bytes of [smallest - 1, 0, -1, Number.NaN, 1e9 + 0.5, 2 ** 60]) {
      expect(() => new SlabLayout(bytes), String(bytes)).toThrow(InvalidArgument);
    }
    for (const blockBytes of [0, 100, 256, 5000, 2 << 20, Number.NaN]) {
      expect(() => new SlabLayout(1e9, blockBytes), String(blockBytes)).toThrow(InvalidArgument);
    }
  });
});

describe("a slab cache", () => {
  it("agrees with a Map: what it gives is what was written, by itself, by others, and after it was opened again", async () => {
    const random = new Random(runSeed("slab cache"));
    for (let round = 0; round < 20; round++) {
      const layout = layoutOf(random.between(1, 6));
      const file = new MemorySlabFile(layout);
      const caches = [new SlabCache(file, layout), new SlabCache(file, layout)];
      const written = new Set<string>();
      const keys = Array.from({ length: 5 }, (_, i) => `s/volume/${i}`);
      let hits = 0;
      for (let step = 0; step < 500; step++) {
        const [cache, key, block] = [random.pick(caches), random.pick(keys), random.below(20)];
        if (random.chance(0.4)) {
          await cache.write(key, block, contentOf(key, block));
          written.add(`${key}#${block}`);
          expect(same((await cache.read(key, block))!, contentOf(key, block))).toBe(true);
        } else {
          const found = await cache.read(key, block);
          if (found === undefined) continue;
          hits++;
          expect(written.has(`${key}#${block}`)).toBe(true);
          expect(same(found, contentOf(key, block))).toBe(true);
          found.fill(0xee);
        }
        if (random.chance(0.02)) caches[random.below(2)] = new SlabCache(file, layout);
      }
      expect(hits).toBeGreaterThan(20);
      for (const { stats } of caches) expect(stats).toMatchObject({ damaged: 0, failures: 0 });
    }
  });

  it("gives every block of a set that is not full, and as many as it has slots", async () => {
    const layout = layoutOf(1);
    const cache = new SlabCache(new MemorySlabFile(layout), layout);
    for (let block = 0; block < WAYS; block++) await cache.write("s/a", block, contentOf("s/a", block));
    for (let block = 0; block < WAYS; block++) expect(await cache.read("s/a", block)).toEqual(contentOf("s/a", block));
    expect(cache.stats).toMatchObject({ hits: WAYS, misses: 0, evictions: 0 });
    for (let block = WAYS; block < 2 * WAYS; block++) await cache.write("s/a", block, contentOf("s/a", block));
    expect(cache.stats.evictions).toBe(WAYS);
    let found = 0;
    for (let block = 0; block < 2 * WAYS; block++) if (await cache.read("s/a", block)) found++;
    expect(found).toBe(WAYS);
  });

  it("uses all of its sets alike", async () => {
    const layout = layoutOf(64);
    const cache = new SlabCache(new MemorySlabFile(layout), layout);
    // Half of what fits, in a few long objects and in many short ones.
    for (let i = 0; i < 512; i++) {
      if (i % 2 === 0) await cache.write(`s/long/${i % 6}`, i, new Uint8Array(BLOCK));
      else await cache.write(`s/short/${i}`, 0, new Uint8Array(BLOCK));
    }
    expect(cache.stats.evictions).toBeLessThan(20);
  });

  it("replaces a block that is written again with another content", async () => {
    const layout = layoutOf(1);
    const cache = new SlabCache(new MemorySlabFile(layout), layout);
    await cache.write("s/a", 1, new Uint8Array(BLOCK).fill(1));
    await cache.write("s/a", 1, new Uint8Array(100).fill(2));
    expect(await cache.read("s/a", 1)).toEqual(new Uint8Array(100).fill(2));
    const { bytesWritten } = cache.stats;
    await cache.write("s/a", 1, new Uint8Array(100).fill(2));
    expect(cache.stats).toMatchObject({ bytesWritten, evictions: 0 });
  });

  it("finds nothing under another key, number, or a longer block than it holds", async () => {
    const layout = layoutOf(1);
    const cache = new SlabCache(new MemorySlabFile(layout), layout);
    await cache.write("s/a", 1, new Uint8Array(BLOCK));
    await cache.write("s/b", 1, new Uint8Array(BLOCK + 1));
    for (const [key, block] of [
      ["s/b", 1],
      ["s/a", 0],
      ["s/a", 2],
      ["s/a/", 1],
      ["", 1],
    ] as const) {
      expect(await cache.read(key, block)).toBeUndefined();
    }
  });

  it("is right or finds nothing, whichever bit of the file is flipped", async () => {
    const layout = layoutOf(1);
    const file = new MemorySlabFile(layout);
    const before = new SlabCache(file, layout);
    // One of each kind: whole, short, empty; enough of them that one entry can be made to look like another's.
    const blocks = [0, 1, 2, 3, 4, 5, 6, 13, 20, 27];
    for (const block of blocks) await before.write("s/a", block, contentOf("s/a", block));
    expect(new Set(blocks.map((block) => contentOf("s/a", block).length)).size).toBeGreaterThan(2);
    const intact = file.bytes.slice();
    const ways = blocksIn(file, layout);
    const cache = new SlabCache(file, layout);
    let misses = 0;
    const flip = async (bit: number, read: readonly number[]) => {
      file.bytes[bit >> 3] ^= 1 << (bit & 7);
      for (const block of read) {
        const found = await cache.read("s/a", block);
        if (found === undefined) misses++;
        else if (!same(found, contentOf("s/a", block))) throw new Error(`bit ${bit}, block ${block}: wrong bytes`);
      }
      file.bytes.set(intact);
    };
    const tableEnd = layout.setAt(1) * 8;
    for (let bit = HEADER_BYTES * 8; bit < tableEnd; bit++) await flip(bit, blocks);
    // An entry that has become another block's hides that one, where it comes first.
    const ofEntries = blocks.length * (ENTRY_BYTES - 4) * 8;
    expect(misses).toBeGreaterThanOrEqual(ofEntries);
    expect(misses).toBeLessThan(ofEntries + blocks.length * 4);
    misses = 0;
    for (let bit = layout.slotsStart * 8; bit < intact.length * 8; bit++) {
      const way = Math.floor((bit / 8 - layout.slotsStart) / BLOCK);
      // Whose slot it is, and one of the others.
      await flip(
        bit,
        ways[way] === -1 ? blocks.slice(0, 1) : [ways[way], blocks[(blocks.indexOf(ways[way]) + 1) % blocks.length]],
      );
    }
    // Each bit of a content costs exactly that block.
    const contentBytes = blocks.reduce((sum, block) => sum + contentOf("s/a", block).length, 0);
    expect(misses).toBe(contentBytes * 8);
    expect(cache.stats.damaged).toBeGreaterThanOrEqual(contentBytes * 8);
  });

  it("is right or finds nothing, wherever the file is cut off, and when bytes of one slot lie in another", async () => {
    const layout = layoutOf(1);
    const file = new MemorySlabFile(layout);
    const cache = new SlabCache(file, layout);
    const blocks = Array.from({ length: WAYS }, (_, block) => block);
    for (const block of blocks) await cache.write("s/a", block, contentOf("s/a", block));
    const intact = file.bytes.slice();
    const check = async (what: string) => {
      let found = 0;
      for (const block of blocks) {
        const bytes = await cache.read("s/a", block);
        if (bytes !== undefined) found++;
        if (bytes && !same(bytes, contentOf("s/a", block))) throw new Error(`${what}, block ${block}: wrong bytes`);
      }
      return found;
    };
    for (let length = 0; length <= intact.length; length += 7) {
      file.bytes = intact.slice(0, length);
      await check(`cut to ${length}`);
    }
    file.bytes = intact.slice();
    expect(await check("whole")).toBe(WAYS);
    for (let from = 0; from < WAYS; from++) {
      for (let to = 0; to < WAYS; to++) {
        if (from === to) continue;
        const slot = (way: number) => layout.slotAt(0, way);
        file.bytes = intact.slice();
        file.bytes.copyWithin(slot(to), slot(from), slot(from) + BLOCK);
        await check(`slot ${from} in ${to}`);
        file.bytes = intact.slice();
        file.bytes.copyWithin(layout.entryAt(0, to), layout.entryAt(0, from), layout.entryAt(0, from) + ENTRY_BYTES);
        await check(`entry ${from} in ${to}`);
      }
    }
  });

  it("takes back a block that was damaged, once it is written again", async () => {
    const layout = layoutOf(1);
    const file = new MemorySlabFile(layout);
    const cache = new SlabCache(file, layout);
    await cache.write("s/a", 0, contentOf("s/a", 0));
    file.bytes[layout.slotAt(0, blocksIn(file, layout).indexOf(0)) + 5] ^= 1;
    expect(await cache.read("s/a", 0)).toBeUndefined();
    expect(cache.stats).toMatchObject({ damaged: 1, misses: 1 });
    await cache.write("s/a", 0, contentOf("s/a", 0));
    expect(await cache.read("s/a", 0)).toEqual(contentOf("s/a", 0));
    expect(cache.stats).toMatchObject({ damaged: 1, hits: 1, evictions: 0 });
  });

  it("is never wrong while others write the same slots, each of their writes torn or late", async () => {
    const random = new Random(runSeed("slab races"));
    const layout = layoutOf(1);
    let hits = 0;
    for (let round = 0; round < 300; round++) {
      const file = new MemorySlabFile(layout);
      const late: (() => void)[] = [];
      // A write lands in two halves, either of them later, in any order, or never: a process that was stopped or killed.
      const share = {
        read: (at: number, target: Uint8Array) => file.read(at, target),
        write: (at: number, bytes: Uint8Array) => {
          const half = random.below(bytes.length + 1);
          for (const [from, to] of [
            [0, half],
            [half, bytes.length],
          ]) {
            const piece = bytes.slice(from, to);
            const land = () => file.write(at + from, piece);
            if (random.chance(0.5)) land();
            else if (random.chance(0.9)) late.push(land);
          }
          while (late.length > 0 && random.chance(0.4)) late.splice(random.below(late.length), 1)[0]();
        },
        close: () => undefined,
      };
      const caches = [new SlabCache(share, layout), new SlabCache(share, layout), new SlabCache(file, layout)];
      for (let step = 0; step < 100; step++) {
        const [cache, block] = [random.pick(caches), random.below(24)];
        if (random.chance(0.6)) void cache.write("s/a", block, contentOf("s/a", block));
        const found = await cache.read("s/a", block);
        if (found === undefined) continue;
        hits++;
        if (!same(found, contentOf("s/a", block))) throw new Error(`round ${round}, step ${step}: wrong bytes`);
      }
    }
    expect(hits).toBeGreaterThan(1000);
  });
});

describe("what a slab cache gives up", () => {
  /** Blocks of an object that fills `share` of the cache are read twice, as they would be: the second time they are hits. */
  async function warm(cache: SlabCache, key: string, blocks: number): Promise<void> {
    for (let pass = 0; pass < 2; pass++) await scan(cache, key, 0, blocks);
  }

  /** Reads each block `times`, and writes it where it was missing, as a store does. Gives the hits. */
  async function scan(cache: SlabCache, key: string, from: number, to: number, times = 1): Promise<number> {
    const before = cache.stats.hits;
    for (let block = from; block < to; block++) {
      for (let time = 0; time < times; time++) {
        if (!(await cache.read(key, block))) await cache.write(key, block, new Uint8Array(BLOCK));
      }
    }
    return cache.stats.hits - before;
  }

  it("keeps what is wanted again and again while a scan of six times its size goes by, page by page", async () => {
    const layout = layoutOf(64);
    const slots = layout.slotCount;
    for (const pagesInBlock of [1, 4]) {
      const cache = new SlabCache(new MemorySlabFile(layout), layout);
      const hot = slots / 4;
      await warm(cache, "s/hot", hot);
      const { bytesWritten } = cache.stats;
      await scan(cache, "s/cold", 0, 6 * slots, pagesInBlock);
      // A scan writes its blocks and their entries, and nothing more.
      expect(cache.stats.bytesWritten - bytesWritten).toBeLessThan(6 * slots * (BLOCK + ENTRY_BYTES) * 1.01);
      expect(await scan(cache, "s/hot", 0, hot)).toBeGreaterThanOrEqual(hot * 0.95);
    }
  });

  it("lets a new hot set take the place of an old one", async () => {
    const layout = layoutOf(32);
    const cache = new SlabCache(new MemorySlabFile(layout), layout);
    const hot = layout.slotCount / 2;
    await warm(cache, "s/old", hot);
    for (let pass = 0; pass < 20; pass++) {
      await scan(cache, "s/new", 0, hot);
      await scan(cache, "s/cold", pass * 1000, pass * 1000 + layout.slotCount / 4);
    }
    expect(await scan(cache, "s/new", 0, hot)).toBeGreaterThan(hot * 0.9);
    expect(await scan(cache, "s/old", 0, hot)).toBeLessThan(hot * 0.5);
  });

  it("is told of hits by few writes: a block that is hot for long costs one now and then", async () => {
    const layout = layoutOf(4);
    const cache = new SlabCache(new MemorySlabFile(layout), layout);
    await warm(cache, "s/hot", 20);
    const { bytesWritten } = cache.stats;
    for (let pass = 0; pass < 100; pass++) expect(await scan(cache, "s/hot", 0, 20)).toBe(20);
    expect(cache.stats.bytesWritten - bytesWritten).toBeLessThan(20 * 8);
  });

  it("goes on when the stamps of a set have come to their end, as one flipped bit can make them", async () => {
    const layout = layoutOf(1);
    const file = new MemorySlabFile(layout);
    const cache = new SlabCache(file, layout);
    for (let block = 0; block < WAYS; block++) await cache.write("s/a", block, contentOf("s/a", block));
    for (const high of [0x7f, 0xff]) {
      const entry = layout.entryAt(0, blocksIn(file, layout).indexOf(3));
      file.bytes.fill(0xff, entry + ENTRY_BYTES - 4, entry + ENTRY_BYTES - 1);
      file.bytes[entry + ENTRY_BYTES - 1] = high;
      expect(await cache.read("s/a", 3)).toEqual(contentOf("s/a", 3));
      for (let block = 100; block < 150; block++) {
        await cache.write("s/a", block, contentOf("s/a", block));
        expect(await cache.read("s/a", block)).toEqual(contentOf("s/a", block));
      }
      const stamps = Array.from({ length: WAYS }, (_, way) =>
        new DataView(file.bytes.buffer).getUint32(layout.entryAt(0, way) + ENTRY_BYTES - 4, true),
      );
      expect(Math.max(...stamps.map((stamp) => stamp & 0x7fff_ffff))).toBeLessThan(1000);
      await cache.write("s/a", 3, contentOf("s/a", 3));
    }
  });
});

describe("a slab cache on a disk that fails", () => {
  const failing = () => {
    throw Object.assign(new Error("ENOSPC: injected"), { code: "ENOSPC" });
  };

  it("goes on reading when it cannot be written, does not try for a minute, and then writes again", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const layout = layoutOf(1);
      const file = new MemorySlabFile(layout);
      const cache = new SlabCache(file, layout);
      await cache.write("s/a", 0, contentOf("s/a", 0));
      let tries = 0;
      file.beforeWrite = () => {
        tries++;
        failing();
      };
      for (let block = 1; block < 10; block++) await cache.write("s/a", block, contentOf("s/a", block));
      expect(tries).toBe(1);
      expect(cache.stats.failures).toBe(1);
      for (let i = 0; i < 5; i++) expect(await cache.read("s/a", 0)).toEqual(contentOf("s/a", 0));
      expect(await cache.read("s/a", 1)).toBeUndefined();
      expect(tries).toBe(1);
      vi.advanceTimersByTime(60_001);
      file.beforeWrite = () => undefined;
      await cache.write("s/a", 1, contentOf("s/a", 1));
      expect(await cache.read("s/a", 1)).toEqual(contentOf("s/a", 1));
    } finally {
      vi.useRealTimers();
    }
  });

  it("finds nothing and writes nothing for a minute when it cannot be read", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const layout = layoutOf(1);
      const file = new MemorySlabFile(layout);
      const cache = new SlabCache(file, layout);
      await cache.write("s/a", 0, contentOf("s/a", 0));
      let calls = 0;
      file.beforeRead = file.beforeWrite = () => {
        calls++;
        failing();
      };
      for (let i = 0; i < 5; i++) expect(await cache.read("s/a", 0)).toBeUndefined();
      await cache.write("s/a", 1, contentOf("s/a", 1));
      expect(calls).toBe(1);
      expect(cache.stats).toMatchObject({ failures: 1, misses: 5 });
      vi.advanceTimersByTime(60_001);
      file.beforeRead = file.beforeWrite = () => undefined;
      expect(await cache.read("s/a", 0)).toEqual(contentOf("s/a", 0));
    } finally {
      vi.useRealTimers();
    }
  });

  it("is right about a block whose writing failed halfway, or whose hit could not be noted", async () => {
    const layout = layoutOf(1);
    const file = new MemorySlabFile(layout);
    const cache = new SlabCache(file, layout);
    for (let block = 0; block < WAYS; block++) await cache.write("s/a", block, contentOf("s/a", block));
    // The slot is written, the entry is not: it still names the block that was there.
    file.beforeWrite = (at) => {
      if (at < layout.slotsStart) failing();
    };
    await cache.write("s/a", 50, contentOf("s/a", 50));
    const again = new SlabCache(file, layout);
    let found = 0;
    for (let block = 0; block < WAYS; block++) {
      const bytes = await again.read("s/a", block);
      if (bytes === undefined) continue;
      found++;
      expect(bytes).toEqual(contentOf("s/a", block));
    }
    expect(found).toBe(WAYS - 1);
    expect(again.stats.failures).toBe(1);
  });

  it("is closed once, after what was to be written, and then finds nothing", async () => {
    const layout = layoutOf(1);
    const file = new MemorySlabFile(layout);
    const cache = new SlabCache(file, layout);
    for (let block = 0; block < 10; block++) void cache.write("s/a", block, contentOf("s/a", block));
    await Promise.all([cache.close(), cache.close()]);
    expect(file.isClosed).toBe(true);
    expect(await cache.read("s/a", 0)).toBeUndefined();
    await cache.write("s/a", 11, contentOf("s/a", 11));
    expect(cache.stats.failures).toBe(0);
    file.isClosed = false;
    const again = new SlabCache(file, layout);
    for (let block = 0; block < 10; block++) expect(await again.read("s/a", block)).toEqual(contentOf("s/a", block));
  });
});
