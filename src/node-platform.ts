/** The platform under `palimpsest/node`: folders as storage, and Node's own SHA-256. */
import { createHash } from "node:crypto";
import { FileStore } from "./io/file-store.js";
import { type Platform, portablePlatform, unknownUrl } from "./store/platform.js";

export const nodePlatform: Platform = {
  openObjects(url) {
    if (url.startsWith("file:")) return FileStore.open(url);
    if (url === "memory:") return portablePlatform.openObjects(url);
    throw unknownUrl(url, "file: and memory:");
  },
  sha256: (bytes) => createHash("sha256").update(bytes).digest(),
};
