/** The newest versions of a volume, as they are committed: a map that is folded into a `Part` when it has grown. */
import type { DecodedVolume } from "../format/segment-index.js";

/** Numbers for each version in a list: LSN, ordinal of the reference, local page number. */
const STRIDE = 3;

export class LiveIndex {
  readonly #versions = new Map<number, number[]>();
  #versionCount = 0;
  /** Of the version that `find` found. */
  ordinal = 0;
  local = 0;

  get versionCount(): number {
    return this.#versionCount;
  }

  /** References must come in the order of the log, so that each offset's LSNs ascend. */
  add({ offsets, starts, rlsns, firstLocal }: DecodedVolume, baseLsn: number, ordinal: number): void {
    for (let i = 0; i < offsets.length; i++) {
      let versions = this.#versions.get(offsets[i]);
      if (!versions) this.#versions.set(offsets[i], (versions = []));
      for (let at = starts[i]; at < starts[i + 1]; at++) versions.push(baseLsn + rlsns[at], ordinal, firstLocal + at);
    }
    this.#versionCount += rlsns.length;
  }

  /** The LSN of the newest version at or below `lsn`, 0 for none. */
  find(offset: number, lsn: number): number {
    const versions = this.#versions.get(offset);
    if (versions === undefined) return 0;
    for (let at = versions.length - STRIDE; at >= 0; at -= STRIDE) {
      if (versions[at] > lsn) continue;
      this.ordinal = versions[at + 1];
      this.local = versions[at + 2];
      return versions[at];
    }
    return 0;
  }

  clear(): void {
    this.#versions.clear();
    this.#versionCount = 0;
  }
}
