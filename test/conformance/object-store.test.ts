/** Runs the object store suite on every backend; a real S3 server has a file of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileStore } from "../../src/io/file-store.js";
import { HttpStore } from "../../src/io/http-store.js";
import { MemoryStore } from "../../src/io/memory-store.js";
import { S3Store } from "../../src/io/s3-store.js";
import { startHttpServer } from "../helpers/http-server.js";
import { startS3Server, TEST_CREDENTIALS } from "../helpers/s3-server.js";
import { describeObjectStore } from "./object-store.js";

describeObjectStore("memory", async () => {
  const store = new MemoryStore();
  return { store, again: () => store, remove: async () => {} };
});

describeObjectStore("file", async () => {
  const parent = mkdtempSync(join(tmpdir(), "palimpsest-store-"));
  const folder = join(parent, "not", "made", "yet");
  return {
    store: new FileStore(folder),
    again: () => new FileStore(folder),
    remove: async () => rmSync(parent, { recursive: true }),
  };
});

describeObjectStore(
  "http",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "palimpsest-http-"));
    const server = await startHttpServer({ folder });
    return {
      store: new HttpStore(server.url),
      again: () => new HttpStore(`${server.url}/`),
      writer: new FileStore(folder),
      remove: async () => {
        await server.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
  { readOnly: true },
);

for (const [name, prefix, bareEtags] of [
  ["s3, a whole bucket", "", false],
  ["s3, under a prefix, bare ETags, 7 keys a page", "of/Many/v1.0", true],
] as const) {
  describeObjectStore(name, async () => {
    const server = await startS3Server({ bareEtags, keysPerPage: bareEtags ? 7 : 1000 });
    const open = () => new S3Store({ bucket: server.bucket, prefix, endpoint: server.url, ...TEST_CREDENTIALS });
    return { store: open(), again: open, remove: () => server.close() };
  });
}
