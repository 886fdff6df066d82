/**
 * A volume read through `SharedVolume`, in shared memory and, where the host cannot share any, by copies: the same answers and
 * the same errors. Both ends are on one thread here; `test/fault/shared-memory.test.ts` has them on nine.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Aborted, Closed, Corrupt, InvalidArgument, NotFound, NotResident } from "../../../src/core/errors.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { PageStore } from "../../../src/store/page-store.js";
import { SharedVolume } from "../../../src/store/shared-volume.js";
import { FaultStore } from "../../helpers/fault-store.js";
import { KNOWN_OFFSETS, KNOWN_PAGE_SIZE, KnownHistory, knownCommit } from "../../helpers/known-history.js";

const LAST = 40;

const isSame = (a: Uint8Array | undefined, b: Uint8Array | undefined) =>
  a !== undefined && b !== undefined ? Buffer.compare(a, b) === 0 : a === b;

describe.each([
  { way: "in shared memory", isIsolated: undefined },
  { way: "by copies", isIsolated: false },
])("a shared volume, $way", ({ isIsolated }) => {
  const isCopied = isIsolated === false;
  const objects = new MemoryStore();
  let store: PageStore;

  beforeEach(async () => {
    Object.assign(globalThis, { crossOriginIsolated: isIsolated });
    store = await PageStore.open("memory:", { objects, memory: 4 << 20, shared: true });
  });
  afterEach(async () => {
    await store.close();
    Object.assign(globalThis, { crossOriginIsolated: undefined });
  });

  let volumes = 0;
  async function created() {
    const volume = await store.createVolume({ name: `volume ${volumes++}`, pageSize: KNOWN_PAGE_SIZE });
    const handle = volume.share();
    expect(handle.shared === undefined).toBe(isCopied);
    return { volume, reader: SharedVolume.attach(handle) };
  }

  it("gives every page at every LSN, as they are committed", async () => {
    const { volume, reader } = await created();
    const target = new Uint8Array(KNOWN_PAGE_SIZE);
    const offsets = Uint32Array.from({ length: KNOWN_OFFSETS }, (_, offset) => offset);
    const known = new KnownHistory();
    const wrong: string[] = [];
    expect(reader.latestLsn).toBe(0);
    while (known.lsn < LAST) {
      known.advance();
      await volume.commit(knownCommit(known.lsn));
      // Where memory is not shared it is told, by a message.
      if (isCopied) await vi.waitFor(() => expect(reader.latestLsn).toBe(known.lsn), { interval: 1, timeout: 60_000 });
      else expect(reader.latestLsn).toBe(known.lsn);
      const seen = new Set<number>();
      await reader.borrowPages(offsets, known.lsn, (offset, page) => {
        if (!isSame(page, known.page(offset))) wrong.push(`LSN ${known.lsn}, offset ${offset}, borrowed`);
        seen.add(offset);
      });
      expect(seen.size).toBe(KNOWN_OFFSETS);
      for (let offset = known.lsn % 37; offset < KNOWN_OFFSETS; offset += 37) {
        const found = await reader.readPageInto(offset, known.lsn, target);
        if (!isSame(found ? target : undefined, known.page(offset))) wrong.push(`LSN ${known.lsn}, offset ${offset}`);
      }
    }
    expect(wrong).toEqual([]);
    reader.close();
  });

  it("reads in place what is in memory, and only that", async () => {
    const { volume, reader } = await created();
    await volume.commit(knownCommit(1));
    const [[offset, page]] = knownCommit(1).pages;
    const target = new Uint8Array(KNOWN_PAGE_SIZE);
    expect(() => reader.readPageIntoSync(offset, 1, target)).toThrow(NotResident);
    expect(await reader.readPageInto(offset, 1, target)).toBe(true);
    target.fill(0);
    if (isCopied) {
      expect(() => reader.readPageIntoSync(offset, 1, target)).toThrow(NotResident);
    } else {
      expect(reader.readPageIntoSync(offset, 1, target)).toBe(true);
      expect(target).toEqual(page);
      expect(reader.readPageIntoSync(KNOWN_OFFSETS + 5, 1, target)).toBe(false);
      await reader.borrowPages([offset], 1, (_, borrowed) => {
        expect(borrowed!.buffer).toBeInstanceOf(SharedArrayBuffer);
      });
    }
    reader.close();
  });

  it("refuses what the store refuses, with the same errors", async () => {
    const { volume, reader } = await created();
    await volume.commit(knownCommit(1));
    const target = new Uint8Array(KNOWN_PAGE_SIZE);
    expect(() => reader.readPageIntoSync(-1, 1, target)).toThrow(InvalidArgument);
    expect(() => reader.readPageIntoSync(0, 0, target)).toThrow(InvalidArgument);
    expect(() => reader.readPageIntoSync(0, 1, new Uint8Array(7))).toThrow(InvalidArgument);
    expect(() => reader.readPageIntoSync(0, 99, target)).toThrow(isCopied ? NotResident : NotFound);
    await expect(reader.readPageInto(0, 99, target)).rejects.toThrow(NotFound);
    await expect(reader.borrowPages([0], 99, () => {})).rejects.toThrow(NotFound);
    await expect(reader.borrowPages([0, -1], 1, () => {})).rejects.toThrow(InvalidArgument);
    const signal = AbortSignal.abort();
    await expect(reader.readPageInto(knownCommit(1).pages[0][0], 1, target, { signal })).rejects.toThrow(Aborted);
    const late = new AbortController();
    const given = reader.readPageInto(knownCommit(1).pages[0][0], 1, target, late);
    late.abort();
    await expect(given).rejects.toThrow(Aborted);
    reader.close();
  });

  it("tells a damaged page, with its place, and goes on", async () => {
    const faulty = new FaultStore(objects, () => undefined);
    await using damaged = await PageStore.open("memory:", { objects: faulty, memory: 1 << 20, shared: true });
    const volume = await damaged.createVolume({ name: `damaged ${isCopied}`, pageSize: KNOWN_PAGE_SIZE });
    await volume.commit(knownCommit(7));
    const reader = SharedVolume.attach(volume.share());
    const [[offset, page]] = knownCommit(7).pages;
    const target = new Uint8Array(KNOWN_PAGE_SIZE);
    faulty.plan = () => "short";
    const error = await reader.readPageInto(offset, 1, target).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Corrupt);
    expect((error as Corrupt).code).toBe("Corrupt");
    expect((error as Corrupt).byteOffset).toBeGreaterThan(0);
    faulty.plan = () => undefined;
    expect(await reader.readPageInto(offset, 1, target)).toBe(true);
    expect(target).toEqual(page);
    reader.close();
  });

  it("is not called while a page of it is borrowed", async () => {
    const { volume, reader } = await created();
    await volume.commit(knownCommit(1));
    const offset = knownCommit(1).pages[0][0];
    const target = new Uint8Array(KNOWN_PAGE_SIZE);
    await reader.readPageInto(offset, 1, target);
    const nested = reader.borrowPages([offset], 1, () => void reader.readPageIntoSync(offset, 1, target));
    await expect(nested).rejects.toThrow(isCopied ? NotResident : InvalidArgument);
    // What was thrown there did not leave it pinned.
    expect(await reader.readPageInto(offset, 1, target)).toBe(true);
    reader.close();
  });

  it("ends with its own close, with the store's, and with the volume", async () => {
    const { volume, reader } = await created();
    await volume.commit(knownCommit(1));
    const other = SharedVolume.attach(volume.share());
    const target = new Uint8Array(KNOWN_PAGE_SIZE);
    reader.close();
    reader.close();
    expect(() => reader.readPageIntoSync(0, 1, target)).toThrow(Closed);
    await expect(reader.readPageInto(0, 1, target)).rejects.toThrow(Closed);
    await store.dropVolume(volume.id);
    await expect(other.readPageInto(0, 1, target)).rejects.toThrow(Closed);
  });

  it("gives its memory back when its readers have gone", async () => {
    const before = store.stats().memory.usedBytes;
    const { volume, reader } = await created();
    expect(store.stats().memory.usedBytes === before).toBe(isCopied);
    await store.dropVolume(volume.id);
    while (true) {
      await new Promise((resolve) => setTimeout(resolve));
      try {
        await reader.readPageInto(0, 1, new Uint8Array(KNOWN_PAGE_SIZE));
      } catch (error) {
        if (error instanceof Closed) break;
      }
    }
    // Memory that was freed counts until an allocation finds that nobody reads it.
    const next = await created();
    await store.dropVolume(next.volume.id);
    next.reader.close();
    expect(store.stats().memory.usedBytes - before).toBeLessThan(32 << 10);
  });
});

it("volumes are shared by a store that was opened for it", async () => {
  await using store = await PageStore.open("memory:", { memory: 1 << 20 });
  const volume = await store.createVolume({ name: "app" });
  expect(() => volume.share()).toThrow(InvalidArgument);
});
