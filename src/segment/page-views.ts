/**
 * Views of page frames, kept: making one costs more than looking its page up. A frame's view is made when it is first asked
 * for and serves whatever page lies there.
 */
import { MIN_PAGE_SIZE } from "../core/numbers.js";

const BLOCK_SHIFT = 16;
const FRAME_SHIFT = 31 - Math.clz32(MIN_PAGE_SIZE);
const FRAMES_PER_BLOCK = 1 << (BLOCK_SHIFT - FRAME_SHIFT);

type Block = (Uint8Array | undefined)[];

export class PageViews {
  readonly #memory: Uint8Array;
  /** By 64 KiB of the memory, then by the least size of a page. */
  readonly #blocks: (Block | undefined)[];

  /** @param memory The whole linear memory. */
  constructor(memory: Uint8Array) {
    this.#memory = memory;
    this.#blocks = new Array(memory.length >>> BLOCK_SHIFT).fill(undefined);
  }

  /** The view of a page in a frame of the arena. */
  of(address: number, pageSizeBytes: number): Uint8Array {
    const view = this.#blocks[address >>> BLOCK_SHIFT]?.[(address >>> FRAME_SHIFT) & (FRAMES_PER_BLOCK - 1)];
    return view !== undefined && view.length === pageSizeBytes ? view : this.#make(address, pageSizeBytes);
  }

  #make(address: number, pageSizeBytes: number): Uint8Array {
    const view = new Uint8Array(this.#memory.buffer, address, pageSizeBytes);
    const block = (this.#blocks[address >>> BLOCK_SHIFT] ??= new Array(FRAMES_PER_BLOCK).fill(undefined));
    block[(address >>> FRAME_SHIFT) & (FRAMES_PER_BLOCK - 1)] = view;
    return view;
  }
}
