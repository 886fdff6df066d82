/**
 * Starts the WASM core over a linear memory of its own: the only file that instantiates. The memory is reserved at the
 * limit and never grows, so that every view of it stays valid; the operating system gives it pages as they are touched.
 * There are two builds, of which the second works on shared memory: its owner has a `Core`, readers on other threads have
 * a `ReaderCore` each over the same bytes.
 */
import { instantiateSync } from "@assemblyscript/loader";
import wasm from "../../build/core.wasm";
import sharedWasm from "../../build/core-shared.wasm";
import { InvalidArgument, NoSpace } from "../core/errors.js";
import type { SegmentId, VolumeId } from "../core/ids.js";
import { Arena } from "./arena.js";
import { Readers } from "./readers.js";

/** What assembly/index.ts exports. Addresses come back as signed 32-bit numbers: `>>> 0` them. */
export interface CoreExports {
  empty(): void;
  measure(head: number, indexBytes: number, bodyOffset: number, volumeCount: number, pageCount: number): number;
  derive(head: number, indexBytes: number, volumeCount: number, area: number): number;
  find(volume: number, offset: number, rlsn: number): number;
  findMany(volume: number, count: number): void;
  findVolume(table: number, volumes: number, count: number): number;
  rlsnAt(volume: number, local: number): number;
  runOfVolume(part: number, volume: number): number;
  mergeRuns(part: number, older: number, newer: number, segmentCount: number): void;
  resolve(table: number, offset: number, lsn: number): number;
  resolveMany(table: number, count: number, lsn: number): number;
  sealPage(record: number, pageSize: number, local: number): void;
  pageIsIntact(record: number, pageSize: number, local: number): number;
  hash(address: number, length: number, seed: bigint): void;
  idAddress(): number;
  resultAddress(): number;
  offsetsAddress(): number;
  rlsnsAddress(): number;
  localsAddress(): number;
  batchCapacity(): number;
  stagingAddress(): number;
  heapAddress(): number;
}

/** What assembly/reader.ts exports besides, in the build with shared memory. */
export interface ReaderExports extends CoreExports {
  unpin(mailbox: number): void;
  readerResolve(mailbox: number, cell: number, offset: number, lsn: number): number;
  readerResolveMany(mailbox: number, cell: number, count: number, lsn: number): void;
  readerNewestLsn(mailbox: number, cell: number): number;
  readerBatch(): number;
  mailboxBytes(): number;
  mailboxOffsetsAt(): number;
  mailboxFoundAt(): number;
}

const PAGE_BYTES = 65536;
/** WASM's 32-bit memories end here. */
const MAX_MEMORY_BYTES = 65536 * PAGE_BYTES;
const MIN_MEMORY_BYTES = 1 << 20;
/** The arena ends before the memory does: a load may begin at an allocation's last byte. */
const GUARD_BYTES = PAGE_BYTES;
/** The marks of the heap, a byte for each so many, lie at its beginning (assembly/resolve.ts). */
const MARK_SHIFT = 8;

const modules = new Map<Uint8Array<ArrayBuffer>, WebAssembly.Module>();

/** An instance of one of the builds. Its own exports: the loader's wrap every call to count its arguments. */
function instantiate(build: Uint8Array<ArrayBuffer>, memory: WebAssembly.Memory): unknown {
  let module = modules.get(build);
  if (!module) modules.set(build, (module = new WebAssembly.Module(build)));
  return instantiateSync(module, { env: { memory } }).instance.exports;
}

/** Whether this host can give its memory to other threads. Browsers do it for pages that are cross-origin isolated. */
export function canShareMemory(): boolean {
  return typeof SharedArrayBuffer === "function" && globalThis.crossOriginIsolated !== false;
}

export interface CoreOptions {
  readonly memoryBytes: number;
  /** Memory that readers on other threads may read, where the host can share any. */
  readonly shared?: boolean;
}

export class Core {
  /** The whole linear memory. Never detached. */
  readonly memory: Uint8Array;
  /** Of the build with shared memory: what readers on other threads attach to, and who they are. */
  readonly sharing: Sharing | undefined;
  readonly view: DataView;
  /** The memory as words: the one at address a is `words[a >>> 2]`. */
  readonly words: Uint32Array;
  readonly exports: CoreExports;
  readonly arena: Arena;
  /** Where a page record is put to be sealed or verified. */
  readonly stagingAddress: number;
  /** The batch of queries and its answers. */
  readonly batchOffsets: Uint32Array;
  readonly batchRlsns: Uint32Array;
  readonly batchLocals: Int32Array;
  /** What a call leaves beside its status. */
  readonly resultAddress: number;
  readonly #idAddress: number;

  private constructor(memory: WebAssembly.Memory, isShared: boolean) {
    const exports = instantiate(isShared ? sharedWasm : wasm, memory) as CoreExports;
    this.memory = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
    this.exports = exports;
    this.stagingAddress = exports.stagingAddress();
    this.resultAddress = exports.resultAddress();
    this.#idAddress = exports.idAddress();
    const capacity = exports.batchCapacity();
    this.batchOffsets = new Uint32Array(memory.buffer, exports.offsetsAddress(), capacity);
    this.batchRlsns = new Uint32Array(memory.buffer, exports.rlsnsAddress(), capacity);
    this.batchLocals = new Int32Array(memory.buffer, exports.localsAddress(), capacity);
    const heap = exports.heapAddress();
    const end = this.memory.length - GUARD_BYTES;
    const start = heap + Math.ceil((end - heap) / 2 ** MARK_SHIFT / PAGE_BYTES) * PAGE_BYTES;
    const marks = this.memory.subarray(heap + ((start - heap) >>> MARK_SHIFT), start);
    const readers = isShared ? new Readers(memory.buffer) : undefined;
    this.arena = new Arena(start, end, marks, readers);
    if (readers) this.sharing = { memory, readers, mailboxBytes: (exports as ReaderExports).mailboxBytes() };
  }

  /**
   * Starts a core whose memory is `memoryBytes`, rounded down to a multiple of 64 KiB.
   *
   * @throws InvalidArgument for less than 1 MiB or more than 4 GiB, NoSpace where the address space is not to be had.
   */
  static create({ memoryBytes, shared = false }: CoreOptions): Core {
    if (!(memoryBytes >= MIN_MEMORY_BYTES && memoryBytes <= MAX_MEMORY_BYTES)) {
      throw new InvalidArgument(
        `memory of ${String(memoryBytes)} bytes: must be from ${MIN_MEMORY_BYTES} to ${MAX_MEMORY_BYTES}`,
      );
    }
    const pages = Math.floor(memoryBytes / PAGE_BYTES);
    const isShared = shared && canShareMemory();
    let memory: WebAssembly.Memory;
    try {
      memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: isShared });
    } catch (cause) {
      throw new NoSpace(`cannot reserve ${pages * PAGE_BYTES} bytes of memory. Open with a smaller "memory".`, {
        cause,
      });
    }
    return new Core(memory, isShared);
  }

  /** Puts an id where the core looks for it. */
  setId(id: VolumeId | SegmentId): void {
    id.writeTo(this.memory, this.#idAddress);
  }

  /** Puts the checksum behind the page at `address`, which is local page `local` of segment `id`. */
  sealPage(address: number, pageSizeBytes: number, id: SegmentId, local: number): void {
    this.setId(id);
    this.exports.sealPage(address, pageSizeBytes, local);
  }

  /** Whether the 8 bytes behind the page at `address` are its checksum as local page `local` of segment `id`. */
  pageIsIntact(address: number, pageSizeBytes: number, id: SegmentId, local: number): boolean {
    this.setId(id);
    return this.exports.pageIsIntact(address, pageSizeBytes, local) !== 0;
  }
}

/** What an owner of shared memory knows about its readers. */
export interface Sharing {
  readonly memory: WebAssembly.Memory;
  readonly readers: Readers;
  /** Bytes of each reader's mailbox. */
  readonly mailboxBytes: number;
}

/** The core of a reader on another thread: over the owner's memory, where it writes to its mailbox alone. */
export class ReaderCore {
  readonly memory: Uint8Array;
  readonly words: Uint32Array;
  readonly exports: ReaderExports;

  constructor(memory: WebAssembly.Memory) {
    this.memory = new Uint8Array(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
    this.exports = instantiate(sharedWasm, memory) as ReaderExports;
  }
}

/** Memory of the core that segments share which were opened by themselves, without a store. */
const SHARED_MEMORY_BYTES = 512 << 20;
let shared: Core | undefined;

/** The core of segments that were opened without a store. Started when first asked for. */
export function sharedCore(): Core {
  shared ??= Core.create({ memoryBytes: SHARED_MEMORY_BYTES });
  return shared;
}
