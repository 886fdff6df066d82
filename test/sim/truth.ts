/**
 * What a simulated bucket's history truly is, learnt at the moment at which an object comes to be: a record's applied PUT is the
 * commit, whoever hears of it and when. Of the record it believes which commit it is of (`meta` names it) and its LSNs; what those
 * LSNs must hold it knows from the commit as it was asked for.
 *
 * Every change is checked when it happens: no commit twice, none that was reported as failed, none on top of another LSN than expected,
 * no gap, no record after the closing one, no reference to what is not durable, no manifest that says something else than the log
 * or goes back.
 */
import { type Attempt, Conflict, Corrupt, OutcomeUnknown } from "../../src/core/errors.js";
import { VolumeId } from "../../src/core/ids.js";
import { decodeCatalogRecord } from "../../src/format/catalog.js";
import { decodeManifest } from "../../src/format/manifest.js";
import { decodeStub, isStub } from "../../src/format/manifest-stub.js";
import { decodeRecord } from "../../src/format/record.js";
import { catalogKey, leafKey, numberIn, placeOf, recordKey } from "../../src/log/keys.js";
import type { Snapshot } from "../../src/store/snapshot.js";
import type { AttemptOutcome, DropRange } from "../../src/store/types.js";
import type { Bucket, BucketWatcher } from "./sim-store.js";
import { VolumeTruth } from "./volume-truth.js";

/** One LSN as it was asked for. A page is named by a number that its bytes are made of. */
export interface Draft {
  readonly pages: ReadonlyMap<number, number>;
  readonly pageCount: number | undefined;
  readonly drops: readonly DropRange[];
  readonly timeMs: number;
}

/** A commit that a process asked for: of one LSN, or several. */
export interface Asked {
  readonly number: number;
  readonly volume: VolumeTruth;
  readonly drafts: readonly Draft[];
  readonly expectedLsn: number | undefined;
  /** `open`: nobody said anything yet, or whoever should have crashed. */
  status: "open" | "committed" | "unknown" | "failed";
  /** Where it lies in the log, once it does. */
  firstLsn: number | undefined;
}

/** A violated promise. */
export class Violation extends Error {
  override readonly name = "Violation";
}

export function must(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Violation(message);
}

const CATALOG = /^c\/\d{16}$/;
const RECORD = /^v\/([0-9a-f-]{36})\/l\/(\d{16})$/;
const MANIFEST = /^v\/([0-9a-f-]{36})\/m\/(\d{16})$/;

const META_BYTES = 4;

/** What a commit says of itself in its record. */
export function metaOf(asked: Asked): Uint8Array {
  const meta = new Uint8Array(META_BYTES);
  new DataView(meta.buffer).setUint32(0, asked.number);
  return meta;
}

/** Names of the volumes by id, after a catalog record. */
export type Names = ReadonlyMap<string, string>;

export class Truth implements BucketWatcher {
  readonly volumes = new Map<string, VolumeTruth>();
  /** After each catalog record, from none. */
  readonly catalog: Names[] = [new Map()];
  readonly #asked: Asked[] = [];
  readonly #bucket: Bucket;
  counts = { commits: 0, lsns: 0, manifests: 0, fences: 0, stubs: 0, deletedRecords: 0, lateRecords: 0 };

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  get names(): Names {
    return this.catalog[this.catalog.length - 1];
  }

  ask(volume: VolumeTruth, drafts: readonly Draft[], expectedLsn: number | undefined): Asked {
    const asked: Asked = {
      number: this.#asked.length,
      volume,
      drafts,
      expectedLsn,
      status: "open",
      firstLsn: undefined,
    };
    this.#asked.push(asked);
    return asked;
  }

  /** A commit was acknowledged. */
  acknowledge(asked: Asked, { lsn, pageCount }: Pick<Snapshot, "lsn" | "pageCount">): void {
    this.#isWhereItIs(asked, lsn - asked.drafts.length + 1, lsn);
    must(asked.volume.pageCountAt(lsn) === pageCount, `${told(asked)}: page count ${pageCount} was told`);
    asked.status = "committed";
  }

  /** A commit failed with an error: what that means. Returns what to resolve, if anything. */
  refuse(asked: Asked, error: unknown): Attempt | undefined {
    if (error instanceof OutcomeUnknown) {
      asked.status = "unknown";
      return error.attempt;
    }
    // What was read back was cut short: it says nothing of the outcome.
    if (error instanceof Corrupt) return undefined;
    must(asked.firstLsn === undefined, `${told(asked)} was committed, but its caller was told ${String(error)}`);
    if (error instanceof Conflict) {
      must(
        error.winningLsn <= asked.volume.lsn,
        `${told(asked)}: a winner ${error.winningLsn} beyond ${asked.volume.lsn}`,
      );
      must(error.winningLsn !== asked.expectedLsn, `${told(asked)}: lost against what it expected`);
    }
    asked.status = "failed";
    return undefined;
  }

  /** An unknown outcome was resolved. */
  resolve(asked: Asked, outcome: AttemptOutcome): void {
    if (outcome.status === "committed") {
      this.#isWhereItIs(asked, outcome.firstLsn, outcome.lastLsn);
      asked.status = "committed";
    } else {
      must(asked.firstLsn === undefined, `${told(asked)} was committed, but resolved as a conflict`);
      must(asked.status !== "committed", `${told(asked)} was resolved to two outcomes`);
      asked.status = "failed";
    }
  }

  #isWhereItIs(asked: Asked, firstLsn: number, lastLsn: number): void {
    must(
      asked.firstLsn === firstLsn && lastLsn === firstLsn + asked.drafts.length - 1,
      `${told(asked)} was told to be at LSNs ${firstLsn} to ${lastLsn}`,
    );
    must(asked.status !== "failed", `${told(asked)} failed first, and was acknowledged then`);
  }

  created(key: string, bytes: Uint8Array): void {
    if (RECORD.test(key)) this.#record(key, bytes);
    else if (MANIFEST.test(key)) this.#manifest(key, bytes);
    else if (CATALOG.test(key)) this.#catalogRecord(key, bytes);
  }

  /** Hints are, and manifests that were collected. */
  replaced(key: string, bytes: Uint8Array): void {
    if (key.endsWith("/head")) return;
    const [, vid, number] = MANIFEST.exec(key) ?? [];
    must(vid !== undefined && isStub(bytes), `${key} was overwritten`);
    must(decodeStub(bytes, key, Number(number)) <= this.volumes.get(vid)!.generation, `${key} names no manifest`);
    this.counts.stubs++;
  }

  /** Nothing that the log names may go, and no record that the boundary has not passed. */
  deleted(key: string): void {
    must(!this.#isReferenced(key), `${key} is needed, but was deleted`);
    const [, vid, number] = RECORD.exec(key) ?? [];
    const isPassed = vid !== undefined && Number(number) <= this.volumes.get(vid)!.boundary;
    must(isPassed || key.startsWith("s/"), `${key} was deleted`);
    if (isPassed) this.counts.deletedRecords++;
  }

  #isReferenced(key: string): boolean {
    for (const volume of this.volumes.values()) if (volume.places.has(key)) return true;
    return false;
  }

  #record(key: string, bytes: Uint8Array): void {
    const vid = VolumeId.parse(RECORD.exec(key)![1]);
    const number = numberIn(key, (k) => recordKey(vid, k))!;
    const volume = this.volumes.get(vid.toString());
    must(volume, `${key} is of a volume that the catalog does not know`);
    if (number <= volume.boundary) {
      // A copy of a PUT that came long after: it is decided what this record is. Nobody may believe what lies here now.
      this.counts.lateRecords++;
      return;
    }
    must(number === volume.records.length, `${key}: the record before it is ${volume.records.length - 1}`);
    must(!volume.isClosed, `${key} follows the closing record`);
    const { range, meta, closing } = decodeRecord(bytes, key, vid, number);
    must(range.firstLsn === volume.lsn + 1, `${key} begins at LSN ${range.firstLsn}, the last is ${volume.lsn}`);
    for (const { segmentId, location } of range.references) {
      const place = placeOf(vid, segmentId, location);
      must(this.#bucket.has(place.key), `${key} names ${place.key}, which is not there`);
      // A collector judges a segment by the record in its key.
      must(location.kind !== "object" || location.record === number, `${key} names ${place.key}, of another record`);
      volume.places.add(place.key);
    }
    const count = range.times.length;
    if (count === 0) {
      if (closing) volume.isClosed = true;
      else this.counts.fences++;
    } else {
      must(meta?.length === META_BYTES, `${key} does not say whose it is`);
      const asked = this.#asked[new DataView(meta.buffer, meta.byteOffset).getUint32(0)];
      must(asked, `${key} is of no commit that was asked for`);
      must(asked.volume === volume, `${key} is of a commit to another volume`);
      must(asked.firstLsn === undefined, `${key}: ${told(asked)} is committed a second time`);
      must(asked.status !== "failed", `${key}: ${told(asked)} is committed after its caller was told that it failed`);
      must(asked.drafts.length === count, `${key} has ${count} LSNs, and ${told(asked)} ${asked.drafts.length}`);
      const { expectedLsn } = asked;
      must(
        expectedLsn === undefined || expectedLsn === volume.lsn,
        `${key}: ${told(asked)} expected LSN ${expectedLsn}`,
      );
      asked.firstLsn = range.firstLsn;
      for (const draft of asked.drafts) volume.apply(draft, asked.number);
      this.counts.commits++;
      this.counts.lsns += count;
    }
    volume.records.push(volume.lsn);
  }

  #manifest(key: string, bytes: Uint8Array): void {
    const vid = VolumeId.parse(MANIFEST.exec(key)![1]);
    const volume = this.volumes.get(vid.toString());
    must(volume, `${key} is of a volume that the catalog does not know`);
    const { manifest } = decodeManifest(bytes, key, vid);
    const { tail, leaves, cutoff, boundary } = manifest;
    must(
      Number(key.slice(-16)) === ++volume.generation,
      `${key}: the generation before it is ${volume.generation - 1}`,
    );
    const record = tail.firstRecord + tail.recordCount - 1;
    const lsn = tail.firstLsn + tail.times.length - 1;
    must(record < volume.records.length, `${key} knows record ${record}, the last is ${volume.records.length - 1}`);
    must(volume.records[record] === lsn, `${key}: LSN ${lsn} after record ${record}, not ${volume.records[record]}`);
    must(manifest.pageCount === volume.pageCountAt(lsn), `${key}: ${manifest.pageCount} pages at LSN ${lsn}`);
    must(cutoff >= volume.cutoff && boundary >= volume.boundary, `${key}: the cutoff or the boundary goes back`);
    volume.cutoff = cutoff;
    volume.boundary = boundary;
    for (const { id } of leaves)
      must(this.#bucket.has(leafKey(vid, id)), `${key} names leaf ${id}, which is not there`);
    this.counts.manifests++;
  }

  #catalogRecord(key: string, bytes: Uint8Array): void {
    const number = numberIn(key, catalogKey)!;
    must(number === this.catalog.length, `${key}: the record before it is ${this.catalog.length - 1}`);
    const { change } = decodeCatalogRecord(bytes, key).record;
    const id = change.vid.toString();
    const names = new Map(this.names);
    if (change.kind === "drop") {
      must(names.delete(id), `${key} drops a volume that is not there`);
      must(this.volumes.get(id)!.isClosed, `${key} drops a volume that takes commits`);
    } else {
      must(![...names.values()].includes(change.name), `${key}: the name "${change.name}" is taken`);
      must(names.has(id) === (change.kind === "rename"), `${key} is the ${change.kind} of ${id}`);
      names.set(id, change.name);
      if (change.kind === "create") this.volumes.set(id, new VolumeTruth(change.vid, change.pageSizeBytes));
    }
    this.catalog.push(names);
  }
}

function told({ number, volume, drafts, firstLsn }: Asked): string {
  const at = firstLsn === undefined ? "which is nowhere" : `at LSN ${firstLsn}`;
  return `commit ${number} of ${drafts.length} LSNs to ${volume.id} (${at})`;
}
