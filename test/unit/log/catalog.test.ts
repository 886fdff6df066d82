/** Volumes by name: created, renamed, dropped, by several processes at once, and found again however the hint fares. */
import { describe, expect, it } from "vitest";
import { Conflict, Corrupt, InvalidArgument, NotFound, Unavailable } from "../../../src/core/errors.js";
import { VolumeId } from "../../../src/core/ids.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { Catalog, checkName } from "../../../src/log/catalog.js";
import { CATALOG_HEAD_KEY, catalogKey } from "../../../src/log/keys.js";
import { CountingStore } from "../../helpers/counting-store.js";
import { FaultStore } from "../../helpers/fault-store.js";
import { Random, runSeed } from "../../helpers/random.js";

const names = (catalog: Catalog) => catalog.entries.map(({ name }) => name).sort();

describe("a catalog", () => {
  it("creates, renames and drops, for others to see", async () => {
    const objects = new MemoryStore();
    const catalog = await Catalog.open(objects);
    const app = await catalog.create("app", 4096);
    await catalog.create("log", 512);
    await expect(catalog.create("app", 4096)).rejects.toThrow(Conflict);
    await expect(catalog.rename("app", "log")).rejects.toThrow(Conflict);
    await catalog.rename("app", "old");
    await catalog.rename(app.vid, "old");
    await expect(catalog.rename("app", "other")).rejects.toThrow(NotFound);
    const other = await Catalog.open(objects);
    expect(names(other)).toEqual(["log", "old"]);
    expect(other.get("old")).toMatchObject({ pageSizeBytes: 4096, name: "old" });
    expect(other.get(app.vid.toString().toUpperCase()).vid.equals(app.vid)).toBe(true);
    await other.drop(app.vid);
    await other.drop(app.vid);
    await catalog.refresh();
    expect(names(catalog)).toEqual(["log"]);
    expect((await catalog.create("old", 512)).vid.equals(app.vid)).toBe(false);
  });

  it("lets one of many win a name", async () => {
    const objects = new MemoryStore();
    const catalogs = await Promise.all(Array.from({ length: 8 }, () => Catalog.open(objects)));
    const outcomes = await Promise.allSettled(catalogs.map((catalog) => catalog.create("app", 4096)));
    expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(Conflict);
    }
    const distinct = await Promise.all(catalogs.map((catalog, i) => catalog.create(`v${i}`, 4096)));
    expect(new Set(distinct.map(({ vid }) => vid.toString())).size).toBe(8);
    expect((await Catalog.open(objects)).entries.length).toBe(9);
  });

  it("opens with a missing, damaged, stale or foreign hint, in few requests", async () => {
    const objects = new CountingStore(new MemoryStore());
    const catalog = await Catalog.open(objects);
    const heads: Uint8Array[] = [];
    for (let i = 0; i < 100; i++) {
      await catalog.create(`v${i}`, 512);
      if (i % 16 === 0) heads.push((await objects.get(CATALOG_HEAD_KEY))!);
    }
    const good = (await objects.get(CATALOG_HEAD_KEY))!;
    const hints = [good, heads[2], good.map((byte, i) => byte ^ (i === 50 ? 4 : 0)), Uint8Array.of(), undefined];
    for (const hint of hints) {
      if (hint) await objects.put(CATALOG_HEAD_KEY, hint);
      else await objects.delete(CATALOG_HEAD_KEY);
      objects.take();
      expect((await Catalog.open(objects)).entries.length).toBe(100);
      expect(objects.requests.length).toBeLessThan(140);
      expect(objects.count("list")).toBe(0);
    }
    // A copy of a record without the state is no hint.
    await objects.put(CATALOG_HEAD_KEY, (await objects.get(catalogKey(5)))!);
    expect((await Catalog.open(objects)).entries.length).toBe(100);
  });

  it("agrees with a map, whoever changes it and whatever answers are lost", async () => {
    const seed = runSeed("catalog");
    for (let run = seed; run < seed + 10; run++) {
      const random = new Random(run);
      const inner = new MemoryStore();
      const faulty = new FaultStore(inner, ({ operation }) =>
        operation === "putIfAbsent" && random.chance(0.3) ? random.pick(["fail", "lose-answer"]) : undefined,
      );
      const catalogs = [await Catalog.open(inner), await Catalog.open(faulty), await Catalog.open(faulty)];
      const model = new Map<string, string>();
      for (let step = 0; step < 120; step++) {
        const catalog = random.pick(catalogs);
        const name = `n${random.below(12)}`;
        const target = `n${random.below(12)}`;
        const held = [...model].find(([, value]) => value === name)?.[0];
        const taken = [...model.values()];
        try {
          switch (random.below(3)) {
            case 0: {
              const { vid } = await catalog.create(name, 512);
              expect(taken).not.toContain(name);
              model.set(vid.toString(), name);
              break;
            }
            case 1:
              await catalog.rename(name, target);
              expect(name === target || !taken.includes(target)).toBe(true);
              model.set(held!, target);
              break;
            default:
              if (!held) continue;
              await catalog.drop(VolumeId.parse(held));
              model.delete(held);
          }
        } catch (error) {
          if (error instanceof Conflict) expect(taken.includes(name) || taken.includes(target)).toBe(true);
          else if (error instanceof NotFound) expect(held).toBe(undefined);
          // Three refusals in a row: nothing was written.
          else if (!(error instanceof Unavailable)) throw error;
        }
      }
      const fresh = await Catalog.open(inner);
      expect(new Map(fresh.entries.map(({ vid, name }) => [vid.toString(), name])), `SEED=${run}`).toEqual(model);
    }
  });

  it("says that it does not know when the storage does not answer", async () => {
    const inner = new MemoryStore();
    const faulty = new FaultStore(inner, () => undefined);
    const catalog = await Catalog.open(faulty);
    faulty.plan = ({ operation }) => (operation === "putIfAbsent" ? "fail" : undefined);
    await expect(catalog.create("app", 4096)).rejects.toThrow(Unavailable);
    faulty.plan = () => undefined;
    await catalog.create("app", 4096);
  });

  it("refuses records that contradict each other", async () => {
    const objects = new MemoryStore();
    const catalog = await Catalog.open(objects);
    await catalog.create("a", 512);
    const stranger = new MemoryStore();
    const other = await Catalog.open(stranger);
    await other.create("b", 512);
    await other.rename("b", "c");
    await objects.put(catalogKey(2), (await stranger.get(catalogKey(2)))!);
    await expect(Catalog.open(objects)).rejects.toThrow(Corrupt);
  });
});

describe("volume names", () => {
  it("may be any text of 1 to 255 bytes", () => {
    for (const name of ["a", " ", "app.db", "../x", "日本語", "😀", "é".repeat(127), "%2e", "01890a5d"])
      checkName(name);
  });

  it("may not be empty, long, controlling, half a character, or an id", () => {
    const id = VolumeId.random().toString();
    const bad: unknown[] = [
      "",
      "é".repeat(128),
      "a\u0000",
      "a\nb",
      "\u007f",
      "\u0085",
      "\ud800",
      id,
      id.toUpperCase(),
      7,
      undefined,
    ];
    for (const name of bad) expect(() => checkName(name as string), String(name)).toThrow(InvalidArgument);
  });
});
