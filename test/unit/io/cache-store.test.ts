/** A store behind a cache answers as it does without one, with fewer requests: against the store itself, requests counted. */
import { describe, expect, it } from "vitest";
import { Aborted, Unavailable } from "../../../src/core/errors.js";
import { CacheStore } from "../../../src/io/cache-store.js";
import type { IoEvent } from "../../../src/io/io-events.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import type { ObjectStore } from "../../../src/io/object-store.js";
import { SlabCache } from "../../../src/io/slab-cache.js";
import { SlabLayout } from "../../../src/io/slab-layout.js";
import { describeObjectStore } from "../../conformance/object-store.js";
import { MapCache, MemorySlabFile, RemoteStore } from "../../helpers/block-caches.js";
import { CountingStore } from "../../helpers/counting-store.js";
import { FaultStore } from "../../helpers/fault-store.js";
import { Random, runSeed } from "../../helpers/random.js";

const BLOCK = 512;
const isImmutable = (key: string) => key.startsWith("s/") || key.startsWith("v/");

describeObjectStore("memory, behind a cache of blocks", async () => {
  const memory = new MemoryStore();
  const cache = new MapCache(BLOCK);
  const open = () => new CacheStore(memory, cache, { isImmutable });
  return { store: open(), again: open, remove: async () => {} };
});

describeObjectStore("memory, behind a small slab", async () => {
  const memory = new RemoteStore(new MemoryStore());
  const layout = new SlabLayout(1 << 20, 4096);
  const cache = new SlabCache(new MemorySlabFile(layout), layout);
  const open = () => new CacheStore(memory, cache, { isImmutable });
  return { store: open(), again: open, remove: async () => {} };
});

const patterned = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);

/** A store with one immutable object of `length` bytes, counted, behind a cache. */
async function opened(length: number, wrap: (store: ObjectStore) => ObjectStore = (store) => store) {
  const memory = new MemoryStore();
  const bytes = patterned(length);
  await memory.put("s/a", bytes);
  const counting = new CountingStore(memory);
  const cache = new MapCache(BLOCK);
  const events: IoEvent[] = [];
  const open = () => new CacheStore(wrap(counting), cache, { isImmutable, onEvent: (event) => events.push(event) });
  return { memory, counting, cache, events, bytes, open, store: open() };
}

/** Requests to the storage, in words: what each read, or for a range what it gave. */
const taken = (counting: CountingStore) => counting.take().map(({ operation, bytes }) => `${operation} ${bytes}`);

describe("a range", () => {
  it("is fetched in whole blocks once, and found from then on, and so are its neighbours", async () => {
    const { store, counting, bytes, cache } = await opened(5000);
    expect(await store.getRange("s/a", 600, 100)).toEqual(bytes.slice(600, 700));
    expect(taken(counting)).toEqual(["getRange 512"]);
    await store.settled();
    expect(await store.getRange("s/a", 520, 500)).toEqual(bytes.slice(520, 1020));
    expect(await store.getRange("s/a", 600, 100)).toEqual(bytes.slice(600, 700));
    expect(taken(counting)).toEqual([]);
    expect([...cache.blocks.keys()]).toEqual(["1/memory:\ns/a"]);
    // Across three blocks, of which one is known: one request for the other two each side of it.
    expect(await store.getRange("s/a", 1000, 1000)).toEqual(bytes.slice(1000, 2000));
    expect(taken(counting)).toEqual(["getRange 1024"]);
  });

  it("is answered at the object's end as without a cache: short, empty, and beyond", async () => {
    for (const length of [0, 1, 511, 512, 513, 1024, 1500]) {
      const { store, memory, counting } = await opened(length);
      for (const pass of ["cold", "warm"]) {
        for (const [start, count] of [
          [0, 512],
          [0, 5000],
          [length, 10],
          [Math.max(0, length - 1), 10],
          [512, 512],
          [100_000, 1000],
          [2 ** 50, 1000],
          [0, 2 ** 40],
        ]) {
          const what = `${pass}, ${length} bytes: ${count} from ${start}`;
          expect(await store.getRange("s/a", start, count), what).toEqual(await memory.getRange("s/a", start, count));
        }
        await store.settled();
      }
      counting.take();
      // The end is known: nothing is asked for again.
      await store.getRange("s/a", 0, 5000);
      await store.getRange("s/a", 100_000, 1000);
      expect(counting.take()).toEqual([]);
    }
  });

  it("bridges small gaps between blocks that are missing, so that it takes one request", async () => {
    const { store, counting, bytes } = await opened(40_000);
    await store.getRange("s/a", 20 * BLOCK, BLOCK);
    await store.settled();
    counting.take();
    expect(await store.getRange("s/a", 0, 40_000)).toEqual(bytes);
    expect(taken(counting)).toEqual(["getRange 40000"]);
  });

  it("takes several requests where much is known between what is missing, and never many", async () => {
    const length = 4 << 20;
    const { store, counting, bytes, cache } = await opened(length);
    for (let block = 10; block < 1000; block++) {
      cache.blocks.set(`${block}/memory:\ns/a`, bytes.slice(block * BLOCK, (block + 1) * BLOCK));
    }
    expect(Buffer.compare((await store.getRange("s/a", 0, 1100 * BLOCK))!, bytes.subarray(0, 1100 * BLOCK))).toBe(0);
    expect(taken(counting)).toEqual([`getRange ${10 * BLOCK}`, `getRange ${100 * BLOCK}`]);
    await store.settled();
    for (let block = 0; block < 8192; block++) {
      if (block % 400 < 200) cache.blocks.delete(`${block}/memory:\ns/a`);
      else cache.blocks.set(`${block}/memory:\ns/a`, bytes.slice(block * BLOCK, (block + 1) * BLOCK));
    }
    expect(Buffer.compare((await store.getRange("s/a", 0, length))!, bytes)).toBe(0);
    expect(counting.take().length).toBe(1);
  });

  it("is asked for once, however many want it at the same time", async () => {
    const { store, counting, bytes } = await opened(5000);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => store.getRange("s/a", 600 + i, 100)));
    answers.forEach((answer, i) => void expect(answer).toEqual(bytes.slice(600 + i, 700 + i)));
    expect(counting.count("getRange")).toBe(1);
    // One that overlaps what is under way asks for the rest alone.
    await store.settled();
    counting.take();
    const [one, two] = await Promise.all([store.getRange("s/a", 2048, 512), store.getRange("s/a", 2048, 1024)]);
    expect([one, two]).toEqual([bytes.slice(2048, 2560), bytes.slice(2048, 3072)]);
    expect(taken(counting)).toEqual(["getRange 512", "getRange 512"]);
  });

  it("is found while its blocks are still on their way to the cache", async () => {
    const { store, counting, bytes, cache } = await opened(5000);
    let openGate = () => {};
    cache.gate = new Promise((resolve) => (openGate = resolve));
    await store.getRange("s/a", 0, 2000);
    counting.take();
    expect(await store.getRange("s/a", 100, 1500)).toEqual(bytes.slice(100, 1600));
    expect(counting.take()).toEqual([]);
    expect(cache.blocks.size).toBe(0);
    openGate();
    await store.settled();
    expect(cache.blocks.size).toBe(4);
  });

  it("gives bytes that are the caller's: spoiling them spoils nothing", async () => {
    const { store, bytes } = await opened(5000);
    for (let pass = 0; pass < 3; pass++) {
      const both = await Promise.all([store.getRange("s/a", 0, 1024), store.getRange("s/a", 0, 1024)]);
      for (const found of both) {
        expect(found).toEqual(bytes.slice(0, 1024));
        found!.fill(0xee);
      }
      const whole = await Promise.all([store.get("s/a"), store.get("s/a")]);
      for (const found of whole) {
        expect(found).toEqual(bytes);
        found!.fill(0xee);
      }
    }
    await store.settled();
    expect(await store.get("s/a")).toEqual(bytes);
  });
});

describe("a whole object", () => {
  it("is found once it was read whole, also where it ends with a block, or is empty", async () => {
    for (const length of [0, 1, 511, 512, 1024, 5000]) {
      const { store, counting, bytes } = await opened(length);
      expect(await store.get("s/a")).toEqual(bytes);
      await store.settled();
      expect(taken(counting)).toEqual([`get ${length}`]);
      expect(await store.get("s/a")).toEqual(bytes);
      expect(await store.getRange("s/a", 0, 700)).toEqual(bytes.slice(0, 700));
      expect(counting.take()).toEqual([]);
    }
  });

  it("is asked for in one request where any part of it is missing", async () => {
    const { store, counting, bytes, cache } = await opened(5000);
    await store.get("s/a");
    await store.settled();
    counting.take();
    for (const block of [0, 5, 9]) {
      cache.blocks.delete(`${block}/memory:\ns/a`);
      expect(await store.get("s/a")).toEqual(bytes);
      await store.settled();
      expect(taken(counting)).toEqual(["get 5000"]);
    }
  });

  it("is made of ranges that were read, once the end is among them", async () => {
    const { store, counting, bytes } = await opened(1024);
    await store.getRange("s/a", 0, 1024);
    await store.settled();
    expect(await store.get("s/a")).toEqual(bytes);
    expect(taken(counting)).toEqual(["getRange 1024", "get 1024"]);
    await store.settled();
    expect(await store.get("s/a")).toEqual(bytes);
    expect(counting.take()).toEqual([]);
  });

  it("is asked for once by all who want it at the same time", async () => {
    const { store, counting, bytes } = await opened(5000);
    for (const found of await Promise.all(Array.from({ length: 20 }, () => store.get("s/a"))))
      expect(found).toEqual(bytes);
    expect(taken(counting)).toEqual(["get 5000"]);
  });
});

describe("what is not cached", () => {
  it("absence: what was not there is found as soon as it is", async () => {
    const { store, memory, cache } = await opened(10);
    expect(await store.get("s/b")).toBeUndefined();
    expect(await store.getRange("s/b", 0, 10)).toBeUndefined();
    await store.settled();
    expect(cache.blocks.size).toBe(0);
    await memory.put("s/b", patterned(700));
    expect(await store.getRange("s/b", 600, 200)).toEqual(patterned(700).slice(600));
    expect(await store.get("s/b")).toEqual(patterned(700));
  });

  it("objects that may change", async () => {
    const { store, counting, cache } = await opened(10);
    for (const bytes of [patterned(600), patterned(20)]) {
      await store.put("c/head", bytes);
      expect(await store.get("c/head")).toEqual(bytes);
      expect(await store.getRange("c/head", 5, 10)).toEqual(bytes.slice(5, 15));
    }
    expect(counting.count("get", "getRange")).toBe(4);
    expect(cache.blocks.size).toBe(0);
  });

  it("failures: the next call tries again", async () => {
    let fault: "fail" | undefined;
    const { store, bytes, cache } = await opened(2000, (inner) => new FaultStore(inner, () => fault));
    for (const call of [() => store.get("s/a"), () => store.getRange("s/a", 0, 2000)]) {
      fault = "fail";
      for (let i = 0; i < 2; i++) await expect(call()).rejects.toBeInstanceOf(Unavailable);
      fault = undefined;
      expect(await call()).toEqual(bytes);
      await store.settled();
      cache.blocks.clear();
    }
  });

  it("anything once it is closed", async () => {
    const { store, cache, bytes } = await opened(2000);
    await store.getRange("s/a", 0, 10);
    await store.close();
    const { size } = cache.blocks;
    expect(size).toBe(1);
    expect(await store.get("s/a")).toEqual(bytes);
    await store.settled();
    expect(cache.blocks.size).toBe(size);
  });

  it("more than a bounded number of bytes that wait to be written", async () => {
    const { store, memory, cache } = await opened(10);
    cache.gate = new Promise(() => {});
    for (let i = 0; i < 5; i++) {
      await memory.put(`s/large${i}`, new Uint8Array(8 << 20));
      await store.getRange(`s/large${i}`, 0, 8 << 20);
    }
    expect(store.cacheStats.skippedWrites).toBeGreaterThanOrEqual((8 << 20) / BLOCK);
    expect(store.cacheStats.skippedWrites).toBeLessThanOrEqual((9 << 20) / BLOCK);
  });
});

describe("stores that share a cache", () => {
  it("have their own objects, though the keys are the same", async () => {
    const cache = new MapCache(BLOCK);
    const stores = await Promise.all(
      ["one", "two"].map(async (name) => {
        const memory = new MemoryStore();
        await memory.put("s/a", new TextEncoder().encode(name));
        return new CacheStore(memory, cache, { isImmutable, scope: `memory:${name}` });
      }),
    );
    for (let pass = 0; pass < 2; pass++) {
      for (const [i, name] of ["one", "two"].entries()) {
        expect(new TextDecoder().decode(await stores[i].get("s/a"))).toBe(name);
        await stores[i].settled();
      }
    }
  });
});

describe("who gives up", () => {
  /** A store whose reads wait until they are let go, or aborted. */
  class WaitingStore extends RemoteStore {
    started = 0;
    aborted = 0;
    letGo: () => void = () => {};
    readonly #gate = new Promise<void>((resolve) => (this.letGo = resolve));

    async #wait(signal: AbortSignal | undefined): Promise<void> {
      this.started++;
      await new Promise<void>((resolve, reject) => {
        void this.#gate.then(resolve);
        // A little later, as a request that is torn down does.
        signal?.addEventListener("abort", () => {
          this.aborted++;
          setTimeout(() => reject(new Aborted("the request was aborted", { cause: signal.reason })), 10);
        });
      });
    }

    override async get(...[key, options]: Parameters<ObjectStore["get"]>) {
      await this.#wait(options?.signal);
      return await this.inner.get(key);
    }

    override async getRange(...[key, start, length, options]: Parameters<ObjectStore["getRange"]>) {
      await this.#wait(options?.signal);
      return await this.inner.getRange(key, start, length);
    }
  }

  const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

  for (const [name, read] of [
    ["get", (store: ObjectStore, signal?: AbortSignal) => store.get("s/a", { signal })],
    ["getRange", (store: ObjectStore, signal?: AbortSignal) => store.getRange("s/a", 0, 2000, { signal })],
  ] as const) {
    it(`of a ${name} hears of it at once, and the others get their answer`, async () => {
      let waiting!: WaitingStore;
      const { store, bytes } = await opened(2000, (inner) => (waiting = new WaitingStore(inner)));
      const controllers = [new AbortController(), new AbortController()];
      const reads = [...controllers.map(({ signal }) => read(store, signal)), read(store)];
      await turn();
      expect(waiting.started).toBe(1);
      for (const controller of controllers) controller.abort(new Error("enough"));
      for (const given of reads.slice(0, 2)) await expect(given).rejects.toBeInstanceOf(Aborted);
      expect(waiting.aborted).toBe(0);
      waiting.letGo();
      expect(await reads[2]).toEqual(bytes);
    });

    it(`of a ${name} as the last cancels the request, and whoever comes then sends another`, async () => {
      let waiting!: WaitingStore;
      const { store, bytes } = await opened(2000, (inner) => (waiting = new WaitingStore(inner)));
      const controllers = [new AbortController(), new AbortController()];
      const reads = controllers.map(({ signal }) => read(store, signal));
      await turn();
      for (const controller of controllers) controller.abort(new Error("enough"));
      for (const given of reads) await expect(given).rejects.toBeInstanceOf(Aborted);
      const again = read(store);
      await turn();
      expect(waiting).toMatchObject({ started: 2, aborted: 1 });
      waiting.letGo();
      expect(await again).toEqual(bytes);
    });
  }

  it("and who only asks whether it is there shares no request with others, as he may be told another answer", async () => {
    let waiting!: WaitingStore;
    const { store, bytes } = await opened(2000, (inner) => (waiting = new WaitingStore(inner)));
    const reads = [
      store.get("s/a"),
      store.get("s/a", { probing: true }),
      store.getRange("s/a", 0, 2000),
      store.getRange("s/a", 0, 2000, { probing: true }),
    ];
    await turn();
    expect(waiting.started).toBe(4);
    waiting.letGo();
    for (const given of reads) expect(await given).toEqual(bytes);
  });

  it("is not given up by others: one range waits for all of its requests at once", async () => {
    let waiting!: WaitingStore;
    const { store, bytes, cache } = await opened(600_000, (inner) => (waiting = new WaitingStore(inner)));
    for (let block = 10; block < 1000; block++) {
      cache.blocks.set(`${block}/memory:\ns/a`, bytes.slice(block * BLOCK, (block + 1) * BLOCK));
    }
    // Both of its requests are under way already, for others. One of these gives up, while nothing is answered.
    const controller = new AbortController();
    const first = store.getRange("s/a", 9 * BLOCK, 512);
    const second = store.getRange("s/a", 1000 * BLOCK, 512, { signal: controller.signal });
    await turn();
    const whole = store.getRange("s/a", 9 * BLOCK, 992 * BLOCK);
    await turn();
    expect(waiting.started).toBe(2);
    controller.abort();
    await expect(second).rejects.toBeInstanceOf(Aborted);
    waiting.letGo();
    expect(await first).toEqual(bytes.slice(9 * BLOCK, 10 * BLOCK));
    expect(Buffer.compare((await whole)!, bytes.subarray(9 * BLOCK, 1001 * BLOCK))).toBe(0);
    expect(waiting).toMatchObject({ started: 2, aborted: 0 });
  });
});

describe("wrong answers of the storage", () => {
  it("are read again with refresh, and then are right in the cache too", async () => {
    for (const read of ["get", "getRange"] as const) {
      let fault: "corrupt" | undefined = "corrupt";
      const { store, bytes, counting } = await opened(2000, (inner) => new FaultStore(inner, () => fault));
      const call = (options?: { refresh: boolean }) =>
        read === "get" ? store.get("s/a", options) : store.getRange("s/a", 0, 2000, options);
      expect(await call()).not.toEqual(bytes);
      fault = undefined;
      expect(await call()).not.toEqual(bytes);
      expect(await call({ refresh: true })).toEqual(bytes);
      await store.settled();
      counting.take();
      expect(await call()).toEqual(bytes);
      if (read === "get") expect(counting.take()).toEqual([]);
    }
  });

  it("longer than what was asked for are cut", async () => {
    class Generous extends RemoteStore {
      override getRange(...[key, start, length]: Parameters<ObjectStore["getRange"]>) {
        return this.inner.getRange(key, start, length + 3000);
      }
    }
    const { store, bytes } = await opened(5000, (inner) => new Generous(inner));
    for (let pass = 0; pass < 2; pass++) {
      expect(await store.getRange("s/a", 100, 1000)).toEqual(bytes.slice(100, 1100));
      await store.settled();
    }
  });
});

describe("a cache that fails", () => {
  it("costs requests, and is counted; no read fails", async () => {
    const { store, counting, bytes, cache } = await opened(2000);
    cache.failWrites = true;
    expect(await store.getRange("s/a", 0, 100)).toEqual(bytes.slice(0, 100));
    await store.settled();
    expect(store.cacheStats).toMatchObject({ failures: 1 });
    cache.failReads = true;
    for (let i = 0; i < 3; i++) {
      expect(await store.getRange("s/a", 0, 100)).toEqual(bytes.slice(0, 100));
      expect(await store.get("s/a")).toEqual(bytes);
      await store.settled();
    }
    expect(counting.count("get", "getRange")).toBe(7);
    expect(store.cacheStats.failures).toBeGreaterThan(6);
  });
});

describe("events", () => {
  it("say what was found, and what a listener throws is dropped", async () => {
    const { store, events } = await opened(2000);
    await store.getRange("s/a", 600, 100);
    await store.settled();
    await store.getRange("s/a", 600, 100);
    await store.get("s/a");
    await store.settled();
    await store.get("s/a");
    await store.get("c/1");
    expect(events).toEqual([
      { type: "cache", key: "s/a", start: 600, length: 100, hit: false },
      { type: "cache", key: "s/a", start: 600, length: 100, hit: true },
      { type: "cache", key: "s/a", start: 0, length: 2000, hit: false },
      { type: "cache", key: "s/a", start: 0, length: 2000, hit: true },
    ]);
    const onEvent = () => {
      throw new Error("the listener's");
    };
    const loud = new CacheStore(new MemoryStore(), new MapCache(BLOCK), { isImmutable, onEvent });
    expect(await loud.get("s/a")).toBeUndefined();
  });
});

describe("any sequence of calls", () => {
  const failing = () => {
    throw new Error("injected: the slab cannot be written");
  };
  const expectSame = (found: Uint8Array | undefined, expected: Uint8Array | undefined) => {
    expect(found?.length).toBe(expected?.length);
    if (found && expected) expect(Buffer.compare(found, expected)).toBe(0);
  };

  it("gives what the store alone gives: cold, warm, evicting, damaged, failing, with many at once", async () => {
    const random = new Random(runSeed("cache store"));
    for (let round = 0; round < 30; round++) {
      const memory = new MemoryStore();
      const layout = new SlabLayout(random.pick([20 << 10, 40 << 10, 1 << 20]), BLOCK);
      const file = new MemorySlabFile(layout);
      const counting = new CountingStore(new RemoteStore(memory));
      let store = new CacheStore(counting, new SlabCache(file, layout), { isImmutable });
      const keys = ["s/a", "s/b", "v/c/l/1", "s/d", "c/1"];
      const put = new Set<string>();
      for (let step = 0; step < 150; step++) {
        const key = random.pick(keys);
        if (random.chance(0.1) && (!put.has(key) || key === "c/1")) {
          await store.put(key, random.bytes(random.pick([0, 100, 512, 1024, 1536, 3000, 20_000])));
          put.add(key);
        }
        if (random.chance(0.1)) {
          for (let i = 0; i < 50; i++) file.bytes[random.below(file.bytes.length)] ^= 1 << random.below(8);
        }
        if (random.chance(0.05)) {
          await store.settled();
          store = new CacheStore(counting, new SlabCache(file, layout), { isImmutable });
        }
        if (random.chance(0.02)) file.beforeWrite = random.chance(0.5) ? () => undefined : failing;
        await Promise.all(
          Array.from({ length: random.between(1, 6) }, async () => {
            if (random.chance(0.2)) {
              expectSame(await store.get(key), await memory.get(key));
              return;
            }
            const [start, length] = [random.below(4000), random.below(6000)];
            const into = random.chance(0.5) ? new Uint8Array(length + 5) : undefined;
            const found = await store.getRange(key, start, length, { into });
            expectSame(found, await memory.getRange(key, start, length));
            if (into && found) expect(found.buffer).toBe(into.buffer);
            found?.fill(0xee);
          }),
        );
      }
      await store.settled();
    }
  });
});
