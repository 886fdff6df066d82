/** The cache in a folder: made, found again, shared, replaced where it is another's, and never larger than it was told. */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InvalidArgument, PalimpsestError } from "../../../src/core/errors.js";
import { CacheStore } from "../../../src/io/cache-store.js";
import { openDiskCache } from "../../../src/io/disk-cache.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { SlabLayout } from "../../../src/io/slab-layout.js";
import { RemoteStore } from "../../helpers/block-caches.js";
import { CountingStore } from "../../helpers/counting-store.js";
import { KNOWN_PAGE_SIZE, knownCommit, wrongPages } from "../../helpers/known-history.js";
import { openOn } from "../../helpers/open-on.js";
import { bundleProgram, runProgram } from "../../helpers/programs.js";
import { Random, runSeed } from "../../helpers/random.js";
import { needsSmallDisk, SmallDisk } from "../../helpers/small-disk.js";

const BYTES = 1 << 20;
const SMALL = { bytes: BYTES, blockBytes: 4096 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "palimpsest-cache-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const slab = () => join(folder, "palimpsest.slab");
const content = (block: number) => new Random(block).bytes(4096);

/** Writes blocks by one cache, and says how many of them another one finds. */
async function fill(blocks = 100): Promise<void> {
  const cache = await openDiskCache({ folder, ...SMALL });
  for (let block = 0; block < blocks; block++) await cache.write("s/a", block, content(block));
  expect(cache.stats.failures).toBe(0);
  await cache.close();
}

async function found(blocks = 100, options = SMALL): Promise<number> {
  const cache = await openDiskCache({ folder, ...options });
  for (let block = 0; block < blocks; block++) {
    const bytes = await cache.read("s/a", block);
    if (bytes) expect(Buffer.compare(bytes, content(block))).toBe(0);
  }
  const { hits, failures } = cache.stats;
  expect(failures).toBe(0);
  await cache.close();
  return hits;
}

describe("the disk cache", () => {
  it("is there again after it was closed, in a folder that it makes", async () => {
    folder = join(folder, "not", "yet");
    await fill();
    expect(await found()).toBeGreaterThan(90);
    expect(await found()).toBeGreaterThan(90);
    expect(readdirSync(folder)).toEqual(["palimpsest.slab"]);
    folder = join(folder, "..", "..");
  });

  it("takes no more of the disk than it was told, however much is written", async () => {
    const cache = await openDiskCache({ folder, ...SMALL });
    for (let block = 0; block < 1000; block++) {
      await cache.write("s/a", block, content(block));
      if (block % 100 === 0) expect(statSync(slab()).size).toBe(new SlabLayout(BYTES, 4096).sizeBytes);
    }
    await cache.close();
    expect(statSync(slab()).size).toBeLessThanOrEqual(BYTES);
    expect(statSync(slab()).blocks * 512).toBeLessThanOrEqual(BYTES);
  });

  it("takes next to nothing before it is used", async () => {
    await (await openDiskCache({ folder, bytes: 1 << 30 })).close();
    expect(statSync(slab()).size).toBeGreaterThan(0.99 * 2 ** 30);
    expect(statSync(slab()).blocks * 512).toBeLessThan(1 << 20);
  });

  it("does not believe a slab of another geometry, one that is cut off, longer, or whose header is damaged", async () => {
    const { sizeBytes } = new SlabLayout(BYTES, 4096);
    const patch = (at: number, bytes: Uint8Array) => {
      const fd = openSync(slab(), "r+");
      writeSync(fd, bytes, 0, bytes.length, at);
      closeSync(fd);
    };
    for (const spoil of [
      () => truncateSync(slab(), sizeBytes - 1),
      () => truncateSync(slab(), 4096),
      () => truncateSync(slab(), 100),
      () => truncateSync(slab(), 0),
      () => truncateSync(slab(), sizeBytes + 1),
      () => patch(0, Uint8Array.of(0)),
      () => patch(16, Uint8Array.of(2)),
      () => patch(20, Uint8Array.of(1)),
      () => patch(4095, Uint8Array.of(1)),
      () => writeFileSync(slab(), "not a slab"),
      () => writeFileSync(slab(), new Uint8Array(sizeBytes)),
      () => writeFileSync(slab(), new Random(1).bytes(sizeBytes)),
    ]) {
      await fill();
      spoil();
      expect(await found()).toBe(0);
      expect(statSync(slab()).size).toBe(sizeBytes);
    }
    for (const other of [
      { bytes: BYTES, blockBytes: 8192 },
      { bytes: 2 * BYTES, blockBytes: 4096 },
      { bytes: BYTES / 2, blockBytes: 4096 },
    ]) {
      await fill();
      expect(await found(100, other)).toBe(0);
      expect(statSync(slab()).size).toBeLessThanOrEqual(other.bytes);
      expect(await found()).toBe(0);
    }
    expect(readdirSync(folder)).toEqual(["palimpsest.slab"]);
  });

  it("goes on, within its size, while another program replaces the file by one of another size", async () => {
    const large = await openDiskCache({ folder, bytes: 2 * BYTES, blockBytes: 4096 });
    const small = await openDiskCache({ folder, ...SMALL });
    for (let block = 0; block < 500; block++) {
      for (const cache of [large, small]) {
        await cache.write("s/a", block, content(block));
        const bytes = await cache.read("s/a", block);
        expect(Buffer.compare(bytes!, content(block))).toBe(0);
      }
    }
    expect(statSync(slab()).size).toBeLessThanOrEqual(BYTES);
    await large.close();
    await small.close();
  });

  it("is right while the file is damaged and cut off under it", async () => {
    const random = new Random(runSeed("disk cache"));
    const cache = await openDiskCache({ folder, ...SMALL });
    let hits = 0;
    for (let round = 0; round < 50; round++) {
      for (let i = 0; i < 20; i++) {
        const block = random.below(200);
        await cache.write("s/a", block, content(block));
      }
      if (round % 10 === 9) truncateSync(slab(), random.below(BYTES));
      else {
        const fd = openSync(slab(), "r+");
        for (let i = 0; i < 50; i++) writeSync(fd, random.bytes(1), 0, 1, random.below(statSync(slab()).size));
        closeSync(fd);
      }
      for (let block = 0; block < 200; block++) {
        const bytes = await cache.read("s/a", block);
        if (bytes === undefined) continue;
        hits++;
        expect(Buffer.compare(bytes, content(block))).toBe(0);
      }
    }
    expect(hits).toBeGreaterThan(500);
    expect(cache.stats.damaged).toBeGreaterThan(10);
    expect(statSync(slab()).size).toBeLessThanOrEqual(BYTES);
    await cache.close();
  });

  it("removes the temporary file of a process that died long ago, not that of one that starts", async () => {
    for (const [name, ageSeconds] of [
      [".palimpsest-slab-old", 3600],
      [".palimpsest-slab-new", 0],
      ["another", 3600],
    ] as const) {
      writeFileSync(join(folder, name), "");
      const then = Date.now() / 1000 - ageSeconds;
      utimesSync(join(folder, name), then, then);
    }
    await fill(1);
    expect(readdirSync(folder).sort()).toEqual([".palimpsest-slab-new", "another", "palimpsest.slab"]);
  });

  it("refuses what is no folder, or no size, by typed errors", async () => {
    for (const [bad, bytes] of [
      ["", BYTES],
      ["a\0b", BYTES],
      [undefined as never, BYTES],
      [folder, 1000],
      [folder, Number.NaN],
    ] as const) {
      await expect(openDiskCache({ folder: bad, bytes })).rejects.toBeInstanceOf(InvalidArgument);
    }
    writeFileSync(join(folder, "file"), "x");
    await expect(openDiskCache({ folder: join(folder, "file"), ...SMALL })).rejects.toBeInstanceOf(PalimpsestError);
    mkdirSync(slab());
    await expect(openDiskCache({ folder, ...SMALL })).rejects.toBeInstanceOf(PalimpsestError);
  });

  it("opens no named pipe that somebody put there, and waits for nobody", async () => {
    if (spawnSync("mkfifo", [slab()]).status !== 0) return;
    await fill();
    expect(await found()).toBeGreaterThan(90);
  });
});

describe("processes that start at once", () => {
  const program = bundleProgram("test/fault/programs/cache-opener.ts");

  it("make one slab and share it", async () => {
    for (let round = 0; round < 5; round++) {
      const own = join(folder, String(round));
      const results = await Promise.all(Array.from({ length: 4 }, (_, i) => runProgram(program, [own, String(i)])));
      const inodes = results.map(({ stdout, stderr }) => (stderr === "" ? stdout.trim() : stderr));
      expect(new Set(inodes)).toEqual(new Set([String(statSync(join(own, "palimpsest.slab")).ino)]));
      expect(readdirSync(own)).toEqual(["palimpsest.slab"]);
    }
  });
});

describe("the disk cache on a full disk", needsSmallDisk(), () => {
  it("fails no read, counts, and leaves the disk to others", async () => {
    const disk = new SmallDisk(2 << 20);
    try {
      const memory = new MemoryStore();
      const bytes = new Random(1).bytes(1 << 20);
      await memory.put("s/a", bytes);
      const cache = await openDiskCache({ folder: disk.folder, bytes: 8 << 20 });
      const store = new CacheStore(new RemoteStore(memory), cache, { isImmutable: () => true });
      const free = disk.fill(300 << 10);
      for (let pass = 0; pass < 3; pass++) {
        for (let at = 0; at < bytes.length; at += 50_000) {
          const found = await store.getRange("s/a", at, 60_000);
          expect(Buffer.compare(found!, bytes.subarray(at, at + 60_000))).toBe(0);
          await store.settled();
        }
      }
      expect(cache.stats.failures).toBeGreaterThan(0);
      // What was cached before the disk was full is still found.
      expect(cache.stats.hits).toBeGreaterThan(0);
      await store.close();
      await cache.close();
      free();
    } finally {
      disk.unmount();
    }
  });
});

describe("a store's history", () => {
  const LAST = 60;

  it("is the same with the cache off, cold, warm, and damaged", async () => {
    const random = new Random(runSeed("cache transparency"));
    const memory = new MemoryStore();
    {
      await using store = await openOn(memory);
      const volume = await store.createVolume({ name: "app", pageSize: KNOWN_PAGE_SIZE });
      for (let lsn = 1; lsn <= LAST; lsn++) await volume.commit(knownCommit(lsn));
    }
    const isImmutable = (key: string) => !key.startsWith("c/") && !key.endsWith("head");
    const requests: Record<string, number> = {};
    const read = async (how: string, cached: boolean) => {
      const counting = new CountingStore(new RemoteStore(memory));
      const cache = cached ? await openDiskCache({ folder, bytes: 16 << 20 }) : undefined;
      const objects = cache ? new CacheStore(counting, cache, { isImmutable }) : counting;
      const store = await openOn(objects, 1 << 20);
      const volume = await store.volume("app");
      expect(await wrongPages(LAST, (lsn) => volume.snapshot(lsn)), how).toEqual([]);
      await store.close();
      await objects.close();
      await cache?.close();
      requests[how] = counting.count("get", "getRange");
    };
    await read("off", false);
    await read("cold", true);
    await read("warm", true);
    const fd = openSync(slab(), "r+");
    const { size } = statSync(slab());
    for (let i = 0; i < 500; i++) writeSync(fd, random.bytes(1), 0, 1, 4096 + random.below(size - 4096));
    closeSync(fd);
    await read("damaged", true);
    const bytes = readFileSync(slab());
    expect(bytes.length).toBeLessThanOrEqual(16 << 20);
    writeFileSync(slab(), bytes.subarray(0, bytes.length / 2));
    await read("cut off", true);
    expect(existsSync(slab())).toBe(true);
    console.log(`requests: ${JSON.stringify(requests)}`);
    expect(requests.cold).toBeLessThan(requests.off);
    expect(requests.warm).toBeLessThan(requests.cold / 3);
    expect(requests.damaged).toBeGreaterThan(requests.warm);
    expect(requests.damaged).toBeLessThan(requests.cold);
    expect(requests["cut off"]).toBeGreaterThan(requests.damaged);
  });
});
