/** Runs TypeScript of ours in processes of its own: to be killed, to race, or to be another user. */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll } from "vitest";

/**
 * Bundles `source` (a path from the package's root) into one file that any user may run; gives the path. To be called
 * from a `describe`, whose end removes it.
 */
export function bundleProgram(source: string): string {
  const folder = mkdtempSync(join(tmpdir(), "palimpsest-program-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const outfile = join(folder, "program.mjs");
  buildSync({
    entryPoints: [source],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "es2022",
    loader: { ".wasm": "binary" },
    logLevel: "warning",
  });
  return outfile;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `program` to its end beside others. */
export function runProgram(program: string, args: readonly string[]): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Runs `program` as a user who owns nothing, where we are root; as ourselves where we are not. */
export function runUnprivileged(program: string, args: readonly string[]): Finished {
  const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const done = spawnSync(process.execPath, [program, ...args], { encoding: "utf8", cwd: "/", ...user });
  if (done.error) throw done.error;
  return { code: done.status, stdout: done.stdout, stderr: done.stderr };
}
