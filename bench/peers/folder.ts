/** Where the stores of the comparison are put: one temporary folder, which does not outlive the run. */
import { readdirSync, rmSync, statSync } from "node:fs";
import { mkdtemp, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function sizeOnDisk(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** Runs `work` with a folder on a disk with `needBytes` free. It is gone afterwards, also after a failure or Ctrl-C. */
export async function inFolder(needBytes: number, work: (folder: string) => Promise<void>): Promise<void> {
  const { bavail, bsize } = await statfs(tmpdir());
  const freeBytes = bavail * bsize;
  if (freeBytes < needBytes) {
    const [free, need] = [freeBytes, needBytes].map((bytes) => `${Math.ceil(bytes / 2 ** 20)} MiB`);
    throw new Error(`${tmpdir()} has ${free} free, and this takes ${need}: set TMPDIR to a folder that has them`);
  }
  const folder = await mkdtemp(join(tmpdir(), "palimpsest-bench-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const stop = () => {
    remove();
    process.exit(130);
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.once(signal, stop);
  try {
    await work(folder);
  } finally {
    for (const signal of signals) process.off(signal, stop);
    remove();
  }
}
