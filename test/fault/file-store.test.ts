/** The file store against real processes, users and disks: races, missing permission, a full and a read-only disk. */
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NoSpace, ReadOnly } from "../../src/core/errors.js";
import { FileStore } from "../../src/io/file-store.js";
import { bundleProgram, runProgram, runUnprivileged } from "../helpers/programs.js";
import { needsSmallDisk, SmallDisk } from "../helpers/small-disk.js";

const text = (value: string) => new TextEncoder().encode(value);
const names = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith(".ballast"))
    .map((entry) => entry.name)
    .sort();

describe("file store shared by processes", () => {
  const program = bundleProgram("test/fault/programs/race-writer.ts");

  it("lets exactly one of 6 processes win each of 200 keys", async () => {
    const folder = mkdtempSync(join(tmpdir(), "palimpsest-race-"));
    const writers = Array.from({ length: 6 }, (_, i) => `writer ${i}`);
    const runs = await Promise.all(writers.map((name) => runProgram(program, [folder, name, "200"])));
    const winners = new Map<number, string>();
    for (const [i, { code, stdout, stderr }] of runs.entries()) {
      expect(stderr).toBe("");
      expect(code).toBe(0);
      for (const k of JSON.parse(stdout)) {
        expect(winners.has(k)).toBe(false);
        winners.set(k, writers[i]);
      }
    }
    expect(winners.size).toBe(200);
    const store = new FileStore(folder);
    for (const [k, name] of winners) expect(await store.get(`v/a/l/${k}`)).toEqual(text(name));
    expect(names(folder).length).toBe(200);
    rmSync(folder, { recursive: true });
  });
});

describe("file store without permission", () => {
  const program = bundleProgram("test/fault/programs/unprivileged.ts");
  let parent: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), "palimpsest-permission-"));
    chmodSync(parent, 0o755);
  });
  afterEach(() => {
    chmodSync(parent, 0o755);
    rmSync(parent, { recursive: true });
  });
  const run = (folder: string) => {
    const { code, stdout, stderr } = runUnprivileged(program, [folder]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    return JSON.parse(stdout);
  };
  const refusals = { checkWritable: "ReadOnly", put: "ReadOnly", putIfAbsent: "ReadOnly" };

  it("reads a folder that it may not write", async () => {
    const folder = join(parent, "pages");
    await new FileStore(folder).put("c/1", text("one"));
    for (const path of [join(folder, "c"), folder]) chmodSync(path, 0o555);
    expect(run(folder)).toEqual({ ...refusals, delete: "ReadOnly", get: 3, getSync: 3, list: "c/1" });
    for (const path of [folder, join(folder, "c")]) chmodSync(path, 0o755);
    expect(names(folder)).toEqual(["1"]);
  });

  it("cannot make a folder in one that it may not write, and leaves it so", () => {
    const absent = { delete: "undefined", get: "undefined", getSync: "undefined", list: "" };
    chmodSync(parent, 0o555);
    expect(run(join(parent, "new", "pages"))).toEqual({ ...refusals, ...absent });
    expect(readdirSync(parent)).toEqual([]);
  });

  it("does not take for absent what it may not read", async () => {
    const folder = join(parent, "pages");
    await new FileStore(folder).put("c/1", text("one"));
    chmodSync(join(folder, "c"), 0o000);
    const unreadable = { get: "Unavailable", getSync: "Unavailable", list: "Unavailable", delete: "ReadOnly" };
    expect(run(folder)).toEqual({ ...refusals, ...unreadable });
  });
});

describe("file store on a small disk", needsSmallDisk(), () => {
  let disk: SmallDisk;
  let store: FileStore;
  beforeEach(() => {
    disk = new SmallDisk(2 << 20);
    store = new FileStore(disk.folder);
  });
  afterEach(async () => {
    await store.close();
    disk.unmount();
  });

  it("refuses what does not fit, shows nothing of it, and goes on when there is space again", async () => {
    await store.checkWritable();
    await store.put("head", text("first"));
    await store.putIfAbsent("c/1", text("one"));
    const before = names(disk.folder);
    const large = new Uint8Array(1 << 20).fill(7);
    for (const leaveBytes of [512 << 10, 4096, 0]) {
      const free = disk.fill(leaveBytes);
      await expect(store.putIfAbsent("c/2", large)).rejects.toThrow(NoSpace);
      await expect(store.put("c/3", large)).rejects.toThrow(NoSpace);
      await expect(store.put("head", large)).rejects.toThrow(NoSpace);
      expect(names(disk.folder)).toEqual(before);
      expect(await store.get("head")).toEqual(text("first"));
      expect(await store.get("c/2")).toBeUndefined();
      await store.delete("c/none");
      free();
    }
    expect(await store.putIfAbsent("c/2", large)).toBe("created");
    expect(Buffer.compare((await store.get("c/2"))!, large)).toBe(0);
    await store.put("head", text("second"));
    expect(await store.get("head")).toEqual(text("second"));
  });

  it("lets objects be deleted from a full disk to make space", async () => {
    await store.put("c/1", new Uint8Array(1 << 20));
    disk.fill();
    await expect(store.put("c/2", new Uint8Array(1 << 19))).rejects.toThrow(NoSpace);
    await store.delete("c/1");
    await store.put("c/2", new Uint8Array(1 << 19));
  });

  it("reads a disk that is mounted read-only, and refuses to write", async () => {
    await store.put("c/1", text("one"));
    await store.close();
    disk.remount("ro");
    store = new FileStore(disk.folder);
    await expect(store.checkWritable()).rejects.toThrow(/mounted read-only/);
    for (const call of [
      () => store.put("c/1", text("two")),
      () => store.putIfAbsent("c/2", text("two")),
      () => store.delete("c/1"),
    ]) {
      await expect(call()).rejects.toThrow(ReadOnly);
    }
    expect(await store.get("c/1")).toEqual(text("one"));
    for await (const info of store.list("")) expect(info.key).toBe("c/1");
  });
});
