/** The platform under `palimpsest/node`: folders as storage, and Node's own SHA-256. */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { FileStore } from "./io/file-store.js";
import { type Platform, portablePlatform, unknownUrl } from "./store/platform.js";

export const nodePlatform: Platform = {
  openObjects(url) {
    if (url.startsWith("file://")) return new FileStore(fileURLToPath(url));
    if (url.startsWith("file:")) return new FileStore(url.slice("file:".length));
    if (url === "memory:") return portablePlatform.openObjects(url);
    throw unknownUrl(url, "file: and memory:");
  },
  sha256: (bytes) => createHash("sha256").update(bytes).digest(),
};
