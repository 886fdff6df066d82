/**
 * Images against a map: random histories of one volume, in small and large segments that it shares with others, with pages written
 * over and dropped. After every run of records, the image must show at each offset what the whole history shows, and no more;
 * `verify` must find so, and find what is wrong with an image that was tampered with.
 */
import { describe, expect, test } from "vitest";
import { Corrupt } from "../../../src/core/errors.js";
import { SegmentId, toHex, VolumeId } from "../../../src/core/ids.js";
import { encodeLeaf, type Image, type Leaf } from "../../../src/format/manifest-leaf.js";
import type { Drop } from "../../../src/format/record-range.js";
import type { Location, Reference } from "../../../src/format/record-reference.js";
import { decodeSegmentHeader } from "../../../src/format/segment-header.js";
import { decodeIndex } from "../../../src/format/segment-index.js";
import { checkImage, type IndexReader } from "../../../src/history/verify-image.js";
import { imageAfter } from "../../../src/log/image.js";
import { leafKey } from "../../../src/log/keys.js";
import { SegmentBuilder } from "../../../src/segment/segment-builder.js";
import { Random, runSeed } from "../../helpers/random.js";

const SEED = runSeed("image");
const HISTORIES = 40;
const RUNS = 6;
const MAX_IMAGE_BYTES = 256 << 10;
const PAGE = new Uint8Array(512);
const KEY = "v/image";

const randomId = (random: Random) => SegmentId.fromBytes(random.bytes(16));

/** One volume's history, written run by run, and what a map knows of it. */
class History {
  readonly vid: VolumeId;
  /** Every version of this volume in each segment, by the segment's id. */
  readonly versions = new Map<string, { offset: number; lsn: number }[]>();
  readonly heads = new Map<string, Uint8Array>();
  readonly drops: Drop[] = [];
  readonly #random: Random;
  readonly #others: VolumeId[];
  readonly #offsets: number;
  /** The newest version of each offset. */
  readonly #newest = new Map<number, number>();
  #lsn = 0;
  #record = 0;

  constructor(random: Random) {
    this.#random = random;
    this.vid = VolumeId.fromBytes(random.bytes(16));
    this.#others = [VolumeId.fromBytes(random.bytes(16)), VolumeId.fromBytes(random.bytes(16))];
    this.#offsets = random.pick([3, 40, 30_000]);
  }

  readonly index: IndexReader = async ({ segmentId, vid }) => {
    const { volumes } = decodeIndex(this.heads.get(segmentId.toString())!, KEY);
    return volumes.find((volume) => volume.vid.equals(vid))!;
  };

  /** The LSN of what is to be seen at each offset. */
  visible(): Map<number, number> {
    const visible = new Map<number, number>();
    for (const [offset, lsn] of this.#newest) {
      if (!this.drops.some((drop) => drop.lsn > lsn && drop.from <= offset && offset < drop.to))
        visible.set(offset, lsn);
    }
    return visible;
  }

  /** What is to be seen by an image: its references' versions and its drops alone. */
  shownBy({ references, drops }: Image): Map<number, number> {
    const shown = new Map<number, number>();
    for (const { segmentId, baseLsn } of references) {
      for (const { offset, lsn } of this.versions.get(`${segmentId} ${baseLsn}`)!) {
        if (lsn > (shown.get(offset) ?? 0)) shown.set(offset, lsn);
      }
    }
    for (const [offset, lsn] of shown) {
      if (drops.some((drop) => drop.lsn > lsn && drop.from <= offset && offset < drop.to)) shown.delete(offset);
    }
    return shown;
  }

  /** The next run of records, on an image of what is before it. */
  next(image: Image | undefined): Leaf {
    const random = this.#random;
    const leaf: Leaf = {
      firstRecord: this.#record + 1,
      recordCount: 0,
      attempts: [],
      firstLsn: this.#lsn + 1,
      times: [],
      pageCounts: [],
      changed: [],
      references: [],
      drops: [],
      image,
    };
    for (let left = random.between(1, 12); left > 0; left--) {
      const lsnCount = random.chance(0.1) ? 0 : random.chance(0.7) ? 1 : random.between(2, 20);
      this.#record++;
      leaf.recordCount++;
      leaf.attempts.push({ nonce: toHex(random.bytes(16)), lsnCount });
      if (lsnCount === 0) continue;
      for (let i = 0; i < lsnCount; i++) leaf.times.push(this.#lsn + i);
      if (random.chance(0.9)) leaf.references.push(this.#write(this.#lsn + 1, lsnCount));
      for (let i = 1; i <= lsnCount; i++) {
        for (let left = random.chance(0.3) ? random.between(1, 2) : 0; left > 0; left--) {
          const from = random.below(this.#offsets);
          const to = random.chance(0.3) ? 2 ** 32 - 1 : Math.min(2 ** 32 - 1, from + random.between(1, this.#offsets));
          const drop = { lsn: this.#lsn + i, from, to };
          leaf.drops.push(drop);
          this.drops.push(drop);
        }
      }
      this.#lsn += lsnCount;
    }
    leaf.pageCounts = leaf.times.map(() => this.#offsets);
    leaf.changed = leaf.times.map(() => 0);
    return leaf;
  }

  /** A segment with versions of this volume and perhaps of others. */
  #write(baseLsn: number, lsnCount: number): Reference {
    const random = this.#random;
    const id = randomId(random);
    const builder = new SegmentBuilder({ pageSize: 512, id });
    const versions = new Map<string, { offset: number; lsn: number }>();
    // An index of over 4096 bytes, which no log carries.
    const isLarge = this.#offsets > 10_000 && random.chance(0.2);
    let highestRlsn = 0;
    for (let left = isLarge ? 4000 : random.between(1, Math.min(40, this.#offsets)); left > 0; left--) {
      const offset = random.below(this.#offsets);
      const rlsn = random.below(lsnCount);
      if (versions.has(`${offset} ${rlsn}`)) continue;
      builder.add(this.vid, offset, rlsn, PAGE);
      const lsn = baseLsn + rlsn;
      versions.set(`${offset} ${rlsn}`, { offset, lsn });
      highestRlsn = Math.max(highestRlsn, rlsn);
      if (lsn > (this.#newest.get(offset) ?? 0)) this.#newest.set(offset, lsn);
    }
    for (const other of this.#others) if (random.chance(0.3)) builder.add(other, random.below(9), 0, PAGE);
    const bytes = builder.finish();
    const { bodyOffset, pageCount } = decodeSegmentHeader(bytes, KEY);
    const head = bytes.slice(0, bodyOffset);
    this.heads.set(id.toString(), head);
    this.versions.set(`${id} ${baseLsn}`, [...versions.values()]);
    const offsets = [...versions.values()].map(({ offset }) => offset);
    const locations: Location[] = [
      { kind: "shared", group: randomId(random) },
      { kind: "record", record: this.#record, start: 1000 },
      { kind: "object", vid: random.chance(0.8) ? this.vid : this.#others[0], record: this.#record },
    ];
    return {
      location: random.pick(locations),
      segmentId: id,
      sha256: random.bytes(32),
      vid: this.vid,
      baseLsn,
      highestRlsn,
      byteLength: bytes.length,
      bodyOffset,
      // Some say that they have so many pages that nothing behind them is looked at.
      pageCount: random.chance(0.05) ? 1 << 17 : pageCount,
      lowestOffset: offsets.reduce((a, b) => Math.min(a, b)),
      highestOffset: offsets.reduce((a, b) => Math.max(a, b)),
      head: bodyOffset <= 4096 ? head : undefined,
    };
  }
}

const imageBytes = (vid: VolumeId, leaf: Leaf, image: Image) => {
  const firstLsn = leaf.firstLsn + leaf.times.length;
  const empty = { times: [], pageCounts: [], changed: [], references: [], drops: [], attempts: [], recordCount: 0 };
  const key = leafKey(vid, SegmentId.fromBytes(new Uint8Array(16)));
  return encodeLeaf(key, vid, { firstRecord: 1, firstLsn, ...empty, image });
};

const sorted = (map: Map<number, number>) => [...map].sort(([a], [b]) => a - b);

describe("an image", () => {
  test(`shows what the history shows, in ${HISTORIES} histories of ${RUNS} runs`, { timeout: 300_000 }, async () => {
    let large = 0;
    let left = 0;
    for (let i = 0; i < HISTORIES; i++) {
      const history = new History(new Random(SEED + i));
      let image: Image | undefined;
      let references = 0;
      for (let run = 0; run < RUNS; run++) {
        const which = `SEED=${SEED + i}, run ${run}`;
        const leaf = history.next(image);
        references += leaf.references.length;
        const next = imageAfter(leaf, history.vid);
        if (!next) throw new Error(`${which}: no image`);
        expect(sorted(history.shownBy(next)), which).toEqual(sorted(history.visible()));
        const bytes = imageBytes(history.vid, leaf, next);
        expect(bytes.length, which).toBeLessThan(MAX_IMAGE_BYTES + 200);
        const again = imageAfter(structuredCloneLeaf(leaf), history.vid);
        expect(Buffer.compare(imageBytes(history.vid, leaf, again!), bytes), which).toBe(0);
        await checkImage(leaf, next, KEY, history.index);
        large += next.references.filter(({ head }) => !head).length;
        image = next;
      }
      left += references - image!.references.length;
    }
    // Segments with large indexes are in images, and replaced references are not.
    expect(large).toBeGreaterThan(0);
    expect(left).toBeGreaterThan(HISTORIES);
  });

  test("that was tampered with is found by verify", { timeout: 300_000 }, async () => {
    let found = 0;
    let harmless = 0;
    for (let i = 0; i < HISTORIES; i++) {
      const random = new Random(SEED + i);
      const history = new History(random);
      const first = history.next(undefined);
      const leaf = history.next(imageAfter(first, history.vid));
      const image = imageAfter(leaf, history.vid)!;
      const other = new History(random);
      const stranger = other.next(undefined).references[0];
      const tampered: Image[] = [];
      for (const reference of image.references) {
        tampered.push({ ...image, references: image.references.filter((one) => one !== reference) });
      }
      for (const drop of image.drops) {
        tampered.push({ ...image, drops: image.drops.filter((one) => one !== drop) });
      }
      const lsn = leaf.firstLsn + leaf.times.length - 1;
      tampered.push({ ...image, drops: [...image.drops, { lsn, from: 0, to: 2 ** 32 - 1 }] });
      if (stranger) {
        history.heads.set(stranger.segmentId.toString(), other.heads.get(stranger.segmentId.toString())!);
        await expect(
          checkImage(leaf, { ...image, references: [...image.references, stranger] }, KEY, history.index),
        ).rejects.toThrow(/references of earlier runs/);
      }
      for (const one of tampered) {
        const isRight = JSON.stringify(sorted(history.shownBy(one))) === JSON.stringify(sorted(history.visible()));
        const outcome = await checkImage(leaf, one, KEY, history.index).catch((error: unknown) => error);
        expect(outcome instanceof Corrupt, `SEED=${SEED + i}: ${String(outcome)}`).toBe(!isRight);
        if (isRight) harmless++;
        else found++;
      }
    }
    expect(found).toBeGreaterThan(HISTORIES);
    expect(harmless).toBeGreaterThan(0);
  });

  test("over 256 KiB is not made, and none after it", () => {
    const random = new Random(SEED);
    const vid = VolumeId.fromBytes(random.bytes(16));
    // References whose heads nobody can read are kept, whatever they hold.
    const references = Array.from({ length: 70 }, (_, i): Reference => {
      const id = randomId(random);
      return {
        location: { kind: "shared", group: id },
        segmentId: id,
        sha256: random.bytes(32),
        vid,
        baseLsn: 1 + i,
        highestRlsn: 0,
        byteLength: 5000,
        bodyOffset: 4000,
        pageCount: 1,
        lowestOffset: i,
        highestOffset: i,
        head: random.bytes(4000),
      };
    });
    const run = (firstLsn: number, count: number, image: Image | undefined): Leaf => ({
      firstRecord: firstLsn,
      recordCount: count,
      attempts: [],
      firstLsn,
      times: Array.from({ length: count }, () => 1),
      pageCounts: Array.from({ length: count }, () => 100),
      changed: Array.from({ length: count }, () => 1),
      references: references.slice(firstLsn - 1, firstLsn - 1 + count),
      drops: [],
      image,
    });
    const short = imageAfter(run(1, 60, undefined), vid);
    expect(short?.references.length).toBe(60);
    expect(imageAfter(run(1, 70, undefined), vid)).toBe(undefined);
    expect(imageAfter(run(61, 10, short), vid)).toBe(undefined);
    expect(imageAfter(run(61, 2, undefined), vid)).toBe(undefined);
  });
});

/** The same leaf in other objects. */
function structuredCloneLeaf(leaf: Leaf): Leaf {
  const clone = (reference: Reference) => ({ ...reference, head: reference.head?.slice() });
  return {
    ...leaf,
    references: leaf.references.map(clone),
    drops: leaf.drops.map((drop) => ({ ...drop })),
    image: leaf.image && { references: leaf.image.references.map(clone), drops: [...leaf.image.drops] },
  };
}
