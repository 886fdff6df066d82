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
for (const program of ["cache-user", "committer", "load-readers"]) {
  await build({ ...shared, entryPoints: [`test/fault/programs/${program}.ts`], outfile: `build/${program}.mjs` });
}
await build({ ...shared, entryPoints: ["test/campaign/soak.ts"], outfile: "build/soak.mjs" });
await import("../build/soak.mjs");
