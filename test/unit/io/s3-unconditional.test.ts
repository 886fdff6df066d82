/**
 * A server that takes `If-None-Match: *` and overwrites all the same: s3rver, an emulator that many test with. Writers
 * there would overwrite each other's commits and be told that each had won, so a store refuses it before its first write.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "s3rver";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ReadOnly } from "../../../src/core/errors.js";
import { S3Store } from "../../../src/io/s3-store.js";
import { PageStore } from "../../../src/node.js";
import { errorOf, expectNoSecrets } from "../../helpers/http-errors.js";

const credentials = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };
const text = (value: string) => new TextEncoder().encode(value);

describe("an S3 server that ignores If-None-Match", () => {
  let folder: string;
  let server: S3rver;
  let store: S3Store;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "palimpsest-s3rver-"));
    const configureBuckets = [{ name: "pages" }];
    server = new S3rver({ address: "127.0.0.1", port: 0, silent: true, directory: folder, configureBuckets });
    const { port } = await server.run();
    store = new S3Store({ bucket: "pages", prefix: "p", endpoint: `http://127.0.0.1:${port}`, ...credentials });
  });
  afterEach(async () => {
    await store.close();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it("tells each of 16 racers that it won", async () => {
    const racers = Array.from({ length: 16 }, (_, i) => store.putIfAbsent("c/1", text(`writer ${i}`)));
    expect(new Set(await Promise.all(racers))).toEqual(new Set(["created"]));
  });

  it("is refused by checkWritable, which leaves nothing there", async () => {
    const error = (await errorOf(store.checkWritable())) as ReadOnly;
    expect(error).toBeInstanceOf(ReadOnly);
    expect(error.message).toMatch(/s3:\/\/pages\/p: the server at 127\.0\.0\.1:\d+ overwrites .* If-None-Match/);
    expect(error.message).toMatch(/use another S3 server/);
    expectNoSecrets(error, ["S3RVER"]);
    for await (const info of store.list("")) expect.fail(`left behind: ${info.key}`);
  });

  it("is refused before a page store's first write, and nothing is written", async () => {
    const pages = await PageStore.open("s3://pages/p", { objects: store });
    await expect(pages.createVolume({ name: "app" })).rejects.toBeInstanceOf(ReadOnly);
    await pages.close();
    expect(
      readdirSync(join(folder, "pages"), { recursive: true, withFileTypes: true }).filter((e) => e.isFile()),
    ).toEqual([]);
  });

  it("can be read: signatures, ranges, lists, absent objects", async () => {
    await store.put("v/a/1", text("0123456789"));
    await store.put("v/a/2", text("second"));
    expect(await store.get("v/a/1")).toEqual(text("0123456789"));
    expect(await store.getRange("v/a/1", 3, 4)).toEqual(text("3456"));
    expect(await store.getRange("v/a/1", 8, 40)).toEqual(text("89"));
    expect(await store.getRange("v/a/1", 50, 4)).toEqual(new Uint8Array(0));
    expect(await store.get("v/a/3")).toBeUndefined();
    const keys = [];
    for await (const { key, sizeBytes } of store.list("v/")) keys.push([key, sizeBytes]);
    expect(keys).toEqual([
      ["v/a/1", 10],
      ["v/a/2", 6],
    ]);
    await store.delete("v/a/1");
    await store.delete("v/a/1");
    expect(await store.get("v/a/1")).toBeUndefined();
  });
});
