/** Everything of `palimpsest`, and what needs Node: folders as storage, and the platform's own SHA-256. */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { FileStore } from "./io/file-store.js";
import { type OpenOptions, PageStore as PortablePageStore } from "./store/page-store.js";
import { type Platform, portablePlatform, unknownUrl } from "./store/platform.js";

export * from "./index.js";
export { FileStore };

const nodePlatform: Platform = {
  openObjects(url) {
    if (url.startsWith("file://")) return new FileStore(fileURLToPath(url));
    if (url.startsWith("file:")) return new FileStore(url.slice("file:".length));
    if (url === "memory:") return portablePlatform.openObjects(url);
    throw unknownUrl(url, "file: and memory:");
  },
  sha256: (bytes) => createHash("sha256").update(bytes).digest(),
};

/** `palimpsest`'s store, which here opens folders too: `file:./pages` is relative to the working directory. */
export class PageStore extends PortablePageStore {
  static override open(url: string, options: OpenOptions = {}): Promise<PageStore> {
    return PortablePageStore.openOn(nodePlatform, url, options);
  }
}
