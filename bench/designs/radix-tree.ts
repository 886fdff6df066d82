/**
 * Design f: a radix tree over the 20-byte key of id and offset, most significant byte first, in the manner of the adaptive
 * radix tree (Leis, Kemper, Neumann, ICDE 2013): nodes adapt to their number of children, bytes that all keys of a subtree
 * share are skipped, and small subtrees are lists of their keys' last bytes. It is cut behind the id, so that a volume has
 * a handle: one tree leads from ids to volumes, and one in each volume's block from offsets to their ordinals, from which
 * ordinal-versions.ts leads to the versions. Trees are succinct where an ART has pointers: every subtree is a range of
 * ordinals, and its kind follows from how many keys it has and how many bytes of them are left (radix-trees.ts).
 *
 *     inline  separate
 *      -       0   16 bytes      header (frame.ts)
 *      0      16   u8            tag (frame.ts)
 *      1      17   u8            zero
 *      2      18   u16           V, volumes
 *      -      20   u32           zero
 *      4      24   u32 x V       positions of the volumes' blocks, ascending by id as by memcmp
 *                  tree          of the ids (radix-trees.ts); at a multiple of 8 in the separate form, as are the
 *                  blocks        of each volume, in the same order
 *
 *     block:
 *      0   u16           K, offsets
 *      2   u16           local page number of the volume's first version
 *      4   6 or 10 bytes header of the versions (ordinal-versions.ts)
 *          u32           bytes of the tree; not under the rule CONSTANT
 *          tree          of the offsets, 4 bytes each (radix-trees.ts); at a multiple of 8 in the separate form
 *          sections      of the versions
 */
import type { VolumeId } from "../../src/core/ids.js";
import type { ByteWriter } from "../../src/format/bytes.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import type { BuildOptions, Design, DesignIndex, IndexForm } from "./design.js";
import { alignSection, openFrame, pageCountOf, SEPARATE_HEADER_BYTES, sealFrame, viewOf } from "./frame.js";
import { CONSTANT, newestOfOrdinal, ordinalHeaderBytes, planOrdinals } from "./ordinal-versions.js";
import { ordinalOfId, ordinalOfOffset, putTree } from "./radix-trees.js";
import { codecOf } from "./rlsn-lists.js";
import { checkRlsns } from "./rlsn-lists-encode.js";

const VERSIONS_AT = 4;

function offsetKey(offset: number): Uint8Array {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, offset);
  return key;
}

function writeBlock(
  writer: ByteWriter,
  { offsets, starts, rlsns }: VolumeVersions,
  firstLocal: number,
  { form, rlsns: width }: BuildOptions,
): void {
  checkRlsns(rlsns, width);
  const plan = planOrdinals({ starts, rlsns }, codecOf(width), form);
  writer.u16(offsets.length);
  writer.u16(firstLocal);
  plan.writeHeader(writer, 0);
  const lengthAt = writer.length;
  if (plan.rule !== CONSTANT) writer.zeros(4);
  alignSection(writer, form);
  const tree = writer.length;
  putTree(writer, Array.from(offsets, offsetKey));
  const treeBytes = writer.length - tree;
  if (plan.rule !== CONSTANT) new DataView(writer.bytes.buffer).setUint32(lengthAt, treeBytes, true);
  plan.writeSections(writer);
  alignSection(writer, form);
}

class RadixTree implements DesignIndex {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** Added and masked away to align sections: 7 in the separate form, 0 inline. */
  readonly #align: number;
  readonly #codec: number;
  readonly #volumeCount: number;
  readonly #blocks: number;
  readonly #idTree: number;

  constructor(bytes: Uint8Array, form: IndexForm) {
    const at = form === "separate" ? SEPARATE_HEADER_BYTES : 0;
    this.bytes = bytes;
    this.#view = viewOf(bytes);
    this.#align = form === "separate" ? 7 : 0;
    this.#codec = bytes[at] & 7;
    this.#volumeCount = this.#view.getUint16(at + 2, true);
    this.#blocks = (at + 4 + this.#align) & ~this.#align;
    this.#idTree = (this.#blocks + 4 * this.#volumeCount + this.#align) & ~this.#align;
  }

  find(vid: VolumeId, offset: number, rlsn: number): number {
    const block = this.volume(vid);
    return block < 0 ? -1 : this.findAt(block, offset, rlsn);
  }

  /** The position of the volume's block. */
  volume(vid: VolumeId): number {
    const volume = ordinalOfId(this.#view, this.#idTree, this.#volumeCount, vid);
    return volume < 0 ? -1 : this.#view.getUint32(this.#blocks + 4 * volume, true);
  }

  findAt(block: number, offset: number, rlsn: number): number {
    const view = this.#view;
    const count = view.getUint16(block, true);
    const header = block + VERSIONS_AT;
    const isConstant = view.getUint8(header + 4) === CONSTANT;
    const lengthAt = header + ordinalHeaderBytes(view.getUint8(header + 4));
    const tree = (lengthAt + (isConstant ? 0 : 4) + this.#align) & ~this.#align;
    const ordinal = ordinalOfOffset(view, tree, count, offset);
    if (ordinal < 0) return -1;
    const sections = isConstant ? 0 : tree + view.getUint32(lengthAt, true);
    const firstLocal = view.getUint16(block + 2, true);
    return newestOfOrdinal(view, header, sections, count, firstLocal, this.#align, ordinal, this.#codec, rlsn);
  }
}

export const radixTree: Design = {
  letter: "f",
  name: "radix tree",
  rlsnWidths: ["u32", "u16", "u8", "byte-deltas", "delta-deltas", "elias-fano"],
  localBytesSaved: (volumes) => 2 * pageCountOf(volumes),
  build(volumes, options) {
    const { form } = options;
    const writer = openFrame(volumes, options);
    writer.u8(0);
    writer.u16(volumes.length);
    alignSection(writer, form);
    const blocks = writer.length;
    writer.zeros(4 * volumes.length);
    alignSection(writer, form);
    putTree(
      writer,
      volumes.map(({ vid }) => vid.bytes),
    );
    alignSection(writer, form);
    let firstLocal = 0;
    for (const [v, volume] of volumes.entries()) {
      new DataView(writer.bytes.buffer).setUint32(blocks + 4 * v, writer.length, true);
      writeBlock(writer, volume, firstLocal, options);
      firstLocal += volume.rlsns.length;
    }
    return new RadixTree(sealFrame(writer, form), form);
  },
};
