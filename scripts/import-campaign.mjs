// The big form of the import's proof, by hand and before releases: see test/campaign/import-campaign.ts. Needs sqlite3,
// python3 and proj-data (or --database FILE, a copy of proj.db), and a few minutes.
import { bundle } from "./bundle.mjs";

await import(await bundle("test/campaign/import-campaign.ts"));
