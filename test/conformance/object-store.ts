/** What every object store must do: run by each implementation over a store that `open` makes empty. */
import { afterEach, describe, expect, it } from "vitest";
import { Aborted, InvalidArgument, ReadOnly } from "../../src/core/errors.js";
import type { ObjectInfo, ObjectStore } from "../../src/io/object-store.js";

export interface OpenedStore {
  readonly store: ObjectStore;
  /** Another handle on the same objects, as another process would have. */
  again(): ObjectStore;
  /** Where `store` can only be read: what writes the objects that it reads. */
  readonly writer?: ObjectStore;
  remove(): Promise<void>;
}

const text = (value: string) => new TextEncoder().encode(value);

function patterned(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + (i >> 8);
  return bytes;
}

async function listed(store: ObjectStore, prefix: string): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const info of store.list(prefix)) found.push(info);
  return found;
}

export interface StoreTraits {
  /** `open` gives a `writer`, and what is about writing is left out. */
  readonly readOnly?: boolean;
}

export function describeObjectStore(
  name: string,
  open: () => Promise<OpenedStore>,
  { readOnly = false }: StoreTraits = {},
): void {
  const itWrites = readOnly ? () => {} : it;

  describe(`object store: ${name}`, () => {
    let opened: OpenedStore | undefined;
    let writer: ObjectStore;
    const fresh = async () => {
      opened = await open();
      writer = opened.writer ?? opened.store;
      return opened.store;
    };
    afterEach(async () => {
      await opened?.store.close();
      await opened?.writer?.close();
      await opened?.remove();
      opened = undefined;
    });

    it("gives an absent object as undefined, and counts it", async () => {
      const store = await fresh();
      expect(await store.get("v/a/l/1")).toBeUndefined();
      expect(await store.getRange("v/a/l/1", 0, 10)).toBeUndefined();
      expect(store.stats).toMatchObject({ gets: 2, misses: 2, bytesRead: 0 });
    });

    itWrites("is empty before the first write: nothing to list, nothing to delete", async () => {
      const store = await fresh();
      expect(await listed(store, "")).toEqual([]);
      expect(await listed(store, "v/a/")).toEqual([]);
      await store.delete("v/a/l/1");
    });

    it("gives back what was put: empty, small, and 16 MiB", async () => {
      const store = await fresh();
      await writer.checkWritable();
      for (const [key, bytes] of [
        ["empty", new Uint8Array(0)],
        ["v/a/small", text("palimpsest")],
        ["v/a/s/large", patterned(16 << 20)],
      ] as const) {
        await writer.put(key, bytes);
        const back = await store.get(key);
        expect(back?.length).toBe(bytes.length);
        expect(Buffer.compare(back!, bytes)).toBe(0);
      }
    });

    it("replaces by put", async () => {
      const store = await fresh();
      await writer.put("head", text("a longer first state"));
      await writer.put("head", text("second"));
      expect(await store.get("head")).toEqual(text("second"));
      expect(await store.getRange("head", 0, 100)).toEqual(text("second"));
      await writer.put("head", text("third"));
      expect(await store.getRange("head", 0, 100)).toEqual(text("third"));
    });

    itWrites("creates by putIfAbsent once, and has no effect on a key that is taken", async () => {
      const store = await fresh();
      expect(await store.putIfAbsent("c/1", text("first"))).toBe("created");
      expect(await store.putIfAbsent("c/1", text("second"))).toBe("exists");
      expect(await store.get("c/1")).toEqual(text("first"));
      await store.put("c/2", text("put"));
      expect(await store.putIfAbsent("c/2", text("late"))).toBe("exists");
      expect(await store.get("c/2")).toEqual(text("put"));
    });

    it("creates again what was deleted, and reads the new bytes", async () => {
      const store = await fresh();
      await writer.putIfAbsent("c/1", text("first"));
      expect(await store.getRange("c/1", 0, 5)).toEqual(text("first"));
      await writer.delete("c/1");
      expect(await store.get("c/1")).toBeUndefined();
      expect(await store.getRange("c/1", 0, 5)).toBeUndefined();
      expect(await writer.putIfAbsent("c/1", text("again"))).toBe("created");
      expect(await store.getRange("c/1", 0, 5)).toEqual(text("again"));
    });

    it("reads ranges: inside, across the end, beyond it, and of no length", async () => {
      const store = await fresh();
      const bytes = patterned(10_000);
      await writer.putIfAbsent("v/a/s/1", bytes);
      for (const [start, length] of [
        [0, 10_000],
        [0, 1],
        [4096, 4096],
        [9_990, 100],
        [10_000, 5],
        [1 << 30, 5],
        [7, 0],
      ]) {
        expect(await store.getRange("v/a/s/1", start, length)).toEqual(bytes.slice(start, start + length));
      }
    });

    it("reads a range into the caller's memory, and nothing beside it", async () => {
      const store = await fresh();
      const bytes = patterned(300_000);
      await writer.putIfAbsent("v/a/s/1", bytes);
      const memory = new Uint8Array(400_000);
      for (const [start, length] of [
        [0, 300_000],
        [4096, 4096],
        [299_990, 100],
        [300_000, 5],
        [7, 0],
      ]) {
        memory.fill(0xee);
        const expected = bytes.slice(start, start + length);
        const into = memory.subarray(1000, 1000 + length + 10);
        const found = (await store.getRange("v/a/s/1", start, length, { into }))!;
        expect(found.buffer).toBe(memory.buffer);
        expect(found.byteOffset).toBe(1000);
        expect(Buffer.compare(found, expected)).toBe(0);
        expect(memory[999]).toBe(0xee);
        expect(memory[1000 + length]).toBe(0xee);
      }
      expect(await store.getRange("v/a/s/2", 0, 10, { into: memory })).toBeUndefined();
    });

    it("refuses a range that is no range", async () => {
      const store = await fresh();
      await writer.put("a", text("a"));
      for (const [start, length] of [
        [-1, 1],
        [0, -1],
        [0.5, 1],
        [Number.NaN, 1],
        [0, 2 ** 60],
      ]) {
        await expect(store.getRange("a", start, length)).rejects.toBeInstanceOf(InvalidArgument);
      }
    });

    it("owns what it was given and gives away what it returns", async () => {
      const store = await fresh();
      for (const mine of [text("mine"), Buffer.from("mine"), Buffer.from("not mine").subarray(4)]) {
        await writer.put("a", mine);
        mine.fill(0);
        const back = (await store.get("a"))!;
        expect(back).toEqual(text("mine"));
        back.fill(0);
        (await store.getRange("a", 0, 4))!.fill(0);
        expect(await store.get("a")).toEqual(text("mine"));
      }
    });

    itWrites("lists by prefix, in ascending order of keys, with sizes and times", async () => {
      const store = await fresh();
      const before = Date.now() - 5_000;
      const keys = ["v/b/l/2", "v/a/l/10", "v/a/l/1", "v/a.x", "v/a-b/1", "v/ab/1", "c/1", "v/a/head", "v/a0", "head"];
      for (const key of keys) await store.put(key, text(key));
      const all = await listed(store, "");
      expect(all.map((info) => info.key)).toEqual([...keys].sort());
      for (const info of all) {
        expect(info.sizeBytes).toBe(info.key.length);
        expect(info.modifiedMs).toBeGreaterThan(before);
        expect(info.modifiedMs).toBeLessThan(Date.now() + 5_000);
      }
      for (const prefix of ["v/", "v/a", "v/a/", "v/a/l/1", "v/a/l/1/", "v/b/l/", "w", "c/1", "v/a-"]) {
        const expected = keys.filter((key) => key.startsWith(prefix)).sort();
        expect((await listed(store, prefix)).map((info) => info.key)).toEqual(expected);
      }
    });

    itWrites("goes on listing while objects are deleted under it", async () => {
      const store = await fresh();
      for (let i = 0; i < 20; i++) await store.put(`v/a/l/${i}`, text("x"));
      for await (const info of store.list("v/")) await store.delete(info.key);
      expect(await listed(store, "")).toEqual([]);
    });

    it("refuses keys that could leave the store or mean two things", async () => {
      const store = await fresh();
      const bad = [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "..",
        "../a",
        "a/../b",
        "a/..",
        ".",
        "a/.",
        ".tmp-1",
        "a/.tmp-1",
        "a\\b",
      ];
      bad.push("a\0b", "A", "a b", "a%2fb", "é", "a\nb", "x".repeat(200), `${"x/".repeat(400)}x`, "a:b", "a*");
      const values: unknown[] = [...bad, undefined, null, 7, {}];
      for (const value of values) {
        const key = value as string;
        await expect(store.get(key), `get ${key}`).rejects.toBeInstanceOf(InvalidArgument);
        await expect(store.getRange(key, 0, 1)).rejects.toBeInstanceOf(InvalidArgument);
        await expect(store.put(key, text("x"))).rejects.toBeInstanceOf(InvalidArgument);
        await expect(store.putIfAbsent(key, text("x"))).rejects.toBeInstanceOf(InvalidArgument);
        await expect(store.delete(key)).rejects.toBeInstanceOf(InvalidArgument);
        if (store.sync) expect(() => store.sync!.get(key)).toThrow(InvalidArgument);
        if (store.sync) expect(() => store.sync!.readRange(key, 0, new Uint8Array(1))).toThrow(InvalidArgument);
      }
      for (const prefix of ["/", "..", "../", "a/../", "a//", "A", "\0", "."]) {
        await expect(listed(store, prefix), `list ${prefix}`).rejects.toBeInstanceOf(InvalidArgument);
      }
      expect(await listed(writer, "")).toEqual([]);
    });

    it("stops when the caller's signal has fired, without any effect", async () => {
      const store = await fresh();
      await writer.put("a", text("a"));
      const signal = AbortSignal.abort(new Error("enough"));
      const calls = [
        store.get("a", { signal }),
        store.getRange("a", 0, 1, { signal }),
        store.put("a", text("b"), { signal }),
        store.putIfAbsent("b", text("b"), { signal }),
        store.delete("a", { signal }),
        store.checkWritable({ signal }),
        (async () => {
          for await (const _ of store.list("", { signal }));
        })(),
      ];
      for (const call of calls) await expect(call).rejects.toBeInstanceOf(Aborted);
      expect((await listed(writer, "")).map((info) => info.key)).toEqual(["a"]);
      expect(await store.get("a")).toEqual(text("a"));
    });

    it("counts requests and bytes", async () => {
      const store = await fresh();
      await writer.put("a", text("four"));
      await writer.putIfAbsent("b", text("sevenxx"));
      await writer.putIfAbsent("b", text("x"));
      await store.get("a");
      await store.getRange("b", 2, 3);
      await store.get("c");
      await writer.delete("a");
      await listed(writer, "");
      expect(store.stats).toMatchObject({ gets: 3, misses: 1, bytesRead: 7 });
      expect(writer.stats).toMatchObject({ puts: 3, lists: 1, deletes: 1, bytesWritten: 12 });
    });

    if (readOnly) {
      it("says that it can only be read, and sends nothing", async () => {
        const store = await fresh();
        await writer.put("a", text("a"));
        const calls = [
          store.put("a", text("b")),
          store.putIfAbsent("b", text("b")),
          store.delete("a"),
          store.checkWritable(),
          listed(store, ""),
        ];
        for (const call of calls) await expect(call).rejects.toBeInstanceOf(ReadOnly);
        expect(await store.get("a")).toEqual(text("a"));
        expect(await store.get("b")).toBeUndefined();
        expect(store.stats).toMatchObject({ puts: 0, lists: 0, deletes: 0, bytesWritten: 0 });
      });
    }

    itWrites("may be checked for writing at any time, again and again, and leaves nothing", async () => {
      const store = await fresh();
      await store.checkWritable();
      await store.put("a", text("a"));
      await Promise.all([store.checkWritable(), store.checkWritable()]);
      expect((await listed(store, "")).map((info) => info.key)).toEqual(["a"]);
    });

    it("shows another handle what was written, also after this one is closed", async () => {
      const store = await fresh();
      const other = opened!.again();
      await writer.putIfAbsent("v/a/l/1", text("one"));
      expect(await other.get("v/a/l/1")).toEqual(text("one"));
      if (!readOnly) expect(await other.putIfAbsent("v/a/l/1", text("two"))).toBe("exists");
      await writer.put("head", text("1"));
      expect(await other.get("head")).toEqual(text("1"));
      await writer.put("head", text("2"));
      expect(await other.get("head")).toEqual(text("2"));
      await store.close();
      expect(await other.get("v/a/l/1")).toEqual(text("one"));
      await other.close();
    });

    itWrites("lets exactly one of 16 writers win each of 200 keys, and keeps its bytes", async () => {
      const store = await fresh();
      const handles = [store, opened!.again(), opened!.again(), opened!.again()];
      const wins = new Map<string, number[]>();
      await Promise.all(
        Array.from({ length: 16 }, async (_, writer) => {
          for (let k = 0; k < 200; k++) {
            const key = `v/a/l/${k}`;
            const outcome = await handles[writer % handles.length].putIfAbsent(key, text(`writer ${writer}`));
            if (outcome === "created") wins.set(key, [...(wins.get(key) ?? []), writer]);
          }
        }),
      );
      expect(wins.size).toBe(200);
      for (const [key, writers] of wins) {
        expect(writers.length).toBe(1);
        expect(await store.get(key)).toEqual(text(`writer ${writers[0]}`));
      }
    });

    it("shows a reader a whole object or none while it is put", async () => {
      const store = await fresh();
      const length = 300_000;
      let writing = true;
      const written = (async () => {
        for (let i = 1; i <= 30; i++) {
          await writer.put("head", new Uint8Array(length).fill(i));
          await writer.putIfAbsent(`s/${i}`, new Uint8Array(length).fill(i));
        }
      })().finally(() => {
        writing = false;
      });
      let next = 1;
      while (writing) {
        for (const key of ["head", `s/${next}`]) {
          const seen = await store.get(key);
          if (seen === undefined) continue;
          expect(seen.length).toBe(length);
          expect(seen.every((byte) => byte === seen[0])).toBe(true);
          if (key !== "head") next++;
        }
      }
      await written;
    });

    it("reads in place, where it can, what it reads by promise", async () => {
      const store = await fresh();
      const { sync } = store;
      if (sync === undefined) return;
      const bytes = patterned(10_000);
      await writer.putIfAbsent("v/a/s/1", bytes);
      expect(sync.get("v/a/s/1")).toEqual(bytes);
      expect(sync.get("v/a/s/2")).toBeUndefined();
      expect(sync.readRange("v/a/s/2", 0, new Uint8Array(4))).toBe(-1);
      const memory = new Uint8Array(65_536);
      for (const [start, length] of [
        [0, 10_000],
        [4096, 4096],
        [9_990, 100],
        [10_000, 5],
        [7, 0],
        [1 << 30, 5],
      ]) {
        memory.fill(0xee);
        const expected = bytes.slice(start, start + length);
        expect(sync.readRange("v/a/s/1", start, memory.subarray(100, 100 + length))).toBe(expected.length);
        expect(memory.slice(100, 100 + expected.length)).toEqual(expected);
        expect(memory[99]).toBe(0xee);
        expect(memory[100 + expected.length]).toBe(0xee);
      }
      expect(() => sync.readRange("v/a/s/1", -1, new Uint8Array(1))).toThrow(InvalidArgument);
      expect(store.stats.misses).toBe(2);
      await writer.delete("v/a/s/1");
      expect(sync.get("v/a/s/1")).toBeUndefined();
      expect(sync.readRange("v/a/s/1", 0, new Uint8Array(4))).toBe(-1);
    });
  });
}
