/** The program as it is installed, in a process of its own: pipes that close, slow readers, Ctrl-C, exit codes. */
import { type ChildProcess, execFileSync, type StdioOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hashOfFolder } from "../../helpers/cli.js";
import { runUnprivileged } from "../../helpers/programs.js";
import { needs } from "../../helpers/requires.js";
import { needsSmallDisk, SmallDisk } from "../../helpers/small-disk.js";
import { LiveDatabase } from "../../helpers/sqlite-history.js";

const program = fileURLToPath(new URL("../../../dist/cli.js", import.meta.url));
const run = (...argv: string[]) =>
  spawnSync(process.execPath, [program, ...argv], { encoding: "utf8", cwd: folder, maxBuffer: 1 << 28 });

let folder: string;
let store: string;

async function ended(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = await once(child, "close");
  return { code, stderr };
}

describe("the program", needs("sqlite3"), () => {
  beforeAll(async () => {
    if (!existsSync(program)) throw new Error('dist/ is missing: "npm run build" makes it');
    folder = mkdtempSync(join(tmpdir(), "palimpsest-program-"));
    store = join(folder, ".palimpsest");
    const live = new LiveDatabase(join(folder, "live.db"));
    await live.useWal(4096);
    await live.run("create table t(a integer primary key, b);");
    const many = "with recursive n(i) as (select 1 union all select i+1 from n where i < 20000)";
    for (let i = 0; i < 8; i++) await live.run(`${many} insert into t(b) select hex(randomblob(40)) from n;`);
    live.copyTo(join(folder, "app.db"));
    await live.kill();
    const { status, stderr } = run("import", "app.db");
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("can be run by itself", () => {
    expect(statSync(program).mode & 0o111).not.toBe(0);
    expect(readFileSync(program, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(execFileSync(program, ["--version"], { encoding: "utf8" })).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test("takes the store from the folder that it is called in", () => {
    expect(existsSync(store)).toBe(true);
    expect(run("volumes").stdout).toMatch(/^app /m);
  });

  test.each([
    [0, ["log", "app"]],
    [1, ["log", "nope"]],
    [2, ["log"]],
    [2, ["nope"]],
  ])("ends with exit code %d", (code, argv) => {
    expect(run(...argv).status).toBe(code);
  });

  test.each([
    ["sql", "app", "select * from t"],
    ["sql", "app", "select * from t", "--json"],
    ["restore", "app", "-o", "-"],
  ])("says nothing when the reader of %s %s %s goes away", async (...argv) => {
    const child = spawn(process.execPath, [program, ...argv], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    const end = ended(child);
    await once(child.stdout!, "readable");
    child.stdout!.read();
    child.stdout!.destroy();
    expect(await end).toEqual({ code: 0, stderr: "" });
  });

  test("fails when the output cannot be written", () => {
    const full = openSync("/dev/full", "w");
    const stdio: StdioOptions = ["ignore", full, "pipe"];
    for (const argv of [
      ["log", "app"],
      ["sql", "app", "select * from t"],
      ["restore", "app", "-o", "-"],
    ]) {
      const { status, stderr } = spawnSync(process.execPath, [program, ...argv], {
        cwd: folder,
        encoding: "utf8",
        stdio,
      });
      expect(stderr).toMatch(/^palimpsest: .*ENOSPC.*\n$/);
      expect(status).toBe(1);
    }
    closeSync(full);
  });

  test("writes everything to a slow reader, in order", async () => {
    const child = spawn(process.execPath, [program, "sql", "app", "select a from t order by a", "--csv"], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const end = ended(child);
    let text = "";
    for await (const chunk of child.stdout!.setEncoding("utf8")) {
      text += chunk;
      await sleep(1);
    }
    expect(await end).toEqual({ code: 0, stderr: "" });
    expect(text).toBe(`a\n${Array.from({ length: 160_000 }, (_, i) => `${i + 1}\n`).join("")}`);
  });

  test("restores to stdout what it restores to a file", () => {
    expect(run("restore", "app", "-o", "copy.db").status).toBe(0);
    const { stdout } = spawnSync(process.execPath, [program, "restore", "app", "-o", "-"], {
      cwd: folder,
      maxBuffer: 1 << 28,
    });
    expect(stdout.equals(readFileSync(join(folder, "copy.db")))).toBe(true);
  });

  test("Ctrl-C ends an import with 130, and what was committed stays; the next one finishes it", async () => {
    const argv = ["import", "app.db", "--store", "interrupted"];
    // Wherever it strikes: before the first commit, among them, or after the last.
    for (const ms of [60, 120, 180, 240, 300, 400]) {
      const child = spawn(process.execPath, [program, ...argv], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
      const end = ended(child);
      await sleep(ms);
      child.kill("SIGINT");
      const { code, stderr } = await end;
      // Before the program has begun, the signal ends it as it ends any process: no code.
      expect([0, 130, null]).toContain(code);
      if (code === 130) expect(stderr).toMatch(/^palimpsest: interrupted/);
    }
    expect(run(...argv).status).toBe(0);
    const lsns = (folderOfStore: string) =>
      JSON.parse(run("log", "app", "--json", "--store", folderOfStore).stdout).map(({ lsn }: { lsn: number }) => lsn);
    expect(lsns("interrupted")).toEqual(lsns(store));
    expect(run("verify", "--store", "interrupted").status).toBe(0);
  });

  test("Ctrl-C ends a query that would go on for ever", async () => {
    const before = hashOfFolder(store);
    const forever = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";
    const child = spawn(process.execPath, [program, "sql", "app", forever], { cwd: folder, stdio: "pipe" });
    const end = once(child, "close");
    await sleep(1000);
    child.kill("SIGINT");
    expect(await end).toEqual([null, "SIGINT"]);
    expect(hashOfFolder(store)).toBe(before);
  });

  test("a torn WAL tail: the transactions before it, and a warning", () => {
    copyFileSync(join(folder, "app.db"), join(folder, "torn.db"));
    const wal = readFileSync(join(folder, "app.db-wal"));
    writeFileSync(join(folder, "torn.db-wal"), wal.subarray(0, wal.length - 1000));
    const { status, stdout, stderr } = run("import", "torn.db");
    expect(stderr).toMatch(/^palimpsest: warning: .*torn\.db-wal/);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^torn: LSNs? 1/);
    expect(run("sql", "torn", "pragma integrity_check", "--csv").stdout).toBe("integrity_check\nok\n");
    expect(run("sql", "torn", "select count(*) as n from t", "--csv").stdout).toBe("n\n140000\n");
    run("drop", "torn", "--yes");
  });

  test("the WAL of another database is refused", () => {
    const sqlite3 = (path: string, sql: string) => execFileSync("sqlite3", [path, sql], { cwd: folder });
    sqlite3("other.db", "pragma page_size=1024; create table o(a, b, c); insert into o values(1, 2, 3)");
    copyFileSync(join(folder, "app.db-wal"), join(folder, "other.db-wal"));
    const before = hashOfFolder(store);
    const { status, stderr } = run("import", "other.db");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^palimpsest: .*other\.db/);
    expect(hashOfFolder(store)).toBe(before);
  });

  test("a store folder without write permission", () => {
    if (process.getuid?.() === 0) {
      chmodSync(folder, 0o755);
      const before = hashOfFolder(store);
      const { code, stderr } = runUnprivileged(program, [
        "import",
        join(folder, "app.db"),
        "--name",
        "n",
        "--store",
        store,
      ]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^palimpsest: .*\n$/);
      expect(hashOfFolder(store)).toBe(before);
      // What is there can be read.
      expect(runUnprivileged(program, ["volumes", "--store", store])).toMatchObject({ code: 0, stderr: "" });
    } else {
      chmodSync(store, 0o555);
      expect(run("import", "app.db", "--name", "n").status).toBe(1);
      chmodSync(store, 0o755);
    }
  });

  test("reads never write to the store", () => {
    const before = hashOfFolder(store);
    for (const argv of [["volumes"], ["log", "app"], ["sql", "app", "select 1"], ["verify"], ["read", "app", "0"]]) {
      expect(run(...argv).status).toBe(0);
    }
    expect(hashOfFolder(store)).toBe(before);
  });

  test("does not hold back an uncaught exception once SQL was used", () => {
    const script = `
      import { openSql, PageStore } from "palimpsest/node";
      const store = await PageStore.open("file:${store}");
      const sql = await openSql(await (await store.volume("app")).latest());
      console.log(sql.query("select count(*) from t")[0].rows[0][0]);
      throw new Error("uncaught");`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
      cwd: join(program, "..", ".."),
    });
    expect(stdout).toBe("160000\n");
    expect(status).toBe(1);
    expect(stderr).toMatch(/Error: uncaught/);
  });

  test("a full disk: one message, nothing committed by halves, and done once there is space", needsSmallDisk(), () => {
    const disk = new SmallDisk(40 << 20);
    try {
      const free = disk.fill(2 << 20);
      const argv = ["import", "app.db", "--store", join(disk.folder, "store")];
      const { status, stderr } = run(...argv);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^palimpsest: .*full.*\n$/);
      free();
      expect(run(...argv)).toMatchObject({ status: 0, stderr: "" });
      expect(run("verify", "--store", join(disk.folder, "store")).status).toBe(0);
      expect(
        run("sql", "app", "select count(*) as n from t", "--csv", "--store", join(disk.folder, "store")).stdout,
      ).toBe("n\n160000\n");
    } finally {
      disk.unmount();
    }
  });
});
