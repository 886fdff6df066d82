/**
 * The oracle of the fuzzing campaign: `spec/reader.py` said again in TypeScript. It decodes an index bit by bit into plain
 * lists and a `Map`, with nothing of `src/` in it, and refuses what the spec says MUST be refused; checksums it takes as
 * right. Slow and obvious: what it says is what both probes have to say.
 */

const MAX_PAGES = 2 ** 20;
const MAX_OFFSET = 2 ** 32 - 2;
const MAX_RLSN = 2 ** 32 - 1;
const MAGIC = [0x89, 0x50, 0x53, 0x45, 0x47, 0x0d, 0x0a, 0x1a];

const RUN = 0;
const BITMAP = 1;
const ONE = 0;
const UNIFORM = 1;
const CUMULATIVE = 2;
const IMPLIED = 3;
const CONSTANT = 0;
const FIXED = 1;
const BYTE_DELTAS = 2;
const ELIAS_FANO = 3;

/** Thrown, one object for all, so that a refusal costs nothing. */
const REFUSED = new Error("the index breaks a MUST of the format");

function must(condition: boolean): void {
  if (!condition) throw REFUSED;
}

/** The largest w with n * 2^w <= limit; 0 where there is none. */
export function lowWidth(n: number, limit: number): number {
  let width = 0;
  for (let scaled = 2 * n; scaled <= limit; scaled *= 2) width++;
  return width;
}

/** Reads front to back and never past the end. */
class Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  take(count: number): Cursor {
    must(count <= this.end - this.at);
    this.at += count;
    return new Cursor(this.bytes, this.at - count, this.at);
  }

  u8(): number {
    must(this.at < this.end);
    return this.bytes[this.at++];
  }

  varint(): number {
    let value = 0;
    for (let position = 0; position < 8; position++) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** (7 * position);
      if (byte < 0x80) {
        must(byte !== 0 || position === 0);
        return value;
      }
    }
    throw REFUSED;
  }

  /** A bit string that begins at a byte; what is behind its last bit is zero. */
  bits(count: number): Bits {
    const { at } = this.take(Math.ceil(count / 8));
    const bits = new Bits(this.bytes, at, count);
    for (let bit = count; bit % 8 !== 0; bit++) must(!bits.has(bit));
    return bits;
  }
}

class Bits {
  readonly #bytes: Uint8Array;
  readonly #at: number;
  readonly #count: number;

  constructor(bytes: Uint8Array, at: number, count: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#count = count;
  }

  has(bit: number): boolean {
    return ((this.#bytes[this.#at + Math.floor(bit / 8)] >> (bit % 8)) & 1) === 1;
  }

  value(position: number, width: number): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 2 + (this.has(position + i) ? 1 : 0);
    return value;
  }

  /** The positions of the bits that are set, of which there are exactly `count`. */
  positions(count: number): number[] {
    const positions: number[] = [];
    for (let bit = 0; bit < this.#count; bit++) if (this.has(bit)) positions.push(bit);
    must(positions.length === count);
    return positions;
  }
}

function eliasFano(cursor: Cursor, n: number, last: number): number[] {
  const width = lowWidth(n, last + 1);
  const low = cursor.bits(n * width);
  const high = cursor.bits(n + Math.floor(last / 2 ** width)).positions(n);
  const values = high.map((position, i) => (position - i) * 2 ** width + low.value(i * width, width));
  must(values.every((value, i) => value <= last && (i === 0 || values[i - 1] <= value)));
  return values;
}

const ascends = (values: readonly number[]) => values.every((value, i) => i === 0 || values[i - 1] < value);

export interface OracleVersion {
  readonly offset: number;
  readonly rlsn: number;
  readonly local: number;
}

/** One volume, by the oracle. */
export class OracleVolume {
  readonly vid: Uint8Array;
  readonly versions: readonly OracleVersion[];
  readonly #byOffset = new Map<number, OracleVersion[]>();

  constructor(vid: Uint8Array, versions: readonly OracleVersion[]) {
    this.vid = vid;
    this.versions = versions;
    for (const version of versions) {
      const others = this.#byOffset.get(version.offset);
      if (others) others.push(version);
      else this.#byOffset.set(version.offset, [version]);
    }
  }

  find(offset: number, rlsn: number): number {
    let found = -1;
    for (const version of this.#byOffset.get(offset) ?? []) if (version.rlsn <= rlsn) found = version.local;
    return found;
  }
}

/** [offset, rLSN] of every version of the block at the cursor. */
function readBlock(cursor: Cursor, mostVersions: number): [offset: number, rlsn: number][] {
  const tag = cursor.u8();
  const kind = tag & 3;
  const counts = (tag >> 2) & 3;
  const rlsnKind = (tag >> 4) & 3;
  must(tag < 64 && kind < 3);
  must(counts === ONE || rlsnKind !== CONSTANT);
  must(counts !== ONE || rlsnKind !== ELIAS_FANO);
  must(counts !== IMPLIED || rlsnKind === ELIAS_FANO);

  const k = cursor.varint();
  must(k >= 1 && k <= MAX_PAGES);
  const first = cursor.varint();
  const span = kind === RUN ? k - 1 : cursor.varint();
  must(span >= k - 1 && first + span <= MAX_OFFSET);
  const count = counts === ONE ? 1 : cursor.varint();
  must(counts !== UNIFORM || count >= 2);
  const n = counts === CUMULATIVE || counts === IMPLIED ? count : k * count;
  must(k <= n && n <= mostVersions);
  const parameter = rlsnKind === FIXED ? cursor.u8() : cursor.varint();
  if (rlsnKind === FIXED) must(parameter >= 1 && parameter <= 32);
  else if (rlsnKind !== BYTE_DELTAS) must(parameter <= MAX_RLSN);
  const payloadBytes = rlsnKind === ELIAS_FANO && counts !== IMPLIED ? cursor.varint() : parameter;

  const relative =
    kind === RUN
      ? Array.from({ length: k }, (_, i) => i)
      : kind === BITMAP
        ? cursor.bits(span + 1).positions(k)
        : eliasFano(cursor, k, span);
  must(ascends(relative) && relative[0] === 0 && relative[k - 1] === span);
  let ends: number[] = [];
  if (counts === CUMULATIVE) {
    ends = (k > 1 ? eliasFano(cursor, k - 1, n - k) : []).map((value, i) => value + i + 1);
    ends.push(n);
  } else if (counts !== IMPLIED) {
    ends = relative.map((_, i) => (i + 1) * (n / k));
  }
  let rlsns: number[] = [];
  if (rlsnKind === CONSTANT) {
    rlsns = relative.map(() => parameter);
  } else if (rlsnKind === FIXED) {
    const stream = cursor.bits(n * parameter);
    for (let i = 0; i < n; i++) rlsns.push(stream.value(i * parameter, parameter));
  } else if (rlsnKind === BYTE_DELTAS) {
    rlsns = readByteDeltas(cursor.take(payloadBytes), ends);
  } else if (counts === IMPLIED) {
    const t = parameter + 1;
    must(n <= k * t);
    const merged = eliasFano(cursor, n, k * t - 1);
    must(ascends(merged));
    const ordinals = merged.map((value) => Math.floor(value / t));
    ends = relative.map((_, ordinal) => ordinals.lastIndexOf(ordinal) + 1);
    must(ends.every((end) => end > 0));
    rlsns = merged.map((value) => value % t);
  } else {
    rlsns = readPartitioned(cursor.take(payloadBytes), ends, parameter);
  }
  if (rlsnKind === ELIAS_FANO) must(rlsns.reduce((a, b) => Math.max(a, b)) === parameter);
  const versions: [number, number][] = [];
  for (const [ordinal, end] of ends.entries()) {
    const start = versions.length;
    must(ascends(rlsns.slice(start, end)));
    for (let i = start; i < end; i++) versions.push([first + relative[ordinal], rlsns[i]]);
  }
  return versions;
}

function readByteDeltas(payload: Cursor, ends: readonly number[]): number[] {
  const rlsns: number[] = [];
  for (const end of ends) {
    let before = -1;
    while (rlsns.length < end) {
      let value = payload.u8();
      if (value === 255) {
        value = payload.u8() + payload.u8() * 2 ** 8 + payload.u8() * 2 ** 16 + payload.u8() * 2 ** 24;
        must(value >= 255);
      }
      before += value + 1;
      must(before <= MAX_RLSN);
      rlsns.push(before);
    }
  }
  must(payload.at === payload.end);
  return rlsns;
}

function readPartitioned(payload: Cursor, ends: readonly number[], largest: number): number[] {
  const endWidth = Math.max(1, Math.ceil(Math.log2(largest + 1)));
  const lowLimit = (payload.end - payload.at) * 8;
  const low = new Bits(payload.bytes, payload.at, lowLimit);
  let lowAt = 0;
  const takeLow = (width: number) => {
    must(lowAt + width <= lowLimit);
    lowAt += width;
    return low.value(lowAt - width, width);
  };
  const groups = ends.map((end, i) => {
    const n = end - (i === 0 ? 0 : ends[i - 1]);
    const first = takeLow(endWidth);
    const missing = n > 1 ? takeLow(endWidth) : 0;
    const last = first + missing + n - 1;
    must(last <= largest);
    const inner = n > 2 && missing > 0 ? n - 2 : 0;
    const room = inner + missing;
    const width = lowWidth(Math.max(1, inner), room);
    const parts = Array.from({ length: inner }, () => takeLow(width));
    const highBits = inner === 0 ? 0 : width === 0 ? room : inner + Math.floor((room - 1) / 2 ** width);
    return { n, first, last, width, parts, highBits };
  });
  payload.bits(lowAt);
  const high = payload.bits(groups.reduce((sum, { highBits }) => sum + highBits, 0));
  must(payload.at === payload.end);
  const rlsns: number[] = [];
  let highAt = 0;
  for (const { n, first, last, width, parts, highBits } of groups) {
    const inner: number[] = [];
    for (let bit = 0; bit < highBits; bit++) {
      if (!high.has(highAt + bit)) continue;
      must(inner.length < parts.length);
      const value = width === 0 ? bit : (bit - inner.length) * 2 ** width + parts[inner.length];
      inner.push(first + 1 + value);
    }
    must(inner.length === parts.length);
    // Nothing missing: all between the first and the last.
    if (highBits === 0) for (let rlsn = first + 1; n > 2 && rlsn < last; rlsn++) inner.push(rlsn);
    rlsns.push(first, ...inner);
    if (n > 1) rlsns.push(last);
    highAt += highBits;
  }
  return rlsns;
}

function read(head: Uint8Array): OracleVolume[] {
  must(head.length >= 64 && MAGIC.every((byte, i) => head[i] === byte));
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  must(view.getUint16(8, true) <= 1 && view.getUint16(10, true) === 0);
  const [pageSize, pageCount, volumeCount, indexBytes, bodyOffset, reserved, reservedToo] = [
    12, 32, 36, 40, 44, 48, 52,
  ].map((at) => view.getUint32(at, true));
  must([512, 1024, 2048, 4096, 8192, 16384, 32768, 65536].includes(pageSize));
  must(pageCount >= 1 && pageCount <= MAX_PAGES && volumeCount >= 1 && volumeCount <= pageCount);
  must(bodyOffset === Math.ceil((64 + indexBytes) / 8) * 8 && reserved === 0 && reservedToo === 0);
  must(head.length >= bodyOffset);
  for (let at = 64 + indexBytes; at < bodyOffset; at++) must(head[at] === 0);

  const cursor = new Cursor(head, 64, 64 + indexBytes);
  const vids: Uint8Array[] = [];
  for (let v = 0; v < volumeCount; v++) {
    const { at, end } = cursor.take(16);
    vids.push(head.subarray(at, end));
    must(v === 0 || comesBefore(vids[v - 1], vids[v]));
  }
  let local = 0;
  const volumes = vids.map((vid) => {
    const versions = readBlock(cursor, pageCount - local);
    return new OracleVolume(
      vid,
      versions.map(([offset, rlsn]) => ({ offset, rlsn, local: local++ })),
    );
  });
  must(cursor.at === cursor.end && local === pageCount);
  return volumes;
}

function comesBefore(a: Uint8Array, b: Uint8Array): boolean {
  const differs = a.findIndex((byte, i) => byte !== b[i]);
  return differs >= 0 && a[differs] < b[differs];
}

/** What an index holds, by the spec; `undefined` where the spec says that it MUST be refused. */
export function readIndex(head: Uint8Array): OracleVolume[] | undefined {
  try {
    return read(head);
  } catch (error) {
    if (error === REFUSED) return undefined;
    throw error;
  }
}
