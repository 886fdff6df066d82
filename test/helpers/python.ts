/** Runs Python. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";

let interpreter: string | undefined;

function start(program: string, args: readonly string[]): SpawnSyncReturns<string> {
  const done = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 30 });
  if (done.error) throw done.error;
  return done;
}

/**
 * Runs a program to its end. What `python3` names may be a script that first looks for Python, which takes longer than most
 * programs here: it is asked once.
 */
export function runPython(...args: readonly string[]): SpawnSyncReturns<string> {
  interpreter ??= start("python3", ["-c", "import sys; print(sys.executable)"]).stdout.trim();
  return start(interpreter, args);
}
