/** The versions of a set of offsets, as the designs that keep rLSN lists look at them before they choose a layout. */

import { ByteWriter } from "../../src/format/bytes.js";
import { putByteCode, putList } from "./rlsn-lists-encode.js";

/** The versions of a set of offsets: those of offset i are rLSNs `starts[i]` to `starts[i + 1] - 1`. */
export interface VersionSet {
  readonly starts: Uint32Array;
  readonly rlsns: Uint32Array;
}

/** Versions of each offset, 0 where their numbers differ. */
export function versionsOfEach(starts: Uint32Array): number {
  const each = starts[1];
  for (let i = 1; i + 1 < starts.length; i++) if (starts[i + 1] - starts[i] !== each) return 0;
  return each;
}

/** Whether every offset has one version, and all have the same rLSN. */
export function isConstant({ starts, rlsns }: VersionSet): boolean {
  return rlsns.length === starts.length - 1 && rlsns.every((rlsn) => rlsn === rlsns[0]);
}

/** The lists of a set in one run of bytes, equal ones once. */
export interface PackedLists {
  readonly bytes: Uint8Array;
  /** Where each list begins. */
  readonly positions: Uint32Array;
  /** The bytes of every list, 0 where they differ. */
  readonly stride: number;
}

export function packLists(set: VersionSet, codec: number, largest: number, withCounts: boolean): PackedLists {
  const { starts, rlsns } = set;
  const count = starts.length - 1;
  const writer = new ByteWriter();
  const positions = new Uint32Array(count);
  const known = new Map<string, number>();
  let stride = -1;
  for (let i = 0; i < count; i++) {
    const list = new ByteWriter(16);
    if (withCounts) putByteCode(list, starts[i + 1] - starts[i]);
    putList(list, codec, rlsns.subarray(starts[i], starts[i + 1]), largest);
    if (stride === -1) stride = list.length;
    if (list.length !== stride) stride = 0;
    const text = list.bytes.join();
    const at = known.get(text);
    positions[i] = at ?? writer.length;
    if (at !== undefined) continue;
    known.set(text, writer.length);
    writer.raw(list.bytes);
  }
  return { bytes: writer.bytes, positions, stride };
}
