// Crashes the file store on a disk in memory, for as many states as --states says: see test/campaign/crash-main.ts.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));

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

await build({
  entryPoints: ["test/campaign/crash-main.ts"],
  outfile: "build/crash-states.mjs",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  packages: "external",
  loader: { ".wasm": "binary" },
  logLevel: "warning",
  plugins: [memoryDisk],
});
await import("../build/crash-states.mjs");
