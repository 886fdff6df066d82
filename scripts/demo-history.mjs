// The demo's own database: the metadata of every package that is installed here, written in more than 200 transactions
// of inserts, updates, deletes and a schema change, all of which stay in the -wal.
import fs from "node:fs";
import { join } from "node:path";
import { copyCheckpointed, openDatabase } from "./demo-sqlite.mjs";

const LEAST_TRANSACTIONS = 200;

/** Name, version, license, dependencies and files of each package in `node_modules`, nested ones too. */
function installedPackages(folder) {
  const packages = [];
  const visit = (modules) => {
    for (const entry of fs.readdirSync(modules, { withFileTypes: true })) {
      if (!entry.isDirectory() || entry.name.startsWith(".")) continue;
      const path = join(modules, entry.name);
      if (entry.name.startsWith("@")) visit(path);
      else if (fs.existsSync(join(path, "package.json"))) {
        packages.push(describePackage(path));
        if (fs.existsSync(join(path, "node_modules"))) visit(join(path, "node_modules"));
      }
    }
  };
  visit(folder);
  return packages.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function describePackage(path) {
  const { name, version, license, dependencies = {} } = JSON.parse(fs.readFileSync(join(path, "package.json"), "utf8"));
  const files = [];
  const visit = (folder) => {
    for (const entry of fs.readdirSync(join(path, folder), { withFileTypes: true })) {
      const file = join(folder, entry.name);
      if (entry.isDirectory() && entry.name !== "node_modules") visit(file);
      if (entry.isFile()) files.push({ file, bytes: fs.statSync(join(path, file)).size });
    }
  };
  visit("");
  return { path, name, version, license: typeof license === "string" ? license : "unknown", dependencies, files };
}

/**
 * Writes the history to the new database `path`. Returns how many transactions it had and, for the LSNs that the demo
 * shows, what has just happened there and a copy of the database taken right then.
 */
export async function makeHistory(path, copiesFolder) {
  const packages = installedPackages("node_modules");
  const db = await openDatabase(path);
  await db.run(`
    create table package (id integer primary key, name text not null, version text not null, license text);
    create table dependency (package integer references package, name text not null, range text not null);
    create table file (package integer references package, path text not null, bytes integer not null);
    pragma wal_checkpoint(truncate);
    pragma wal_autocheckpoint = 0`);
  let lsn = 1; // the file itself, with its empty tables
  const moments = [];
  const commit = async (body) => {
    await db.run("begin");
    await body();
    await db.run("commit");
    lsn++;
  };
  const keep = async (name, what) => {
    const copy = join(copiesFolder, `${name}.db`);
    await copyCheckpointed(path, copy);
    moments.push({ lsn, what, copy });
  };

  for (const [id, { name, version, license, dependencies }] of packages.entries()) {
    await commit(async () => {
      await db.run("insert into package values (?, ?, ?, ?)", [id, name, version, license]);
      for (const [needed, range] of Object.entries(dependencies)) {
        await db.run("insert into dependency values (?, ?, ?)", [id, needed, range]);
      }
    });
  }
  for (const [id, { files }] of packages.entries()) {
    await commit(async () => {
      const rows = files.map(({ file, bytes }) => ({ package: id, path: file, bytes }));
      await db.run(
        "insert into file select value ->> 'package', value ->> 'path', value ->> 'bytes' from json_each(?)",
        [JSON.stringify(rows)],
      );
    });
  }
  await keep("all-files-listed", "every package and its files are listed");
  await commit(() =>
    db.run("alter table package add column bytes integer; create index file_package on file (package)"),
  );
  for (const id of packages.keys()) {
    await commit(() =>
      db.run("update package set bytes = (select sum(bytes) from file where package = ?1) where id = ?1", [id]),
    );
  }
  await keep("sizes-known", "a new column holds each package's size");
  for (const extension of ["md", "map", "ts", "txt", "json"]) {
    await commit(() => db.run("delete from file where path like ?", [`%.${extension}`]));
  }
  while (lsn <= LEAST_TRANSACTIONS) {
    await commit(() => db.run("delete from file where rowid = (select rowid from file order by bytes desc limit 1)"));
  }
  await keep("files-deleted", "documentation, types and maps are deleted again");
  await db.close();
  return { transactions: lsn - 1, packages: packages.length, moments };
}
