/** `npm run demo` does what it says, and touches nothing but its own folder. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { needs } from "../helpers/requires.js";
import { LiveDatabase } from "../helpers/sqlite-history.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const demo = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, "scripts", "demo.mjs"), ...args], { encoding: "utf8", cwd: root });

const filesOf = (folder: string) =>
  readdirSync(folder)
    .sort()
    .map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex"),
    ]);

test("its own history: at least 200 transactions, three LSNs queried, two restored and identical", () => {
  if (!existsSync(join(root, "dist", "cli.js"))) throw new Error('dist/ is missing: "npm run build" makes it');
  const { status, stdout, stderr } = demo();
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(Number(/in (\d+) transactions/.exec(stdout)?.[1])).toBeGreaterThanOrEqual(200);
  expect(stdout.match(/^\$ node dist\/cli\.js sql .* --lsn \d+/gm)).toHaveLength(3);
  expect(stdout.match(/identical/g)).toHaveLength(2);
});

test("a database of yours is read, and nothing is written beside it", needs("sqlite3"), async () => {
  const folder = mkdtempSync(join(tmpdir(), "palimpsest-demo-"));
  try {
    const live = new LiveDatabase(join(folder, "my app.db"));
    await live.useWal(1024);
    await live.run("create table t(a); insert into t values(1); insert into t values(2); delete from t where a = 1;");
    live.copyTo(join(folder, "copy of it.db"));
    await live.close();
    const before = filesOf(folder);
    const { status, stdout, stderr } = demo(join(folder, "copy of it.db"));
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout.match(/identical/g)).toHaveLength(1);
    expect(filesOf(folder)).toEqual(before);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a file that is not there, one that is no database, and one in the folder that the demo replaces", () => {
  const missing = demo("nowhere/app.db");
  expect(missing.status).toBe(1);
  expect(missing.stderr).toMatch(/^demo: there is no file .*nowhere\/app\.db\n$/);
  const noDatabase = demo("package.json");
  expect(noDatabase.status).toBe(1);
  expect(noDatabase.stderr).toMatch(/^palimpsest: .*package\.json.*\ndemo: the command above failed/);
  const inside = join(root, "demo-output", "yours", "copies", "kept.db");
  mkdirSync(dirname(inside), { recursive: true });
  writeFileSync(inside, "kept");
  expect(demo(inside)).toMatchObject({ status: 1, stderr: expect.stringMatching(/which this demo replaces/) });
  expect(readFileSync(inside, "utf8")).toBe("kept");
});
