// Makes the traces of real databases' histories in bench/histories again, all or those named: "proj", "fossil",
// "packages", "tpcb". What each is made from stands in bench/histories/make-*.ts. Needs Debian's sqlite3, proj-data and
// fossil, this repository's git history, and a few minutes.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));

await build({
  entryPoints: ["bench/histories/make.ts"],
  outfile: "build/make-histories.mjs",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  packages: "external",
  logLevel: "warning",
});
await import("../build/make-histories.mjs");
