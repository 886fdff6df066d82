/** The release, as package.json says it: the package refers to itself by name, wherever the bundler put this file. */
import { createRequire } from "node:module";

export const VERSION: string = (createRequire(import.meta.url)("palimpsest/package.json") as { version: string })
  .version;
