/** What the file store does beyond the conformance suite: the disk's failures, and what it leaves behind. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Aborted, Closed, Corrupt, InvalidArgument, NoSpace, ReadOnly, Unavailable } from "../../../src/core/errors.js";
import { FileStore } from "../../../src/io/file-store.js";
import { disk, systemError } from "../../helpers/fault-fs.js";

vi.mock("node:fs", async (original) => (await import("../../helpers/fault-fs.js")).faulty(await original()));

const text = (value: string) => new TextEncoder().encode(value);
const filesUnder = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

let parent: string;
let folder: string;
let store: FileStore;

beforeEach(() => {
  parent = realpathSync(mkdtempSync(join(tmpdir(), "palimpsest-file-store-")));
  folder = join(parent, "pages");
  store = new FileStore(folder);
});

afterEach(async () => {
  disk.beforeChange = undefined;
  disk.beforeRead = undefined;
  await store.close();
  rmSync(parent, { recursive: true });
});

/** Makes every change named `name` fail with `code`. */
function failing(name: string, code: string): void {
  disk.beforeChange = (call) => {
    if (call.name === name) throw systemError(code);
    return undefined;
  };
}

async function listed(): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list("")) keys.push(key);
  return keys;
}

describe("file store", () => {
  it("puts an object at the path that its key says, and reading makes nothing", async () => {
    await store.get("v/a/l/1");
    expect(await listed()).toEqual([]);
    expect(readdirSync(parent)).toEqual([]);
    await store.putIfAbsent("v/a/l/1", text("one"));
    expect(readFileSync(join(folder, "v/a/l/1"), "utf8")).toBe("one");
    expect(filesUnder(parent)).toEqual(["pages/v/a/l/1"]);
  });

  it("names itself by its absolute path", () => {
    expect(store.url).toBe(`file:${folder}`);
    expect(new FileStore("some/pages").url).toBe(`file:${process.cwd()}/some/pages`);
    for (const bad of ["", "a\0b", undefined]) expect(() => new FileStore(bad as string)).toThrow(InvalidArgument);
  });

  it("opens the folder that a URL names", () => {
    const cwd = process.cwd();
    for (const [url, path] of [
      ["file:./pages", `${cwd}/pages`],
      ["file:pages", `${cwd}/pages`],
      ["file:/a/b", "/a/b"],
      ["file:/a/100%", "/a/100%"],
      ["file:///a/b%20c", "/a/b c"],
      ["file://localhost/a", "/a"],
      [store.url, folder],
    ]) {
      expect(FileStore.open(url).folder, url).toBe(path);
    }
    for (const url of ["file:", "file://host/a", "file:///a%2fb", "file:///a%", "/a", "http://a/", "file:a\0b"]) {
      expect(() => FileStore.open(url), url).toThrow(InvalidArgument);
    }
  });

  it("syncs the bytes before the name is given, and then every folder that got a new name", async () => {
    const calls: string[] = [];
    disk.beforeChange = (call) => {
      calls.push(`${call.name} ${call.path.slice(parent.length).replace(/\.tmp-[0-9a-f]{16}$/, "TMP")}`);
      return undefined;
    };
    await store.putIfAbsent("c/1", text("one"));
    expect(calls).toEqual([
      "syncFolder ", // of the folder above the one that the store's was made in
      "mkdir /pages",
      "syncFolder ",
      "mkdir /pages/c",
      "syncFolder /pages",
      "create /pages/c/TMP",
      "write /pages/c/TMP",
      "sync /pages/c/TMP",
      "link /pages/c/1",
      "unlink /pages/c/TMP",
      "syncFolder /pages/c",
    ]);
    calls.length = 0;
    await store.put("c/head", text("one"));
    expect(calls).toEqual([
      "create /pages/c/TMP",
      "write /pages/c/TMP",
      "sync /pages/c/TMP",
      "rename /pages/c/head",
      "unlink /pages/c/TMP",
      "syncFolder /pages/c",
    ]);
    expect(store.stats.syncs).toBe(7);
    expect(store.stats.syncMs).toBeGreaterThan(0);
    calls.length = 0;
    // Another handle cannot know whether the folders' names are durable: whoever made them may not have synced yet.
    await new FileStore(folder).putIfAbsent("c/1", text("two"));
    expect(calls).toContain("syncFolder /pages");
    expect(calls.at(-1)).toBe("syncFolder /pages/c");
  });

  it("syncs where it saw objects before it gives a name, once, and what is seen meanwhile again", async () => {
    for (const key of ["a/1", "b/1", "c/1"]) await store.putIfAbsent(key, text(key));
    const other = new FileStore(folder);
    await other.get("a/1");
    await other.get("a/2");
    other.sync.get("b/1");
    let isSeenAgain = false;
    const calls: string[] = [];
    disk.beforeChange = ({ name, path }) => {
      if (name !== "syncFolder" && name !== "link") return undefined;
      calls.push(`${name} ${path.slice(folder.length)}`);
      if (name === "syncFolder" && path.endsWith("/b") && !isSeenAgain) {
        isSeenAgain = true;
        other.sync.get("b/1");
      }
      return undefined;
    };
    await other.putIfAbsent("c/2", text("two"));
    const before = calls.slice(0, calls.indexOf("link /c/2"));
    expect(before.filter((call) => /[/][ab]$/.test(call)).sort()).toEqual(["syncFolder /a", "syncFolder /b"]);
    expect(calls.at(-1)).toBe("syncFolder /c");
    calls.length = 0;
    // Together, and once for both.
    await Promise.all([other.putIfAbsent("c/3", text("three")), other.putIfAbsent("c/4", text("four"))]);
    expect(calls.filter((call) => call === "syncFolder /b")).toHaveLength(1);
    expect(calls[0]).toBe("syncFolder /b");
    calls.length = 0;
    await other.putIfAbsent("c/5", text("five"));
    expect(calls).toEqual(["link /c/5", "syncFolder /c"]);
  });

  it("tries a sync that failed again, before the next name", async () => {
    for (const key of ["a/1", "b/1"]) await store.putIfAbsent(key, text(key));
    failing("syncFolder", "EIO");
    await expect(store.putIfAbsent("a/2", text("two"))).rejects.toBeInstanceOf(Unavailable);
    const calls: string[] = [];
    disk.beforeChange = ({ name, path }) => {
      if (name === "syncFolder" || name === "link") calls.push(`${name} ${path.slice(folder.length)}`);
      return undefined;
    };
    await store.putIfAbsent("b/2", text("two"));
    expect(calls).toEqual(["syncFolder /a", "link /b/2", "syncFolder /b"]);
  });

  it("writes elsewhere though a folder where it saw an object has become a file", async () => {
    for (const key of ["v/a/l/1", "v/b/l/1"]) await store.putIfAbsent(key, text(key));
    const other = new FileStore(folder);
    await other.get("v/b/l/1");
    rmSync(join(folder, "v/b"), { recursive: true });
    writeFileSync(join(folder, "v/b"), "not a folder any more");
    expect(await other.putIfAbsent("v/a/l/2", text("two"))).toBe("created");
    expect(await other.get("v/a/l/2", { lasting: true })).toEqual(text("two"));
    await other.close();
  });

  it("writes nothing on top of an object that cannot be made durable", async () => {
    for (const key of ["a/1", "b/1"]) await store.putIfAbsent(key, text(key));
    const other = new FileStore(folder);
    await other.get("b/1");
    disk.beforeChange = ({ name, path }) => {
      if (name === "syncFolder" && path === join(folder, "b")) throw systemError("EIO");
      return undefined;
    };
    for (const put of [() => other.putIfAbsent("a/2", text("two")), () => other.put("a/2", text("two"))]) {
      const error = await put().catch((thrown) => thrown);
      expect(error).toBeInstanceOf(Unavailable);
      expect(error.message).toContain(`${join(folder, "b")} failed: an object was read there`);
      expect(filesUnder(folder)).toEqual(["a/1", "b/1"]);
    }
    disk.beforeChange = undefined;
    expect(await other.putIfAbsent("a/2", text("two"))).toBe("created");
    await other.close();
  });

  it("leaves nothing of a write that failed before its name was given", async () => {
    await store.putIfAbsent("c/1", text("one"));
    const expected: [string, string, new (...args: never[]) => Error][] = [
      ["create", "ENOSPC", NoSpace],
      ["write", "ENOSPC", NoSpace],
      ["sync", "ENOSPC", NoSpace],
      ["link", "EDQUOT", NoSpace],
      ["rename", "EDQUOT", NoSpace],
      ["create", "EACCES", ReadOnly],
      ["create", "EROFS", ReadOnly],
      ["link", "EPERM", ReadOnly],
      ["rename", "EPERM", ReadOnly],
      ["create", "EMFILE", Unavailable],
      ["write", "EIO", Unavailable],
      ["sync", "EIO", Unavailable],
      ["link", "EIO", Unavailable],
      ["mkdir", "EROFS", ReadOnly],
      ["mkdir", "ENOSPC", NoSpace],
    ];
    for (const [name, code, type] of expected) {
      failing(name, code);
      const key = name === "mkdir" ? "d/2" : "c/2";
      if (name !== "rename") await expect(store.putIfAbsent(key, text("two")), code).rejects.toBeInstanceOf(type);
      if (name !== "link") await expect(store.put(key, text("two")), code).rejects.toBeInstanceOf(type);
      disk.beforeChange = undefined;
      expect(filesUnder(folder)).toEqual(["c/1"]);
    }
    expect(await store.putIfAbsent("d/2", text("two"))).toBe("created");
  });

  it("gives no name after its caller has given up, and leaves nothing", async () => {
    const controller = new AbortController();
    disk.beforeChange = ({ name }) => {
      if (name === "sync") controller.abort();
      return undefined;
    };
    await expect(store.putIfAbsent("a", text("x"), { signal: controller.signal })).rejects.toThrow(Aborted);
    expect(filesUnder(folder)).toEqual([]);
  });

  it("leaves nothing of a torn write", async () => {
    disk.beforeChange = (call) => (call.name === "write" ? "torn" : undefined);
    await expect(store.put("a", text("a long text"))).rejects.toBeInstanceOf(Unavailable);
    expect(filesUnder(folder)).toEqual([]);
  });

  it("reports a failure after the name was given as Unavailable, whatever the disk called it", async () => {
    await store.putIfAbsent("c/1", text("one"));
    failing("syncFolder", "ENOSPC");
    await expect(store.putIfAbsent("c/2", text("two"))).rejects.toBeInstanceOf(Unavailable);
    await expect(store.putIfAbsent("c/1", text("two"))).rejects.toBeInstanceOf(Unavailable);
    // It is seen, but nobody who needs it to last is told so, and nothing that may build on it gets a name.
    expect(await store.get("c/2")).toEqual(text("two"));
    await expect(store.get("c/2", { lasting: true })).rejects.toBeInstanceOf(Unavailable);
    await expect(store.putIfAbsent("c/3", text("three"))).rejects.toBeInstanceOf(Unavailable);
    disk.beforeChange = undefined;
    expect(await store.get("c/3")).toBeUndefined();
    const { syncs } = store.stats;
    expect(await store.get("c/2", { lasting: true })).toEqual(text("two"));
    expect(store.stats.syncs).toBe(syncs + 1);
    expect(await store.putIfAbsent("c/2", text("two"))).toBe("exists");
  });

  it("makes a folder again that somebody has removed", async () => {
    await store.putIfAbsent("v/a/l/1", text("one"));
    rmSync(folder, { recursive: true });
    expect(await store.get("v/a/l/1")).toBeUndefined();
    expect(await store.putIfAbsent("v/a/l/1", text("again"))).toBe("created");
  });

  it("tries to make a folder again where it failed once", async () => {
    failing("mkdir", "EIO");
    await expect(store.put("v/a/1", text("x"))).rejects.toBeInstanceOf(Unavailable);
    disk.beforeChange = undefined;
    await store.put("v/a/1", text("x"));
    expect(await store.get("v/a/1")).toEqual(text("x"));
  });

  it("never shows a temporary file, and removes those of dead writers after a day, where it may write", async () => {
    await store.putIfAbsent("v/a/l/1", text("one"));
    const old = join(folder, "v/a/l/.tmp-0123456789abcdef");
    const young = join(folder, "v/a/l/.tmp-fedcba9876543210");
    writeFileSync(old, "half");
    writeFileSync(young, "half");
    utimesSync(old, new Date(), new Date(Date.now() - 25 * 3600 * 1000));
    expect(await listed()).toEqual(["v/a/l/1"]);
    expect(filesUnder(folder).length).toBe(3);
    await store.checkWritable();
    expect(await listed()).toEqual(["v/a/l/1"]);
    expect(filesUnder(folder)).toEqual(["v/a/l/.tmp-fedcba9876543210", "v/a/l/1"]);
  });

  it("ignores what is not its own, and does not list through symbolic links", async () => {
    await store.put("v/a", text("a"));
    const elsewhere = join(parent, "elsewhere");
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, "b"), "b");
    symlinkSync(elsewhere, join(folder, "v/linked"));
    symlinkSync(folder, join(folder, "v/loop"));
    symlinkSync(join(elsewhere, "b"), join(folder, "v/c"));
    writeFileSync(join(folder, "v/README.TXT"), "x");
    writeFileSync(join(folder, "v/.DS_Store"), "x");
    mkdirSync(join(folder, "lost+found"));
    expect(await listed()).toEqual(["v/a"]);
    for (const prefix of ["v/linked/", "v/loop/v/"])
      for await (const info of store.list(prefix)) expect(info).toBeNull();
    expect(await store.get("v/linked/b")).toEqual(text("b"));
    expect(await store.get("v/c")).toEqual(text("b"));
  });

  it("refuses a file where a folder should be, and never takes what is behind it for absent", async () => {
    writeFileSync(folder, "a file");
    for (const call of [
      () => store.get("v/a"),
      () => store.getRange("v/a", 0, 1),
      () => store.put("v/a", text("x")),
      () => store.putIfAbsent("a", text("x")),
      () => store.checkWritable(),
      () => listed(),
      async () => store.sync.get("v/a"),
      async () => store.sync.readRange("v/a", 0, new Uint8Array(1)),
      () => new FileStore(join(folder, "deeper")).checkWritable(),
    ]) {
      await expect(call()).rejects.toThrow(InvalidArgument);
    }
    rmSync(folder);
    await store.put("v/a", text("a"));
    for (const call of [() => store.get("v/a/l/1"), () => store.put("v/a/l/1", text("x")), () => store.get("v")]) {
      await expect(call()).rejects.toThrow(Corrupt);
    }
    await expect(store.put("v", text("x"))).rejects.toThrow(Corrupt);
    expect(() => store.sync.readRange("v", 0, new Uint8Array(1))).toThrow(Corrupt);
    expect(await listed()).toEqual(["v/a"]);
  });

  it("does not wait for a pipe that somebody has put in the folder", async () => {
    mkdirSync(folder);
    const { spawnSync } = await import("node:child_process");
    expect(spawnSync("mkfifo", [join(folder, "a")]).status).toBe(0);
    await expect(store.get("a")).rejects.toThrow(/a device or a pipe/);
    expect(() => store.sync.get("a")).toThrow(Corrupt);
    expect(await listed()).toEqual([]);
  });

  it("takes a failed read for a failure, never for absence", async () => {
    await store.put("a", text("abc"));
    for (const [name, code, type] of [
      ["open", "EACCES", Unavailable],
      ["open", "EMFILE", Unavailable],
      ["read", "EIO", Unavailable],
      ["openSync", "EMFILE", Unavailable],
      ["readSync", "EIO", Unavailable],
    ] as const) {
      disk.beforeRead = (call) => {
        if (call.name === name) throw systemError(code);
      };
      await store.close();
      store = new FileStore(folder); // with nothing open
      const calls = name.endsWith("Sync")
        ? [async () => store.sync.get("a"), async () => store.sync.readRange("a", 0, new Uint8Array(2))]
        : [() => store.get("a"), () => store.getRange("a", 0, 2)];
      for (const call of calls) await expect(call(), `${name} ${code}`).rejects.toThrow(type);
      disk.beforeRead = undefined;
      for (const call of calls) expect(await call()).toBeDefined();
    }
  });

  it("goes on where the disk gives less than was asked for", async () => {
    await store.put("a", text("abc"));
    disk.beforeRead = ({ name }) => (name === "read" || name === "readSync" ? "short" : undefined);
    expect(await store.get("a")).toEqual(text("abc"));
    expect(await store.getRange("a", 0, 9)).toEqual(text("abc"));
    expect(store.sync.get("a")).toEqual(text("abc"));
    const target = new Uint8Array(3);
    expect(store.sync.readRange("a", 0, target)).toBe(3);
    expect(target).toEqual(text("abc"));
  });

  it("keeps at most 128 files open, whatever is read", async () => {
    const count = 300;
    mkdirSync(folder);
    for (let i = 0; i < count; i++) writeFileSync(join(folder, `s${i}`), `${i}`);
    const open = () => readdirSync("/proc/self/fd").length;
    const before = open();
    await Promise.all(Array.from({ length: count }, (_, i) => store.getRange(`s${i}`, 0, 9)));
    for (let i = 0; i < count; i++) {
      const target = new Uint8Array(9);
      const read = store.sync.readRange(`s${i}`, 0, target);
      expect(new TextDecoder().decode(target.subarray(0, read))).toBe(`${i}`);
    }
    expect(open() - before).toBe(128);
    await store.close();
    expect(open()).toBe(before);
  });

  it("refuses every call after close", async () => {
    await store.put("a", text("abc"));
    await store.close();
    await store.close();
    for (const call of [
      () => store.get("a"),
      () => store.getRange("a", 0, 1),
      () => store.put("a", text("x")),
      () => store.putIfAbsent("a", text("x")),
      () => store.delete("a"),
      () => store.checkWritable(),
      () => listed(),
      async () => store.sync.get("a"),
      async () => store.sync.readRange("a", 0, new Uint8Array(1)),
    ]) {
      await expect(call()).rejects.toThrow(Closed);
    }
  });

  describe("checkWritable", () => {
    it("refuses a file system without hard links", async () => {
      for (const code of ["EPERM", "ENOTSUP", "ENOSYS"]) {
        failing("link", code);
        const refused = expect(store.checkWritable());
        await refused.rejects.toThrow(ReadOnly);
        await expect(store.checkWritable()).rejects.toThrow(/no hard links.*another file system/);
      }
      disk.beforeChange = undefined;
      expect(filesUnder(folder)).toEqual([]);
    });

    it("refuses one whose links replace what is there", async () => {
      let links = 0;
      disk.beforeChange = (call) => {
        if (call.name === "link" && ++links === 2) rmSync(call.path);
        return undefined;
      };
      await expect(store.checkWritable()).rejects.toThrow(/lets a link replace a file/);
      expect(filesUnder(folder)).toEqual([]);
    });

    it("says what the disk said of the rest", async () => {
      failing("create", "EROFS");
      await expect(store.checkWritable()).rejects.toThrow(ReadOnly);
      failing("mkdir", "EACCES");
      await expect(new FileStore(join(folder, "deeper")).checkWritable()).rejects.toThrow(ReadOnly);
      failing("create", "ENOSPC");
      await expect(store.checkWritable()).rejects.toThrow(NoSpace);
    });
  });
});
