// Runs every campaign, with fresh seeds, for as long as --minutes says: see test/campaign/soak.ts.
import { bundle } from "./bundle.mjs";

for (const program of ["cache-user", "committer", "load-readers"]) await bundle(`test/fault/programs/${program}.ts`);
await import(await bundle("test/campaign/soak.ts"));
