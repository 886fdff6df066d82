// Crashes the file store on a disk in memory, for as many states as --states says: see test/campaign/crash-main.ts.
import { join } from "node:path";
import { bundle } from "./bundle.mjs";

/** The file store finds a disk in memory where it looks for `node:fs`. */
const memoryDisk = {
  name: "memory-disk",
  setup(build) {
    build.onResolve({ filter: /^node:fs$/ }, ({ importer }) =>
      /[/\\]src[/\\]io[/\\]file-(store|writer)\.ts$/.test(importer)
        ? { path: join(process.cwd(), "test/helpers/memory-disk-fs.ts") }
        : undefined,
    );
  },
};

await import(await bundle("test/campaign/crash-main.ts", [memoryDisk]));
