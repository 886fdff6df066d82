// Campaigns are TypeScript in test/; each has a script that bundles it with esbuild and runs it from the project's folder.
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));

/** Bundles a program for Node into `build/`, with the packages that it needs left outside. Gives the URL to import it by. */
export async function bundle(entry, plugins = []) {
  const outfile = join(process.cwd(), "build", entry.replace(/^.*\/|\.ts$/g, "").concat(".mjs"));
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "es2022",
    packages: "external",
    loader: { ".wasm": "binary" },
    logLevel: "warning",
    plugins,
  });
  return pathToFileURL(outfile).href;
}
