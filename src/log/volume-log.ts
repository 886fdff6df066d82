/**
 * One volume's log, as far as this process has read it: the newest manifest, and the records after it. It is the only
 * thing that decides LSNs. Appending puts record k where k is one more than the newest known; losing that race means
 * reading the winner.
 *
 * What is read or created is believed only with a young look at the manifests (spec/log.md, "Collection"): a collector may have
 * deleted the record that once was at a key, and a writer that stalled may have put another there since.
 */
import { Corrupt, InvalidArgument, NotFound, OutcomeUnknown, Unavailable } from "../core/errors.js";
import { toHex, type VolumeId } from "../core/ids.js";
import type { Manifest } from "../format/manifest.js";
import { decodeRecord, encodeRecord, NONCE_BYTES } from "../format/record.js";
import { lastLsnOf, type Range } from "../format/record-range.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import { type DecidedRecord, decidedIn } from "./attempts.js";
import { Chapter } from "./chapter.js";
import { imageAfter } from "./image.js";
import { recordKey } from "./keys.js";
import { Leaves } from "./leaves.js";
import { type Instant, isOld, NEVER, now } from "./look.js";
import { type Generation, ManifestSequence } from "./manifest-sequence.js";
import { putOnce } from "./put-once.js";
import { CATCHING_UP, FOLLOWING, readOnward } from "./sequence.js";

/** A process that only reads looks for a newer manifest when this many of its chapters have no leaf. */
const UNSTORED_CHAPTERS = 4;

/** What an attempt to append came to. An outcome that cannot be found out is thrown as `OutcomeUnknown`. */
export type AppendOutcome = "committed" | "lost";

/** What the manifests say of a volume besides its log. */
export interface VolumeTraits {
  readonly name: string;
  readonly pageSizeBytes: number;
}

export class VolumeLog {
  readonly vid: VolumeId;
  readonly leaves: Leaves;
  /** As the manifest gives them, or whoever opened the volume by the catalog; `undefined` before either. */
  traits: VolumeTraits | undefined;
  readonly #objects: ObjectStore;
  readonly #manifests: ManifestSequence;
  /** From the oldest to the newest, which is still being filled. */
  chapters: Chapter[] = [Chapter.empty(1, 1)];
  /** Changes when `chapters` was replaced as a whole, or one of them got an image. */
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
  /** Records up to this one may have been deleted. */
  boundary = 0;
  #generation = 0;
  #recordsInManifest = 0;
  #recordsInHead = 0;
  /** When the last look began that found no manifest newer than `#generation`. */
  #looked: Instant = NEVER;

  private constructor(objects: ObjectStore, vid: VolumeId) {
    this.#objects = objects;
    this.#manifests = new ManifestSequence(objects, vid);
    this.leaves = new Leaves(objects, vid);
    this.vid = vid;
  }

  /**
   * The log of a volume that this process has created: nothing to read, unless that took long.
   *
   * @param before A moment before anybody else could know of the volume: then it had no manifest.
   */
  static fresh(objects: ObjectStore, vid: VolumeId, traits: VolumeTraits, before: Instant): VolumeLog {
    const log = new VolumeLog(objects, vid);
    log.traits = traits;
    log.#looked = before;
    return log;
  }

  /**
   * The log as its newest manifest's hint says, which is all that a read at an LSN of it needs. Where there is no hint, or the
   * storage can be read in place, it is brought up to date at once.
   */
  static async open(objects: ObjectStore, vid: VolumeId, options?: CallOptions): Promise<VolumeLog> {
    const log = new VolumeLog(objects, vid);
    const head = await log.#manifests.readHead(options);
    if (head) log.#adopt(head);
    if (!head || objects.sync) await log.refresh(options);
    return log;
  }

  /** Whether it was ever brought up to date, or is only what a hint said. */
  get hasLooked(): boolean {
    return this.#looked !== NEVER;
  }

  /** Records that are in no manifest yet. */
  get unpublishedRecords(): number {
    return this.nextRecord - 1 - this.#recordsInManifest;
  }

  /** Whether the hint, too, lacks what is known. */
  get isHeadBehind(): boolean {
    return this.nextRecord - 1 > this.#recordsInHead;
  }

  get tail(): Chapter {
    return this.chapters[this.chapters.length - 1];
  }

  /** Reads what was written since. */
  async refresh(options?: CallOptions): Promise<void> {
    while (!(await this.#readOn(options)));
  }

  /** One round of reading on. False where it took so long that the look grew old: then another one is needed. */
  async #readOn(options?: CallOptions): Promise<boolean> {
    const began = now();
    const mustLook = isOld(this.#looked) || this.#unstoredCount() > UNSTORED_CHAPTERS;
    const keyOf = (k: number) => recordKey(this.vid, k);
    const records = readOnward(this.#objects, keyOf, this.nextRecord, mustLook ? CATCHING_UP : FOLLOWING, options);
    // Both at once; nothing is taken in before the look is known.
    const [newer, first] = await Promise.all([
      mustLook ? this.#manifests.readNewer(this.#generation, options) : undefined,
      this.closed ? undefined : records.next(),
    ]);
    if (newer) {
      await records.return(undefined);
      await this.#takeOver(newer, options);
      return false;
    }
    if (mustLook) this.#looked = began;
    for (let next = first; next && !next.done && !this.closed; next = await records.next()) {
      if (isOld(this.#looked)) {
        await records.return(undefined);
        return false;
      }
      const { number, bytes } = next.value;
      try {
        this.#apply(number, bytes);
      } catch (error) {
        // What a cache on the way has kept may be damaged: the storage itself is asked before that is said of it.
        if (!(error instanceof Corrupt)) throw error;
        const again = await this.#objects.get(keyOf(number), { ...options, probing: true, refresh: true });
        if (isOld(this.#looked)) {
          await records.return(undefined);
          return false;
        }
        if (!again) throw error;
        this.#apply(number, again);
      }
    }
    // That the next record is absent, too, is only to be believed then: it may have been collected.
    return this.closed || !isOld(this.#looked);
  }

  #unstoredCount(): number {
    return this.chapters.filter((chapter) => !chapter.entry).length;
  }

  /** Makes sure that the boundary is known well enough to believe a record that was read or created before this call. */
  async #look(options?: CallOptions): Promise<void> {
    while (isOld(this.#looked)) {
      const began = now();
      const newer = await this.#manifests.readNewer(this.#generation, options);
      if (newer) await this.#takeOver(newer, options);
      else this.#looked = began;
    }
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
    if (outcome.status === "unknown") throw this.#unknown(record, nonce, outcome.cause);
    try {
      await this.#look();
      if (record <= this.boundary) return await this.#outcomeByNonce(record, nonce);
    } catch (cause) {
      throw cause instanceof OutcomeUnknown ? cause : this.#unknown(record, nonce, cause);
    }
    this.#apply(record, outcome.status === "ours" ? bytes : outcome.bytes);
    if (outcome.status === "ours") return "committed";
    await this.refresh();
    return "lost";
  }

  /** Of an attempt at a record that a manifest has taken in: what is at its key says nothing any more. */
  async #outcomeByNonce(record: number, nonce: Uint8Array): Promise<AppendOutcome> {
    const decided = await this.#decided(record);
    if (!decided) throw this.#unknown(record, nonce, new Error("its nonce was forgotten with the history around it"));
    return decided.nonce === toHex(nonce) ? "committed" : "lost";
  }

  #unknown(record: number, nonce: Uint8Array, cause: unknown): OutcomeUnknown {
    return new OutcomeUnknown(
      `${this.#objects.url} did not say whether record ${record} of volume ${this.vid} was written. ` +
        `Ask again later with volume.resolve(error.attempt).`,
      { volume: this.vid.toString(), record, nonce: toHex(nonce) },
      { cause },
    );
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

  /**
   * What record k is: read, or fenced, so that no earlier attempt at it can succeed after this. `undefined` where it was forgotten
   * which attempt it was.
   */
  async settle(record: number, options?: CallOptions): Promise<DecidedRecord | undefined> {
    const key = recordKey(this.vid, record);
    for (;;) {
      const isKnown = record < this.nextRecord;
      const bytes = await this.#objects.get(key, { ...options, probing: true, lasting: true });
      await this.#look(options);
      if (record <= this.boundary) return await this.#decided(record, options);
      if (bytes) {
        const { nonce, range } = decodeRecord(bytes, key, this.vid, record);
        return { nonce, firstLsn: range.firstLsn, lastLsn: lastLsnOf(range) };
      }
      if (isKnown) throw this.#gone(record);
      await this.refresh(options);
      if (record > this.nextRecord || (this.closed && record >= this.nextRecord)) {
        throw new InvalidArgument(
          `record ${record} of volume ${this.vid} was never tried, or a power cut has taken what it stood on: the log ends at ` +
            `record ${this.nextRecord - 1}`,
        );
      }
      if (record === this.nextRecord) await this.#appendEmpty(false);
    }
  }

  /** What a record is that a manifest has taken in. */
  async #decided(record: number, options?: CallOptions): Promise<DecidedRecord | undefined> {
    const chapter = this.chapters.findLast(({ firstRecord }) => firstRecord <= record);
    return chapter && decidedIn(await this.leaves.read(chapter, options), record);
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
   *
   * @param boundary Of a collector: records up to this one are about to be deleted. It never goes back.
   * @returns whether it was published.
   */
  async publish({ boundary = 0 }: { readonly boundary?: number } = {}): Promise<boolean> {
    if (boundary >= this.nextRecord) {
      throw new InvalidArgument(`boundary ${boundary} of volume ${this.vid}: its log ends at ${this.nextRecord - 1}`);
    }
    // Whatever is sealed meanwhile is put as well: nothing may come between the last leaf and the manifest's contents.
    while (this.#unput) await this.#storeChapter(this.#unput);
    const generation = this.#generation + 1;
    const records = this.nextRecord - 1;
    const sealed = this.#sealed;
    const manifest = { ...this.#manifest(), boundary: Math.max(boundary, this.boundary) };
    if (!(await this.#manifests.put(generation, manifest))) {
      const newer = await this.#manifests.readNewer(this.#generation);
      if (newer) await this.#takeOver(newer);
      return false;
    }
    for (const chapter of sealed) chapter.entry ??= chapter.unnamed;
    // No look: another may have put the same bytes long ago, and others newer ones since.
    if (generation > this.#generation) {
      this.#generation = generation;
      this.boundary = manifest.boundary;
      this.#recordsInManifest = this.#recordsInHead = records;
    }
    return true;
  }

  /** Brings the hint up to date, which costs less than a manifest; publishes one where that is needed for it. */
  async publishHead(): Promise<void> {
    if (this.#generation === 0 || this.#sealed.some(({ entry }) => !entry)) {
      await this.publish();
      return;
    }
    const records = this.nextRecord - 1;
    await this.#manifests.putHead(this.#generation, this.#manifest());
    this.#recordsInHead = records;
  }

  /**
   * Publishes that the log is closed, in the hint as well: whoever opens the volume by its id sees nothing else.
   *
   * @throws Unavailable: to be called again.
   */
  async publishClosing(options?: CallOptions): Promise<void> {
    while (!(await this.publish()));
    const head = await this.#manifests.readHead(options);
    if (head?.manifest.closed) return;
    throw new Unavailable(
      `${this.#objects.url} did not take the hint that volume ${this.vid} is closed, which was closed; drop it again`,
    );
  }

  #manifest(): Manifest {
    return {
      closed: this.closed,
      volume: this.traits,
      cutoff: this.cutoff,
      boundary: this.boundary,
      time: this.time,
      pageCount: this.pageCount,
      meta: this.meta,
      leaves: this.#sealed.map(({ entry, unnamed }) => (entry ?? unnamed)!),
      tail: this.tail.leaf!,
    };
  }

  /** All chapters but the one that is being filled. */
  get #sealed(): Chapter[] {
    return this.chapters.slice(0, -1);
  }

  get #unput(): Chapter | undefined {
    return this.#sealed.find(({ entry, unnamed }) => !entry && !unnamed);
  }

  /** Puts the leaf of a chapter that is full, and makes the image of the chapter behind it. */
  async #storeChapter(chapter: Chapter): Promise<void> {
    const next = this.chapters[this.chapters.indexOf(chapter) + 1];
    next.leaf!.image ??= imageAfter(chapter.leaf!, this.vid);
    chapter.unnamed = await this.leaves.put(chapter);
    this.epoch++;
  }

  /** Goes on from a newer manifest. */
  async #takeOver(newer: Generation, options?: CallOptions): Promise<void> {
    // On the side, so that what this log shows never goes back while records behind the manifest are read again.
    const next = new VolumeLog(this.#objects, this.vid);
    next.traits = this.traits;
    next.#adopt(newer);
    do {
      const known = this.nextRecord;
      await next.refresh(options);
      if (next.nextRecord < known) throw this.#gone(next.nextRecord);
    } while (next.nextRecord < this.nextRecord);
    if (next.#generation > this.#generation) this.#replaceBy(next);
  }

  /** A record above the boundary that was read before. */
  #gone(record: number): Corrupt {
    const key = recordKey(this.vid, record);
    return new Corrupt("record that was read before", { key, byteOffset: 0, expected: "an object", actual: "none" });
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
    this.boundary = next.boundary;
    this.#generation = next.#generation;
    this.#recordsInManifest = next.#recordsInManifest;
    this.#recordsInHead = next.#recordsInHead;
    this.#looked = next.#looked;
  }

  #adopt({ manifest, generation }: Generation): void {
    const { tail } = manifest;
    this.chapters = [...manifest.leaves.map((entry) => Chapter.stored(entry)), Chapter.of(tail)];
    this.traits = manifest.volume ?? this.traits;
    this.lsn = tail.firstLsn + tail.times.length - 1;
    this.nextRecord = tail.firstRecord + tail.recordCount;
    this.time = manifest.time;
    this.pageCount = manifest.pageCount;
    this.meta = manifest.meta;
    this.closed = manifest.closed;
    this.cutoff = manifest.cutoff;
    this.boundary = manifest.boundary;
    this.#generation = generation;
    this.#recordsInManifest = this.#recordsInHead = this.nextRecord - 1;
  }

  /** Takes a record in, unless another call did meanwhile. */
  #apply(number: number, bytes: Uint8Array): void {
    if (number < this.nextRecord) return;
    const key = recordKey(this.vid, number);
    const { nonce, range, meta, closing } = decodeRecord(bytes, key, this.vid, number);
    const contradiction = (expected: string, actual: string) =>
      new Corrupt("record against the ones before it", { key, byteOffset: 0, expected, actual });
    if (number > this.nextRecord) throw contradiction(`record ${this.nextRecord} before it`, "none");
    if (this.closed) throw contradiction("nothing after the closing record", "a record");
    if (range.firstLsn !== this.lsn + 1) throw contradiction(`first LSN ${this.lsn + 1}`, `${range.firstLsn}`);
    if (range.times.length > 0 && range.times[0] < this.time) {
      throw contradiction(`a time from ${this.time}`, `${range.times[0]}`);
    }
    if (this.tail.isLong) this.chapters.push(Chapter.empty(this.lsn + 1, number));
    this.tail.append(range, nonce);
    this.lsn += range.times.length;
    this.time = range.times.at(-1) ?? this.time;
    this.pageCount = range.pageCounts.at(-1) ?? this.pageCount;
    this.meta = meta ?? this.meta;
    this.closed = closing;
    this.nextRecord = number + 1;
  }
}
