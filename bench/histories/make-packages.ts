/**
 * The history `packages`: a registry with full-text search. Debian's packages (`apt-cache dumpavail`: what this machine's
 * lists hold) are published one by one into a table, an index and an FTS5 table; of three publishes one is a new version of
 * a package that is there, so that its old text leaves the search and the new comes in.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { Random } from "../../test/helpers/random.js";
import { LiveDatabase } from "../../test/helpers/sqlite-history.js";
import { Recorder } from "./recorder.js";
import type { Trace } from "./trace.js";

/** Packages that are there at the beginning, and publishes after it. */
const FIRST = 5000;
const PUBLISHES = 3000;

const SCHEMA = `
  CREATE TABLE package(id INTEGER PRIMARY KEY, name TEXT UNIQUE, version TEXT, section TEXT, body TEXT);
  CREATE TABLE dependency(package INTEGER REFERENCES package, name TEXT);
  CREATE INDEX dependency_name ON dependency(name);
  CREATE INDEX dependency_package ON dependency(package);
  CREATE VIRTUAL TABLE search USING fts5(name, body, content='package', content_rowid='id');`;

interface Package {
  readonly name: string;
  readonly version: string;
  readonly section: string;
  readonly body: string;
  readonly dependencies: readonly string[];
}

function parse(stanza: string): Package {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(stanza)?.[1] ?? "";
  return {
    name: field("Package"),
    version: field("Version"),
    section: field("Section"),
    body: stanza,
    dependencies: field("Depends")
      .split(/[,|]/)
      .map((dependency) => dependency.trim().split(/[ :]/)[0])
      .filter((name) => name !== ""),
  };
}

const text = (value: string) => `'${value.replaceAll("'", "''")}'`;

/** Statements that put a package in under `id`. */
function insert(id: number, { name, version, section, body, dependencies }: Package): string {
  const lines = dependencies.map((dependency) => `INSERT INTO dependency VALUES (${id}, ${text(dependency)});`);
  return `INSERT INTO package VALUES (${id}, ${text(name)}, ${text(version)}, ${text(section)}, ${text(body)});
    INSERT INTO search(rowid, name, body) VALUES (${id}, ${text(name)}, ${text(body)}); ${lines.join(" ")}`;
}

function replace(id: number, before: Package, after: Package): string {
  return `INSERT INTO search(search, rowid, name, body) VALUES ('delete', ${id}, ${text(before.name)}, ${text(before.body)});
    DELETE FROM dependency WHERE package = ${id}; DELETE FROM package WHERE id = ${id}; ${insert(id, after)}`;
}

export async function makePackages(folder: string): Promise<Trace> {
  const random = new Random(1);
  const stanzas = execFileSync("apt-cache", ["dumpavail"], { encoding: "utf8", maxBuffer: 1 << 30 }).split("\n\n");
  const byName = new Map(stanzas.filter((one) => one.startsWith("Package: ")).map((one) => [parse(one).name, one]));
  const names = [...byName.keys()].sort();
  // In an order of its own, as publishes come: not by name.
  for (let i = names.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [names[i], names[j]] = [names[j], names[i]];
  }
  const packages = names.slice(0, FIRST + PUBLISHES).map((name) => parse(byName.get(name)!));
  const live = new LiveDatabase(join(folder, "packages.db"));
  await live.useWal(4096);
  await live.run(
    `${SCHEMA} BEGIN; ${packages
      .slice(0, FIRST)
      .map((one, id) => insert(id, one))
      .join("\n")} COMMIT; PRAGMA wal_checkpoint(TRUNCATE);`,
  );
  const recorder = new Recorder();
  let count = FIRST;
  for (let i = 1; i <= PUBLISHES; i++) {
    if (random.below(3) > 0) {
      await live.run(`BEGIN; ${insert(count, packages[count])} COMMIT;`);
      count++;
    } else {
      const id = random.below(count);
      const before = packages[id];
      const version = `${before.version}+${i}`;
      packages[id] = { ...before, version, body: before.body.replace(/^Version: .*$/m, `Version: ${version}`) };
      await live.run(`BEGIN; ${replace(id, before, packages[id])} COMMIT;`);
    }
    if (i % 500 === 0) await recorder.recordAndReset(live);
  }
  await live.close();
  return recorder.trace;
}
