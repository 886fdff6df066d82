/**
 * The owner's side of a volume that other threads read: gives each its handle, publishes what is new, and answers for the
 * pages that they do not find in shared memory, which brings those there.
 */
import { toPlainError } from "../core/error-transfer.js";
import { Closed } from "../core/errors.js";
import type { VolumeLog } from "../log/volume-log.js";
import type { PageReader } from "./page-reader.js";
import type { Resolver } from "./resolver.js";
import type { StoreContext } from "./store-context.js";
import {
  holdProcess,
  type OwnerMessage,
  type PageRequest,
  type SharedPlace,
  type VolumeHandle,
} from "./volume-handle.js";

/** A reader's pin has a cache line of its own. */
const CELL_BYTES = 64;

export class VolumeSharing {
  readonly #store: StoreContext;
  readonly #log: VolumeLog;
  readonly #resolver: Resolver;
  readonly #reader: PageReader;
  readonly #pageSize: number;
  readonly #ports = new Set<MessagePort>();
  /** Where readers look for the resolver's table, 0 where they have no memory to look in. */
  #cell = 0;
  #latestLsn = 0;
  #isClosed = false;

  constructor(store: StoreContext, log: VolumeLog, resolver: Resolver, reader: PageReader, pageSize: number) {
    this.#store = store;
    this.#log = log;
    this.#resolver = resolver;
    this.#reader = reader;
    this.#pageSize = pageSize;
  }

  /** @throws NoSpace */
  share(): VolumeHandle {
    const shared = this.#place();
    this.publish();
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }: MessageEvent<PageRequest>) => void this.#answer(port1, data);
    // The reader closed, or its thread has ended.
    port1.addEventListener("close", () => this.#leave(port1, shared));
    holdProcess(port1, false);
    this.#ports.add(port1);
    const { lsn: latestLsn, vid } = this.#log;
    return { volume: vid.toString(), pageSize: this.#pageSize, latestLsn, port: port2, shared };
  }

  /** A mailbox for one more reader. */
  #place(): SharedPlace | undefined {
    const { sharing, arena, words } = this.#store.core;
    if (!sharing) return undefined;
    if (this.#cell === 0) {
      const cell = arena.allocate(CELL_BYTES);
      Atomics.store(words, cell >>> 2, 0);
      this.#cell = cell;
      this.#resolver.publishAt(cell);
    }
    const mailbox = arena.allocate(sharing.mailboxBytes);
    sharing.readers.add(mailbox);
    return { memory: sharing.memory, mailbox, cell: this.#cell };
  }

  /** Lets the readers see what is new. It never fails: where memory is short they go on with what they have, and ask. */
  publish(): void {
    if (this.#isClosed) return;
    try {
      if (this.#cell !== 0) this.#resolver.publish();
    } catch {
      // What is wrong is told to who reads it.
    }
    if (this.#cell !== 0 || this.#log.lsn === this.#latestLsn) return;
    this.#latestLsn = this.#log.lsn;
    for (const port of this.#ports) post(port, { latestLsn: this.#latestLsn });
  }

  async #answer(port: MessagePort, { id, offsets, lsn }: PageRequest): Promise<void> {
    try {
      if (this.#isClosed) throw new Closed(`the store ${this.#store.objects.url} was closed; open it again`);
      const { views } = this.#store;
      const size = this.#pageSize;
      const bytes = new Uint8Array(offsets.length * size);
      const pages: (Uint8Array | undefined)[] = new Array(offsets.length).fill(undefined);
      await this.#reader.withAddresses(offsets, lsn, (i, address) => {
        const page = bytes.subarray(i * size, (i + 1) * size);
        page.set(views.of(address, size));
        pages[i] = page;
      });
      post(port, { id, pages }, [bytes.buffer]);
    } catch (error) {
      post(port, { id, error: toPlainError(error) });
    }
  }

  #leave(port: MessagePort, place: SharedPlace | undefined): void {
    const { sharing, arena } = this.#store.core;
    this.#ports.delete(port);
    if (!place) return;
    sharing!.readers.remove(place.mailbox);
    arena.free(place.mailbox);
    this.#freeCell();
  }

  /** The cell goes with the last who may look there. */
  #freeCell(): void {
    if (!this.#isClosed || this.#ports.size > 0 || this.#cell === 0) return;
    this.#store.core.arena.free(this.#cell);
    this.#cell = 0;
  }

  /** The readers are told. Their mailboxes stay until each is gone. */
  close(): void {
    this.#isClosed = true;
    for (const port of this.#ports) post(port, { closed: true });
    this.#freeCell();
  }
}

const post = (port: MessagePort, message: OwnerMessage, transfer: Transferable[] = []) =>
  port.postMessage(message, transfer);
