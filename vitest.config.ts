import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vitest/config";

/** Imports a `.wasm` file as a `Uint8Array`, as esbuild's "binary" loader does for the bundles. */
const wasmAsBytes: Plugin = {
  name: "wasm-as-bytes",
  enforce: "pre",
  load(id) {
    if (!id.endsWith(".wasm")) return null;
    const text = readFileSync(id).toString("base64");
    return `export default new Uint8Array(Buffer.from(${JSON.stringify(text)}, "base64"));`;
  },
};

export default defineConfig({
  plugins: [wasmAsBytes],
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/helpers/ceph-run.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    // More than two cores have: many tests wait, for a server, a process or a clock.
    maxWorkers: 4,
  },
});
