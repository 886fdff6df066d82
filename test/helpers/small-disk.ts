/**
 * A small file system of its own, in memory, to be filled up or made read-only. Mounting takes root on Linux: elsewhere
 * the tests that need it are skipped by name, and say so; in CI they fail instead.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync, statfsSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

function mount(...args: string[]): string | undefined {
  const done = spawnSync("mount", args, { encoding: "utf8" });
  return done.status === 0 ? undefined : (done.error?.message ?? done.stderr.trim());
}

export class SmallDisk {
  readonly folder: string;

  constructor(sizeBytes: number) {
    this.folder = mkdtempSync(join(tmpdir(), "palimpsest-disk-"));
    const failure = mount("-t", "tmpfs", "-o", `size=${sizeBytes},mode=755`, "palimpsest-test", this.folder);
    if (failure !== undefined) {
      rmdirSync(this.folder);
      throw new Error(`cannot mount a tmpfs: ${failure}`);
    }
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  /** Takes all but `leaveBytes`; gives a function that frees it again. */
  fill(leaveBytes = 0): () => void {
    const ballast = join(this.folder, `.ballast-${Math.random()}`);
    writeFileSync(ballast, new Uint8Array(Math.max(0, this.freeBytes - leaveBytes)));
    return () => unlinkSync(ballast);
  }

  remount(how: "ro" | "rw"): void {
    const failure = mount("-o", `remount,${how}`, this.folder);
    if (failure !== undefined) throw new Error(`cannot remount: ${failure}`);
  }

  unmount(): void {
    spawnSync("umount", ["-l", this.folder]);
    rmdirSync(this.folder);
  }
}

/** Options for `describe` or `it`. */
export function needsSmallDisk(): { skip: boolean } {
  try {
    new SmallDisk(1 << 20).unmount();
    return { skip: false };
  } catch (error) {
    if (process.env.CI) throw new Error("CI must not skip this test: run it as root on Linux", { cause: error });
    console.warn(
      `SKIPPED: these tests need a small file system of their own (${(error as Error).message}; run as root)`,
    );
    return { skip: true };
  }
}
