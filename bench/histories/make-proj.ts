/**
 * The history `proj`: the database of coordinate reference systems that PROJ comes with (Debian: proj-data), maintained:
 * extents and systems corrected, aliases added and removed, systems added with their usages, others deprecated. Its own
 * tables, triggers and indexes decide which pages that writes.
 */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../test/helpers/random.js";
import { LiveDatabase } from "../../test/helpers/sqlite-history.js";
import { Recorder } from "./recorder.js";
import type { Trace } from "./trace.js";

const SOURCE = "/usr/share/proj/proj.db";
const TRANSACTIONS = 4000;

/** Some row of a table with the primary key (auth_name, code). */
const some = (random: Random, table: string, rows: number) =>
  `(auth_name, code) = (SELECT auth_name, code FROM ${table} LIMIT 1 OFFSET ${random.below(rows)})`;

/** Inserts a copy of some system that is not deprecated, and of a usage. */
function addSystem(random: Random, code: string): string {
  return `
    INSERT INTO projected_crs
      SELECT 'PROJ', '${code}', name || ' / ${code}', description, coordinate_system_auth_name, coordinate_system_code,
        geodetic_crs_auth_name, geodetic_crs_code, conversion_auth_name, conversion_code, text_definition, deprecated
      FROM projected_crs WHERE deprecated = 0 LIMIT 1 OFFSET ${random.below(8000)};
    INSERT INTO usage
      SELECT 'PROJ', 'U${code}', 'projected_crs', 'PROJ', '${code}', extent_auth_name, extent_code, scope_auth_name, scope_code
      FROM usage WHERE (extent_auth_name, extent_code) IN (SELECT auth_name, code FROM extent WHERE deprecated = 0)
      LIMIT 1 OFFSET ${random.below(15_000)};`;
}

/** SQL of one transaction; `i` makes names and codes that are not taken yet. */
function edit(random: Random, i: number): string {
  const kind = random.below(100);
  if (kind < 20) {
    return `UPDATE extent SET description = description || ' Revised in ${i}.', north_lat = min(90, north_lat + 0.01)
      WHERE ${some(random, "extent", 4000)};`;
  }
  if (kind < 40) {
    return `INSERT INTO alias_name SELECT 'projected_crs', auth_name, code, name || ' (${i})', 'PROJ' FROM projected_crs
      LIMIT 1 OFFSET ${random.below(9900)};`;
  }
  if (kind < 55) {
    return `UPDATE projected_crs SET description = 'Revised in ${i}' WHERE ${some(random, "projected_crs", 9900)};`;
  }
  if (kind < 70) {
    return `UPDATE helmert_transformation_table SET accuracy = ${random.below(50) / 10}
      WHERE ${some(random, "helmert_transformation_table", 2600)};`;
  }
  if (kind < 85) return `BEGIN; ${addSystem(random, `P${i}`)} COMMIT;`;
  if (kind < 95) {
    // A system takes the place of another.
    const row = random.below(7000);
    return `BEGIN; ${addSystem(random, `P${i}`)}
      INSERT INTO deprecation SELECT 'projected_crs', auth_name, code, 'PROJ', 'P${i}', 'PROJ' FROM projected_crs
        WHERE deprecated = 0 LIMIT 1 OFFSET ${row};
      UPDATE projected_crs SET deprecated = 1 WHERE (auth_name, code) =
        (SELECT auth_name, code FROM projected_crs WHERE deprecated = 0 LIMIT 1 OFFSET ${row});
      COMMIT;`;
  }
  if (kind < 98) {
    return `DELETE FROM alias_name WHERE rowid = (SELECT rowid FROM alias_name LIMIT 1 OFFSET ${random.below(15_000)});`;
  }
  // A wording changes all over a table.
  return `UPDATE extent SET description = description || ' ' WHERE auth_name = 'EPSG' AND code % 17 = ${random.below(17)};`;
}

export async function makeProj(folder: string): Promise<Trace> {
  const random = new Random(1);
  const path = join(folder, "proj.db");
  copyFileSync(SOURCE, path);
  const live = new LiveDatabase(path);
  await live.useWal(4096);
  await live.run(Array.from({ length: TRANSACTIONS }, (_, i) => edit(random, i)).join("\n"));
  const recorder = new Recorder();
  await recorder.record(path);
  await live.close();
  return recorder.trace;
}
