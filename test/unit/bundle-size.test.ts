/**
 * What a browser loads: all of `palimpsest`, minified, with both WebAssembly cores in it. Measured in November 2026: 225 KB,
 * 82 KB gzipped. The budget leaves a tenth; whoever needs more says in the commit what for.
 */
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, it } from "vitest";

const BUDGET_BYTES = 248_000;
const BUDGET_GZIPPED_BYTES = 91_000;

it("is within its budget, and needs nothing that a browser does not have", async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: ["src/index.ts"],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    loader: { ".wasm": "binary" },
    metafile: true,
    write: false,
  });
  const [{ contents }] = outputFiles;
  const gzippedBytes = gzipSync(contents, { level: 9 }).length;
  console.log(`the browser's bundle: ${contents.length} bytes, ${gzippedBytes} gzipped`);
  expect(contents.length).toBeLessThan(BUDGET_BYTES);
  expect(gzippedBytes).toBeLessThan(BUDGET_GZIPPED_BYTES);
  // Below half of it, something was left out: the cores alone are 70 KB.
  expect(contents.length).toBeGreaterThan(BUDGET_BYTES / 2);
  const [{ imports }] = Object.values(metafile.outputs);
  expect(imports).toEqual([]);
});
