// Runs every campaign, with fresh seeds, for as long as --minutes says: see test/campaign/soak.ts.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));

const shared = {
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  packages: "external",
  loader: { ".wasm": "binary" },
  logLevel: "warning",
};
await build({ ...shared, entryPoints: ["test/fault/programs/cache-user.ts"], outfile: "build/cache-user.mjs" });
await build({ ...shared, entryPoints: ["test/campaign/soak.ts"], outfile: "build/soak.mjs" });
await import("../build/soak.mjs");
