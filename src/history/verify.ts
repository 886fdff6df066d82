/**
 * Reads everything that the store's volumes stand on and checks it: every checksum (envelopes, segment heads, pages, the
 * log's SHA-256 of each segment) and every invariant of the log. Nothing is written, and one damaged object does not hide
 * the next.
 */
import { Corrupt, throwIfAborted, UnsupportedFormat } from "../core/errors.js";
import { compareBytes, type VolumeId } from "../core/ids.js";
import { sha256 as portableSha256, type Sha256 } from "../core/sha256.js";
import { type CatalogEntry, decodeCatalogRecord } from "../format/catalog.js";
import { checksumIn } from "../format/envelope.js";
import { decodeManifest, type Manifest } from "../format/manifest.js";
import { decodeLeaf, type Leaf } from "../format/manifest-leaf.js";
import { decodeStub, isStub } from "../format/manifest-stub.js";
import { decodeRecord } from "../format/record.js";
import type { Range } from "../format/record-range.js";
import type { Reference } from "../format/record-reference.js";
import { type DecodedVolume, decodeIndex } from "../format/segment-index.js";
import { decodeSharedList } from "../format/shared-list.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import { Catalog } from "../log/catalog.js";
import {
  CATALOG_HEAD_KEY,
  catalogKey,
  leafKey,
  manifestHeadKey,
  manifestKey,
  placeOf,
  recordKey,
  sharedListKey,
} from "../log/keys.js";
import { CATCHING_UP, readOnward } from "../log/sequence.js";
import { HistoryColumns } from "./verify-columns.js";
import { checkImage } from "./verify-image.js";
import { checkReferences, checkSegment, type SegmentPart } from "./verify-segment.js";

/** So many objects of a sequence in a row are reported as damaged or missing before the rest is left: a manifest may promise, and a
 * hostile store may show, any number of them. */
const MAX_BAD_IN_A_ROW = 1000;

export interface VerifyOptions extends CallOptions {
  /** Checks this volume alone, by name or id; by default all. */
  readonly volume?: string;
  readonly sha256?: Sha256;
  /** Told of every object that was read. */
  readonly onProgress?: (bytesRead: number) => void;
}

export interface VerifyProblem {
  /** The volume's name, or "" for the catalog. */
  readonly volume: string;
  /** The damaged or missing object. */
  readonly key: string;
  readonly message: string;
}

export interface VerifyReport {
  volumes: number;
  lsns: number;
  records: number;
  segments: number;
  pages: number;
  bytesRead: number;
  readonly problems: VerifyProblem[];
}

/** @throws NotFound for an unknown volume, and what the storage throws; damage is reported, not thrown. */
export async function verifyObjects(objects: ObjectStore, options: VerifyOptions = {}): Promise<VerifyReport> {
  const verification = new Verification(objects, options);
  await verification.run(options.volume);
  return verification.report;
}

class Verification {
  readonly report: VerifyReport = {
    volumes: 0,
    lsns: 0,
    records: 0,
    segments: 0,
    pages: 0,
    bytesRead: 0,
    problems: [],
  };
  readonly #objects: ObjectStore;
  readonly #options: VerifyOptions;
  readonly #sha256: Sha256;
  /** The volume being checked. */
  #volume = "";

  constructor(objects: ObjectStore, options: VerifyOptions) {
    this.#objects = objects;
    this.#options = options;
    this.#sha256 = options.sha256 ?? portableSha256;
  }

  async run(only: string | undefined): Promise<void> {
    let catalog: Catalog | undefined;
    await this.#attempt(catalogKey(1), async () => {
      let bad = 0;
      for (let n = 1, bytes: Uint8Array | undefined; (bytes = await this.#probe(catalogKey(n))); n++) {
        const found = bytes;
        const sound = await this.#attempt(catalogKey(n), () => decodeCatalogRecord(found, catalogKey(n)));
        bad = sound ? 0 : bad + 1;
        if (bad > MAX_BAD_IN_A_ROW) break;
      }
      const head = await this.#probe(CATALOG_HEAD_KEY);
      if (head) await this.#attempt(CATALOG_HEAD_KEY, () => decodeCatalogRecord(head, CATALOG_HEAD_KEY, true));
      catalog = await Catalog.open(this.#objects, this.#options);
    });
    if (catalog === undefined) return;
    for (const entry of only === undefined ? catalog.entries : [catalog.get(only)]) {
      this.report.volumes++;
      this.#volume = entry.name;
      await this.#checkVolume(entry);
    }
  }

  async #checkVolume({ vid, pageSizeBytes }: CatalogEntry): Promise<void> {
    const manifest = await this.#newestManifest(vid);
    const promised = manifest === undefined ? 0 : manifest.tail.firstRecord + manifest.tail.recordCount - 1;
    const columns = new HistoryColumns();
    let bad = 0;
    for (let k = (manifest?.boundary ?? 0) + 1; bad <= MAX_BAD_IN_A_ROW; k++) {
      const key = recordKey(vid, k);
      const bytes = await this.#probe(key);
      if (bytes === undefined) {
        if (k > promised) break;
        this.#report(key, `record ${k} is missing, and the manifest goes on to record ${promised}`);
        columns.gap();
        bad++;
        continue;
      }
      this.report.records++;
      const sound = await this.#attempt(key, async () => {
        const { range, closing } = decodeRecord(bytes, key, vid, k);
        columns.append(k, key, range, closing);
        this.report.lsns += range.times.length;
        await this.#checkRange(vid, pageSizeBytes, range, key, bytes);
        await this.#checkSharedLists(vid, k, range);
      });
      if (!sound) columns.gap();
      bad = sound ? 0 : bad + 1;
    }
    if (manifest !== undefined) await this.#checkManifest(vid, manifest, columns);
  }

  /** The segments that a record names, and what it says of them. */
  async #checkRange(
    vid: VolumeId,
    pageSizeBytes: number,
    range: Range,
    recordKeyRead: string,
    record: Uint8Array,
  ): Promise<void> {
    const parts: SegmentPart[] = [];
    for (const reference of range.references) {
      throwIfAborted(this.#options.signal, "verify");
      const { key, start } = placeOf(vid, reference.segmentId, reference.location);
      await this.#attempt(key, async () => {
        const object = key === recordKeyRead ? record : await this.#get(key);
        if (object === undefined) {
          throw new Corrupt("segment is missing", {
            key,
            byteOffset: start,
            expected: `${reference.byteLength} bytes`,
            actual: "no object",
          });
        }
        const bytes = object.subarray(start, start + reference.byteLength);
        parts.push({ reference, index: checkSegment(bytes, key, reference, pageSizeBytes, this.#sha256) });
        this.report.segments++;
        this.report.pages += reference.pageCount;
      });
    }
    if (parts.length === range.references.length) checkReferences(recordKeyRead, range, parts);
  }

  /** Whoever shares segments has listed the records that may name them: else a collector takes them for garbage. */
  async #checkSharedLists(vid: VolumeId, record: number, range: Range): Promise<void> {
    const keys = range.references.flatMap(({ location }) =>
      location.kind === "shared" ? [sharedListKey(location.group)] : [],
    );
    for (const key of new Set(keys)) {
      await this.#attempt(key, async () => {
        const bytes = await this.#get(key);
        const names = bytes === undefined ? [] : decodeSharedList(bytes, key);
        if (names.some((name) => name.record === record && name.vid.equals(vid))) return;
        throw new Corrupt("list of the records that share segments", {
          key,
          byteOffset: 0,
          expected: `record ${record} of volume ${vid}`,
          actual: bytes === undefined ? "no object" : "a list without it",
        });
      });
    }
  }

  /** Decodes every manifest; gives the newest sound one. */
  async #newestManifest(vid: VolumeId): Promise<Manifest | undefined> {
    let newest: Manifest | undefined;
    let last = 0;
    let named = 0;
    let bad = 0;
    const keyOf = (g: number) => manifestKey(vid, g);
    for await (const { number, bytes } of readOnward(this.#objects, keyOf, 1, CATCHING_UP, this.#options)) {
      this.#count(bytes);
      const sound = await this.#attempt(keyOf(number), () => {
        if (isStub(bytes)) named = Math.max(named, decodeStub(bytes, keyOf(number), number));
        else newest = decodeManifest(bytes, keyOf(number), vid).manifest;
      });
      last = number;
      bad = sound ? 0 : bad + 1;
      if (bad > MAX_BAD_IN_A_ROW) break;
    }
    if (named > last) this.#report(keyOf(named), `a stub names manifest ${named}, and the last one is ${last}`);
    const headKey = manifestHeadKey(vid);
    const head = await this.#probe(headKey);
    if (head !== undefined) await this.#attempt(headKey, () => decodeManifest(head, headKey, vid, true));
    return newest;
  }

  /** The manifest and its leaves must say what the records say. */
  async #checkManifest(vid: VolumeId, manifest: Manifest, columns: HistoryColumns): Promise<void> {
    let before: Leaf | undefined;
    const compare = async (leaf: Leaf, key: string) => {
      await this.#attempt(key, () => columns.compare(leaf, key));
      const { image } = leaf;
      const past = before;
      if (image && past) {
        await this.#attempt(key, () => checkImage(past, image, key, (reference) => this.#readIndex(vid, reference)));
      }
      before = leaf;
    };
    for (const entry of manifest.leaves) {
      const key = leafKey(vid, entry.id);
      const sound = await this.#attempt(key, async () => {
        const bytes = await this.#get(key);
        if (bytes === undefined || compareBytes(checksumIn(bytes), entry.checksum) !== 0) {
          throw new Corrupt("leaf that the manifest names", {
            key,
            byteOffset: 0,
            expected: "the checksum in the manifest",
            actual: bytes === undefined ? "no object" : "another one",
          });
        }
        await compare(decodeLeaf(bytes, key, vid).leaf, key);
      });
      if (!sound) before = undefined;
    }
    await compare(manifest.tail, manifestHeadKey(vid));
  }

  /** The part of a segment's index that a reference names: from the head that it carries, or from the segment. */
  async #readIndex(vid: VolumeId, reference: Reference): Promise<DecodedVolume> {
    const { key, start } = placeOf(vid, reference.segmentId, reference.location);
    const head = reference.head ?? (await this.#objects.getRange(key, start, reference.bodyOffset, this.#options));
    const missing = (expected: string, actual: string) =>
      new Corrupt("segment that the log names", { key, byteOffset: start, expected, actual });
    if (head === undefined) throw missing(`${reference.byteLength} bytes`, "no object");
    const volume = decodeIndex(head, key).volumes.find((other) => other.vid.equals(reference.vid));
    if (!volume) throw missing(`pages of volume ${reference.vid}`, "none");
    return volume;
  }

  /** What may be absent, as at the end of a sequence. */
  #probe(key: string): Promise<Uint8Array | undefined> {
    return this.#get(key, { ...this.#options, probing: true });
  }

  async #get(key: string, options: CallOptions = this.#options): Promise<Uint8Array | undefined> {
    throwIfAborted(this.#options.signal, "verify");
    const bytes = await this.#objects.get(key, options);
    if (bytes !== undefined) this.#count(bytes);
    return bytes;
  }

  #count(bytes: Uint8Array): void {
    this.report.bytesRead += bytes.length;
    this.#options.onProgress?.(this.report.bytesRead);
  }

  /** Whether `check` found nothing wrong. What it found is reported. */
  async #attempt(key: string, check: () => unknown): Promise<boolean> {
    try {
      await check();
      return true;
    } catch (error) {
      if (!(error instanceof Corrupt || error instanceof UnsupportedFormat)) throw error;
      this.#report(error instanceof Corrupt ? error.key : key, error.message);
      return false;
    }
  }

  #report(key: string, message: string): void {
    this.report.problems.push({ volume: this.#volume, key, message });
  }
}
