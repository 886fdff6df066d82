/** A process that commits in a loop, killed at random moments: 20 real SIGKILLs on one folder, one after another. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { verifyObjects } from "../../src/history/verify.js";
import { FileStore } from "../../src/io/file-store.js";
import { PageStore } from "../../src/node.js";
import { wrongPages } from "../helpers/known-history.js";
import { bundleProgram } from "../helpers/programs.js";
import { runSeed, seededRandom } from "../helpers/random.js";

const KILLS = 50;

/** Runs the program until `delayMs` after it began to commit; gives its output. */
function runAndKill(program: string, folder: string, delayMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, folder], { stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      if (stdout === "") setTimeout(() => child.kill("SIGKILL"), delayMs);
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.on("error", reject);
    child.on("close", (_code, signal) => (signal === "SIGKILL" ? resolve(stdout) : reject(new Error(stderr))));
  });
}

describe("a process that commits and is killed", () => {
  const program = bundleProgram("test/fault/programs/committer.ts");

  it(`has lost nothing that it acknowledged, ${KILLS} times`, { timeout: 600_000 }, async () => {
    const random = seededRandom(runSeed("SIGKILL"));
    const parent = mkdtempSync(join(tmpdir(), "palimpsest-kill-"));
    const folder = join(parent, "pages");
    let lsn = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const output = await runAndKill(program, folder, random() * 150);
      const [first, ...lines] = output.trim().split("\n");
      expect(first).toBe(`from ${lsn}`);
      const acknowledged = Number(lines.at(-1)?.split(" ")[1] ?? lsn);
      const store = await PageStore.open(`file:${folder}`);
      const volume = await store.volume("app");
      lsn = (await volume.latest())?.lsn ?? 0;
      expect(lsn).toBeGreaterThanOrEqual(acknowledged);
      expect(lsn).toBeLessThanOrEqual(acknowledged + 4);
      expect(await wrongPages(lsn, (at) => volume.snapshot(at))).toEqual([]);
      expect((await verifyObjects(new FileStore(folder))).problems).toEqual([]);
      await store.close();
    }
    expect(lsn).toBeGreaterThan(KILLS);
    rmSync(parent, { recursive: true });
  });
});
