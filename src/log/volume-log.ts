/**
 * One volume's log, as far as this process has read it: the newest manifest, and the records after it. It is the only
 * thing that decides LSNs. Appending puts record k where k is one more than the newest known; losing that race means
 * reading the winner.
 */
import { Corrupt, InvalidArgument, NotFound, OutcomeUnknown, Unavailable } from "../core/errors.js";
import { compareBytes, SegmentId, toHex, type VolumeId } from "../core/ids.js";
import { checksumIn } from "../format/envelope.js";
import { decodeManifest, encodeManifest, type LeafEntry, type Manifest } from "../format/manifest.js";
import { decodeLeaf, encodeLeaf, type Leaf } from "../format/manifest-leaf.js";
import { decodeRecord, encodeRecord, type LogRecord, NONCE_BYTES } from "../format/record.js";
import type { Range } from "../format/record-range.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import { Chapter } from "./chapter.js";
import { leafKey, manifestHeadKey, manifestKey, numberIn, recordKey } from "./keys.js";
import { putOnce } from "./put-once.js";
import { readNewest, readOnward } from "./sequence.js";

/** How many records are asked for at once behind the manifest when a volume is opened. */
const OPENING_WINDOW = 4;
/** A process that only reads looks for a newer manifest when this many of its chapters have no leaf. */
const UNSTORED_CHAPTERS = 4;

/** What an attempt to append came to. An outcome that cannot be found out is thrown as `OutcomeUnknown`. */
export type AppendOutcome = "committed" | "lost";

export class VolumeLog {
  readonly vid: VolumeId;
  readonly #objects: ObjectStore;
  /** From the oldest to the newest, which is still being filled. */
  chapters: Chapter[] = [Chapter.empty(1, 1)];
  /** Changes when `chapters` was replaced as a whole. */
  epoch = 0;
  /** The newest LSN known, 0 before the first commit. */
  lsn = 0;
  /** The record that comes next. */
  nextRecord = 1;
  /** Of the newest LSN. */
  time = 0;
  pageCount = 0;
  /** The newest that any commit gave. */
  meta: Uint8Array | undefined;
  /** The volume was dropped. */
  closed = false;
  cutoff = 1;
  #boundary = 0;
  #generation = 0;
  #recordsInManifest = 0;

  private constructor(objects: ObjectStore, vid: VolumeId) {
    this.#objects = objects;
    this.vid = vid;
  }

  /** The log of a volume that was created by this process just now: nothing to read. */
  static fresh(objects: ObjectStore, vid: VolumeId): VolumeLog {
    return new VolumeLog(objects, vid);
  }

  static async open(objects: ObjectStore, vid: VolumeId, options?: CallOptions): Promise<VolumeLog> {
    const log = new VolumeLog(objects, vid);
    const head = await log.#readHead(options);
    if (head) log.#adopt(head.manifest, head.generation);
    await log.#load(OPENING_WINDOW, options);
    return log;
  }

  /** Records that are in no manifest yet. */
  get unpublishedRecords(): number {
    return this.nextRecord - 1 - this.#recordsInManifest;
  }

  get tail(): Chapter {
    return this.chapters[this.chapters.length - 1];
  }

  /** Reads the records that were written since. */
  async refresh(options?: CallOptions): Promise<void> {
    await this.#readRecords(1, options);
    const unstored = this.chapters.filter((chapter) => !chapter.entry).length;
    if (unstored > UNSTORED_CHAPTERS) await this.#load(1, options);
  }

  /**
   * One attempt to put the next record.
   *
   * @param encode Makes the record's bytes for its number and nonce, on top of the state at that moment.
   * @throws NotFound where the volume was dropped, OutcomeUnknown, NoSpace, ReadOnly.
   */
  async append(encode: (record: number, key: string, nonce: Uint8Array) => Uint8Array): Promise<AppendOutcome> {
    this.checkOpen();
    const record = this.nextRecord;
    const key = recordKey(this.vid, record);
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const bytes = encode(record, key, nonce);
    const outcome = await putOnce(
      this.#objects,
      key,
      bytes,
      (found) => decodeRecord(found, key, this.vid, record).nonce === toHex(nonce),
    );
    if (outcome.status === "unknown") {
      throw new OutcomeUnknown(
        `${this.#objects.url} did not say whether record ${record} of volume ${this.vid} was written. ` +
          `Ask again later with volume.resolve(error.attempt).`,
        { volume: this.vid.toString(), record, nonce: toHex(nonce) },
        { cause: outcome.cause },
      );
    }
    this.#apply(record, outcome.status === "ours" ? bytes : outcome.bytes);
    if (outcome.status === "ours") return "committed";
    await this.refresh();
    return "lost";
  }

  /** @throws NotFound where the volume was dropped. */
  checkOpen(): void {
    if (this.closed) throw new NotFound(`volume ${this.vid} was dropped; nothing can be committed to it`);
  }

  /** Writes the record after which there is none. Nothing to do where it is there. */
  async close(options?: CallOptions): Promise<void> {
    await this.refresh(options);
    while (!this.closed) await this.#appendEmpty(true);
  }

  /** Reads record k, or fences it: after that no earlier attempt at it can succeed. */
  async settle(record: number, options?: CallOptions): Promise<LogRecord> {
    const key = recordKey(this.vid, record);
    for (;;) {
      const bytes = await this.#objects.get(key, options);
      if (bytes) return decodeRecord(bytes, key, this.vid, record);
      await this.refresh(options);
      if (record > this.nextRecord || this.closed) {
        throw new InvalidArgument(`record ${record} of volume ${this.vid} was never tried: the log ends before it`);
      }
      if (record === this.nextRecord) await this.#appendEmpty(false);
    }
  }

  /** A record of no LSN. Who wrote it does not matter, so an unknown outcome is only a reason to look again. */
  async #appendEmpty(closing: boolean): Promise<void> {
    try {
      await this.append((record, key, nonce) =>
        encodeRecord(key, this.vid, record, { nonce, closing, range: this.#emptyRange() }),
      );
    } catch (error) {
      if (!(error instanceof OutcomeUnknown)) throw error;
      throw new Unavailable(`${this.#objects.url} does not answer for the log of volume ${this.vid}; try again`, {
        cause: error.cause,
      });
    }
  }

  #emptyRange(): Range {
    return { firstLsn: this.lsn + 1, times: [], pageCounts: [], changed: [], references: [], drops: [] };
  }

  /**
   * Publishes a manifest that says what this process knows. Where another was published meanwhile, that one is adopted
   * and nothing is published.
   */
  async publish(): Promise<void> {
    for (let chapter: Chapter | undefined; (chapter = this.#unstored()); ) await this.#store(chapter);
    const generation = this.#generation + 1;
    const key = manifestKey(this.vid, generation);
    const records = this.nextRecord - 1;
    const bytes = encodeManifest(key, this.vid, {
      closed: this.closed,
      cutoff: this.cutoff,
      boundary: this.#boundary,
      time: this.time,
      pageCount: this.pageCount,
      meta: this.meta,
      leaves: this.chapters.slice(0, -1).map((chapter) => chapter.entry!),
      tail: this.tail.leaf!,
    });
    // Equal bytes say the same: whoever wrote them.
    const outcome = await putOnce(this.#objects, key, bytes, (found) => compareBytes(found, bytes) === 0);
    if (outcome.status === "unknown") throw outcome.cause;
    if (outcome.status === "lost") return await this.#load(1);
    this.#generation = generation;
    this.#recordsInManifest = records;
    // A hint: without it opening looks for the newest manifest by itself.
    await this.#objects.put(manifestHeadKey(this.vid), bytes).catch(() => undefined);
  }

  #unstored(): Chapter | undefined {
    return this.chapters.find((chapter, i) => !chapter.entry && i < this.chapters.length - 1);
  }

  async #store(chapter: Chapter): Promise<void> {
    const id = SegmentId.random();
    const key = leafKey(this.vid, id);
    const bytes = encodeLeaf(key, this.vid, chapter.leaf!);
    await this.#objects.putIfAbsent(key, bytes);
    chapter.entry = chapter.describe({ id, checksum: checksumIn(bytes), byteLength: bytes.length });
  }

  /** A chapter's contents: those at hand, else its leaf, which is not kept. */
  async readLeaf(chapter: Chapter, options?: CallOptions): Promise<Leaf> {
    return chapter.leaf ?? this.#decodeLeaf(chapter.entry!, await this.#objects.get(this.#leafKey(chapter), options));
  }

  /** `readLeaf` where the storage can read in place; `undefined` where it cannot. */
  readLeafSync(chapter: Chapter): Leaf | undefined {
    const { sync } = this.#objects;
    return chapter.leaf ?? (sync && this.#decodeLeaf(chapter.entry!, sync.get(this.#leafKey(chapter))));
  }

  #leafKey(chapter: Chapter): string {
    return leafKey(this.vid, chapter.entry!.id);
  }

  #decodeLeaf(entry: LeafEntry, bytes: Uint8Array | undefined): Leaf {
    const key = leafKey(this.vid, entry.id);
    const mismatch = (expected: string, actual: string) =>
      new Corrupt("leaf that the manifest names", { key, byteOffset: 0, expected, actual });
    if (!bytes) throw mismatch(`${entry.byteLength} bytes`, "no object");
    const { leaf, checksum } = decodeLeaf(bytes, key, this.vid);
    if (compareBytes(checksum, entry.checksum) !== 0) throw mismatch(toHex(entry.checksum), toHex(checksum));
    if (leaf.firstLsn !== entry.firstLsn || leaf.times.length !== entry.lsnCount) {
      throw mismatch(`LSN ${entry.firstLsn} and ${entry.lsnCount} in all`, `${leaf.firstLsn}, ${leaf.times.length}`);
    }
    return leaf;
  }

  /** The hint, or `undefined` where it is missing or damaged: the sequence itself says what is newest. */
  async #readHead(options?: CallOptions): Promise<{ manifest: Manifest; generation: number } | undefined> {
    const headKey = manifestHeadKey(this.vid);
    const bytes = await this.#objects.get(headKey, options);
    if (!bytes) return undefined;
    try {
      const { manifest, key } = decodeManifest(bytes, headKey, this.vid, true);
      const generation = numberIn(key, (g) => manifestKey(this.vid, g));
      return generation === undefined ? undefined : { manifest, generation };
    } catch (error) {
      if (error instanceof Corrupt) return undefined;
      throw error;
    }
  }

  /** Looks for a newer manifest and for records behind what is known, both at once. */
  async #load(window: number, options?: CallOptions): Promise<void> {
    const keyOf = (g: number) => manifestKey(this.vid, g);
    const [newest] = await Promise.all([
      readNewest(this.#objects, keyOf, this.#generation + 1, options),
      this.#readRecords(window, options),
    ]);
    if (!newest) return;
    // On the side, so that what this log shows never goes back while records behind the manifest are read again.
    const next = new VolumeLog(this.#objects, this.vid);
    next.#adopt(decodeManifest(newest.bytes, keyOf(newest.number), this.vid).manifest, newest.number);
    do await next.#readRecords(window, options);
    while (next.nextRecord < this.nextRecord);
    if (newest.number > this.#generation) this.#replaceBy(next);
  }

  #replaceBy(next: VolumeLog): void {
    const known = new Map(this.chapters.map((chapter) => [chapter.entry?.id.toString(), chapter]));
    this.chapters = next.chapters.map((chapter) => known.get(chapter.entry?.id.toString() ?? "") ?? chapter);
    this.epoch++;
    this.lsn = next.lsn;
    this.nextRecord = next.nextRecord;
    this.time = next.time;
    this.pageCount = next.pageCount;
    this.meta = next.meta;
    this.closed = next.closed;
    this.cutoff = next.cutoff;
    this.#boundary = next.#boundary;
    this.#generation = next.#generation;
    this.#recordsInManifest = next.#recordsInManifest;
  }

  #adopt(manifest: Manifest, generation: number): void {
    const { tail } = manifest;
    this.chapters = [...manifest.leaves.map((entry) => Chapter.stored(entry)), Chapter.of(tail)];
    this.lsn = tail.firstLsn + tail.times.length - 1;
    this.nextRecord = tail.firstRecord + tail.recordCount;
    this.time = manifest.time;
    this.pageCount = manifest.pageCount;
    this.meta = manifest.meta;
    this.closed = manifest.closed;
    this.cutoff = manifest.cutoff;
    this.#boundary = manifest.boundary;
    this.#generation = generation;
    this.#recordsInManifest = this.nextRecord - 1;
  }

  async #readRecords(window: number, options?: CallOptions): Promise<void> {
    if (this.closed) return;
    const keyOf = (k: number) => recordKey(this.vid, k);
    for await (const { number, bytes } of readOnward(this.#objects, keyOf, this.nextRecord, window, options)) {
      this.#apply(number, bytes);
    }
  }

  /** Takes a record in, unless another call did meanwhile. */
  #apply(number: number, bytes: Uint8Array): void {
    if (number < this.nextRecord) return;
    const key = recordKey(this.vid, number);
    const { range, meta, closing } = decodeRecord(bytes, key, this.vid, number);
    const contradiction = (expected: string, actual: string) =>
      new Corrupt("record against the ones before it", { key, byteOffset: 0, expected, actual });
    if (number > this.nextRecord) throw contradiction(`record ${this.nextRecord} before it`, "none");
    if (this.closed) throw contradiction("nothing after the closing record", "a record");
    if (range.firstLsn !== this.lsn + 1) throw contradiction(`first LSN ${this.lsn + 1}`, `${range.firstLsn}`);
    if (range.times.length > 0 && range.times[0] < this.time) {
      throw contradiction(`a time from ${this.time}`, `${range.times[0]}`);
    }
    if (this.tail.isLong) this.chapters.push(Chapter.empty(this.lsn + 1, number));
    this.tail.append(range);
    this.lsn += range.times.length;
    this.time = range.times.at(-1) ?? this.time;
    this.pageCount = range.pageCounts.at(-1) ?? this.pageCount;
    this.meta = meta ?? this.meta;
    this.closed = closing;
    this.nextRecord = number + 1;
  }
}
