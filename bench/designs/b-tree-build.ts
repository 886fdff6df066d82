/**
 * Builds the nodes of design e (b-tree.ts has their layout): leaves that end where it saves bytes, then inner nodes of as
 * many children as fit, level by level up to the root.
 */
import type { ByteWriter } from "../../src/format/bytes.js";
import type { VolumeVersions } from "../../src/format/segment-index.js";
import type { IndexForm } from "./design.js";

export const NODE_BYTES = 1024;
export const NODE_HEADER_BYTES = 8;
export const KEY_ID_BYTES = 16;
/** Where a key's offset ends and its rLSN begins. */
export const OFFSET_END = 20;
/** In the separate form nodes begin at multiples of this: a cache line. */
const NODE_ALIGNMENT = 64;
/** What a leaf costs in the level above: its position, and most often three bytes of a separator. */
const INNER_BYTES_PER_LEAF = 7;

/** A node that was written, and what separates it from the one before. */
interface Child {
  readonly position: number;
  readonly firstKey: Uint8Array;
  /** Bytes of the first key that keep it apart from the last key before. */
  readonly separatorBytes: number;
}

function commonBytes(a: Uint8Array, b: Uint8Array): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return i;
}

/** The keys of one volume, in order. */
function keysOf({ vid, offsets, starts, rlsns }: VolumeVersions, rlsnBytes: number): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (const [i, offset] of offsets.entries()) {
    for (let version = starts[i]; version < starts[i + 1]; version++) {
      const key = new Uint8Array(OFFSET_END + 4);
      const view = new DataView(key.buffer);
      vid.writeTo(key, 0);
      view.setUint32(KEY_ID_BYTES, offset);
      view.setUint32(OFFSET_END, rlsns[version] << (32 - 8 * rlsnBytes));
      keys.push(key.subarray(0, OFFSET_END + rlsnBytes));
    }
  }
  return keys;
}

interface LeafShape {
  readonly prefixBytes: number;
  readonly suffixBytes: number;
  readonly tailBytes: number;
  readonly byteLength: number;
}

/** The shape of a leaf of `count` keys with so many bytes in common, all with one rLSN or not. */
function leafShape(keyBytes: number, common: number, count: number, oneRlsn: boolean): LeafShape {
  const tailBytes = oneRlsn ? keyBytes - OFFSET_END : 0;
  const prefixBytes = Math.min(common, keyBytes - tailBytes);
  const suffixBytes = keyBytes - tailBytes - prefixBytes;
  const byteLength = NODE_HEADER_BYTES + prefixBytes + tailBytes + count * suffixBytes;
  return { prefixBytes, suffixBytes, tailBytes, byteLength };
}

/** Where the leaves of a volume begin, and at last where they end: the division of the fewest bytes. */
function divide(keys: readonly Uint8Array[], rlsns: Uint32Array): number[] {
  const keyBytes = keys[0].length;
  const withBefore = keys.map((key, i) => (i === 0 ? 0 : commonBytes(keys[i - 1], key)));
  // fewest[j]: bytes of the leaves that hold the keys before j; from[j]: where the last of those leaves begins.
  const fewest = new Float64Array(keys.length + 1);
  const from = new Uint32Array(keys.length + 1);
  for (let end = 1; end <= keys.length; end++) {
    fewest[end] = Number.POSITIVE_INFINITY;
    let oneRlsn = true;
    let common = keyBytes;
    for (let start = end - 1; start >= 0; start--) {
      oneRlsn &&= rlsns[start] === rlsns[end - 1];
      const { byteLength } = leafShape(keyBytes, common, end - start, oneRlsn);
      if (byteLength > NODE_BYTES) break;
      const total = fewest[start] + byteLength + INNER_BYTES_PER_LEAF;
      if (total < fewest[end]) {
        fewest[end] = total;
        from[end] = start;
      }
      common = Math.min(common, withBefore[start]);
    }
  }
  const bounds = [keys.length];
  while (bounds[bounds.length - 1] > 0) bounds.push(from[bounds[bounds.length - 1]]);
  return bounds.reverse();
}

class TreeWriter {
  readonly #writer: ByteWriter;
  readonly #form: IndexForm;

  constructor(writer: ByteWriter, form: IndexForm) {
    this.#writer = writer;
    this.#form = form;
  }

  /** Writes a node and returns its position. */
  #node(level: number, bytes: readonly [prefix: number, suffix: number, tail: number], count: number, local: number) {
    const past = this.#writer.length % NODE_ALIGNMENT;
    if (this.#form === "separate" && past > 0) this.#writer.zeros(NODE_ALIGNMENT - past);
    const at = this.#writer.length;
    this.#writer.u8(level);
    for (const length of bytes) this.#writer.u8(length);
    this.#writer.u16(count);
    this.#writer.u16(local);
    return at;
  }

  leaf(keys: readonly Uint8Array[], firstLocal: number, oneRlsn: boolean): number {
    const first = keys[0];
    const { prefixBytes, suffixBytes, tailBytes } = leafShape(
      first.length,
      commonBytes(first, keys[keys.length - 1]),
      keys.length,
      oneRlsn,
    );
    const at = this.#node(0, [prefixBytes, suffixBytes, tailBytes], keys.length, firstLocal);
    this.#writer.raw(first.subarray(0, prefixBytes));
    this.#writer.raw(first.subarray(first.length - tailBytes));
    for (const key of keys) this.#writer.raw(key.subarray(prefixBytes, prefixBytes + suffixBytes));
    return at;
  }

  inner(level: number, children: readonly Child[]): number {
    const [prefixBytes, suffixBytes] = separatorShape(children);
    const at = this.#node(level, [prefixBytes, suffixBytes, 0], children.length, 0);
    const separators = children.slice(1).map(({ firstKey }) => firstKey);
    if (separators.length > 0) this.#writer.raw(separators[0].subarray(0, prefixBytes));
    for (const key of separators) this.#writer.raw(key.subarray(prefixBytes, prefixBytes + suffixBytes));
    for (const { position } of children) this.#writer.u32(position);
    return at;
  }
}

/** Bytes of the prefix and of each suffix of the separators between these children. */
function separatorShape(children: readonly Child[]): [prefixBytes: number, suffixBytes: number] {
  if (children.length === 1) return [0, 0];
  const length = Math.max(...children.slice(1).map(({ separatorBytes }) => separatorBytes));
  const common = commonBytes(children[1].firstKey, children[children.length - 1].firstKey);
  const prefixBytes = Math.min(common, length - 1);
  return [prefixBytes, length - prefixBytes];
}

function innerBytes(children: readonly Child[]): number {
  const [prefixBytes, suffixBytes] = separatorShape(children);
  return NODE_HEADER_BYTES + prefixBytes + (children.length - 1) * suffixBytes + 4 * children.length;
}

function writeLeaves(tree: TreeWriter, volumes: readonly VolumeVersions[], rlsnBytes: number): Child[] {
  const children: Child[] = [];
  let firstLocal = 0;
  let before: Uint8Array | undefined;
  for (const volume of volumes) {
    const { rlsns } = volume;
    const keys = keysOf(volume, rlsnBytes);
    const bounds = divide(keys, rlsns);
    for (let i = 0; i + 1 < bounds.length; i++) {
      const start = bounds[i];
      const end = bounds[i + 1];
      const oneRlsn = rlsns.subarray(start, end).every((rlsn) => rlsn === rlsns[start]);
      const firstKey = keys[start];
      const common = before ? commonBytes(before, firstKey) : 0;
      children.push({
        position: tree.leaf(keys.slice(start, end), firstLocal + start, oneRlsn),
        firstKey,
        // Between versions of one offset the whole key: a probe between them belongs to the earlier one.
        separatorBytes: common < OFFSET_END ? common + 1 : firstKey.length,
      });
      before = keys[end - 1];
    }
    firstLocal += rlsns.length;
  }
  return children;
}

/** Writes all nodes and returns the position of the root. */
export function buildTree(
  writer: ByteWriter,
  volumes: readonly VolumeVersions[],
  form: IndexForm,
  rlsnBytes: number,
): number {
  const tree = new TreeWriter(writer, form);
  let nodes = writeLeaves(tree, volumes, rlsnBytes);
  for (let level = 1; nodes.length > 1; level++) {
    const parents: Child[] = [];
    for (let start = 0; start < nodes.length; ) {
      let end = start + 1;
      while (end < nodes.length && innerBytes(nodes.slice(start, end + 1)) <= NODE_BYTES) end++;
      const { firstKey, separatorBytes } = nodes[start];
      parents.push({ position: tree.inner(level, nodes.slice(start, end)), firstKey, separatorBytes });
      start = end;
    }
    nodes = parents;
  }
  return nodes[0].position;
}
