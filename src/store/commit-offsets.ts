/**
 * The offsets that one LSN writes, to refuse one that comes twice. A commit in ascending order costs nothing but the list;
 * offsets of finished segments are kept as 4 bytes each.
 */
import { InvalidArgument } from "../core/errors.js";
import { toOffset } from "../core/numbers.js";

export class CommitOffsets {
  #highest = -1;
  /** In the segment being filled; the set is made when the order is first broken. */
  #current: number[] = [];
  #currentSet: Set<number> | undefined;
  /** In finished segments, each list ascending. */
  #finished: Uint32Array[] = [];

  /** @throws InvalidArgument for an offset that is none, or that was added before. */
  add(offset: number): void {
    toOffset(offset);
    if (offset > this.#highest) {
      this.#highest = offset;
    } else {
      this.#currentSet ??= new Set(this.#current);
      if (this.#currentSet.has(offset) || this.#finished.some((offsets) => includes(offsets, offset))) {
        throw new InvalidArgument(`offset ${offset} comes twice in one commit; a page has one content at an LSN`);
      }
    }
    this.#current.push(offset);
    this.#currentSet?.add(offset);
  }

  /** The offsets that follow go into another segment. */
  nextSegment(): void {
    if (this.#current.length > 0) this.#finished.push(Uint32Array.from(this.#current).sort());
    this.#current = [];
    this.#currentSet = undefined;
  }
}

function includes(sorted: Uint32Array, value: number): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === value;
}
