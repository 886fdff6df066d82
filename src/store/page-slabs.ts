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

  /** A copy of `source`, the caller's. */
  copy(source: Uint8Array): Uint8Array {
    const sizeBytes = source.length;
    if (this.#used + sizeBytes > this.#slab.length) {
      this.#slab = new Uint8Array(Math.min(MAX_SLAB_PAGES * sizeBytes, Math.max(SLAB_BYTES, sizeBytes)));
      this.#used = 0;
    }
    const page = new Uint8Array(this.#slab.buffer, this.#used, sizeBytes);
    this.#used += sizeBytes;
    page.set(source);
    return page;
  }
}
