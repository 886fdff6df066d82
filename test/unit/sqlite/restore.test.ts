/** Any file, imported as pages and restored byte for byte; and what restoring refuses. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { PageStore } from "../../../src/node.js";
import { importDatabase } from "../../../src/sqlite/import.js";
import { importFile } from "../../../src/sqlite/import-file.js";
import { decodeImportPlace, encodeImportPlace, type ImportPlace } from "../../../src/sqlite/import-place.js";
import { restore } from "../../../src/sqlite/restore.js";
import { Random, runSeed } from "../../helpers/random.js";

const random = new Random(runSeed("restore"));
const folder = mkdtempSync(join(tmpdir(), "palimpsest-restore-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const openStore = () => PageStore.open("memory:", { memory: 16 << 20 });

describe("a file of any kind", () => {
  test("every import is an LSN, and restores to the very bytes", async () => {
    await using store = await openStore();
    const versions: Uint8Array[] = [];
    let bytes = random.bytes(5000);
    for (const change of [0, 1, 512, -3000, 2777, -4777 - 512, 40_000]) {
      const next = new Uint8Array(bytes.length + change);
      next.set(bytes.subarray(0, next.length));
      next.set(random.bytes(Math.min(700, next.length)));
      bytes = next;
      versions.push(bytes);
      writeFileSync(at("any.bin"), bytes);
      const result = await importFile(store, at("any.bin"), { pageSize: 512 });
      expect(result).toMatchObject({ firstLsn: versions.length, lastLsn: versions.length, transactions: 0 });
      const again = await importFile(store, at("any.bin"), { pageSize: 512 });
      expect(again).toMatchObject({ firstLsn: undefined, lastLsn: versions.length, pages: 0 });
    }
    const volume = await store.volume("any");
    for (const [i, expected] of versions.entries()) {
      const result = await restore(volume, { lsn: i + 1, path: at("out.bin"), force: true });
      expect(result).toMatchObject({ lsn: i + 1, bytes: expected.length, pageCount: Math.ceil(expected.length / 512) });
      expect(Buffer.compare(readFileSync(at("out.bin")), expected)).toBe(0);
    }
  });

  test("only the pages that differ are committed", async () => {
    await using store = await openStore();
    const bytes = random.bytes(100 * 1024);
    writeFileSync(at("sparse.bin"), bytes);
    await importFile(store, at("sparse.bin"), { pageSize: 1024 });
    bytes[3 * 1024] ^= 1;
    bytes[77 * 1024 + 1023] ^= 1;
    writeFileSync(at("sparse.bin"), bytes);
    const { volume, pages } = await importFile(store, at("sparse.bin"), { pageSize: 1024 });
    expect(pages).toBe(2);
    expect([...(await volume.changedOffsets(1, 2))]).toEqual([3, 77]);
  });

  test("a file that changes in length alone, within its last page, is a new LSN", async () => {
    await using store = await openStore();
    writeFileSync(at("length.bin"), Buffer.alloc(700));
    await importFile(store, at("length.bin"), { pageSize: 512 });
    writeFileSync(at("length.bin"), Buffer.alloc(701));
    expect(await importFile(store, at("length.bin"), { pageSize: 512 })).toMatchObject({ firstLsn: 2, pages: 0 });
    const volume = await store.volume("length");
    expect((await restore(volume, { lsn: 1, sink: () => {} })).bytes).toBe(700);
    expect((await restore(volume, { sink: () => {} })).bytes).toBe(701);
  });

  test("an empty file is a volume of no pages", async () => {
    await using store = await openStore();
    writeFileSync(at("nothing.bin"), "");
    const { volume, lastLsn } = await importFile(store, at("nothing.bin"), { pageSize: 512 });
    expect(lastLsn).toBe(1);
    await restore(volume, { path: at("nothing.out") });
    expect(readFileSync(at("nothing.out")).length).toBe(0);
  });

  test("another kind or page size wants another name", async () => {
    await using store = await openStore();
    writeFileSync(at("kind.db"), random.bytes(3000));
    await importFile(store, at("kind.db"), { pageSize: 512 });
    await expect(importFile(store, at("kind.db"), { pageSize: 1024 })).rejects.toThrow(/another name/);
    await expect(importFile(store, at("kind.db"), { pageSize: 1000 })).rejects.toMatchObject({
      code: "InvalidArgument",
    });
    const header = Buffer.alloc(512);
    header.write("SQLite format 3\0");
    header.writeUInt16BE(512, 16);
    header.set([1, 1, 0, 64, 32, 32], 18);
    writeFileSync(at("kind.db"), header);
    await expect(importDatabase(store, at("kind.db"))).rejects.toThrow(/was imported as raw/);
    await importDatabase(store, at("kind.db"), { name: "database" });
    await expect(importFile(store, at("kind.db"), { pageSize: 512, name: "database" })).rejects.toThrow(
      /was imported as a SQLite database/,
    );
  });
});

describe("restoring", () => {
  test("never overwrites unasked, nor beside another database's WAL, and leaves no part of a file", async () => {
    await using store = await openStore();
    writeFileSync(at("one.bin"), random.bytes(3000));
    const { volume } = await importFile(store, at("one.bin"), { pageSize: 512 });
    writeFileSync(at("there.bin"), "mine");
    await expect(restore(volume, { path: at("there.bin") })).rejects.toMatchObject({ code: "InvalidArgument" });
    expect(readFileSync(at("there.bin"), "utf8")).toBe("mine");
    writeFileSync(at("there.bin-wal"), "frames");
    await expect(restore(volume, { path: at("there.bin"), force: true })).rejects.toThrow(/-wal belongs to a database/);
    rmSync(at("there.bin-wal"));
    await restore(volume, { path: at("there.bin"), force: true });
    expect(Buffer.compare(readFileSync(at("there.bin")), readFileSync(at("one.bin")))).toBe(0);

    await expect(restore(volume, { path: at("no/such/folder/x") })).rejects.toMatchObject({ code: "NotFound" });
    await expect(restore(volume, { path: folder, force: true })).rejects.toMatchObject({ code: "InvalidArgument" });
    await expect(restore(volume, {})).rejects.toMatchObject({ code: "InvalidArgument" });
    await expect(restore(volume, { lsn: 2, path: at("x") })).rejects.toMatchObject({ code: "NotFound" });
    const controller = new AbortController();
    controller.abort();
    await expect(restore(volume, { path: at("y"), signal: controller.signal })).rejects.toMatchObject({
      code: "Aborted",
    });
    expect(existsSync(at("y"))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.endsWith(".partial"))).toEqual([]);
    const empty = await store.createVolume({ name: "empty" });
    await expect(restore(empty, { path: at("z") })).rejects.toMatchObject({ code: "NotFound" });
  });

  test("an absent page is one of zeros", async () => {
    await using store = await openStore();
    const volume = await store.createVolume({ name: "holes", pageSize: 512 });
    await volume.commit({ pages: [[2, new Uint8Array(512).fill(7)]], pageCount: 5 });
    const blocks: Uint8Array[] = [];
    await restore(volume, { sink: (bytes) => void blocks.push(bytes.slice()) });
    const file = Buffer.alloc(5 * 512);
    file.fill(7, 1024, 1536);
    expect(Buffer.compare(Buffer.concat(blocks), file)).toBe(0);
  });
});

test("an import's place survives its encoding; damaged ones are refused or are no place", () => {
  const places: ImportPlace[] = [
    { kind: "database", lsn: 1, pathDigest: random.bytes(8), wal: undefined, lengths: [] },
    {
      kind: "database",
      lsn: 2 ** 40,
      pathDigest: random.bytes(8),
      wal: { salt1: 2 ** 32 - 1, salt2: 1, frame: 7, s1: 2 ** 31, s2: 0 },
      lengths: [],
    },
    {
      kind: "raw",
      lsn: 9,
      pathDigest: random.bytes(8),
      wal: undefined,
      lengths: [
        { lsn: 1, bytes: 512 },
        { lsn: 9, bytes: 65536 },
      ],
    },
  ];
  for (const place of places) {
    const bytes = encodeImportPlace(place);
    expect(decodeImportPlace(bytes, "test")).toEqual(place);
    for (let length = 4; length < bytes.length; length++) {
      expect(() => decodeImportPlace(bytes.subarray(0, length), "test")).toThrow(/truncated/);
    }
  }
  expect(decodeImportPlace(undefined, "test")).toBeUndefined();
  expect(decodeImportPlace(Buffer.from("somebody else's"), "test")).toBeUndefined();
});
