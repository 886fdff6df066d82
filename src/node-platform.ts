/** The platform under `palimpsest/node`: folders and buckets as storage, and Node's own SHA-256. */
import { createHash } from "node:crypto";
import { InvalidArgument } from "./core/errors.js";
import { openDiskCache } from "./io/disk-cache.js";
import { FileStore } from "./io/file-store.js";
import { S3Store } from "./io/s3-store.js";
import { type Platform, portablePlatform, unknownUrl } from "./store/platform.js";

export const nodePlatform: Platform = {
  openObjects(url, options = {}) {
    if (url.startsWith("file:")) return FileStore.open(url);
    if (url.startsWith("s3:")) {
      const { s3, requestTimeoutMs } = options;
      return S3Store.open(url, { ...s3, requestTimeoutMs }, process.env);
    }
    if (/^(memory|https?):/i.test(url)) return portablePlatform.openObjects(url, options);
    throw unknownUrl(url, "file:, s3:, https:, http: and memory:");
  },
  async openCache({ folder, bytes }) {
    if (folder === undefined) throw new InvalidArgument('a cache in Node is { folder, bytes }: "folder" is missing');
    return await openDiskCache({ folder, bytes });
  },
  sha256: (bytes) => createHash("sha256").update(bytes).digest(),
};
