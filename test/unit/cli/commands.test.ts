/** Each command on a real store: what it prints, and what it does about bad input. */
import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS, helpOf } from "../../../src/cli/run.js";
import { hashOfFolder, palimpsest } from "../../helpers/cli.js";
import { needs } from "../../helpers/requires.js";
import { LiveDatabase } from "../../helpers/sqlite-history.js";

let folder: string;
let store: string;
/** A database with six transactions in its WAL, each copied as it was made. */
let database: string;
/** SHA-256 of the database as SQLite itself makes it, for LSN 1, 2, … */
const truth: string[] = [];
/** SQLite rejects a change of the file behind its back; so the copies are checkpointed, one after the other. */
const NEWEST = 6;

const sha256 = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "palimpsest-cli-"));
  store = join(folder, "store");
  database = join(folder, "app.db");
  const live = new LiveDatabase(join(folder, "live.db"));
  await live.useWal(1024);
  await live.run("create table users(id integer primary key, name text); insert into users(name) values ('seed');");
  await live.run("pragma wal_checkpoint(truncate);");
  const keep = async () => {
    const copy = join(folder, `truth-${truth.length + 1}.db`);
    live.copyTo(copy);
    const checkpointed = new LiveDatabase(copy);
    await checkpointed.run("pragma wal_checkpoint(truncate);");
    await checkpointed.kill();
    truth.push(sha256(copy));
  };
  await keep();
  for (const sql of [
    "insert into users(name) values ('ada'), ('grace')",
    "update users set name = upper(name) where id = 2",
    "alter table users add column born integer",
    "delete from users where id = 1",
    "insert into users(name, born) values ('évariste', 1811)",
  ]) {
    await live.run(`${sql};`);
    await keep();
  }
  live.copyTo(database);
  await live.kill();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const on = (...argv: string[]) => palimpsest([...argv, "--store", store]);

describe("every command", () => {
  test("has help with usage, examples and each of its options", async () => {
    for (const command of COMMANDS) {
      const { code, stdout } = await palimpsest([command.name, "--help"]);
      expect(code).toBe(0);
      expect(stdout).toBe(helpOf(command));
      expect(stdout).toMatch(new RegExp(`^Usage: palimpsest ${command.name}\\b`, "m"));
      expect(stdout).toMatch(/^Examples?:\n {2}palimpsest /m);
      for (const option of ["store", "help", ...Object.keys(command.options)]) expect(stdout).toContain(`--${option}`);
      expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    }
  });

  test("is in the overview, and the version is package.json's", async () => {
    const { stdout } = await palimpsest(["--help"]);
    for (const command of COMMANDS) expect(stdout).toContain(`  ${command.name} `);
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(await palimpsest(["--version"])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  test.each([
    [[], /no command/],
    [["nope"], /unknown command "nope"/],
    [["--store", "x", "log"], /a command comes first/],
    [["log"], /<volume> is missing/],
    [["log", "a", "b"], /unexpected argument "b"/],
    [["log", "a", "--nope"], /'--nope'/],
    [["restore", "a"], /-o/],
    [["log", "a", "--from", "9", "--to", "3"], /above/],
    [["read", "a", "0", "--lsn", "1", "--at", "2026-01-01T00:00:00Z"], /give one/],
    [["sql", "a", "select 1", "--json", "--csv"], /give one/],
    [["drop", "a"], /--yes/],
  ])("wrong usage: %j", async (argv, message) => {
    const { code, stdout, stderr } = await palimpsest(argv);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^palimpsest: .*; see "palimpsest .*--help"\n$/);
  });
});

describe("a store that is not there", () => {
  test.each([
    ["log", "app"],
    ["volumes"],
    ["rename", "app", "b"],
    ["drop", "app", "--yes"],
    ["read", "app", "0"],
    ["sql", "app", "select 1"],
    ["inspect", "0190163d-8694-739b-aea5-966c26f8ad91"],
    ["verify"],
  ])("%s: says so and makes nothing", async (...argv) => {
    const nowhere = join(folder, "nowhere");
    const { code, stderr } = await palimpsest([...argv, "--store", nowhere]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^palimpsest: there is no store at .*nowhere/);
    expect(existsSync(nowhere)).toBe(false);
  });

  test("import of a database that is not there makes none either", async () => {
    const nowhere = join(folder, "nowhere");
    const { code, stderr } = await palimpsest(["import", join(folder, "none.db"), "--store", nowhere]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/none\.db/);
    expect(existsSync(nowhere)).toBe(false);
  });
});

describe("a history", needs("sqlite3"), () => {
  beforeAll(async () => {
    const { code, stdout, stderr } = await on("import", database);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/app/);
  });

  test("is logged", async () => {
    const { stdout } = await on("log", "app", "--json");
    const commits = JSON.parse(stdout);
    expect(commits.map(({ lsn }: { lsn: number }) => lsn)).toEqual([1, 2, 3, 4, 5, 6]);
    for (const commit of commits) {
      expect(Object.keys(commit)).toEqual(["lsn", "time", "pagesChanged", "pageCount", "bytes"]);
      expect(commit.bytes).toBe(commit.pagesChanged * 1024);
      expect(new Date(commit.time).toISOString()).toBe(commit.time);
    }
    const table = (await on("log", "app", "--from", "2", "--to", "3")).stdout.trimEnd().split("\n");
    expect(table).toHaveLength(3);
    expect(table[0].trim().split(/ {2,}/)).toEqual(["lsn", "time", "pages changed", "page count", "bytes"]);
    expect(table[1].trim()).toMatch(/^2 {2}2\d{3}-\d\d-\d\dT/);
  });

  test("is restored byte for byte, at every LSN", async () => {
    for (let lsn = 1; lsn <= NEWEST; lsn++) {
      const out = join(folder, `restored-${lsn}.db`);
      expect((await on("restore", "app", "--lsn", String(lsn), "-o", out)).stderr).toBe("");
      expect(sha256(out)).toBe(truth[lsn - 1]);
    }
  });

  test("is queried at any LSN, in three formats", async () => {
    const names = async (lsn: number) =>
      JSON.parse(
        (await on("sql", "app", "select name from users order by id", "--lsn", String(lsn), "--json")).stdout,
      ).map(({ name }: { name: string }) => name);
    expect(await names(1)).toEqual(["seed"]);
    expect(await names(2)).toEqual(["seed", "ada", "grace"]);
    expect(await names(3)).toEqual(["seed", "ADA", "grace"]);
    expect(await names(NEWEST)).toEqual(["ADA", "grace", "évariste"]);
    expect((await on("sql", "app", "select * from users where id > 3; select 1 as one", "--csv")).stdout).toBe(
      'id,name,born\n4,"évariste",1811\none\n1\n',
    );
    expect((await on("sql", "app", "select * from users")).stdout).toBe(
      "id  name      born\n--  --------  ----\n2   ADA\n3   grace\n4   évariste  1811\n",
    );
    expect((await on("sql", "app", "create temp table t(a)")).stdout).toBe("");
  });

  test("is found by time", async () => {
    const commits = JSON.parse((await on("log", "app", "--json")).stdout);
    const at = new Date(Date.parse(commits.at(-1).time) + 1000).toISOString();
    expect((await on("sql", "app", "select count(*) as n from users", "--at", at, "--csv")).stdout).toBe("n\n3\n");
    const before = await on("sql", "app", "select 1", "--at", "2001-01-01T00:00:00Z");
    expect(before).toMatchObject({ code: 1, stdout: "" });
    expect(before.stderr).toMatch(/no commit at or before 2001-01-01/);
  });

  test("is read page by page", async () => {
    const { output, code } = await on("read", "app", "0", "--lsn", "1");
    expect(code).toBe(0);
    expect(output.equals(readFileSync(join(folder, "truth-1.db")).subarray(0, 1024))).toBe(true);
    const terminal = await palimpsest(["read", "app", "0", "--store", store], { stdoutIsTerminal: true });
    expect(terminal).toMatchObject({ code: 2, stdout: "" });
    const absent = await on("read", "app", "4294967294");
    expect(absent).toMatchObject({ code: 1, stdout: "" });
    expect(absent.stderr).toMatch(/no page at offset 4294967294 at LSN 6/);
  });

  test("is verified, and its segments inspected, by key, by id and as files", async () => {
    const report = JSON.parse((await on("verify", "--json")).stdout);
    expect(report).toMatchObject({ volumes: 1, lsns: NEWEST, problems: [] });
    expect(report.pages).toBeGreaterThan(NEWEST);
    expect((await on("verify", "app")).stdout).toMatch(/1 volume, 6 LSNs, .* all sound\n$/);
    const [{ id }] = JSON.parse((await on("volumes", "--json")).stdout);
    const byKey = JSON.parse((await on("inspect", `v/${id}/l/${"1".padStart(16, "0")}`, "--json")).stdout);
    const [segment] = byKey;
    expect(segment).toMatchObject({ pageSizeBytes: 1024, inline: true, volumes: [{ vid: id }] });
    expect(JSON.parse((await on("inspect", segment.id, "--json")).stdout)).toEqual([segment]);
    const path = join(store, "v", id, "l", "1".padStart(16, "0"));
    const [inFile] = JSON.parse((await on("inspect", path, "--json")).stdout);
    expect({ ...inFile, place: segment.place }).toEqual(segment);
    const text = (await on("inspect", segment.id)).stdout;
    expect(text).toContain(`segment ${segment.id}`);
    expect(text).toContain(segment.volumes[0].offsetEncoding);
  });

  test("goes on with another import, and has nothing to do with a third", async () => {
    const again = await on("import", database);
    expect(again.code).toBe(0);
    expect(JSON.parse((await on("log", "app", "--json")).stdout)).toHaveLength(NEWEST);
  });

  test("is listed, renamed and dropped", async () => {
    await on("import", database, "--name", "spare");
    const names = async () =>
      JSON.parse((await on("volumes", "--json")).stdout).map(({ name }: { name: string }) => name);
    expect((await names()).sort()).toEqual(["app", "spare"]);
    expect((await on("volumes")).stdout).toMatch(/^name .*\n(.*\n)*spare +6 /);
    expect(await on("rename", "spare", "old spare")).toMatchObject({ code: 0, stdout: "renamed spare to old spare\n" });
    expect((await names()).sort()).toEqual(["app", "old spare"]);
    expect((await on("rename", "old spare", "app")).code).toBe(1);
    const options = { typed: "n\n", stderrIsTerminal: true };
    const drop = ["drop", "old spare", "--store", store];
    expect(await palimpsest(drop, options)).toMatchObject({ code: 0, stdout: "nothing dropped\n" });
    expect((await names()).sort()).toEqual(["app", "old spare"]);
    expect(await palimpsest(drop, { ...options, typed: "yes\n" })).toMatchObject({
      code: 0,
      stdout: "dropped old spare\n",
    });
    expect(await names()).toEqual(["app"]);
    expect((await on("drop", "old spare", "--yes")).code).toBe(1);
  });

  test("the store may be named by PALIMPSEST_STORE and by a URL", async () => {
    for (const env of [{ PALIMPSEST_STORE: store }, { PALIMPSEST_STORE: `file:${store}` }]) {
      expect((await palimpsest(["log", "app"], { env })).code).toBe(0);
    }
  });

  test("shows progress on a terminal alone", async () => {
    const out = join(folder, "progress.db");
    expect((await palimpsest(["restore", "app", "-o", out, "--store", store])).stderr).toBe("");
  });

  describe("bad input leaves the store as it was", () => {
    const WRONG_USAGE: [string, string[]][] = ["0", "-1", "1.5", "1e3", "0x10", "", "٣", "9007199254740992"].map(
      (lsn) => [`LSN ${JSON.stringify(lsn)}`, ["read", "app", "0", `--lsn=${lsn}`]],
    );
    const cases: [what: string, argv: () => string[], code: number, message: RegExp][] = [
      ...WRONG_USAGE.map(([what, argv]): [string, () => string[], number, RegExp] => [what, () => argv, 2, /LSN/]),
      ["an offset of -1", () => ["read", "app", "-1"], 2, /-1/],
      ["an offset of 1.5", () => ["read", "app", "1.5"], 2, /offset "1\.5"/],
      ["an offset over 2^32-2", () => ["read", "app", "4294967295"], 2, /offset "4294967295"/],
      ["a time that is none", () => ["read", "app", "0", "--at", "yesterday"], 2, /ISO 8601/],
      ["an LSN beyond the last", () => ["read", "app", "0", "--lsn", "7"], 1, /7/],
      ["an LSN beyond the last, restored", () => ["restore", "app", "--lsn", "7", "-o", join(folder, "no.db")], 1, /7/],
      ["an unknown volume", () => ["log", "nope"], 1, /no volume "nope"/],
      ["an unknown volume id", () => ["log", "0190163d-8694-739b-aea5-966c26f8ad91"], 1, /no volume/],
      ["a volume name with control characters", () => ["log", "a\x1b[2Jb"], 1, /no volume "a.{1,8}\[2Jb"/],
      ["wrong SQL", () => ["sql", "app", "selec 1"], 1, /near "selec": syntax error/],
      ["SQL that writes", () => ["sql", "app", "delete from users"], 1, /cannot be written/],
      ["a segment that is not there", () => ["inspect", "s/nope"], 1, /nope/],
      ["a key that leads out of the store", () => ["inspect", "../../etc/hostname-not-there"], 1, /hostname-not-there/],
      ["no SQLite file", () => ["import", join(folder, "text.db")], 1, /text\.db/],
      ["a folder instead of a database", () => ["import", folder, "--name", "x"], 1, /folder|file/],
      ["a hot rollback journal", () => ["import", join(folder, "hot.db")], 1, /journal/],
      ["a raw page size that is none", () => ["import", "--raw", "--page-size", "1000", database], 2, /power of two/],
    ];

    beforeAll(async () => {
      writeFileSync(join(folder, "text.db"), "this is no database\n".repeat(100));
      // A journal that SQLite would roll back: made by a process that dies in the middle of a transaction.
      const live = new LiveDatabase(join(folder, "hot.db"));
      await live.run("create table t(a, b);");
      await live.run(
        "pragma cache_size=2; pragma cache_spill=1; begin; with recursive n(i) as (select 1 union all select i+1 from n where i<3000) insert into t select i, hex(randomblob(100)) from n; update t set b = 1;",
      );
      await live.kill();
      expect(statSync(join(folder, "hot.db-journal")).size).toBeGreaterThan(512);
    });

    test.each(cases)("%s", async (_what, argv, code, message) => {
      const before = hashOfFolder(store);
      const ran = await on(...argv());
      expect(ran.stderr).toMatch(message);
      expect(ran.stderr).toMatch(/^palimpsest: [^\n]+\n$/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that none gets through is the point
      expect(ran.stderr.trimEnd()).not.toMatch(/[\x00-\x1f\x7f]/);
      expect(ran.stdout).toBe("");
      expect(ran.code).toBe(code);
      expect(hashOfFolder(store)).toBe(before);
    });

    test("an error in the middle of a list of statements comes behind the rows before it", async () => {
      const ran = await on("sql", "app", "select 1 as one; selec 2", "--csv");
      expect(ran).toMatchObject({ code: 1, stdout: "one\n1\n" });
    });

    test("PALIMPSEST_DEBUG=1 says where it came from", async () => {
      const ran = await palimpsest(["log", "nope", "--store", store], { env: { PALIMPSEST_DEBUG: "1" } });
      expect(ran.stderr).toMatch(/NotFound: .*\n +at /);
    });

    test("Ctrl-C: exit code 130", async () => {
      const before = hashOfFolder(store);
      const ran = await palimpsest(["verify", "--store", store], { signal: AbortSignal.abort() });
      expect(ran.code).toBe(130);
      expect(ran.stderr).toMatch(/^palimpsest: interrupted/);
      expect(hashOfFolder(store)).toBe(before);
    });

    test("an existing output file is not overwritten by a restore that fails", async () => {
      const out = join(folder, "kept.db");
      writeFileSync(out, "kept");
      expect((await on("restore", "app", "--lsn", "99", "-o", out)).code).toBe(1);
      expect(readFileSync(out, "utf8")).toBe("kept");
    });
  });

  describe("damage", () => {
    let damaged: string;
    const objects = (prefix: RegExp) =>
      (readdirSync(damaged, { recursive: true }) as string[]).filter((name) => prefix.test(name)).sort();

    beforeAll(() => {
      damaged = join(folder, "damaged");
    });

    const copyStore = () => {
      rmSync(damaged, { recursive: true, force: true });
      mkdirSync(damaged, { recursive: true });
      for (const entry of readdirSync(store, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        const copy = join(damaged, path.slice(store.length));
        mkdirSync(join(copy, ".."), { recursive: true });
        copyFileSync(path, copy);
      }
    };

    test("a flipped bit of any object is found by verify", async () => {
      copyStore();
      const [{ id }] = JSON.parse((await palimpsest(["volumes", "--json", "--store", damaged])).stdout);
      // Those of the volume that was dropped above are nobody's any more.
      for (const name of objects(new RegExp(`^(c/|[vs]/${id}/)`))) {
        const path = join(damaged, name);
        if (!statSync(path).isFile()) continue;
        const bytes = readFileSync(path);
        for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
          const flipped = Buffer.from(bytes);
          flipped[at] ^= 0x10;
          writeFileSync(path, flipped);
          const ran = await palimpsest(["verify", "--json", "--store", damaged]);
          const { problems } = JSON.parse(ran.stdout);
          expect(
            problems.map(({ key }: { key: string }) => key),
            `byte ${at} of ${name}`,
          ).toContain(name);
          expect(ran.code).toBe(1);
        }
        writeFileSync(path, bytes);
      }
      expect((await palimpsest(["verify", "--store", damaged])).code).toBe(0);
    });

    test("a truncated and a missing record are found, and reading them is a typed error", async () => {
      copyStore();
      const record = join(damaged, objects(/^v\/[^/]+\/l\/0+1$/)[0]);
      const last = readFileSync(record).at(-1)!;
      truncateSync(record, statSync(record).size - 1);
      // A later commit's tables need nothing of it: the whole file as it was does.
      const restored = ["restore", "app", "--lsn", "1", "-o", join(damaged, "..", "restored.db")];
      const ran = await palimpsest([...restored, "--store", damaged]);
      expect(ran.code).toBe(1);
      expect(ran.stderr).toMatch(/l\/0+1\b/);
      expect((await palimpsest(["verify", "--store", damaged])).code).toBe(1);
      appendFileSync(record, Uint8Array.of(last ^ 1));
      expect((await palimpsest(["verify", "--store", damaged])).code).toBe(1);
    });

    test("a store folder without write permission takes no import", async () => {
      if (process.getuid?.() === 0) return; // root may write anywhere: test/unit/io has this with another user
      copyStore();
      chmodSync(damaged, 0o555);
      const ran = await palimpsest(["import", database, "--name", "new", "--store", damaged]);
      chmodSync(damaged, 0o755);
      expect(ran.code).toBe(1);
    });
  });
});
