/** The index probe in the WASM core: heads and their directories lie in the core's linear memory. */
import type { VolumeId } from "../core/ids.js";
import { indexProblem } from "../format/index-problems.js";
import { decodeSegmentHeader, HEADER_BYTES, type SegmentHeader } from "../format/segment-header.js";
import type { Evictable } from "./arena.js";
import type { Core, CoreExports } from "./core.js";
import type { Probe, SegmentIndex } from "./probe.js";

/** Loads of up to 8 bytes may begin at a head's last byte. */
const GUARD_BYTES = 8;

export class WasmProbe implements Probe {
  readonly kind = "wasm";
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  openIndex(head: Uint8Array, key: string, onEvict?: () => void): WasmIndex {
    const { arena, exports, memory, view } = this.#core;
    const header = decodeSegmentHeader(head, key);
    const { indexBytes, bodyOffset, volumeCount, pageCount } = header;
    const resultAddress = exports.resultAddress();
    // Pinned until both halves are there: the second allocation may evict, but not the first.
    const headAddress = arena.allocate(bodyOffset + GUARD_BYTES);
    let areaAddress = 0;
    try {
      memory.set(head.subarray(0, bodyOffset), headAddress);
      const areaBytes = exports.measure(headAddress, indexBytes, bodyOffset, volumeCount, pageCount);
      if (areaBytes < 0) throw indexProblem(-areaBytes, view.getUint32(resultAddress, true), key);
      areaAddress = arena.allocate(areaBytes);
      const status = exports.derive(headAddress, indexBytes, volumeCount, areaAddress);
      if (status !== 0) throw indexProblem(status, view.getUint32(resultAddress, true), key);
      return new WasmIndex(this.#core, header, headAddress, areaAddress, bodyOffset + areaBytes, onEvict);
    } catch (error) {
      arena.free(headAddress);
      if (areaAddress !== 0) arena.free(areaAddress);
      throw error;
    }
  }
}

const HEAD = 0;
const AREA = 1;

export class WasmIndex implements SegmentIndex, Evictable {
  readonly header: SegmentHeader;
  readonly residentBytes: number;
  readonly #core: Core;
  readonly #exports: CoreExports;
  /** Its two allocations: the head, and what was derived from it. */
  readonly headAddress: number;
  readonly areaAddress: number;
  readonly #onEvict: (() => void) | undefined;
  #open = true;

  constructor(
    core: Core,
    header: SegmentHeader,
    headAddress: number,
    areaAddress: number,
    residentBytes: number,
    onEvict: (() => void) | undefined,
  ) {
    this.header = header;
    this.residentBytes = residentBytes;
    this.#core = core;
    this.#exports = core.exports;
    this.headAddress = headAddress;
    this.areaAddress = areaAddress;
    this.#onEvict = onEvict;
    if (onEvict) {
      core.arena.release(headAddress, this, HEAD);
      core.arena.release(areaAddress, this, AREA);
    }
  }

  volume(vid: VolumeId): number {
    this.#core.setId(vid);
    const table = this.headAddress + HEADER_BYTES;
    return this.#exports.findVolume(table, this.areaAddress, this.header.volumeCount) >>> 0 || -1;
  }

  find(volume: number, offset: number, rlsn: number): number {
    return this.#exports.find(volume, offset, rlsn);
  }

  findMany(volume: number, offsets: Uint32Array, rlsns: Uint32Array, locals: Int32Array): void {
    const { batchOffsets, batchRlsns, batchLocals } = this.#core;
    const capacity = batchOffsets.length;
    if (offsets.length <= capacity) {
      batchOffsets.set(offsets);
      batchRlsns.set(rlsns);
      this.#exports.findMany(volume, offsets.length);
      copyLocals(batchLocals, locals, 0, offsets.length);
      return;
    }
    for (let start = 0; start < offsets.length; start += capacity) {
      const count = Math.min(capacity, offsets.length - start);
      batchOffsets.set(offsets.subarray(start, start + count));
      batchRlsns.set(rlsns.subarray(start, start + count));
      this.#exports.findMany(volume, count);
      copyLocals(batchLocals, locals, start, count);
    }
  }

  rlsnAt(volume: number, local: number): number {
    return this.#exports.rlsnAt(volume, local) >>> 0;
  }

  touch(): void {
    this.#core.arena.touch(this.headAddress);
    this.#core.arena.touch(this.areaAddress);
  }

  /** Makes it stay until `close`. */
  pin(): void {
    this.#core.arena.pin(this.headAddress);
    this.#core.arena.pin(this.areaAddress);
  }

  evict(tag: number): void {
    this.#open = false;
    this.#onEvict?.();
    // The arena frees the half that it came for.
    this.#core.arena.free(tag === HEAD ? this.areaAddress : this.headAddress);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#core.arena.free(this.headAddress);
    this.#core.arena.free(this.areaAddress);
  }
}

/** From so many answers on, a view and `set` are cheaper than a loop. */
const LONG_BATCH = 64;

/** Copies the first `count` answers to `locals` at `start`. */
function copyLocals(answers: Int32Array, locals: Int32Array, start: number, count: number): void {
  if (count >= LONG_BATCH) locals.set(answers.subarray(0, count), start);
  else for (let i = 0; i < count; i++) locals[start + i] = answers[i];
}
