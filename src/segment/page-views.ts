/**
 * Views of page frames, kept: making one costs more than looking its page up. A frame's view is made when it is first asked
 * for and serves whatever page lies there.
 */
import { MIN_PAGE_SIZE } from "../core/numbers.js";
import type { Core } from "../probe/core.js";

const BLOCK_SHIFT = 16;
const FRAME_SHIFT = 31 - Math.clz32(MIN_PAGE_SIZE);
const FRAMES_PER_BLOCK = 1 << (BLOCK_SHIFT - FRAME_SHIFT);

type Block = (Uint8Array<ArrayBuffer> | undefined)[];

export class PageViews {
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #start: number;
  /** By 64 KiB of the arena, then by the least size of a page. */
  readonly #blocks: (Block | undefined)[];

  constructor({ memory, arena }: Core) {
    this.#memory = memory;
    this.#start = arena.start;
    this.#blocks = new Array((memory.length - arena.start) >>> BLOCK_SHIFT).fill(undefined);
  }

  /** The view of a page in a frame of the arena. */
  of(address: number, pageSizeBytes: number): Uint8Array<ArrayBuffer> {
    const at = address - this.#start;
    const view = this.#blocks[at >>> BLOCK_SHIFT]?.[(at >>> FRAME_SHIFT) & (FRAMES_PER_BLOCK - 1)];
    return view !== undefined && view.length === pageSizeBytes ? view : this.#make(address, pageSizeBytes);
  }

  #make(address: number, pageSizeBytes: number): Uint8Array<ArrayBuffer> {
    const at = address - this.#start;
    const view = new Uint8Array(this.#memory.buffer, address, pageSizeBytes);
    const block = (this.#blocks[at >>> BLOCK_SHIFT] ??= new Array(FRAMES_PER_BLOCK).fill(undefined));
    block[(at >>> FRAME_SHIFT) & (FRAMES_PER_BLOCK - 1)] = view;
    return view;
  }
}
