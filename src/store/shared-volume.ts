/**
 * A volume that another thread opened, read on this one: from memory that both share, without a copy and without waiting for
 * anyone; what is not there is asked for. Where memory cannot be shared, all pages are asked for and come as copies: the same
 * answers.
 */

import { onAbort } from "../core/abort.js";
import { fromPlainError } from "../core/error-transfer.js";
import { Aborted, Closed, InvalidArgument, NotFound, NotResident, throwIfAborted } from "../core/errors.js";
import { VolumeId } from "../core/ids.js";
import { toLsn, toOffset } from "../core/numbers.js";
import { PinnedPages } from "./pinned-pages.js";
import { ABSENT, NOT_RESIDENT } from "./resolver.js";
import type { CallOptions } from "./types.js";
import { holdProcess, type OwnerMessage, type PageRequest, type VolumeHandle } from "./volume-handle.js";

type Pages = readonly (Uint8Array | undefined)[];

/** Pages in one request. */
const REQUEST_PAGES = 256;

interface Pending {
  resolve(pages: Pages): void;
  reject(error: Error): void;
}

export class SharedVolume implements Disposable {
  readonly id: VolumeId;
  readonly pageSize: number;
  readonly #port: MessagePort;
  readonly #pages: PinnedPages | undefined;
  #latestLsn: number;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #isClosed = false;
  /** While a page of shared memory is being used. */
  #isPinned = false;

  private constructor({ volume, pageSize, latestLsn, port, shared }: VolumeHandle) {
    this.id = VolumeId.parse(volume);
    this.pageSize = pageSize;
    this.#latestLsn = latestLsn;
    this.#port = port;
    this.#pages = shared && new PinnedPages(shared, pageSize);
    port.onmessage = ({ data }: MessageEvent<OwnerMessage>) => this.#receive(data);
    port.addEventListener("close", () => this.#end());
    holdProcess(port, false);
  }

  /**
   * The volume of a handle from `Volume.share`, which was made on another thread and came here with its port. A handle serves
   * one `SharedVolume`.
   */
  static attach(handle: VolumeHandle): SharedVolume {
    return new SharedVolume(handle);
  }

  /** The volume's newest LSN, as far as its owner knows. */
  get latestLsn(): number {
    return this.#isClosed ? this.#latestLsn : Math.max(this.#latestLsn, this.#pages?.latestLsn ?? 0);
  }

  /**
   * The page at `offset` that a reader at `lsn` sees, into `target`, which has the length of a page: whether there was one.
   *
   * @throws NotResident where it is not in shared memory: `readPageInto` brings it there. NotFound beyond the newest LSN.
   */
  readPageIntoSync(offset: number, lsn: number, target: Uint8Array): boolean {
    const found = this.#tryInto(offset, lsn, target);
    if (found !== undefined) return found;
    const latest = this.latestLsn;
    // Of copies, the owner alone knows what is new.
    if (this.#pages && lsn > latest) throw new NotFound(`volume ${this.id} has no LSN ${lsn}: its last is ${latest}`);
    throw new NotResident(
      `page ${offset} of volume ${this.id} at LSN ${lsn} is not in shared memory. Read it with the asynchronous call first.`,
    );
  }

  /** `readPageIntoSync`, asking the owner for a page that is not in shared memory. */
  async readPageInto(offset: number, lsn: number, target: Uint8Array, options?: CallOptions): Promise<boolean> {
    const found = this.#tryInto(offset, lsn, target);
    if (found !== undefined) return found;
    const [page] = await this.#ask([offset], lsn, options);
    if (page) target.set(page);
    return page !== undefined;
  }

  /** Whether there is a page, `undefined` where the owner must be asked. */
  #tryInto(offset: number, lsn: number, target: Uint8Array): boolean | undefined {
    this.#checkUse();
    toOffset(offset);
    toLsn(lsn);
    if (!(target instanceof Uint8Array) || target.length !== this.pageSize) {
      throw new InvalidArgument(`the target of a page of volume ${this.id} is a Uint8Array of ${this.pageSize} bytes`);
    }
    const pages = this.#pages;
    const found = pages?.find(offset, lsn);
    if (found === ABSENT) return false;
    if (found === undefined || found <= NOT_RESIDENT) return undefined;
    target.set(pages!.page(found));
    pages!.unpin();
    return true;
  }

  /**
   * Calls `use` with the position of each offset in `offsets` and its page, `undefined` where there is none; in any order. A
   * page is a view that is valid until `use` returns. Do not write to it, do not stay for long: memory that others freed is not
   * reused meanwhile; and do not call this volume.
   */
  async borrowPages(
    offsets: ArrayLike<number>,
    lsn: number,
    use: (i: number, page: Uint8Array | undefined) => void,
    options?: CallOptions,
  ): Promise<void> {
    this.#checkUse();
    toLsn(lsn);
    for (let i = 0; i < offsets.length; i++) toOffset(offsets[i]);
    const missing: number[] = [];
    const miss = (i: number) => missing.push(i);
    if (this.#pages) {
      for (let next = 0; next < offsets.length; ) {
        this.#isPinned = true;
        try {
          next = this.#pages.useMany(offsets, next, lsn, use, miss);
        } finally {
          this.#isPinned = false;
        }
      }
    } else {
      for (let i = 0; i < offsets.length; i++) miss(i);
    }
    for (let at = 0; at < missing.length; at += REQUEST_PAGES) {
      const asked = missing.slice(at, at + REQUEST_PAGES);
      const pages = await this.#ask(
        asked.map((i) => offsets[i]),
        lsn,
        options,
      );
      for (const [n, i] of asked.entries()) use(i, pages[n]);
    }
  }

  #checkUse(): void {
    if (this.#isClosed) throw this.#closed();
    if (this.#isPinned) throw new InvalidArgument(`volume ${this.id} was called while a page of it was borrowed`);
  }

  #closed(): Closed {
    return new Closed(
      `volume ${this.id} is not shared any more: it was closed here, or its owner has closed the store`,
    );
  }

  async #ask(offsets: readonly number[], lsn: number, { signal }: CallOptions = {}): Promise<Pages> {
    throwIfAborted(signal, `reading volume ${this.id}`);
    const id = this.#nextId++;
    const abort = () =>
      this.#settle(id)?.reject(new Aborted(`reading volume ${this.id} was aborted`, { cause: signal?.reason }));
    const endWait = onAbort(signal, abort);
    try {
      return await new Promise((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        holdProcess(this.#port, true);
        const request: PageRequest = { id, offsets, lsn };
        this.#port.postMessage(request);
      });
    } finally {
      endWait();
    }
  }

  /** Whoever waits for an answer, which is none of their concern any more. */
  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) holdProcess(this.#port, false);
    return pending;
  }

  #receive(message: OwnerMessage): void {
    if ("pages" in message) this.#settle(message.id)?.resolve(message.pages);
    else if ("error" in message) this.#settle(message.id)?.reject(fromPlainError(message.error));
    else if ("latestLsn" in message) this.#latestLsn = message.latestLsn;
    else this.close();
  }

  /** Reads no more. Any later call throws `Closed`. */
  close(): void {
    if (this.#isClosed) return;
    this.#latestLsn = this.latestLsn;
    this.#end();
    this.#port.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #end(): void {
    this.#isClosed = true;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(this.#closed());
  }
}
