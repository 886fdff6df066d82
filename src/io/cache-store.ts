/**
 * An object store whose immutable objects are read by way of a block cache: whole blocks, looked up first, fetched where they
 * are missing, and written to the cache while the caller already goes on. Everything else passes through.
 *
 * The answer is the one that the storage would have given. What could make it another is kept out:
 * - Absence is never cached: the object may be created at any time.
 * - A cache that fails, or has forgotten, only costs a request.
 * - Keys carry the store's URL, since stores that were copied from one another have the same keys and grow apart.
 * - Writing and deleting leave cached blocks alone. Nothing is ever put in an immutable object's place, so its blocks stay
 *   right; and a deleted one is asked for only by those who hold a manifest from before, to whom the old bytes are the answer.
 *
 * A request that the storage answered with wrong bytes would be wrong for as long as they are cached. Who finds out, by the
 * checksums above, reads again with `refresh`.
 */
import { throwIfAborted } from "../core/errors.js";
import { type BlockCache, type CacheStats, MAX_BLOCK } from "./block-cache.js";
import type { IoListener } from "./io-events.js";
import { notify } from "./notify.js";
import { checkKey, checkRange } from "./object-key.js";
import type { CallOptions, ObjectStore, RangeOptions } from "./object-store.js";
import { SharedRequest, unlessAborted } from "./shared-request.js";
import { StoreWrapper } from "./store-wrapper.js";

export interface CacheStoreOptions {
  /** Whether the object at a key, once it is there, is never another: then it may be cached. */
  readonly isImmutable: (key: string) => boolean;
  readonly onEvent?: IoListener | undefined;
  /** What tells this store's keys from those of other stores in the same cache. By default its URL. */
  readonly scope?: string | undefined;
}

/** A longer range, which no segment or record needs, passes the cache by: its blocks would be looked up in vain. */
const MAX_RANGE_BYTES = 32 << 20;
/** Fetched blocks that wait to be written. More are not cached. */
const MAX_WAITING_BYTES = 32 << 20;
/** Requests for one range; where it has more gaps, one request fetches all between the first and the last. */
const MAX_SPANS = 8;
/** So many bytes that are in the cache are fetched again, where that saves a request. */
const GAP_BYTES = 64 << 10;

type Bytes = Uint8Array | undefined;

/** A request under way for blocks from `first` on. It gives them up to the object's end. */
interface Run {
  readonly first: number;
  readonly request: SharedRequest<Uint8Array[] | undefined>;
}

/** Blocks that lie side by side. */
interface Span {
  readonly first: number;
  readonly count: number;
}

export class CacheStore extends StoreWrapper {
  readonly #cache: BlockCache;
  readonly #options: CacheStoreOptions;
  readonly #scope: string;
  /** Blocks on their way from the storage. */
  readonly #fetching = new Map<string, Run>();
  /** Whole objects on their way. */
  readonly #getting = new Map<string, SharedRequest<Bytes>>();
  /** Blocks on their way to the cache. */
  readonly #writing = new Map<string, Uint8Array>();
  readonly #writes = new Set<Promise<void>>();
  #waitingBytes = 0;
  #failures = 0;
  #skippedWrites = 0;
  #isClosed = false;

  /** @param cache stays open when this store is closed. */
  constructor(inner: ObjectStore, cache: BlockCache, options: CacheStoreOptions) {
    super(inner);
    this.#cache = cache;
    this.#options = options;
    this.#scope = options.scope ?? inner.url;
  }

  /** `skippedWrites`: blocks that were not cached, since too many others waited to be written. */
  get cacheStats(): Readonly<CacheStats & { skippedWrites: number }> {
    const { stats } = this.#cache;
    return { ...stats, failures: stats.failures + this.#failures, skippedWrites: this.#skippedWrites };
  }

  override async get(key: string, options: CallOptions = {}): Promise<Bytes> {
    checkKey(key);
    if (this.#isClosed || options.lasting || !this.#options.isImmutable(key)) return await this.inner.get(key, options);
    throwIfAborted(options.signal, `reading ${key}`);
    const cached = options.refresh
      ? undefined
      : await unlessAborted(this.#wholeObject(key), options.signal, `reading ${key}`);
    if (cached) this.inner.noteSeen?.(key);
    const bytes = cached ?? (await this.#getThrough(key, options));
    this.#tell(key, 0, bytes?.length ?? 0, cached !== undefined);
    return bytes;
  }

  /** The object, where every block of it is in the cache, up to the one that is short. */
  async #wholeObject(key: string): Promise<Bytes> {
    const blocks: Uint8Array[] = [];
    for (;;) {
      const block = await this.#lookUp(key, blocks.length);
      if (block === undefined) return undefined;
      blocks.push(block);
      if (block.length < this.#cache.blockBytes) break;
    }
    const whole = new Uint8Array(blocks.reduce((sum, block) => sum + block.length, 0));
    blocks.forEach((block, i) => void whole.set(block, i * this.#cache.blockBytes));
    return whole;
  }

  async #getThrough(key: string, options: CallOptions): Promise<Bytes> {
    const id = options.probing ? `?${key}` : key;
    let request = options.refresh ? undefined : this.#getting.get(id);
    if (request === undefined || request.isCancelled) {
      request = new SharedRequest(`reading ${key}`, async (signal) => {
        try {
          const bytes = await this.inner.get(key, { ...options, signal });
          if (bytes !== undefined) this.#keep(key, 0, this.#cut(bytes));
          return bytes;
        } finally {
          if (this.#getting.get(id) === request) this.#getting.delete(id);
        }
      });
      this.#getting.set(id, request);
    }
    const bytes = await request.wait(options.signal);
    // The original belongs to the cache until it is written there, and to whoever else waited.
    return bytes && new Uint8Array(bytes);
  }

  override async getRange(key: string, start: number, length: number, options: RangeOptions = {}): Promise<Bytes> {
    checkKey(key);
    checkRange(start, length);
    const { blockBytes } = this.#cache;
    const last = Math.floor((start + length - 1) / blockBytes);
    const passes = length === 0 || length > MAX_RANGE_BYTES || last > MAX_BLOCK;
    if (this.#isClosed || passes || !this.#options.isImmutable(key)) {
      return await this.inner.getRange(key, start, length, options);
    }
    throwIfAborted(options.signal, `reading ${key}`);
    const first = Math.floor(start / blockBytes);
    const found: Bytes[] = options.refresh
      ? new Array(last - first + 1).fill(undefined)
      : await unlessAborted(this.#lookUpAll(key, first, last), options.signal, `reading ${key}`);
    const runs = this.#runsOf(key, first, found, options);
    // All at once: a run that nobody waits for yet could be given up by the others who wait for it.
    const answers = await Promise.all(runs.map(({ request }) => request.wait(options.signal)));
    const isThere = answers.every((blocks) => blocks !== undefined);
    answers.forEach((blocks, i) => {
      for (const [j, block] of (blocks ?? []).entries()) {
        const at = runs[i].first + j - first;
        if (at >= 0 && at < found.length) found[at] ??= block;
      }
    });
    const from = start - first * blockBytes;
    const bytes = isThere ? copyOut(found, from, length, blockBytes, options.into) : undefined;
    this.#tell(key, start, bytes?.length ?? 0, runs.length === 0);
    return bytes;
  }

  async #lookUp(key: string, block: number): Promise<Bytes> {
    const onItsWay = this.#writing.get(idOf(key, block));
    if (onItsWay !== undefined) return onItsWay;
    try {
      return await this.#cache.read(this.#scoped(key), block);
    } catch {
      this.#failures++;
      return undefined;
    }
  }

  async #lookUpAll(key: string, first: number, last: number): Promise<Bytes[]> {
    if (first === last) return [await this.#lookUp(key, first)];
    const found = await Promise.all(Array.from({ length: last - first + 1 }, (_, i) => this.#lookUp(key, first + i)));
    const end = found.findIndex((block) => block !== undefined && block.length < this.#cache.blockBytes);
    return end === -1 ? found : found.slice(0, end + 1);
  }

  /** Requests for what was not found: those that are under way already, and new ones. */
  #runsOf(key: string, first: number, found: readonly Bytes[], options: RangeOptions): Run[] {
    const underWay = new Set<Run>();
    const missing: number[] = [];
    for (const [i, block] of found.entries()) {
      if (block !== undefined) continue;
      const run = options.refresh ? undefined : this.#fetching.get(fetchId(key, first + i, options));
      if (run === undefined || run.request.isCancelled) missing.push(first + i);
      else underWay.add(run);
    }
    return [...underWay, ...spansOf(missing, this.#cache.blockBytes).map((span) => this.#fetch(key, span, options))];
  }

  #fetch(key: string, { first, count }: Span, { probing }: CallOptions): Run {
    const { blockBytes } = this.#cache;
    const ids = Array.from({ length: count }, (_, i) => fetchId(key, first + i, { probing }));
    const request = new SharedRequest(`reading ${key}`, async (signal) => {
      try {
        const bytes = await this.inner.getRange(key, first * blockBytes, count * blockBytes, { probing, signal });
        if (bytes === undefined) return undefined;
        const blocks = this.#cut(bytes, count);
        this.#keep(key, first, blocks);
        return blocks;
      } finally {
        for (const id of ids) if (this.#fetching.get(id) === run) this.#fetching.delete(id);
      }
    });
    const run: Run = { first, request };
    for (const id of ids) this.#fetching.set(id, run);
    return run;
  }

  /** The blocks of an answer, at most `limit`; the last is short, and may be empty, where the object ends. */
  #cut(bytes: Uint8Array, limit = Number.POSITIVE_INFINITY): Uint8Array[] {
    const { blockBytes } = this.#cache;
    const blocks: Uint8Array[] = [];
    for (let at = 0; at <= bytes.length && blocks.length < limit; at += blockBytes) {
      blocks.push(bytes.subarray(at, at + blockBytes));
    }
    return blocks;
  }

  /** Has blocks written to the cache, which nobody waits for. Until they are there they are found here. */
  #keep(key: string, first: number, blocks: readonly Uint8Array[]): void {
    if (this.#isClosed) return;
    for (const [i, block] of blocks.entries()) {
      if (this.#waitingBytes + block.length > MAX_WAITING_BYTES) {
        this.#skippedWrites++;
        continue;
      }
      const id = idOf(key, first + i);
      this.#waitingBytes += block.length;
      this.#writing.set(id, block);
      const written = this.#cache
        .write(this.#scoped(key), first + i, block)
        .catch(() => {
          this.#failures++;
        })
        .then(() => {
          this.#waitingBytes -= block.length;
          this.#writes.delete(written);
          if (this.#writing.get(id) === block) this.#writing.delete(id);
        });
      this.#writes.add(written);
    }
  }

  #scoped(key: string): string {
    return `${this.#scope}\n${key}`;
  }

  #tell(key: string, start: number, length: number, hit: boolean): void {
    notify(this.#options.onEvent, { type: "cache", key, start, length, hit });
  }

  /** When every block that was fetched is in the cache. */
  async settled(): Promise<void> {
    await Promise.all(this.#writes);
  }

  override async close(): Promise<void> {
    this.#isClosed = true;
    await this.settled();
    await this.inner.close();
  }
}

const idOf = (key: string, block: number) => `${block}/${key}`;
/** Who asks for what may be absent can be told "absent" where another is told of an error: they share no request. */
const fetchId = (key: string, block: number, { probing }: CallOptions) => (probing ? "?" : "") + idOf(key, block);

/** Neighbours among the missing blocks, and those with little between them. */
function spansOf(missing: readonly number[], blockBytes: number): Span[] {
  const step = 1 + Math.floor(GAP_BYTES / blockBytes);
  const spans: { first: number; count: number }[] = [];
  for (const block of missing) {
    const span = spans.at(-1);
    if (span && block < span.first + span.count + step) span.count = block + 1 - span.first;
    else spans.push({ first: block, count: 1 });
  }
  if (spans.length <= MAX_SPANS) return spans;
  return [{ first: missing[0], count: missing.at(-1)! + 1 - missing[0] }];
}

/** `length` bytes from byte `from` of the blocks on, up to the first that is short. */
function copyOut(blocks: readonly Bytes[], from: number, length: number, blockBytes: number, into?: Uint8Array): Bytes {
  let end = 0;
  for (const block of blocks) {
    end += block?.length ?? 0;
    if ((block?.length ?? 0) < blockBytes) break;
  }
  const count = Math.max(0, Math.min(length, end - from));
  const target = into?.subarray(0, count) ?? new Uint8Array(count);
  for (let done = 0; done < count; ) {
    const at = from + done;
    const piece = blocks[Math.floor(at / blockBytes)]!.subarray(at % blockBytes, (at % blockBytes) + count - done);
    target.set(piece, done);
    done += piece.length;
  }
  return target;
}
