// Builds what the package, its tests and its benches need:
//   core     assembly/ -> build/core.wasm and build/core-shared.wasm (and build/core.debug.wasm with "core debug")
//   bundle   src/      -> dist/*.js, with the core embedded
//   types    src/      -> dist/types/*.d.ts
//   designs  bench/designs/assembly/ -> build/designs.wasm, the index laboratory's
//   bench    bench/    -> build/bench/*.js
// Without an argument: core, bundle, types, and the designs, which the tests read. A part builds what it stands on first.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const bin = (name) => join(root, "node_modules", ".bin", name);
const run = (command, args) => execFileSync(command, args, { stdio: "inherit" });
const newest = (folder) =>
  Math.max(
    ...readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
/** Whether what was built is newer than everything in the folders that it was built from, and than how. */
function isCurrent(out, ...folders) {
  if (!existsSync(out)) return false;
  const built = statSync(out).mtimeMs;
  return built > statSync("asconfig.json").mtimeMs && folders.every((folder) => built > newest(folder));
}

/** By the compiler's target: what it writes, and what it compiles besides the entries that all have. */
const cores = {
  release: ["build/core.wasm"],
  shared: ["build/core-shared.wasm", "assembly/reader.ts"],
  debug: ["build/core.debug.wasm"],
};

/** Compiles cores, unless those that are there are newer than every source. */
function core(...targets) {
  mkdirSync("build", { recursive: true });
  for (const target of targets) {
    const [out, ...entries] = cores[target];
    if (!isCurrent(out, "assembly")) run(bin("asc"), [...entries, "--config", "asconfig.json", "--target", target]);
  }
}

/** Compiles the laboratory's finders with the core's own options, and the core's probe among them. */
function designs() {
  if (isCurrent("build/designs.wasm", "bench/designs/assembly", "assembly")) return;
  mkdirSync("build", { recursive: true });
  const { options, targets } = JSON.parse(readFileSync("asconfig.json", "utf8"));
  const files = { outFile: "designs.wasm", textFile: "designs.wat" };
  const entries = ["../bench/designs/assembly/index.ts"];
  const own = { entries, options, targets: { release: { ...targets.release, ...files } } };
  writeFileSync("build/designs.asconfig.json", JSON.stringify(own));
  run(bin("asc"), ["--config", "build/designs.asconfig.json"]);
}

const shared = {
  bundle: true,
  format: "esm",
  target: "es2022",
  packages: "external",
  loader: { ".wasm": "binary" },
  logLevel: "warning",
  sourcemap: true,
};

async function bundle() {
  core("release", "shared");
  rmSync("dist", { recursive: true, force: true });
  // One build with shared chunks, so that a class is one class whichever entry it was imported from.
  await build({
    ...shared,
    platform: "node",
    splitting: true,
    entryPoints: { index: "src/index.ts", node: "src/node.ts", cli: "src/cli/main.ts" },
    chunkNames: "chunks/[name]-[hash]",
    outdir: "dist",
  });
  chmodSync("dist/cli.js", 0o755);
}

function types() {
  run(bin("tsc"), ["-p", "tsconfig.json"]);
}

async function bench() {
  core("release", "shared");
  designs();
  await build({ ...shared, platform: "node", entryPoints: ["bench/main.ts"], outdir: "build/bench" });
}

const [part = "all", option] = process.argv.slice(2);
switch (part) {
  case "core":
    core(...(option === undefined ? ["release", "shared"] : [option]));
    break;
  case "bundle":
    await bundle();
    break;
  case "types":
    types();
    break;
  case "designs":
    designs();
    break;
  case "bench":
    await bench();
    break;
  case "all":
    await bundle();
    types();
    designs();
    break;
  default:
    console.error(`unknown part "${part}": core [debug], bundle, types, designs, bench, or nothing for all`);
    process.exit(2);
}
