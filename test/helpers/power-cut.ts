/**
 * What a disk has made durable, so that a test can cut the power: a file's bytes when it was synced, a name when its
 * folder was. Everything since may be lost or kept, each by itself, as `random` has it.
 */
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type DiskCall, disk } from "./fault-fs.js";

interface Name {
  readonly path: string;
  /** What had the name before: a rename that is lost gives it back. */
  readonly before: Uint8Array | undefined;
}

export class PowerCut {
  #unsyncedFiles = new Set<string>();
  #unsyncedNames: Name[] = [];

  /** To be called before each change that will be made. */
  note({ name, path, from }: DiskCall): void {
    if (name === "write") this.#unsyncedFiles.add(path);
    if (name === "sync") this.#unsyncedFiles.delete(path);
    if (from !== undefined && this.#unsyncedFiles.has(from)) this.#unsyncedFiles.add(path);
    if (name === "link" || name === "rename" || name === "mkdir" || name === "create") {
      const before = name === "rename" && existsSync(path) ? readFileSync(path) : undefined;
      if (name === "rename" || !existsSync(path)) this.#unsyncedNames.push({ path, before });
    }
    if (name === "syncFolder") this.#unsyncedNames = this.#unsyncedNames.filter((each) => dirname(each.path) !== path);
  }

  /** Loses each thing that was not made durable with a probability of one half. */
  cut(random: () => number): void {
    disk.beforeChange = undefined;
    for (const path of this.#unsyncedFiles) if (existsSync(path) && random() < 0.5) truncateSync(path, 0);
    for (const { path, before } of this.#unsyncedNames.reverse()) {
      if (random() < 0.5) continue;
      if (before) writeFileSync(path, before);
      else rmSync(path, { recursive: true, force: true });
    }
  }
}
