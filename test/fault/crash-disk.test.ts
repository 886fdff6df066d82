/** That the disk of the crash model behaves as a disk: as the real one while it works, and as its comment says after a cut. */
import { describe, expect, it, vi } from "vitest";
import { FileStore } from "../../src/io/file-store.js";
import { describeObjectStore } from "../conformance/object-store.js";
import { type Loss, MemoryDisk, SECTOR_BYTES } from "../helpers/memory-disk.js";
import { mount } from "../helpers/memory-disk-fs.js";

vi.mock("node:fs", () => import("../helpers/memory-disk-fs.js"));

describeObjectStore("file, on the disk of the crash model", async () => {
  mount(MemoryDisk.empty());
  return { store: new FileStore("/not/made/yet"), again: () => new FileStore("/not/made/yet"), remove: async () => {} };
});

const bytes = (length: number, value: number) => new Uint8Array(length).fill(value);

function newFile(disk: MemoryDisk, path: string, content: Uint8Array, isSynced: boolean): void {
  const fd = disk.open(path, true);
  disk.append(fd, content);
  if (isSynced) disk.sync(fd);
  disk.close(fd);
}

function syncFolder(disk: MemoryDisk, path: string): void {
  const fd = disk.open(path, false);
  disk.sync(fd);
  disk.close(fd);
}

function contentOf(disk: MemoryDisk, path: string): Uint8Array {
  const fd = disk.open(path, false);
  const target = new Uint8Array(disk.stat(fd).size);
  disk.read(fd, target, 0);
  disk.close(fd);
  return target;
}

const namesIn = (disk: MemoryDisk, path: string) =>
  disk
    .readdir(path)
    .map(({ name }) => name)
    .sort();

/** What each subset of the pending names leaves in the root. */
function subsets(disk: MemoryDisk, loss: Loss = "none"): string[] {
  const left = new Set<string>();
  for (let set = 0; set < 2 ** disk.pendingNames; set++) {
    const cut = disk.cut({ keepsName: (index) => ((set >> index) & 1) === 1, loss: () => loss });
    left.add(namesIn(cut, "/").join(" "));
  }
  return [...left].sort();
}

describe("a power cut on the disk of the crash model", () => {
  it("loses names in every subset until their folder was synced", () => {
    const disk = MemoryDisk.empty();
    newFile(disk, "/a", bytes(1, 1), true);
    newFile(disk, "/b", bytes(1, 1), true);
    expect(subsets(disk)).toEqual(["", "a", "a b", "b"]);
    syncFolder(disk, "/");
    expect(subsets(disk)).toEqual(["a b"]);
  });

  it("keeps the changes of one name in their order, and a rename whole", () => {
    const disk = MemoryDisk.empty();
    newFile(disk, "/a", bytes(1, 1), true);
    disk.unlink("/a");
    expect(subsets(disk)).toEqual(["", "a"]);
    newFile(disk, "/b", bytes(1, 1), true);
    syncFolder(disk, "/");
    disk.rename("/b", "/c");
    expect(subsets(disk)).toEqual(["b", "c"]);
  });

  it("takes a folder that lost its name with all that was synced in it", () => {
    const disk = MemoryDisk.empty();
    disk.mkdir("/folder");
    newFile(disk, "/folder/a", bytes(1, 1), true);
    syncFolder(disk, "/folder");
    expect(subsets(disk)).toEqual(["", "folder"]);
    expect(namesIn(disk.cut({ keepsName: () => true, loss: () => "none" }), "/folder")).toEqual(["a"]);
  });

  it("loses bytes by whole sectors until the file was synced, whatever its name does", () => {
    const disk = MemoryDisk.empty();
    newFile(disk, "/a", bytes(3 * SECTOR_BYTES + 1, 7), false);
    syncFolder(disk, "/");
    const left = (loss: Loss) => contentOf(disk.cut({ keepsName: () => true, loss: () => loss }), "/a");
    expect(left("none")).toEqual(bytes(3 * SECTOR_BYTES + 1, 7));
    expect(left("all")).toEqual(bytes(0, 0));
    expect(left("zeros")).toEqual(bytes(3 * SECTOR_BYTES + 1, 0));
    const torn = left({ kept: (sector) => sector === 1, filler: 9 });
    expect([...new Set(torn.subarray(0, SECTOR_BYTES))]).toEqual([9]);
    expect([...new Set(torn.subarray(SECTOR_BYTES, 2 * SECTOR_BYTES))]).toEqual([7]);
    expect([...new Set(torn.subarray(2 * SECTOR_BYTES))]).toEqual([9]);
  });

  it("forgets what a failed sync did not write, and the next sync says nothing of it", () => {
    const disk = MemoryDisk.empty();
    const fd = disk.open("/a", true);
    disk.append(fd, bytes(SECTOR_BYTES, 7));
    disk.before = (call) => (call.name === "sync" ? { code: "EIO", forgets: true } : undefined);
    expect(() => disk.sync(fd)).toThrow("EIO");
    disk.before = undefined;
    disk.sync(fd);
    disk.close(fd);
    syncFolder(disk, "/");
    expect(contentOf(disk, "/a")).toEqual(bytes(SECTOR_BYTES, 7));
    expect(contentOf(disk.cut({ keepsName: () => true, loss: () => "none" }), "/a")).toEqual(bytes(0, 0));
  });

  it("leaves a killed process's effects pending, and copies apart", () => {
    const disk = MemoryDisk.empty();
    newFile(disk, "/a", bytes(1, 1), true);
    const fork = disk.fork();
    expect(fork.fullHash()).toBe(disk.fullHash());
    fork.unlink("/a");
    expect(namesIn(disk, "/")).toEqual(["a"]);
    expect(subsets(fork)).toEqual(["", "a"]);
    expect(fork.treeHash()).not.toBe(disk.treeHash());
  });
});
