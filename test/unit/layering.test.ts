/**
 * Holds the structure that overview.md promises: imports go one way, the browser's entry never reaches Node, one file
 * starts the WASM module, few touch the file system, and four packages are all that a user installs. Each rule is
 * shown a planted violation first.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { findCycle, type ModuleGraph, moduleGraph, reachable, readTree, target } from "../helpers/module-graph.js";

/** Each may import itself and those before it. The entry points stand on the library, the command line on them. */
const LAYERS = ["core", "format", "probe", "segment", "log", "store", "history", "sqlite", "entry", "cli"];
/** `io` stands beside the row: it imports core alone, and is imported from segment upward. */
const IO_ABOVE = ["core"];
const IO_BELOW = LAYERS.slice(LAYERS.indexOf("segment"));

const MAY_USE_FS = [
  "src/cli/find-segment.ts",
  "src/cli/store-option.ts",
  "src/io/file-store.ts",
  "src/io/file-writer.ts",
  "src/io/slab-file-node.ts",
  "src/sqlite/database-and-wal.ts",
  "src/sqlite/import-file.ts",
  "src/sqlite/input-file.ts",
  "src/sqlite/restore.ts",
  "src/sqlite/rollback-journal.ts",
  "src/sqlite/sql-module.ts",
];
const FILE_SYSTEM = /^node:fs(\/|$)/;
const ENTRIES = ["src/index.ts", "src/node.ts", "src/node-platform.ts"];
const STARTS_WASM = "src/probe/core.ts";
const RUNTIME_PACKAGES = ["@assemblyscript/loader", "@journeyapps/wa-sqlite", "@noble/hashes", "aws4fetch"];

function layerOf(path: string): string {
  const parts = path.split("/");
  if (ENTRIES.includes(path)) return "entry";
  return parts.length > 2 && (parts[1] === "io" || LAYERS.includes(parts[1])) ? parts[1] : "outside";
}

function mayImport(from: string, to: string): boolean {
  if (from === to) return from !== "outside";
  if (from === "io") return IO_ABOVE.includes(to);
  if (to === "io") return IO_BELOW.includes(from);
  return LAYERS.includes(from) && LAYERS.includes(to) && LAYERS.indexOf(to) < LAYERS.indexOf(from);
}

const packageOf = (specifier: string) => specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");

/** Every broken rule, in words. */
function problems(graph: ModuleGraph): string[] {
  const found: string[] = [];
  for (const [path, imports] of graph) {
    if (path.endsWith(".d.ts")) continue;
    if (layerOf(path) === "outside") found.push(`${path} is in no layer`);
    for (const imported of imports) {
      const { specifier } = imported;
      const to = target(path, imported);
      if (to?.endsWith(".wasm")) {
        if (path !== STARTS_WASM) found.push(`${path} imports a WASM module`);
      } else if (to !== undefined) {
        if (!graph.has(to)) found.push(`${path} imports ${specifier}, which is not there`);
        else if (!mayImport(layerOf(path), layerOf(to))) found.push(`${path} may not import ${to}`);
      } else if (specifier.startsWith("node:")) {
        if (FILE_SYSTEM.test(specifier) && !MAY_USE_FS.includes(path)) found.push(`${path} touches ${specifier}`);
      } else if (!RUNTIME_PACKAGES.includes(packageOf(specifier))) {
        found.push(`${path} needs ${specifier}`);
      } else if (packageOf(specifier) === "@assemblyscript/loader" && path !== STARTS_WASM) {
        found.push(`${path} starts a WASM module`);
      }
    }
  }
  for (const reached of reachable(graph, "src/index.ts")) {
    if (/^node:/.test(reached)) found.push(`src/index.ts reaches ${reached}`);
    if (reached === "src/io/file-store.ts" || layerOf(reached) === "cli") found.push(`src/index.ts reaches ${reached}`);
  }
  const cycle = findCycle(graph);
  if (cycle) found.push(`cycle: ${cycle.join(" -> ")}`);
  return found;
}

const tree = readTree("src");
const graph = moduleGraph(tree);

/** The problems that a few more or other files bring. */
function planted(files: Record<string, string>): string[] {
  const before = new Set(problems(graph));
  const after = problems(new Map([...graph, ...moduleGraph(new Map(Object.entries(files)))]));
  return after.filter((problem) => !before.has(problem));
}

describe("layering", () => {
  it("holds", () => {
    expect(problems(graph)).toEqual([]);
  });

  it("names no file too many", () => {
    for (const path of [...ENTRIES, STARTS_WASM]) expect([...tree.keys()]).toContain(path);
    const using = [...graph].filter(([, imports]) => imports.some(({ specifier }) => FILE_SYSTEM.test(specifier)));
    expect(using.map(([path]) => path)).toEqual(MAY_USE_FS);
  });

  it("sees an import that goes back, also of a type, by re-export or at run time", () => {
    for (const line of [
      'import { x } from "../log/keys.js";',
      'import type { x } from "../log/keys.js";',
      'import "../log/keys.js";',
      'export * from "../log/keys.js";',
      'const x = await import("../log/keys.js");',
      'type X = import("../log/keys.js").X;',
    ]) {
      expect(planted({ "src/format/bad.ts": line }), line).toEqual([
        "src/format/bad.ts may not import src/log/keys.ts",
      ]);
    }
    expect(planted({ "src/format/bad.ts": "await import(name);" })).toEqual(["src/format/bad.ts needs <computed>"]);
  });

  it("sees io import more than core, and format import io", () => {
    expect(planted({ "src/io/bad.ts": 'import { x } from "../log/keys.js";' }).length).toBe(1);
    expect(planted({ "src/format/bad.ts": 'import { x } from "../io/memory-store.js";' }).length).toBe(1);
    expect(planted({ "src/segment/good.ts": 'import type { x } from "../io/object-store.js";' })).toEqual([]);
  });

  it("sees the library import its own entry points, and files in no layer", () => {
    expect(planted({ "src/sqlite/bad.ts": 'import { x } from "../node.js";' })).toEqual([
      "src/sqlite/bad.ts may not import src/node.ts",
    ]);
    expect(planted({ "src/utils/bad.ts": "" })).toEqual(["src/utils/bad.ts is in no layer"]);
    expect(planted({ "src/bad.ts": "" })).toEqual(["src/bad.ts is in no layer"]);
  });

  it("sees Node in the browser's entry, however far away", () => {
    const bad = { "src/core/errors.ts": `import "./bad.js";\n${tree.get("src/core/errors.ts")}` };
    expect(planted({ ...bad, "src/core/bad.ts": 'import { join } from "node:path";' })).toEqual([
      "src/index.ts reaches node:path",
    ]);
    expect(planted({ ...bad, "src/core/bad.ts": 'import type { Stats } from "node:path";' })).toEqual([]);
    const index = `${tree.get("src/index.ts")}\nexport { FileStore } from "./io/file-store.js";`;
    expect(planted({ "src/index.ts": index })).toContain("src/index.ts reaches src/io/file-store.ts");
  });

  it("sees the file system touched, a second loader, a new package, and a cycle", () => {
    for (const name of ["node:fs", "node:fs/promises"]) {
      expect(planted({ "src/store/bad.ts": `import { stat } from "${name}";` })).toEqual([
        `src/store/bad.ts touches ${name}`,
      ]);
    }
    expect(planted({ "src/segment/bad.ts": 'import { instantiate } from "@assemblyscript/loader";' })).toEqual([
      "src/segment/bad.ts starts a WASM module",
    ]);
    expect(planted({ "src/segment/bad.ts": 'import wasm from "../../build/core.wasm";' })).toEqual([
      "src/segment/bad.ts imports a WASM module",
    ]);
    expect(planted({ "src/segment/bad.ts": 'import pad from "left-pad";' })).toEqual([
      "src/segment/bad.ts needs left-pad",
    ]);
    expect(
      planted({
        "src/core/bad-a.ts": 'import { b } from "./bad-b.js"; export const a = b;',
        "src/core/bad-b.ts": 'import { a } from "./bad-a.js"; export const b = a;',
      }),
    ).toEqual(["cycle: src/core/bad-a.ts -> src/core/bad-b.ts -> src/core/bad-a.ts"]);
  });
});

describe("the package", () => {
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));

  it("needs four packages at run time, in exact versions, and no others", () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual(RUNTIME_PACKAGES);
    for (const version of Object.values({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    }
    for (const kind of ["peerDependencies", "optionalDependencies", "bundleDependencies"]) {
      expect(manifest[kind]).toBeUndefined();
    }
  });

  it("uses each of them", () => {
    const used = new Set([...graph.values()].flat().map(({ specifier }) => packageOf(specifier)));
    for (const name of RUNTIME_PACKAGES) expect(used).toContain(name);
  });
});
