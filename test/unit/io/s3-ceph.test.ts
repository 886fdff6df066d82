/** What a real S3 server, Ceph's RADOS gateway, says to wrong credentials, a wrong bucket and large lists. */
import { describe, expect, it } from "vitest";
import { InvalidArgument, NotFound, ReadOnly } from "../../../src/core/errors.js";
import { S3Store, type S3StoreOptions } from "../../../src/io/s3-store.js";
import { type CephBucket, cephBucket, needsCeph } from "../../helpers/ceph.js";
import { type ErrorClass, errorOf, expectNoSecrets } from "../../helpers/http-errors.js";

const text = (value: string) => new TextEncoder().encode(value);

describe("S3Store on Ceph's RADOS gateway", needsCeph(), () => {
  let shared: Promise<CephBucket> | undefined;
  const open = async (options: Partial<S3StoreOptions> = {}) => {
    const bucket = await (shared ??= cephBucket());
    const secrets = [bucket.accessKeyId, bucket.secretAccessKey, "no-such-id", "no-such-secret"];
    return { store: new S3Store({ ...bucket, prefix: "p", ...options }), secrets };
  };

  it.each<[string, Partial<S3StoreOptions>, ErrorClass, ErrorClass, RegExp]>([
    ["an unknown key id", { accessKeyId: "no-such-id" }, InvalidArgument, InvalidArgument, /InvalidAccessKeyId/],
    [
      "a wrong secret",
      { secretAccessKey: "no-such-secret" },
      InvalidArgument,
      InvalidArgument,
      /SignatureDoesNotMatch/,
    ],
    ["a missing bucket", { bucket: "no-such-bucket" }, NotFound, NotFound, /there is no bucket no-such-bucket/],
    [
      "no credentials",
      { accessKeyId: undefined, secretAccessKey: undefined },
      InvalidArgument,
      ReadOnly,
      /AccessDenied: bucket test-\S+ does not let requests without credentials/,
    ],
  ])("%s", async (_name, options, reading, writing, words) => {
    const { store, secrets } = await open(options);
    const first = () => store.list("").next();
    const calls: [() => Promise<unknown>, ErrorClass][] = [
      [() => store.get("c/1"), reading],
      [() => store.get("c/1", { probing: true }), reading],
      [() => store.getRange("c/1", 0, 5), reading],
      [first, reading],
      [() => store.put("c/1", text("x")), writing],
      [() => store.putIfAbsent("c/1", text("x")), writing],
      [() => store.delete("c/1"), writing],
      [() => store.checkWritable(), writing],
    ];
    for (const [call, expected] of calls) {
      const error = (await errorOf(call())) as Error;
      expect(error).toBeInstanceOf(expected);
      expect(error.message).toMatch(words);
      expectNoSecrets([error, store], secrets);
    }
  });

  it("lists more than a page, in order, and nothing of a neighbour", async () => {
    const { store } = await open({ prefix: "many" });
    const { store: neighbour } = await open({ prefix: "many2" });
    await neighbour.put("a", text("a"));
    const keys = Array.from({ length: 1005 }, (_, i) => `v/${i % 7}/${i}`);
    for (let i = 0; i < keys.length; i += 15)
      await Promise.all(keys.slice(i, i + 15).map((key) => store.put(key, text(key))));
    const found = [];
    for await (const { key, sizeBytes } of store.list("")) {
      expect(sizeBytes).toBe(key.length);
      found.push(key);
    }
    expect(found).toEqual(keys.sort());
    expect(store.stats.lists).toBe(2);
  });

  it("leaves no key behind when it is checked for writing", async () => {
    const { store } = await open({ prefix: "checked" });
    await store.checkWritable();
    for await (const { key } of store.list("")) expect.fail(`left behind: ${key}`);
  });
});
