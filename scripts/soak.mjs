// Fuzzes the opening and probing of segments for as long as --minutes says: see test/campaign/soak.ts.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));

await build({
  entryPoints: ["test/campaign/soak.ts"],
  outfile: "build/soak.mjs",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  packages: "external",
  loader: { ".wasm": "binary" },
  logLevel: "warning",
});
await import("../build/soak.mjs");
