/**
 * What a test needs from the machine. Where a program is missing, its tests are skipped by name and say so; in CI
 * (`CI=true`) they fail instead, so that a check never passes by not running.
 *
 *     describe("agrees with SQLite", needs("sqlite3"), () => { … });
 */
import { spawnSync } from "node:child_process";

const PACKAGES: Record<string, string> = { sqlite3: "sqlite3", python3: "python3" };

const found = new Map<string, boolean>();

/** Whether `program` starts here. */
export function has(program: string): boolean {
  let answer = found.get(program);
  if (answer === undefined) {
    answer = spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;
    found.set(program, answer);
  }
  return answer;
}

/** Options for `describe` or `test`: skips them, loudly, unless every one of `programs` is installed. */
export function needs(...programs: string[]): { skip: boolean } {
  const missing = programs.filter((program) => !has(program));
  if (missing.length === 0) return { skip: false };
  const what = missing.map((program) => `${program} (Debian package ${PACKAGES[program] ?? program})`).join(", ");
  if (process.env.CI) throw new Error(`this test needs ${what}, and CI must not skip it: install it in .ci/run`);
  console.warn(`SKIPPED: these tests need ${what}, which is not installed`);
  return { skip: true };
}
