/** What simulated processes write: few pages, close together, so that they meet; now and then many, or far away. */

import type { DropRange } from "../../src/store/types.js";
import type { Random } from "../helpers/random.js";
import type { Draft } from "./truth.js";

/** Most offsets are below. */
export const NEAR = 40;
export const FAR = [70, 200, 1000];
/** No page is at or above it. */
export const LIMIT = 1100;
/** Where pages may be, and a few places where none ever is. */
export const OFFSETS: readonly number[] = [...Array.from({ length: NEAR + 4 }, (_, i) => i), ...FAR, 2 ** 32 - 2];

/** Makes drafts whose pages are named by numbers that are used once. */
export class Drafts {
  readonly #random: Random;
  /** Of the usual commits: those that write nothing. Their records can be collected. */
  readonly #emptyShare: number;
  #tags = 0;

  constructor(random: Random, emptyShare: number) {
    this.#random = random;
    this.#emptyShare = emptyShare;
  }

  /** A commit to a volume that is so long. */
  usual(pageCount: number, timeMs: number): Draft {
    const random = this.#random;
    const pages = new Map<number, number>();
    const most = random.chance(0.04) ? 60 : 6;
    const count = random.chance(this.#emptyShare) ? 0 : random.below(most);
    for (let left = count; left > 0; left--) this.#write(pages);
    const drops: DropRange[] = [];
    while (random.chance(0.1)) {
      const from = random.below(NEAR);
      drops.push([from, random.chance(0.1) ? 2 ** 32 - 1 : from + 1 + random.below(12)]);
    }
    return { pages, pageCount: this.#newCount(pages, pageCount), drops, timeMs };
  }

  /** One of very many. */
  tiny(timeMs: number): Draft {
    return { pages: new Map([[this.#random.below(NEAR), ++this.#tags]]), pageCount: undefined, drops: [], timeMs };
  }

  /** More pages than lie in a record. */
  wide(timeMs: number): Draft {
    const pages = new Map<number, number>();
    for (let offset = this.#random.below(20); offset < LIMIT - 100; offset += this.#random.pick([1, 1, 1, 2])) {
      pages.set(offset, ++this.#tags);
    }
    return { pages, pageCount: undefined, drops: [], timeMs };
  }

  #write(pages: Map<number, number>): void {
    const random = this.#random;
    pages.set(random.chance(0.03) ? random.pick(FAR) : random.below(NEAR), ++this.#tags);
  }

  #newCount(pages: ReadonlyMap<number, number>, pageCount: number): number | undefined {
    const random = this.#random;
    const written = Math.max(-1, ...pages.keys()) + 1;
    const resize = random.below(12);
    if (resize === 0) return Math.max(written, random.below(NEAR));
    if (resize === 1) return Math.max(written, Math.min(pageCount + random.below(10), LIMIT));
    return undefined;
  }
}

/** The bytes of a page: its number over and over. */
export function pageOf(tag: number, pageSize: number): Uint8Array {
  const page = new Uint8Array(pageSize);
  new Uint32Array(page.buffer).fill(tag);
  return page;
}

/** The number that a page's bytes are made of, -1 where they are of no page. */
export function tagOf(page: Uint8Array): number {
  const words = new Uint32Array(page.buffer, page.byteOffset, page.length >>> 2);
  const tag = words[0];
  for (let i = 1; i < words.length; i++) if (words[i] !== tag) return -1;
  return tag;
}
