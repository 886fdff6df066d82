/**
 * The laboratory's designs in WebAssembly: one linear memory in which the bytes of many indexes are resident, placed one
 * behind the other, and the finders of `assembly/` that answer from them. The bytes are those that a design's `build`
 * made; of design g, the head of a segment. Opening an index writes a record of 64 bytes for each of its volumes right
 * behind it (of g, the volumes and directories of the core); a record's address is the handle of hot calls.
 */
import { instantiateSync } from "@assemblyscript/loader";
import wasm from "../../build/designs.wasm";
import { ID_BYTES, VolumeId } from "../../src/core/ids.js";
import { decodeSegmentHeader, HEADER_BYTES } from "../../src/format/segment-header.js";
import type { IndexForm } from "./design.js";

type Find = (volume: number, offset: number, rlsn: number) => number;
type FindMany = (volume: number, count: number) => void;
type FindScattered = (count: number) => void;
/** Writes the records of the index at `index` to `area`; returns how many. */
type Open = (index: number, separate: boolean, area: number) => number;

/** What assembly/index.ts exports. Addresses come back as signed 32-bit numbers: `>>> 0` them. */
interface DesignExports {
  empty(): void;
  idAddress(): number;
  offsetsAddress(): number;
  rlsnsAddress(): number;
  localsAddress(): number;
  handlesAddress(): number;
  batchCapacity(): number;
  indexesAddress(): number;
  measure(head: number, indexBytes: number, bodyOffset: number, volumeCount: number, pageCount: number): number;
  derive(head: number, indexBytes: number, volumeCount: number, area: number): number;
  openTwoLevel: Open;
  openSortedArrays: Open;
  findC: Find;
  findManyC: FindMany;
  findScatteredC: FindScattered;
  findD: Find;
  findManyD: FindMany;
  findScatteredD: FindScattered;
  findManyLockstep: FindMany;
  findScatteredLockstep: FindScattered;
  openBTree: Open;
  findE: Find;
  findManyE: FindMany;
  findScatteredE: FindScattered;
  openRadixTree: Open;
  findRadixVolume(index: number, separate: boolean): number;
  findF: Find;
  findManyF: FindMany;
  findScatteredF: FindScattered;
  findScatteredTwoLevelAhead: FindScattered;
  findScatteredRankedAhead: FindScattered;
  findG: Find;
  findManyG: FindMany;
  findScatteredG: FindScattered;
}

const WASM_PAGE_BYTES = 65536;
const LINE_BYTES = 64;
const RECORD_BYTES = 64;
const RECORD_ID_AT = 48;
/** Loads of up to 8 bytes may begin at the last byte of an index. */
const GUARD_BYTES = 8;

/** The laboratory's linear memory, and the module that works in it. */
export class DesignMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly exports: DesignExports;
  /** The batch: query i is `offsets[i]`, `rlsns[i]`, where scattered of the volume `handles[i]`; its answer `locals[i]`. */
  readonly offsets: Uint32Array;
  readonly rlsns: Uint32Array;
  readonly handles: Uint32Array;
  readonly locals: Int32Array;
  readonly #start: number;
  #end: number;

  constructor(memoryBytes: number) {
    const pages = Math.ceil(memoryBytes / WASM_PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const { instance } = instantiateSync(new WebAssembly.Module(wasm), { env: { memory } });
    this.exports = instance.exports as unknown as DesignExports;
    this.bytes = new Uint8Array(memory.buffer);
    const capacity = this.exports.batchCapacity();
    this.offsets = new Uint32Array(memory.buffer, this.exports.offsetsAddress(), capacity);
    this.rlsns = new Uint32Array(memory.buffer, this.exports.rlsnsAddress(), capacity);
    this.handles = new Uint32Array(memory.buffer, this.exports.handlesAddress(), capacity);
    this.locals = new Int32Array(memory.buffer, this.exports.localsAddress(), capacity);
    this.#start = this.#end = this.exports.indexesAddress();
  }

  /** Reserves `sizeBytes` behind what is there, at a multiple of 64. */
  reserve(sizeBytes: number): number {
    const address = this.#end;
    const end = Math.ceil((address + sizeBytes) / LINE_BYTES) * LINE_BYTES;
    if (end > this.bytes.length) throw new RangeError(`${sizeBytes} bytes do not fit ${this.bytes.length} bytes`);
    this.#end = end;
    return address;
  }

  place(bytes: Uint8Array): number {
    const address = this.reserve(bytes.length + GUARD_BYTES);
    this.bytes.set(bytes, address);
    return address;
  }

  /** Forgets every index: none may be used any more. */
  clear(): void {
    this.bytes.fill(0, this.#start, this.#end);
    this.#end = this.#start;
  }

  /** A look-up of the ids that lie `stride` bytes apart from `ids` on: the handles, `RECORD_BYTES` apart from `area` on. */
  lookUp(count: number, ids: number, stride: number, area: number): (vid: VolumeId) => number {
    const handles = new Map<string, number>();
    for (let i = 0; i < count; i++) {
      const at = ids + i * stride;
      handles.set(VolumeId.fromBytes(this.bytes.slice(at, at + ID_BYTES)).toString(), area + i * RECORD_BYTES);
    }
    return (vid) => handles.get(vid.toString()) ?? -1;
  }
}

/** An index that is resident. */
export class WasmIndex {
  /** Bytes of linear memory: the index, and what was derived from it. */
  readonly residentBytes: number;
  /** The handle of a volume, or -1: what a caller looks up once for many probes. */
  readonly volume: (vid: VolumeId) => number;

  constructor(residentBytes: number, volume: (vid: VolumeId) => number) {
    this.residentBytes = residentBytes;
    this.volume = volume;
  }
}

/** A design, or another way to ask its batches. */
export class WasmDesign {
  readonly letter: string;
  /** Tells ways to ask one design apart; empty for the plain one. */
  readonly way: string;
  readonly find: Find;
  /** Makes an index resident: its bytes are copied. Of design g, the head of a segment. */
  readonly open: (bytes: Uint8Array, form: IndexForm) => WasmIndex;
  readonly #memory: DesignMemory;
  readonly #findMany: FindMany;
  readonly #findScattered: FindScattered;

  constructor(
    memory: DesignMemory,
    [letter, way]: readonly [letter: string, way: string],
    open: WasmDesign["open"],
    [find, findMany, findScattered]: readonly [Find, FindMany, FindScattered],
  ) {
    this.letter = letter;
    this.way = way;
    this.find = find;
    this.#memory = memory;
    this.open = open;
    this.#findMany = findMany;
    this.#findScattered = findScattered;
  }

  /** `find` in one volume for each pair of `offsets` and `rlsns`, at most 4096, into `locals`. */
  findMany(volume: number, offsets: Uint32Array, rlsns: Uint32Array, locals: Int32Array): void {
    const memory = this.#memory;
    memory.offsets.set(offsets);
    memory.rlsns.set(rlsns);
    this.#findMany(volume, offsets.length);
    for (let i = 0; i < offsets.length; i++) locals[i] = memory.locals[i];
  }

  /** `findMany` where query i is asked of the volume `handles[i]`, of any index of this design in this memory. */
  findScattered(handles: Uint32Array, offsets: Uint32Array, rlsns: Uint32Array, locals: Int32Array): void {
    const memory = this.#memory;
    memory.handles.set(handles);
    memory.offsets.set(offsets);
    memory.rlsns.set(rlsns);
    this.#findScattered(offsets.length);
    for (let i = 0; i < offsets.length; i++) locals[i] = memory.locals[i];
  }
}

/** Places a rival's index and has its opener write the records behind it. */
function place(memory: DesignMemory, open: Open, bytes: Uint8Array, separate: boolean) {
  const index = memory.place(bytes);
  const area = memory.reserve(0);
  const count = open(index, separate, area);
  memory.reserve(count * RECORD_BYTES);
  return { index, area, count, residentBytes: bytes.length + count * RECORD_BYTES };
}

/** Opens an index whose records have their ids. */
function openRival(memory: DesignMemory, open: Open): WasmDesign["open"] {
  return (bytes, form) => {
    const { area, count, residentBytes } = place(memory, open, bytes, form === "separate");
    return new WasmIndex(residentBytes, memory.lookUp(count, area + RECORD_ID_AT, RECORD_BYTES, area));
  };
}

/** Opens a radix tree, which has its ids in another tree. */
function openRadix(memory: DesignMemory): WasmDesign["open"] {
  const { exports, bytes: linear } = memory;
  return (bytes, form) => {
    const separate = form === "separate";
    const { index, area, residentBytes } = place(memory, exports.openRadixTree, bytes, separate);
    return new WasmIndex(residentBytes, (vid) => {
      vid.writeTo(linear, exports.idAddress());
      const ordinal = exports.findRadixVolume(index, separate);
      return ordinal < 0 ? -1 : area + ordinal * RECORD_BYTES;
    });
  };
}

/** Opens a segment's head as src/probe/wasm-probe.ts does. */
function openRanked(memory: DesignMemory): WasmDesign["open"] {
  const { exports } = memory;
  return (head) => {
    const { indexBytes, bodyOffset, volumeCount, pageCount } = decodeSegmentHeader(head, "laboratory");
    const index = memory.place(head.subarray(0, bodyOffset));
    const areaBytes = exports.measure(index, indexBytes, bodyOffset, volumeCount, pageCount);
    if (areaBytes < 0) throw new Error(`a head of the laboratory is refused: status ${-areaBytes}`);
    const area = memory.reserve(areaBytes + GUARD_BYTES);
    const status = exports.derive(index, indexBytes, volumeCount, area);
    if (status !== 0) throw new Error(`a head of the laboratory is refused: status ${status}`);
    return new WasmIndex(bodyOffset + areaBytes, memory.lookUp(volumeCount, index + HEADER_BYTES, ID_BYTES, area));
  };
}

/**
 * The designs that are in AssemblyScript, over this memory. Some come in a second way, tuned for batches that find their
 * indexes outside the caches; an index that either way opened serves both. Design g is the core's probe, compiled into
 * this module, since the core's own batches (src/probe/wasm-probe.ts) ask one volume.
 */
export function wasmDesigns(memory: DesignMemory): WasmDesign[] {
  const { exports: e } = memory;
  const openHash = openRival(memory, e.openTwoLevel);
  const openSorted = openRival(memory, e.openSortedArrays);
  const openHead = openRanked(memory);
  return [
    new WasmDesign(memory, ["c", ""], openHash, [e.findC, e.findManyC, e.findScatteredC]),
    new WasmDesign(memory, ["c", "ahead"], openHash, [e.findC, e.findManyC, e.findScatteredTwoLevelAhead]),
    new WasmDesign(memory, ["d", ""], openSorted, [e.findD, e.findManyD, e.findScatteredD]),
    new WasmDesign(memory, ["d", "16 lanes"], openSorted, [e.findD, e.findManyLockstep, e.findScatteredLockstep]),
    new WasmDesign(memory, ["e", ""], openRival(memory, e.openBTree), [e.findE, e.findManyE, e.findScatteredE]),
    new WasmDesign(memory, ["f", ""], openRadix(memory), [e.findF, e.findManyF, e.findScatteredF]),
    new WasmDesign(memory, ["g", ""], openHead, [e.findG, e.findManyG, e.findScatteredG]),
    new WasmDesign(memory, ["g", "ahead"], openHead, [e.findG, e.findManyG, e.findScatteredRankedAhead]),
  ];
}
