/**
 * The object store suite on a real S3 server. Ceph answers a read with 500 now and then while the object is being
 * overwritten; that may pass, so the store is tested with the retries that every reader has.
 */
import { describe } from "vitest";
import { RetryStore } from "../../src/io/retry-store.js";
import { S3Store } from "../../src/io/s3-store.js";
import { type CephBucket, cephBucket, needsCeph } from "../helpers/ceph.js";
import { describeObjectStore } from "./object-store.js";

describe("on Ceph's RADOS gateway", needsCeph(), () => {
  let bucket: Promise<CephBucket> | undefined;
  let stores = 0;

  describeObjectStore("s3", async () => {
    const options = { ...(await (bucket ??= cephBucket())), prefix: `store-${stores++}` };
    const open = () => new RetryStore(new S3Store(options));
    return { store: open(), again: open, remove: async () => {} };
  });
});
