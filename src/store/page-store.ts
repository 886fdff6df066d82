/**
 * A store of versioned pages: volumes by name, commits to them, and `readPage(vid, offset, lsn)`, the page with the
 * highest LSN at or below `lsn`.
 */
import { Aborted, InvalidArgument, NotResident } from "../core/errors.js";
import { VolumeId } from "../core/ids.js";
import { DEFAULT_PAGE_SIZE, toPageSize } from "../core/numbers.js";
import type { CatalogEntry } from "../format/catalog.js";
import type { CacheStats } from "../io/block-cache.js";
import type { IoStats } from "../io/object-store.js";
import { unlessAborted } from "../io/shared-request.js";
import { Catalog, checkName, isVolumeId } from "../log/catalog.js";
import { now } from "../log/look.js";
import { VolumeLog } from "../log/volume-log.js";
import { Core } from "../probe/core.js";
import { WasmProbe } from "../probe/wasm-probe.js";
import { PageFrames } from "../segment/page-frames.js";
import { commitEach } from "./commit-each.js";
import { type ObjectStack, type ObjectStackOptions, openObjectStack } from "./object-stack.js";
import { type Platform, portablePlatform } from "./platform.js";
import { StoreContext } from "./store-context.js";
import type { CallOptions, CommitEach, CommitEachOutcome, VolumeInfo } from "./types.js";
import { Volume } from "./volume.js";

const DEFAULT_MEMORY_BYTES = 256 << 20;

export interface OpenOptions extends CallOptions, ObjectStackOptions {
  /** Bytes of memory for indexes and pages, reserved now and never exceeded: 1 MiB to 4 GiB, by default 256 MiB. */
  readonly memory?: number;
  /**
   * Lets other threads read what this one has in memory: see `Volume.share`. Where memory cannot be shared (a page that is not
   * cross-origin isolated) they get copies.
   */
  readonly shared?: boolean;
}

type VolumeEntry = Pick<CatalogEntry, "vid" | "name" | "pageSizeBytes">;

export interface StoreStats {
  /** Requests to the storage and bytes, retries and hedges, since it was opened. */
  readonly io: Readonly<IoStats>;
  /** Of linear memory, which holds indexes and pages. */
  readonly memory: {
    readonly usedBytes: number;
    readonly limitBytes: number;
    /** Pages that reads found in memory, and that they had to load. */
    readonly pageHits: number;
    readonly pageMisses: number;
    /** Pages that were loaded before anybody asked for them. */
    readonly pagesAhead: number;
  };
  /** Of the cache on this machine, where the store was opened with one. */
  readonly cache: Readonly<CacheStats> | undefined;
}

export class PageStore implements AsyncDisposable {
  readonly #context: StoreContext;
  readonly #catalog: Catalog;
  readonly #stack: ObjectStack;
  /** Once `close` was called. */
  #closing: Promise<void> | undefined;
  readonly #volumes = new Map<string, Promise<Volume>>();
  /** Those that are open, for the synchronous calls. */
  readonly #open = new Map<string, Volume>();
  #last: Volume | undefined;

  protected constructor(context: StoreContext, catalog: Catalog, stack: ObjectStack) {
    this.#context = context;
    this.#catalog = catalog;
    this.#stack = stack;
  }

  /**
   * Opens the store at `url`. Nothing is read before the first call that needs it, and nothing is written until something is
   * committed or created: one that holds nothing yet is an empty store.
   *
   * @throws InvalidArgument for a URL or an option that cannot be; what opening the cache throws.
   */
  static open(url: string, options: OpenOptions = {}): Promise<PageStore> {
    return PageStore.openOn(portablePlatform, url, options);
  }

  /** `open` on a given platform. */
  static async openOn(platform: Platform, url: string, options: OpenOptions): Promise<PageStore> {
    if (typeof url !== "string") throw new InvalidArgument("a store's URL is a text, like memory: or file:./pages");
    const isShared = options.shared === true;
    const core = Core.create({ memoryBytes: options.memory ?? DEFAULT_MEMORY_BYTES, shared: isShared });
    const stack = await openObjectStack(platform, url, options);
    const { objects } = stack;
    const context = new StoreContext({
      objects,
      core,
      probe: new WasmProbe(core),
      frames: new PageFrames(core, objects),
      sha256: platform.sha256,
      isShared,
    });
    return new PageStore(context, new Catalog(objects), stack);
  }

  /** Names the storage. Holds no credentials. */
  get url(): string {
    return this.#context.objects.url;
  }

  stats(): StoreStats {
    const { objects, core, pageCounts } = this.#context;
    const { usedBytes, limitBytes } = core.arena;
    const { reads, misses, ahead } = pageCounts;
    const { cacheStats } = this.#stack;
    return {
      io: { ...objects.stats },
      memory: { usedBytes, limitBytes, pageHits: reads - misses, pageMisses: misses, pagesAhead: ahead },
      cache: cacheStats && { ...cacheStats },
    };
  }

  /**
   * Creates an empty volume.
   *
   * @throws Conflict where the name is taken, InvalidArgument for a name or page size that cannot be.
   */
  async createVolume(volume: { name: string; pageSize?: number } & CallOptions): Promise<Volume> {
    const { name, pageSize = DEFAULT_PAGE_SIZE, signal } = volume;
    const pageSizeBytes = toPageSize(pageSize);
    checkName(name);
    await this.#context.checkWritable({ signal });
    const before = now();
    const entry = await this.#catalog.create(name, pageSizeBytes, { signal });
    return await this.#keep(entry, async () => VolumeLog.fresh(this.#context.objects, entry.vid, entry, before));
  }

  /**
   * The volume of this id (36 characters or a `VolumeId`), or else of this name.
   *
   * @throws NotFound
   */
  async volume(nameOrId: string | VolumeId, options?: CallOptions): Promise<Volume> {
    this.#context.checkOpen();
    if (typeof nameOrId !== "string" && !(nameOrId instanceof VolumeId)) {
      throw new InvalidArgument("a volume is named by its name or its id");
    }
    for (;;) {
      try {
        return (await this.#volumeById(nameOrId, options)) ?? (await this.#volumeByCatalog(nameOrId, options));
      } catch (error) {
        // Another call's signal may have stopped the opening that this one waited for.
        if (!(error instanceof Aborted) || options?.signal?.aborted) throw error;
      }
    }
  }

  /** By its id alone, where a manifest says all that is needed: one request less, and one round. */
  async #volumeById(id: string | VolumeId, options?: CallOptions): Promise<Volume | undefined> {
    const vid = typeof id === "string" ? (isVolumeId(id) ? VolumeId.parse(id.toLowerCase()) : undefined) : id;
    if (!vid || this.#volumes.has(vid.toString())) return undefined;
    const log = await VolumeLog.open(this.#context.objects, vid, options);
    if (!log.traits || log.closed) return undefined;
    return await this.#keep({ vid, ...log.traits }, async () => log);
  }

  async #volumeByCatalog(nameOrId: string | VolumeId, options?: CallOptions): Promise<Volume> {
    await this.#catalog.load(options);
    // While it is looked up whether the name still means the same volume, that one is opened.
    const guess = this.#catalog.find(nameOrId);
    const isNew = guess !== undefined && !this.#volumes.has(guess.vid.toString());
    const opening = isNew ? VolumeLog.open(this.#context.objects, guess.vid, options) : undefined;
    opening?.catch(() => undefined);
    await this.#catalog.refresh(options);
    const entry = this.#catalog.get(nameOrId);
    const isGuess = opening !== undefined && entry.vid.equals(guess!.vid);
    const kept = this.#keep(entry, () =>
      isGuess ? opening : VolumeLog.open(this.#context.objects, entry.vid, options),
    );
    return await unlessAborted(kept, options?.signal, `opening volume ${entry.vid}`);
  }

  /** One `Volume` for each id, however often it is asked for. */
  #keep(entry: VolumeEntry, open: () => Promise<VolumeLog>): Promise<Volume> {
    const id = entry.vid.toString();
    let opening = this.#volumes.get(id);
    if (!opening) {
      opening = open().then((log) => {
        this.#context.checkOpen();
        log.traits = { name: entry.name, pageSizeBytes: entry.pageSizeBytes };
        const volume = new Volume(entry, log, this.#context);
        this.#open.set(id, volume);
        return volume;
      });
      this.#volumes.set(id, opening);
      opening.catch(() => this.#volumes.delete(id));
    }
    return opening;
  }

  /** Every volume, in the order of their names. */
  async *volumes(options?: CallOptions): AsyncGenerator<VolumeInfo> {
    this.#context.checkOpen();
    await this.#catalog.refresh(options);
    const entries = this.#catalog.entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    for (const { vid, name, pageSizeBytes } of entries) yield { id: vid, name, pageSize: pageSizeBytes };
  }

  /** @throws NotFound, Conflict where the new name is taken, InvalidArgument for one that cannot be. */
  async renameVolume(nameOrId: string | VolumeId, name: string, options?: CallOptions): Promise<void> {
    checkName(name);
    await this.#context.checkWritable(options);
    await this.#catalog.rename(nameOrId, name, options);
  }

  /**
   * Drops a volume: no commit to it succeeds from now on, whoever holds it open, and its name is free. If it fails half-way,
   * call it again.
   *
   * @throws NotFound, Unavailable
   */
  async dropVolume(nameOrId: string | VolumeId, options?: CallOptions): Promise<void> {
    await this.#context.checkWritable(options);
    const volume = await this.volume(nameOrId, options);
    await volume.closeLog(options);
    await this.#catalog.drop(volume.id, options);
    const id = volume.id.toString();
    this.#volumes.delete(id);
    this.#open.delete(id);
    if (this.#last === volume) this.#last = undefined;
    await volume.close();
  }

  /**
   * Commits to several volumes, whose pages share segments. Not atomic: each has an outcome of its own, in the order
   * given.
   */
  async commitEach(commits: Iterable<CommitEach>, options: CallOptions = {}): Promise<CommitEachOutcome[]> {
    this.#context.checkOpen();
    return await commitEach(this.#context, commits, options);
  }

  /**
   * The page of `volume` at `offset` with the highest LSN at or below `lsn`; `undefined` where there is none. The bytes are
   * the caller's (they come from a slab of up to 64 pages: copy what you keep for long).
   *
   * @throws NotFound for an unknown volume or an LSN beyond the last, InvalidArgument, Corrupt, Unavailable.
   */
  async readPage(
    volume: VolumeId,
    offset: number,
    lsn: number,
    options?: CallOptions,
  ): Promise<Uint8Array | undefined> {
    return await (await this.#volumeOf(volume, options)).readPage(offset, lsn, options);
  }

  /** `readPage` into `target`, which has the length of a page: whether there was one. */
  async readPageInto(
    volume: VolumeId,
    offset: number,
    lsn: number,
    target: Uint8Array,
    options?: CallOptions,
  ): Promise<boolean> {
    return await (await this.#volumeOf(volume, options)).readPageInto(offset, lsn, target, options);
  }

  /** `readPage` of many offsets: pages that lie side by side are read with one request. */
  async readPages(
    volume: VolumeId,
    offsets: ArrayLike<number>,
    lsn: number,
    options?: CallOptions,
  ): Promise<(Uint8Array | undefined)[]> {
    return await (await this.#volumeOf(volume, options)).readPages(offsets, lsn, options);
  }

  /**
   * `readPage` without a promise, where the storage can be read in place (a folder, memory) or the page is in memory. The
   * volume must have been opened by `volume` or `createVolume`.
   *
   * @throws NotResident
   */
  readPageSync(volume: VolumeId, offset: number, lsn: number): Uint8Array | undefined {
    return this.#openedVolume(volume).readPageSync(offset, lsn);
  }

  /** `readPageSync` into `target`, which has the length of a page: whether there was one. */
  readPageIntoSync(volume: VolumeId, offset: number, lsn: number, target: Uint8Array): boolean {
    return this.#openedVolume(volume).readPageIntoSync(offset, lsn, target);
  }

  /** `readPageSync` without a copy: a view, valid until the next `await` or call on the store. Do not write to it. */
  borrowPage(volume: VolumeId, offset: number, lsn: number): Uint8Array | undefined {
    return this.#openedVolume(volume).borrowPage(offset, lsn);
  }

  #openedVolume(id: VolumeId): Volume {
    const last = this.#last;
    if (last !== undefined && last.id === id) return last;
    const volume = this.#open.get(String(id));
    if (!volume) {
      this.#context.checkOpen();
      throw new NotResident(`volume ${id} is not open here: open it with store.volume(id) before synchronous reads`);
    }
    return (this.#last = volume);
  }

  #volumeOf(id: VolumeId, options?: CallOptions): Volume | Promise<Volume> {
    this.#context.checkOpen();
    const last = this.#last;
    if (last !== undefined && last.id === id) return last;
    const open = this.#open.get(String(id));
    if (open) return (this.#last = open);
    return this.volume(id, options);
  }

  /** Ends what is under way, then frees the memory. Called again, it waits for the same. Any other call throws `Closed`. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#context.isClosed = true;
    const volumes = await Promise.allSettled(this.#volumes.values());
    for (const volume of volumes) if (volume.status === "fulfilled") await volume.value.close();
    this.#open.clear();
    this.#volumes.clear();
    this.#last = undefined;
    await this.#stack.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
