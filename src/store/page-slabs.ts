/**
 * Memory for pages that callers own, cut from slabs of up to 64 pages: allocating one large buffer now and then costs a
 * fraction of one small buffer a page. The trade: a page that is kept keeps its whole slab (256 KiB of 4 KiB pages) alive;
 * who keeps few pages for long copies them.
 */
const SLAB_BYTES = 256 << 10;
const MAX_SLAB_PAGES = 64;

export class PageSlabs {
  #slab = new Uint8Array(0);
  #used = 0;

  /** `sizeBytes` fresh bytes, the caller's, from `source` at `at`. */
  copy(source: Uint8Array, at: number, sizeBytes: number): Uint8Array {
    if (this.#used + sizeBytes > this.#slab.length) {
      this.#slab = new Uint8Array(Math.min(MAX_SLAB_PAGES * sizeBytes, Math.max(SLAB_BYTES, sizeBytes)));
      this.#used = 0;
    }
    const page = this.#slab.subarray(this.#used, (this.#used += sizeBytes));
    page.set(source.subarray(at, at + sizeBytes));
    return page;
  }
}
