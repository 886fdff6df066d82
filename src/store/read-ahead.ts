/**
 * Notices who reads a volume in the order of its offsets, and says how many pages to read at once for the next one that is not in
 * memory: one at first, then four times as many with each time that the reader arrives where the last window ended.
 */

const GROWTH = 4;
/** So many readers can go through one volume at once. */
const STREAMS = 8;
/** A reader may leave out so many pages and still be going through in order. */
const SLACK = 8;

interface Stream {
  /** Where it last asked for a page that was not in memory, and the first offset behind its window. */
  last: number;
  next: number;
  window: number;
}

export class ReadAhead {
  readonly #maxWindow: number;
  /** The last one used comes last. */
  #streams: Stream[] = [];

  /** @param maxWindow In pages. */
  constructor(maxWindow: number) {
    this.#maxWindow = maxWindow;
  }

  /** How many offsets from `offset` on to read, that one included, which was not in memory. */
  windowAt(offset: number): number {
    const i = this.#streams.findIndex(({ last, next }) => offset > last && offset <= next + SLACK);
    const [stream] = i < 0 ? [{ last: 0, next: 0, window: 0 }] : this.#streams.splice(i, 1);
    stream.window = Math.min(this.#maxWindow, Math.max(1, stream.window * GROWTH));
    stream.last = offset;
    stream.next = offset + stream.window;
    this.#streams.push(stream);
    if (this.#streams.length > STREAMS) this.#streams.shift();
    return stream.window;
  }
}
