/** What a volume's records say of each LSN, gathered while they are read, to hold them and the manifest against each other. */
import { Corrupt } from "../core/errors.js";
import type { Leaf } from "../format/manifest-leaf.js";
import type { Range } from "../format/record-range.js";

interface Entry {
  readonly record: number;
  readonly range: Range;
}

export class HistoryColumns {
  readonly #entries: Entry[] = [];
  /** The next record's first LSN and its least time; `undefined` behind a gap, where they are not known. */
  #nextLsn: number | undefined = 1;
  #time = 0;
  #closed = false;

  /** A record could not be read: what follows has nothing to be held against. */
  gap(): void {
    this.#nextLsn = undefined;
  }

  /** @throws Corrupt where the record contradicts the ones before it. */
  append(record: number, key: string, range: Range, closing: boolean): void {
    const contradiction = (expected: string, actual: string) =>
      new Corrupt("record against the ones before it", { key, byteOffset: 0, expected, actual });
    if (this.#closed) throw contradiction("nothing after the closing record", "a record");
    if (this.#nextLsn !== undefined && range.firstLsn !== this.#nextLsn) {
      throw contradiction(`first LSN ${this.#nextLsn}`, `${range.firstLsn}`);
    }
    if (range.times.length > 0 && range.times[0] < this.#time) {
      throw contradiction(`a time from ${this.#time}`, `${range.times[0]}`);
    }
    this.#entries.push({ record, range });
    this.#nextLsn = range.firstLsn + range.times.length;
    this.#time = range.times.at(-1) ?? this.#time;
    this.#closed = closing;
  }

  /** @throws Corrupt where a leaf or a manifest's tail differs from the records that it stands for. */
  compare(leaf: Leaf, key: string): void {
    const last = leaf.firstRecord + leaf.recordCount - 1;
    const names = new Set(namesOf(leaf));
    for (const { record, range } of this.#entries) {
      if (record < leaf.firstRecord || record > last) continue;
      const from = range.firstLsn - leaf.firstLsn;
      const to = from + range.times.length;
      const same =
        from >= 0 &&
        to <= leaf.times.length &&
        (["times", "pageCounts", "changed"] as const).every((column) =>
          range[column].every((value, i) => value === leaf[column][from + i]),
        ) &&
        namesOf(range).every((name) => names.has(name));
      if (!same) {
        throw new Corrupt("history that differs from its records", {
          key,
          byteOffset: 0,
          expected: `what record ${record} says of LSNs from ${range.firstLsn}`,
          actual: "something else",
        });
      }
    }
  }
}

/** The references and drops of a run of LSNs. */
function namesOf({ references, drops }: Range): string[] {
  return [
    ...references.map(({ segmentId, vid, baseLsn }) => `segment ${segmentId} ${vid} ${baseLsn}`),
    ...drops.map(({ lsn, from, to }) => `drop ${lsn} ${from} ${to}`),
  ];
}
