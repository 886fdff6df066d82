/**
 * Starts the WASM core over a linear memory of its own: the only file that instantiates. The memory is reserved at the
 * limit and never grows, so that every view of it stays valid; the operating system gives it pages as they are touched.
 */
import { instantiateSync } from "@assemblyscript/loader";
import wasm from "../../build/core.wasm";
import { InvalidArgument, NoSpace } from "../core/errors.js";
import type { SegmentId, VolumeId } from "../core/ids.js";
import { Arena } from "./arena.js";

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

const PAGE_BYTES = 65536;
/** WASM's 32-bit memories end here. */
const MAX_MEMORY_BYTES = 65536 * PAGE_BYTES;
const MIN_MEMORY_BYTES = 1 << 20;
/** The arena ends before the memory does: a load may begin at an allocation's last byte. */
const GUARD_BYTES = PAGE_BYTES;
/** The marks of the heap, a byte for each so many, lie at its beginning (assembly/resolve.ts). */
const MARK_SHIFT = 8;

let compiled: WebAssembly.Module | undefined;

export class Core {
  /** The whole linear memory. Never detached. */
  readonly memory: Uint8Array<ArrayBuffer>;
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

  private constructor(memory: WebAssembly.Memory, exports: CoreExports) {
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
    this.arena = new Arena(start, end, this.memory.subarray(heap + ((start - heap) >>> MARK_SHIFT), start));
  }

  /**
   * Starts a core whose memory is `memoryBytes`, rounded down to a multiple of 64 KiB.
   *
   * @throws InvalidArgument for less than 1 MiB or more than 4 GiB, NoSpace where the address space is not to be had.
   */
  static create({ memoryBytes }: { memoryBytes: number }): Core {
    if (!(memoryBytes >= MIN_MEMORY_BYTES && memoryBytes <= MAX_MEMORY_BYTES)) {
      throw new InvalidArgument(
        `memory of ${String(memoryBytes)} bytes: must be from ${MIN_MEMORY_BYTES} to ${MAX_MEMORY_BYTES}`,
      );
    }
    const pages = Math.floor(memoryBytes / PAGE_BYTES);
    let memory: WebAssembly.Memory;
    try {
      memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    } catch (cause) {
      throw new NoSpace(`cannot reserve ${pages * PAGE_BYTES} bytes of memory. Open with a smaller "memory".`, {
        cause,
      });
    }
    compiled ??= new WebAssembly.Module(wasm);
    // The instance's own exports: the loader's wrap every call to count its arguments, which the core has no use for.
    const { instance } = instantiateSync(compiled, { env: { memory } });
    return new Core(memory, instance.exports as unknown as CoreExports);
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

/** Memory of the core that segments share which were opened by themselves, without a store. */
const SHARED_MEMORY_BYTES = 512 << 20;
let shared: Core | undefined;

/** The core of segments that were opened without a store. Started when first asked for. */
export function sharedCore(): Core {
  shared ??= Core.create({ memoryBytes: SHARED_MEMORY_BYTES });
  return shared;
}
