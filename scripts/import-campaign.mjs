// The big form of the import's proof, by hand and before releases: see test/campaign/import-campaign.ts. Needs sqlite3,
// python3 and proj-data (or --database FILE, a copy of proj.db), and a few minutes.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));

await build({
  entryPoints: ["test/campaign/import-campaign.ts"],
  outfile: "build/import-campaign.mjs",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  packages: "external",
  loader: { ".wasm": "binary" },
  logLevel: "warning",
});
await import("../build/import-campaign.mjs");
