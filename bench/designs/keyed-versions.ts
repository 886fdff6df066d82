/**
 * How the hash designs (b, c) keep the versions of a set of offsets. Each entry of the table, one for each offset, holds
 * the first local page number of the offset's versions (u16), and its tail says where their rLSNs are. The set's header:
 *
 *     0   u16   K, offsets of the set
 *     2   u8    rule
 *     3   u8    bytes of an entry's tail
 *     4   u32   parameter
 *     8   u16   versions of each offset, 0 where their numbers differ      (8 to 11 not under the rule CONSTANT)
 *    10   u16   zero
 *
 * | rule         | tail of an entry          | parameter                          | behind the entries                 |
 * |--------------|---------------------------|------------------------------------|------------------------------------|
 * | 0 CONSTANT   | none                      | the rLSN of every version          | nothing                            |
 * | 1 IN_ENTRY   | its list, 1 to 8 bytes    | largest rLSN of the set            | nothing                            |
 * | 2 BY_LOCAL   | none                      | low half: local page number of the | the rLSNs of all versions, by      |
 * |              |                           | set's first version; high half: N, | local page number; then, where     |
 * |              |                           | its versions                       | numbers differ, N bits: bit i set  |
 * |              |                           |                                    | when version i is its offset's last|
 * | 3 POINTED    | u16 or u32: where its list| largest rLSN of the set            | the lists; where numbers differ, a |
 * |              | begins, behind the entries|                                    | byte code before each: its length  |
 *
 * CONSTANT serves sets with one version of each offset, all at one rLSN. IN_ENTRY serves lists that are short and equally
 * long in bytes: one version per offset among them, which costs its rLSN and nothing else. Otherwise fixed widths are
 * kept BY_LOCAL, and the other codecs POINTED, where equal lists are written once.
 */
import type { ByteWriter } from "../../src/format/bytes.js";
import { byteCodeAt, byteCodeLength, FIXED_BYTES, newestInList } from "./rlsn-lists.js";
import { putList } from "./rlsn-lists-encode.js";
import { isConstant, packLists, type VersionSet, versionsOfEach } from "./version-sets.js";

export const CONSTANT = 0;
export const IN_ENTRY = 1;
export const BY_LOCAL = 2;
export const POINTED = 3;

/** Longer lists lie elsewhere, so that a probe which passes an entry by does not walk over its list. */
const MAX_IN_ENTRY_BYTES = 8;

/** How one set is kept. */
export interface VersionPlan {
  readonly rule: number;
  readonly tailBytes: number;
  writeHeader(writer: ByteWriter): void;
  /** The tail of the entry of offset i. */
  writeTail(writer: ByteWriter, i: number): void;
  /** What lies behind the entries. */
  writeRest(writer: ByteWriter): void;
}

/** Bytes of the header. */
export function setHeaderBytes(rule: number): number {
  return rule === CONSTANT ? 8 : 12;
}

/** @param firstLocal The local page number of the set's first version. */
export function planVersions(set: VersionSet, codec: number, firstLocal: number): VersionPlan {
  const { starts, rlsns } = set;
  const offsetCount = starts.length - 1;
  const each = versionsOfEach(starts);
  const largest = rlsns.reduce((a, b) => Math.max(a, b), 0);
  const plan = (
    rule: number,
    tailBytes: number,
    parameter: number,
    writeTail: VersionPlan["writeTail"],
    writeRest: VersionPlan["writeRest"],
  ): VersionPlan => ({
    rule,
    tailBytes,
    writeTail,
    writeRest,
    writeHeader(writer) {
      writer.u16(offsetCount);
      writer.u8(rule);
      writer.u8(tailBytes);
      writer.u32(parameter);
      if (rule === CONSTANT) return;
      writer.u16(each);
      writer.u16(0);
    },
  });
  const nothing = () => {};
  if (isConstant(set)) return plan(CONSTANT, 0, rlsns[0], nothing, nothing);
  const width = FIXED_BYTES[codec];
  const listOf = (i: number) => rlsns.subarray(starts[i], starts[i + 1]);
  const inEntry = (bytes: number) =>
    plan(IN_ENTRY, bytes, largest, (writer, i) => putList(writer, codec, listOf(i), largest), nothing);
  if (width > 0) {
    if (each > 0 && each * width <= MAX_IN_ENTRY_BYTES) return inEntry(each * width);
    return plan(BY_LOCAL, 0, firstLocal + rlsns.length * 2 ** 16, nothing, (writer) => {
      putList(writer, codec, rlsns, largest);
      if (each > 0) return;
      const at = writer.length;
      writer.zeros((rlsns.length + 7) >>> 3);
      for (let i = 1; i <= offsetCount; i++) writer.bytes[at + ((starts[i] - 1) >>> 3)] |= 1 << ((starts[i] - 1) & 7);
    });
  }
  const lists = packLists(set, codec, largest, each === 0);
  if (each > 0 && lists.stride > 0 && lists.stride <= MAX_IN_ENTRY_BYTES) return inEntry(lists.stride);
  const wide = lists.bytes.length > 0xffff;
  return plan(
    POINTED,
    wide ? 4 : 2,
    largest,
    (writer, i) => (wide ? writer.u32(lists.positions[i]) : writer.u16(lists.positions[i])),
    (writer) => writer.raw(lists.bytes),
  );
}

/** The first set bit, from this one on, of the bit stream at `at`: there is one. */
function nextSetBit(view: DataView, at: number, bit: number): number {
  let from = bit;
  let word = view.getUint32(at + (bit >>> 3), true) >>> (bit & 7);
  while (word === 0) {
    from = from + 32 - (from & 7);
    word = view.getUint32(at + (from >>> 3), true);
  }
  return from + 31 - Math.clz32(word & -word);
}

/**
 * The local page number of an entry's newest version at or below `rlsn`, or -1.
 *
 * @param header Where the set's header is.
 * @param tail Where the entry's tail is.
 * @param rest Where the entries end.
 */
export function newestInSet(
  view: DataView,
  header: number,
  local: number,
  tail: number,
  rest: number,
  codec: number,
  rlsn: number,
): number {
  const rule = view.getUint8(header + 2);
  const parameter = view.getUint32(header + 4, true);
  if (rule === CONSTANT) return rlsn >= parameter ? local : -1;
  let count = view.getUint16(header + 8, true);
  let at = tail;
  if (rule === BY_LOCAL) {
    const width = FIXED_BYTES[codec];
    const first = local - (parameter & 0xffff);
    if (count === 0) count = nextSetBit(view, rest + (parameter >>> 16) * width, first) + 1 - first;
    at = rest + first * width;
  } else if (rule === POINTED) {
    at = rest + (view.getUint8(header + 3) === 2 ? view.getUint16(tail, true) : view.getUint32(tail, true));
    if (count === 0) {
      count = byteCodeAt(view, at);
      at += byteCodeLength(view.getUint8(at));
    }
  }
  const i = newestInList(view, at, codec, count, parameter, rlsn);
  return i < 0 ? -1 : local + i;
}
