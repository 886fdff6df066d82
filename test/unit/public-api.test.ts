/**
 * The names that the package exports, compared with `public-api.txt`: what others build on changes only where somebody
 * meant it. After a change that is meant: `npx vitest run test/unit/public-api.test.ts -u`. The calls and their types
 * are held by `public-api.types.ts`, which the type check compiles.
 */
import { readFileSync } from "node:fs";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const KINDS: readonly [ts.SymbolFlags, string][] = [
  [ts.SymbolFlags.Class, "class"],
  [ts.SymbolFlags.Function, "function"],
  [ts.SymbolFlags.Variable, "const"],
  [ts.SymbolFlags.Interface, "interface"],
  [ts.SymbolFlags.TypeAlias, "type"],
];

function exportsOf(entry: string): string[] {
  const { config } = ts.readConfigFile("tsconfig.json", (path) => readFileSync(path, "utf8"));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ".");
  const program = ts.createProgram({ rootNames: [entry, "src/wasm.d.ts"], options });
  const checker = program.getTypeChecker();
  const entrySymbol = checker.getSymbolAtLocation(program.getSourceFile(entry)!)!;
  return checker
    .getExportsOfModule(entrySymbol)
    .map((found) => {
      const symbol = found.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found;
      const kind = KINDS.find(([flag]) => symbol.flags & flag)?.[1] ?? "unknown";
      return `${found.name} (${kind})`;
    })
    .sort();
}

describe("public API", () => {
  const browser = exportsOf("src/index.ts");
  const node = exportsOf("src/node.ts");

  it("exports what public-api.txt says", async () => {
    const listing = [
      'import … from "palimpsest":',
      ...browser.map((name) => `  ${name}`),
      "",
      'import … from "palimpsest/node", beside or in place of these:',
      ...node.filter((name) => !browser.includes(name)).map((name) => `  ${name}`),
      "",
    ].join("\n");
    await expect(listing).toMatchFileSnapshot("public-api.txt");
  });

  it("gives Node's users every name that browsers have", () => {
    const names = (list: string[]) => list.map((line) => line.split(" ")[0]);
    for (const name of names(browser)) expect(names(node)).toContain(name);
  });
});
