/** Has `spec/log_reader.py` read objects of the log: many in one start of Python. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Verdict } from "./describe-log-object.js";
import { runPython } from "./python.js";

const READER = fileURLToPath(new URL("../../spec/log_reader.py", import.meta.url));

/** What the reader says of each, without its reasons. */
export function readInPython(objects: readonly { readonly key: string; readonly bytes: Uint8Array }[]): Verdict[] {
  const folder = mkdtempSync(join(tmpdir(), "palimpsest-log-reader-"));
  try {
    const file = join(folder, "objects");
    const parts = objects.flatMap(({ key, bytes }) => {
      const lengths = Buffer.alloc(8);
      lengths.writeUInt32LE(Buffer.byteLength(key), 0);
      lengths.writeUInt32LE(bytes.length, 4);
      return [lengths, Buffer.from(key), bytes];
    });
    writeFileSync(file, Buffer.concat(parts));
    const done = runPython(READER, "batch", file);
    // A reader that refuses says so on stdout; a stack trace is a bug of the reader.
    if (done.stderr !== "") throw new Error(done.stderr);
    const lines = done.stdout.trimEnd().split("\n");
    if (lines.length !== objects.length) throw new Error(`${lines.length} answers to ${objects.length} objects`);
    return lines.map((line) => {
      const { reason: _, ...verdict } = JSON.parse(line) as Verdict & { reason?: string };
      return verdict;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
