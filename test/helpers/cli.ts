/** The command line in this process: what a run printed, what it returned, and whether it left the store as it was. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { run } from "../../src/cli/run.js";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  /** As bytes, for `read`. */
  readonly output: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Record<string, string>;
  /** What is typed, on a terminal. */
  readonly typed?: string;
  readonly stdoutIsTerminal?: boolean;
  readonly stderrIsTerminal?: boolean;
  readonly signal?: AbortSignal;
}

export async function palimpsest(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const capture = (isTTY: boolean | undefined) => {
    const chunks: Buffer[] = [];
    const stream = Object.assign(new PassThrough(), { isTTY: isTTY === true });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    return { stream, bytes: () => Buffer.concat(chunks) };
  };
  const stdout = capture(options.stdoutIsTerminal);
  const stderr = capture(options.stderrIsTerminal);
  const stdin = Object.assign(new PassThrough(), { isTTY: options.typed !== undefined });
  if (options.typed !== undefined) stdin.write(options.typed);
  const code = await run({
    argv,
    env: options.env ?? {},
    stdin,
    stdout: stdout.stream,
    stderr: stderr.stream,
    signal: options.signal ?? new AbortController().signal,
  });
  // What is written has been taken, and is read in the next turn.
  await new Promise(setImmediate);
  return { code, output: stdout.bytes(), stdout: String(stdout.bytes()), stderr: String(stderr.bytes()) };
}

/** A hash of every file's name and bytes in `folder`. */
export function hashOfFolder(folder: string): string {
  const hash = createHash("sha256");
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }).sort((a, b) =>
    join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
  )) {
    const path = join(entry.parentPath, entry.name);
    hash.update(`${path}\0`);
    if (entry.isFile()) hash.update(readFileSync(path));
  }
  return hash.digest("hex");
}
