/**
 * A run of LSNs: what a record, a leaf and a manifest's tail have in common (spec/log.md, "Range"). Three columns with a
 * value for each LSN, references to the segments that hold the pages, and drops.
 */

import { ID_BYTES, VolumeId } from "../core/ids.js";
import { MAX_PAGE_COUNT } from "../core/numbers.js";
import type { ByteReader, ByteWriter } from "./bytes.js";
import { decodeReference, encodeReference, type Reference } from "./record-reference.js";

/** Offsets `from` up to but not including `to` are absent from LSN `lsn` on, until they are written again. */
export interface Drop {
  readonly lsn: number;
  readonly from: number;
  readonly to: number;
}

export interface Range extends Contents {
  firstLsn: number;
  /** Milliseconds since 1970 of each LSN, never decreasing. */
  times: number[];
  /** The volume's length in pages after each LSN. */
  pageCounts: number[];
  /** Pages written by each LSN. */
  changed: number[];
}

export const lastLsnOf = (range: Range): number => range.firstLsn + range.times.length - 1;

export function encodeRange(writer: ByteWriter, range: Range, vid: VolumeId, record?: number): void {
  writer.varint(range.firstLsn);
  writer.varint(range.times.length);
  let time = 0;
  for (const next of range.times) {
    writer.varint(next - time);
    time = next;
  }
  range.pageCounts.forEach((count, i) => {
    if (i === 0) writer.varint(count);
    else writeZigzag(writer, count - range.pageCounts[i - 1]);
  });
  for (const count of range.changed) writer.varint(count);
  encodeContents(writer, range, vid, { firstLsn: range.firstLsn, record });
}

/** What pages a run of LSNs, or an image, is made of. */
export interface Contents {
  references: Reference[];
  /** In ascending order of LSN. */
  drops: Drop[];
}

/** Where contents stand: what drops count from, and in a record its number; or that they are an image's. */
interface ContentsPlace {
  readonly firstLsn: number;
  readonly record?: number | undefined;
  readonly isImage?: boolean;
}

export function encodeContents(
  writer: ByteWriter,
  { references, drops }: Readonly<Contents>,
  vid: VolumeId,
  { firstLsn, record, isImage }: ContentsPlace,
): void {
  const vids = new VidTable(vid);
  for (const { vid: inner, location } of references) {
    if (location.kind === "object") vids.add(location.vid);
    vids.add(inner);
  }
  vids.write(writer);
  writer.varint(references.length);
  for (const reference of references) encodeReference(writer, reference, vids, { record, isImage });
  writer.varint(drops.length);
  for (const drop of drops) {
    writer.varint(drop.lsn - firstLsn);
    writer.varint(drop.from);
    writer.varint(drop.to - drop.from);
  }
}

/**
 * @param attached In a record: its number, and where its attachments begin. Their references come back as places in
 *   that record.
 */
export function decodeRange(reader: ByteReader, vid: VolumeId, attached?: { record: number; at: number }): Range {
  const firstLsn = reader.positive("first LSN", Number.MAX_SAFE_INTEGER);
  const count = reader.varint(reader.remaining);
  if (firstLsn + count > Number.MAX_SAFE_INTEGER) throw reader.corrupt("last LSN", "at most 2^53 - 1", "more");
  const times: number[] = [];
  for (let i = 0, time = 0; i < count; i++) {
    time += reader.varint();
    if (time > Number.MAX_SAFE_INTEGER) throw reader.corrupt("time", "at most 2^53 - 1", "more");
    times.push(time);
  }
  const pageCounts: number[] = [];
  for (let i = 0; i < count; i++) {
    const value = i === 0 ? reader.varint() : pageCounts[i - 1] + readZigzag(reader);
    if (value < 0 || value > MAX_PAGE_COUNT) throw reader.corrupt("page count", "0 to 2^32 - 1", `${value}`);
    pageCounts.push(value);
  }
  const changed: number[] = [];
  for (let i = 0; i < count; i++) changed.push(reader.varint(MAX_PAGE_COUNT));
  const contents = decodeContents(reader, vid, { firstLsn, count, attached });
  return { firstLsn, times, pageCounts, changed, ...contents };
}

/** Contents whose LSNs are `count` from `firstLsn` on. */
export function decodeContents(
  reader: ByteReader,
  vid: VolumeId,
  {
    firstLsn,
    count,
    attached,
    isImage = false,
  }: {
    firstLsn: number;
    count: number;
    attached?: { record: number; at: number } | undefined;
    isImage?: boolean;
  },
): Contents {
  const vids = VidTable.read(reader, vid);
  const references: Reference[] = [];
  const place = attached ? { ...attached } : undefined;
  for (let left = reader.varint(reader.remaining); left > 0; left--) {
    const reference = decodeReference(reader, vids, { attached: place, isImage });
    if (reference.baseLsn < firstLsn || reference.baseLsn + reference.highestRlsn >= firstLsn + count) {
      throw reader.corrupt(
        "reference outside its range",
        `LSNs ${firstLsn} to ${firstLsn + count - 1}`,
        `${reference.baseLsn} to ${reference.baseLsn + reference.highestRlsn}`,
      );
    }
    references.push(reference);
  }
  vids.end(reader);
  const drops: Drop[] = [];
  for (let left = reader.varint(reader.remaining), lsn = firstLsn; left > 0; left--) {
    const next = firstLsn + reader.varint();
    if (next < lsn || next >= firstLsn + count) throw reader.corrupt("drop out of order", "ascending LSNs", `${next}`);
    lsn = next;
    const from = reader.varint(MAX_PAGE_COUNT - 1);
    const length = reader.positive("length of a drop", MAX_PAGE_COUNT - from);
    drops.push({ lsn, from, to: from + length });
  }
  return { references, drops };
}

function writeZigzag(writer: ByteWriter, value: number): void {
  writer.varint(value >= 0 ? 2 * value : -2 * value - 1);
}

function readZigzag(reader: ByteReader): number {
  const value = reader.varint();
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** The volumes that a range names by small numbers: 0 is its own, and the others follow as references first name them. */
export class VidTable {
  readonly #vids: VolumeId[];
  readonly #numbers: Map<string, number>;
  /** The highest number that a reference named, while the table is read. */
  #named = 0;

  constructor(own: VolumeId) {
    this.#vids = [own];
    this.#numbers = new Map([[own.toString(), 0]]);
  }

  add(vid: VolumeId): void {
    if (this.#numbers.has(vid.toString())) return;
    this.#numbers.set(vid.toString(), this.#vids.length);
    this.#vids.push(vid);
  }

  numberOf(vid: VolumeId): number {
    return this.#numbers.get(vid.toString())!;
  }

  write(writer: ByteWriter): void {
    writer.varint(this.#vids.length - 1);
    for (const vid of this.#vids.slice(1)) writer.raw(vid.bytes);
  }

  static read(reader: ByteReader, own: VolumeId): VidTable {
    const table = new VidTable(own);
    for (let left = reader.varint(reader.remaining); left > 0; left--) {
      const vid = VolumeId.fromBytes(reader.raw(ID_BYTES));
      if (table.#numbers.has(vid.toString())) throw reader.corrupt("table of volumes", "each once", `${vid} again`);
      table.add(vid);
    }
    return table;
  }

  readVid(reader: ByteReader): VolumeId {
    const number = reader.varint(Math.min(this.#named + 1, this.#vids.length - 1));
    this.#named = Math.max(this.#named, number);
    return this.#vids[number];
  }

  /** Refuses volumes that no reference named. */
  end(reader: ByteReader): void {
    if (this.#named === this.#vids.length - 1) return;
    throw reader.corrupt("table of volumes", `${this.#named}, as many as are named`, `${this.#vids.length - 1}`);
  }
}
