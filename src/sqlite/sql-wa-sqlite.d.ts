/** The package's own types of this file are `any`; ours are in `sql-module.ts`. */
declare module "@journeyapps/wa-sqlite/dist/wa-sqlite.mjs" {
  export default function start(options: object): Promise<object>;
}
