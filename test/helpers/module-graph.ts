/** Who imports what in a tree of TypeScript sources, read with the compiler's own parser. */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import ts from "typescript";

export interface Import {
  /** As written: `../core/ids.js`, `node:fs`, `@noble/hashes/sha2.js`. */
  readonly specifier: string;
  /** Gone when compiled. */
  readonly typeOnly: boolean;
}

/** Sources by their path from the package's root. */
export type Tree = ReadonlyMap<string, string>;
export type ModuleGraph = ReadonlyMap<string, readonly Import[]>;

export function readTree(folder: string): Tree {
  const tree = new Map<string, string>();
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(folder, name);
    if (/\.ts$/.test(path)) tree.set(path, readFileSync(path, "utf8"));
  }
  return tree;
}

export function moduleGraph(tree: Tree): ModuleGraph {
  return new Map([...tree].map(([path, source]) => [path, importsOf(path, source)]));
}

function importsOf(path: string, source: string): Import[] {
  const imports: Import[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      const specifier = (node.moduleSpecifier as ts.StringLiteral).text;
      imports.push({ specifier, typeOnly: isTypeOnly(node) });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      imports.push({ specifier: (node.argument.literal as ts.StringLiteral).text, typeOnly: true });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      // A name made at run time hides what is imported; no rule could hold it.
      imports.push({ specifier: ts.isStringLiteral(argument) ? argument.text : "<computed>", typeOnly: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, source, ts.ScriptTarget.ES2022));
  return imports;
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

/** The file that a relative import means, from the package's root; `undefined` for a package. */
export function target(from: string, { specifier }: Import): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return posix.join(posix.dirname(from), specifier).replace(/\.js$/, ".ts");
}

/** Every module that running `entry` runs, `entry` first. */
export function reachable(graph: ModuleGraph, entry: string): Set<string> {
  const found = new Set([entry]);
  for (const path of found) {
    for (const imported of graph.get(path) ?? []) {
      if (!imported.typeOnly) found.add(target(path, imported) ?? imported.specifier);
    }
  }
  return found;
}

/** The first cycle of imports that survive compilation, as a path that ends where it begins. */
export function findCycle(graph: ModuleGraph): string[] | undefined {
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): string[] | undefined => {
    if (done.has(path)) return undefined;
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    trail.push(path);
    for (const imported of graph.get(path) ?? []) {
      const next = imported.typeOnly ? undefined : target(path, imported);
      const cycle = next && graph.has(next) ? visit(next) : undefined;
      if (cycle) return cycle;
    }
    trail.pop();
    done.add(path);
    return undefined;
  };
  for (const path of graph.keys()) {
    const cycle = visit(path);
    if (cycle) return cycle;
  }
  return undefined;
}
