/** Two processes that find no slab and make one: the second gives its file the name just before the first does. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { openDiskCache } from "../../../src/io/disk-cache.js";
import type { SlabCache } from "../../../src/io/slab-cache.js";

/** Called before a file is given a name. */
const hook = vi.hoisted(() => ({ beforeNaming: () => {} }));

vi.mock("node:fs", async (original) => {
  const actual = await original<typeof import("node:fs")>();
  return {
    ...actual,
    linkSync: (...args: Parameters<typeof actual.linkSync>) => {
      hook.beforeNaming();
      actual.linkSync(...args);
    },
    renameSync: (...args: Parameters<typeof actual.renameSync>) => {
      hook.beforeNaming();
      actual.renameSync(...args);
    },
  };
});

it("both use the file that was there first", async () => {
  const folder = mkdtempSync(join(tmpdir(), "palimpsest-cache-"));
  const options = { folder, bytes: 1 << 20 };
  let second: Promise<SlabCache> | undefined;
  hook.beforeNaming = () => {
    hook.beforeNaming = () => {};
    // Opening makes no pause: when this returns, its file has the name.
    second = openDiskCache(options);
  };
  const caches = [await openDiskCache(options), await second!];
  const bytes = new Uint8Array(100).fill(7);
  await caches[0].write("s/a", 0, bytes);
  expect(await caches[1].read("s/a", 0)).toEqual(bytes);
  expect(readdirSync(folder)).toEqual(["palimpsest.slab"]);
  for (const cache of caches) await cache.close();
  rmSync(folder, { recursive: true });
});
