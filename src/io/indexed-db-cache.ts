/**
 * A block cache in IndexedDB, for pages that have no worker: several tabs share it, and its transactions keep their accounts
 * together. A database has three object stores:
 *
 *     blocks   id -> { bytes, sum }               id: the key, a line feed, the block number
 *     uses     { id, segment, rank, bytes }       segment: 0 on probation, 1 protected; bytes: what the block counts for
 *     state    "state" -> { clock, bytes, protectedBytes }
 *
 * Ranks are readings of the clock, which counts blocks written. What is evicted is found by the index (segment, rank): as in
 * a slab (slab-set.ts), blocks on probation go first, unless three quarters of the bytes are protected. Hits are only noted in
 * memory, and written with the next blocks: nothing need be evicted before.
 *
 * A failure, such as a quota that is used up, never fails a call: for a minute nothing is written, or nothing is read either.
 */
import { murmur3, type Seed128 } from "../core/murmur3.js";
import { sha256 } from "../core/sha256.js";
import { type BlockCache, newCacheStats } from "./block-cache.js";
import { FreshBlocks } from "./fresh-blocks.js";

const REST_MS = 60_000;
const FRESH_READS = 256;
/** What a block takes beside its bytes. */
const ENTRY_BYTES = 512;
const PROTECTED_SHARE = 0.75;
/** Hits that are noted with one transaction. */
const MAX_NOTED = 64;
const STORES = ["blocks", "uses", "state"];

interface StoredBlock {
  readonly bytes: Uint8Array;
  readonly sum: string;
}

interface Use {
  readonly id: string;
  readonly segment: 0 | 1;
  readonly rank: number;
  readonly bytes: number;
}

interface State {
  clock: number;
  bytes: number;
  protectedBytes: number;
}

interface Pending {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** `undefined` where there is no IndexedDB, or it does not let itself be opened. */
export async function openIndexedDbCache(
  name: string,
  limitBytes: number,
  blockBytes: number,
): Promise<IndexedDbCache | undefined> {
  try {
    // A later form gets another name: none is ever upgraded.
    const opening = globalThis.indexedDB?.open(`${name}-blocks-1`, 1);
    if (opening === undefined) return undefined;
    opening.onupgradeneeded = () => {
      const db = opening.result;
      db.createObjectStore("blocks");
      db.createObjectStore("uses", { keyPath: "id" }).createIndex("order", ["segment", "rank"]);
      db.createObjectStore("state");
    };
    return new IndexedDbCache(await resultOf(opening), limitBytes, blockBytes);
  } catch {
    return undefined;
  }
}

export class IndexedDbCache implements BlockCache {
  readonly blockBytes: number;
  readonly stats = newCacheStats();
  readonly #db: IDBDatabase;
  readonly #limitBytes: number;
  readonly #fresh = new FreshBlocks<string>(FRESH_READS);
  /** Blocks that were found again, to be noted. */
  readonly #hits = new Set<string>();
  #pending: Pending[] = [];
  #writing: Promise<void> | undefined;
  #noReadsBeforeMs = 0;
  #noWritesBeforeMs = 0;
  #isClosed = false;

  constructor(db: IDBDatabase, limitBytes: number, blockBytes: number) {
    this.#db = db;
    this.#limitBytes = limitBytes;
    this.blockBytes = blockBytes;
    // Somebody deletes the database, or the browser does: then there is no cache from now on.
    db.onversionchange = () => this.#giveUp();
    db.onclose = () => this.#giveUp();
  }

  async read(key: string, block: number): Promise<Uint8Array | undefined> {
    this.#fresh.count();
    const id = idOf(key, block);
    const isOff = this.#isClosed || Date.now() < this.#noReadsBeforeMs;
    const bytes = isOff ? undefined : await this.#find(id);
    if (bytes === undefined) {
      this.stats.misses++;
      return undefined;
    }
    this.stats.hits++;
    if (!this.#fresh.has(id) && this.#hits.size < MAX_NOTED) this.#hits.add(id);
    return bytes;
  }

  async #find(id: string): Promise<Uint8Array | undefined> {
    try {
      const found: StoredBlock | undefined = await resultOf(
        this.#db.transaction("blocks").objectStore("blocks").get(id),
      );
      if (found === undefined) return undefined;
      this.stats.bytesRead += found.bytes?.length ?? 0;
      if (isSound(found, id, this.blockBytes)) return found.bytes;
      this.stats.damaged++;
    } catch {
      this.#restFrom("reads");
    }
    return undefined;
  }

  /** Blocks that are written while a transaction is under way go into the next one together. */
  write(key: string, block: number, bytes: Uint8Array): Promise<void> {
    if (this.#isClosed || Date.now() < this.#noWritesBeforeMs || bytes.length > this.blockBytes)
      return Promise.resolve();
    this.#pending.push({ id: idOf(key, block), bytes });
    this.#writing ??= this.#drain();
    return this.#writing;
  }

  async #drain(): Promise<void> {
    // Once more round the loop for those who come meanwhile.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      try {
        if (Date.now() >= this.#noWritesBeforeMs) await this.#writeBatch(batch);
      } catch {
        this.#restFrom("writes");
      }
    }
    this.#writing = undefined;
  }

  async #writeBatch(batch: readonly Pending[]): Promise<void> {
    const transaction = this.#db.transaction(STORES, "readwrite");
    const done = endOf(transaction);
    // Where a request fails, the transaction does: `done` says so.
    const steps = this.#writeSteps(transaction, batch).catch(() => undefined);
    const [evictions] = await Promise.all([steps, done]);
    this.stats.evictions += evictions ?? 0;
    for (const { id, bytes } of batch) {
      this.stats.bytesWritten += bytes.length;
      this.#fresh.add(id);
    }
  }

  /** Gives the number of blocks that were evicted. */
  async #writeSteps(transaction: IDBTransaction, batch: readonly Pending[]): Promise<number> {
    const [blocks, uses, states] = STORES.map((name) => transaction.objectStore(name));
    const state: State = (await resultOf(states.get("state"))) ?? { clock: 0, bytes: 0, protectedBytes: 0 };
    const setUse = async (id: string, change: (old: Use | undefined) => Use | undefined) => {
      const old: Use | undefined = await resultOf(uses.get(id));
      const use = change(old);
      if (use === undefined) return;
      account(state, old, -1);
      account(state, use, 1);
      uses.put(use);
    };
    for (const { id, bytes } of batch) {
      blocks.put({ bytes: Uint8Array.from(bytes), sum: sumOf(id, bytes) } satisfies StoredBlock, id);
      const rank = ++state.clock;
      await setUse(id, () => ({ id, segment: 0, rank, bytes: bytes.length + ENTRY_BYTES }));
    }
    const hits = [...this.#hits];
    this.#hits.clear();
    for (const id of hits) await setUse(id, (old) => old && { ...old, segment: 1, rank: state.clock });
    const evictions = await this.#evict(blocks, uses, state);
    states.put(state, "state");
    return evictions;
  }

  async #evict(blocks: IDBObjectStore, uses: IDBObjectStore, state: State): Promise<number> {
    let evictions = 0;
    const order = uses.index("order");
    while (state.bytes > this.#limitBytes) {
      const isTooProtected = state.protectedBytes > this.#limitBytes * PROTECTED_SHARE;
      const range = isTooProtected ? IDBKeyRange.lowerBound([1, 0]) : undefined;
      const cursor = await resultOf(order.openCursor(range));
      // The accounts are off: they begin again with what is to come.
      if (cursor === null) break;
      const use: Use = cursor.value;
      blocks.delete(use.id);
      uses.delete(use.id);
      account(state, use, -1);
      evictions++;
    }
    return evictions;
  }

  #restFrom(what: "reads" | "writes"): void {
    if (this.#isClosed) return;
    this.stats.failures++;
    this.#noWritesBeforeMs = Date.now() + REST_MS;
    if (what === "reads") this.#noReadsBeforeMs = this.#noWritesBeforeMs;
  }

  #giveUp(): void {
    this.#isClosed = true;
    this.#db.close();
  }

  /** After the writes that were begun. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing;
    this.#db.close();
  }
}

const idOf = (key: string, block: number) => `${key}\n${block}`;

function account(state: State, use: Use | undefined, sign: 1 | -1): void {
  if (use === undefined) return;
  state.bytes += sign * use.bytes;
  if (use.segment === 1) state.protectedBytes += sign * use.bytes;
}

/** Of the content and of whose it is, as text. */
function sumOf(id: string, bytes: Uint8Array): string {
  const seed = new Uint32Array(sha256(new TextEncoder().encode(id)).slice().buffer);
  return murmur3(bytes, [...seed.subarray(0, 4)] as unknown as Seed128).join();
}

function isSound(found: StoredBlock, id: string, blockBytes: number): boolean {
  return found.bytes instanceof Uint8Array && found.bytes.length <= blockBytes && found.sum === sumOf(id, found.bytes);
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function endOf(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}
