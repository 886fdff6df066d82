/**
 * What must hold of one volume's log, whoever writes it and whatever the storage does. The oracle sees every change of the
 * storage as it is applied, so it knows what each key's decision is: the first record that ever was put there. What processes
 * are told is held against that.
 */
import type { VolumeId } from "../../src/core/ids.js";
import { decodeManifest, type Manifest } from "../../src/format/manifest.js";
import { decodeLeaf, type Leaf } from "../../src/format/manifest-leaf.js";
import { decodeStub, isStub } from "../../src/format/manifest-stub.js";
import { decodeRecord, type LogRecord } from "../../src/format/record.js";
import { lastLsnOf } from "../../src/format/record-range.js";
import type { Reference } from "../../src/format/record-reference.js";
import { leafKey, manifestHeadKey, manifestKey, numberIn, placeOf, recordKey } from "../../src/log/keys.js";
import { VolumeLog } from "../../src/log/volume-log.js";
import type { Watcher, World, Write } from "./world.js";

/** Something that must not be. */
export class Violation extends Error {
  override readonly name = "Violation";
}

interface Decision {
  readonly nonce: string;
  readonly record: LogRecord;
  /** Of the record's last LSN, or of the one before where it has none. */
  readonly lastLsn: number;
}

/** What a process was told of one attempt. */
export interface Told {
  readonly record: number;
  readonly nonce: string;
  /** Where it was told that it has committed. */
  readonly lsns?: readonly [first: number, last: number];
}

/** How often what a run should see has happened. */
export const NO_COUNTS = {
  committed: 0,
  lost: 0,
  unknown: 0,
  refreshed: 0,
  deleted: 0,
  stubs: 0,
  /** Records that were put at a key that was free again. */
  reused: 0,
  /** Leaves that were collected. */
  leaves: 0,
};

export function addCounts(to: typeof NO_COUNTS, { counts }: Oracle): void {
  for (const what of Object.keys(to) as (keyof typeof NO_COUNTS)[]) to[what] += counts[what];
}

export class Oracle implements Watcher {
  readonly #world: World;
  readonly #isLenient: boolean;
  #assumed = 0;
  readonly vid: VolumeId;
  /** By record, from 1. */
  readonly #decisions: (Decision | undefined)[] = [undefined];
  /** By nonce: what was said of it. */
  readonly #committed = new Map<string, Told>();
  readonly #lost = new Map<string, Told>();
  readonly #winners = new Map<number, string>();
  /** By generation: as they were published. */
  readonly #manifests: (Manifest | undefined)[] = [undefined];
  readonly #heads: Uint8Array[] = [];
  readonly #watched: { log: VolumeLog; who: string; nextRecord: number; epoch: number }[] = [];
  /** The newest LSN that anybody was told to be committed. */
  floor = 0;
  readonly counts = { ...NO_COUNTS };

  /**
   * @param isLenient Of a protocol that is known to break a rule of collection: only what comes of it counts.
   */
  constructor(world: World, vid: VolumeId, { isLenient = false } = {}) {
    this.#world = world;
    this.vid = vid;
    this.#isLenient = isLenient;
    world.watcher = this;
  }

  /** Records up to this one are taken as announced, though no manifest says so. */
  assumeBoundary(boundary: number): void {
    this.#assumed = Math.max(this.#assumed, boundary);
  }

  get decided(): number {
    return this.#decisions.length - 1;
  }

  get generation(): number {
    return this.#manifests.length - 1;
  }

  get boundary(): number {
    return Math.max(this.#assumed, this.#manifests.at(-1)?.boundary ?? 0);
  }

  // --- changes

  changed(operation: Write, key: string, bytes: Uint8Array | undefined, effect: boolean, before?: Uint8Array): void {
    const record = numberIn(key, (k) => recordKey(this.vid, k));
    const generation = numberIn(key, (g) => manifestKey(this.vid, g));
    if (record !== undefined) this.#recordChanged(operation, record, key, bytes, effect);
    else if (generation !== undefined) this.#manifestChanged(operation, generation, key, bytes, effect);
    else if (key === manifestHeadKey(this.vid)) this.#headChanged(operation, bytes);
    else if (key.startsWith(`v/${this.vid}/f/`)) this.#leafChanged(operation, key, before);
    else if (key.startsWith("v/") && operation === "delete") fail(`${key} was deleted`);
    else if (operation === "delete" && before) this.#segmentDeleted(key);
  }

  /** One may go that no manifest names, where the newest one's leaves reach further than where it begins. */
  #leafChanged(operation: Write, key: string, before: Uint8Array | undefined): void {
    if (operation === "put") fail(`${key} was overwritten`);
    if (operation !== "delete" || !before) return;
    const manifest = this.#manifests.at(-1);
    const isNamed = this.#manifests.some((each) => each?.leaves.some(({ id }) => leafKey(this.vid, id) === key));
    if (isNamed) fail(`${key}, which a manifest names, was deleted`);
    const { firstRecord } = decodeLeaf(before, key, this.vid).leaf;
    if (firstRecord >= (manifest?.tail.firstRecord ?? 0)) fail(`${key} was deleted, and may still be published`);
    this.counts.leaves++;
  }

  #recordChanged(operation: Write, record: number, key: string, bytes: Uint8Array | undefined, effect: boolean): void {
    if (operation === "put") fail(`${key} was overwritten`);
    if (operation === "delete") {
      if (record > this.boundary) fail(`record ${record} was deleted, the boundary is ${this.boundary}`);
      if (effect) this.counts.deleted++;
      if (effect) this.#checkUnneeded(key);
      return;
    }
    if (!effect) return;
    if (record < this.#decisions.length) {
      if (record > this.boundary) fail(`record ${record} was put twice, above the boundary ${this.boundary}`);
      this.counts.reused++;
      return;
    }
    if (record > this.#decisions.length) fail(`record ${record} was put, and there is no record ${record - 1}`);
    const decoded = decodeRecord(bytes!, key, this.vid, record);
    const before = this.#decisions[record - 1];
    if (before?.record.closing) fail(`record ${record} was put behind the closing record`);
    const lsn = before?.lastLsn ?? 0;
    if (decoded.range.firstLsn !== lsn + 1)
      fail(`record ${record} begins at LSN ${decoded.range.firstLsn} behind ${lsn}`);
    if (this.#lost.has(decoded.nonce)) fail(`record ${record} is an attempt whose writer was told that it had lost`);
    this.#decisions.push({ nonce: decoded.nonce, record: decoded, lastLsn: lastLsnOf(decoded.range) });
    for (const reference of decoded.range.references) this.#checkThere(reference, `record ${record}`);
  }

  #manifestChanged(operation: Write, g: number, key: string, bytes: Uint8Array | undefined, effect: boolean): void {
    if (operation === "delete") {
      if (!this.#isLenient) fail(`manifest ${g} was deleted`);
      return;
    }
    if (operation === "put") {
      if (!isStub(bytes!)) fail(`manifest ${g} was overwritten`);
      if (decodeStub(bytes!, key, g) > this.generation) fail(`the stub of manifest ${g} names one that is not there`);
      if (g >= this.generation) fail(`the newest manifest, ${g}, became a stub`);
      this.counts.stubs++;
      return;
    }
    if (!effect) return;
    if (g !== this.#manifests.length) {
      if (this.#isLenient) return;
      fail(`manifest ${g} was put, the newest is ${this.generation}`);
    }
    const { manifest } = decodeManifest(bytes!, key, this.vid);
    const { boundary } = this.#manifests[g - 1] ?? { boundary: 0 };
    if (manifest.boundary < boundary) fail(`the boundary went back from ${boundary} to ${manifest.boundary}`);
    this.#checkManifest(manifest, `manifest ${g}`);
    this.#manifests.push(manifest);
  }

  #headChanged(operation: Write, bytes: Uint8Array | undefined): void {
    if (operation !== "put") fail(`${operation} of the head`);
    const key = manifestHeadKey(this.vid);
    const decoded = decodeManifest(bytes!, key, this.vid, true);
    const generation = numberIn(decoded.key, (g) => manifestKey(this.vid, g))!;
    const base = this.#manifests[generation];
    if (!base) fail(`the head names generation ${generation}, which is not there`);
    if (!this.#isLenient && decoded.manifest.boundary !== base.boundary)
      fail(`the head's boundary is not that of its generation`);
    this.#checkManifest(decoded.manifest, "the head");
    this.#heads.push(bytes!);
  }

  /** That it says what the log says, attempts and all. */
  #checkManifest(manifest: Manifest, what: string): void {
    let record = 0;
    let lsn = 0;
    for (const leaf of [...manifest.leaves.map((entry) => this.#leafOf(entry, what)), manifest.tail]) {
      this.#checkLeaf(leaf, what);
      record = leaf.firstRecord + leaf.recordCount - 1;
      lsn = leaf.firstLsn + leaf.times.length - 1;
    }
    const decision = this.#decisions[record];
    if (record > 0 && decision?.lastLsn !== lsn) fail(`${what} ends at LSN ${lsn}, record ${record} does not`);
    if (manifest.closed !== (decision?.record.closing ?? false)) fail(`${what} is wrong about the closing record`);
  }

  #leafOf(entry: Manifest["leaves"][number], what: string): Leaf {
    const key = leafKey(this.vid, entry.id);
    const bytes = this.#world.objects.get(key);
    if (!bytes) fail(`${what} names leaf ${entry.id}, which is not there`);
    return decodeLeaf(bytes, key, this.vid).leaf;
  }

  /** A run of records as a manifest or a process knows it. */
  #checkLeaf(leaf: Leaf, what: string): void {
    if (leaf.attempts.length !== leaf.recordCount) fail(`${what} lacks attempts`);
    let at = 0;
    for (let i = 0; i < leaf.recordCount; i++) {
      const record = leaf.firstRecord + i;
      const decision = this.#decisions[record];
      if (!decision) fail(`${what} holds record ${record}, which was never put`);
      const { nonce, lsnCount } = leaf.attempts[i];
      if (nonce !== decision.nonce) fail(`${what} holds ${nonce} as record ${record}, which is ${decision.nonce}`);
      const { pageCounts, times } = decision.record.range;
      if (lsnCount !== times.length) fail(`${what} gives record ${record} ${lsnCount} LSNs`);
      for (let j = 0; j < lsnCount; j++, at++) {
        if (leaf.pageCounts[at] !== pageCounts[j] || leaf.times[at] !== times[j]) {
          fail(`${what} has another commit at LSN ${leaf.firstLsn + at} than record ${record}`);
        }
      }
    }
    for (const reference of [...leaf.references, ...(leaf.image?.references ?? [])]) this.#checkThere(reference, what);
  }

  /** Whether the bytes that a reference points at are those that its record brought. */
  #checkThere({ segmentId, location, byteLength }: Reference, what: string): void {
    const { key, start } = placeOf(this.vid, segmentId, location);
    const bytes = this.#world.objects.get(key);
    if (!bytes || bytes.length < start + byteLength) fail(`${what} refers to ${byteLength} bytes in ${key}, not there`);
    if (location.kind !== "record") return;
    const { nonce } = decodeRecord(bytes, key, this.vid, location.record);
    if (nonce !== this.#decisions[location.record]?.nonce) fail(`${what} refers into ${key}, which is another record`);
  }

  #checkUnneeded(key: string): void {
    for (const reference of this.#references()) {
      if (placeOf(this.vid, reference.segmentId, reference.location).key === key)
        fail(`${key} was deleted, and is needed`);
    }
  }

  #segmentDeleted(key: string): void {
    const record = Number(key.split("/")[2]);
    if (record > this.boundary) fail(`${key} was deleted, the boundary is ${this.boundary}`);
    this.#checkUnneeded(key);
  }

  *#references(): Generator<Reference> {
    for (const decision of this.#decisions) yield* decision?.record.range.references ?? [];
  }

  // --- what processes are told

  committed(told: Told): void {
    this.counts.committed++;
    const { record, nonce, lsns } = told;
    const decision = this.#decisions[record];
    if (decision?.nonce !== nonce)
      fail(`committed: ${nonce} at record ${record}, which is ${decision?.nonce ?? "absent"}`);
    if (this.#lost.has(nonce)) fail(`committed: ${nonce}, which had lost`);
    const { firstLsn } = decision.record.range;
    if (lsns && (lsns[0] !== firstLsn || lsns[1] !== decision.lastLsn)) {
      fail(`committed: told LSNs ${lsns.join(" to ")}, and they are ${firstLsn} to ${decision.lastLsn}`);
    }
    for (let lsn = firstLsn; lsn <= decision.lastLsn; lsn++) {
      const winner = this.#winners.get(lsn) ?? nonce;
      if (winner !== nonce) fail(`committed: LSN ${lsn} twice`);
      this.#winners.set(lsn, nonce);
    }
    this.#committed.set(nonce, told);
    this.floor = Math.max(this.floor, decision.lastLsn);
  }

  lost(told: Told): void {
    this.counts.lost++;
    const { record, nonce } = told;
    if (this.#committed.has(nonce)) fail(`lost: ${nonce}, which was committed`);
    if (this.#decisions.some((decision) => decision?.nonce === nonce)) fail(`lost: ${nonce} is record ${record}`);
    this.#lost.set(nonce, told);
  }

  /**
   * A process has read everything, and shows what it knows.
   *
   * @param floor What `floor` was when it began to read.
   */
  refreshed(log: VolumeLog, floor: number, who: string): void {
    this.counts.refreshed++;
    if (log.lsn < floor) fail(`${who} read to LSN ${log.lsn}, and LSN ${floor} had been committed before it began`);
    const record = log.nextRecord - 1;
    if (record > 0 && this.#decisions[record]?.lastLsn !== log.lsn) fail(`${who}: LSN ${log.lsn} at record ${record}`);
    if (log.boundary > this.boundary) fail(`${who} knows the boundary ${log.boundary}, which was never published`);
    for (const { leaf } of log.chapters) if (leaf) this.#checkLeaf(leaf, who);
  }

  /** What a process holds is looked at after every step: another call of the same process may look at any moment. */
  watch(log: VolumeLog, who: string): void {
    this.#watched.push({ log, who, nextRecord: 0, epoch: -1 });
  }

  /** @throws Violation where somebody holds what no manifest and no record says. */
  checkWatched(): void {
    for (const watched of this.#watched) {
      const { log, who, nextRecord, epoch } = watched;
      if (log.nextRecord === nextRecord && log.epoch === epoch) continue;
      if (log.nextRecord < nextRecord) fail(`${who} went back from record ${nextRecord - 1} to ${log.nextRecord - 1}`);
      watched.nextRecord = log.nextRecord;
      watched.epoch = log.epoch;
      for (const { leaf } of log.chapters) if (leaf) this.#checkLeaf(leaf, who);
    }
  }

  // --- the end

  /** Nothing is under way any more: what whoever comes now finds, with whichever hint. */
  async finish(): Promise<void> {
    const { direct, objects } = this.#world;
    const headKey = manifestHeadKey(this.vid);
    const head = objects.get(headKey);
    const hints = new Set([head, undefined, this.#heads[0], this.#heads.at(-1)]);
    for (const hint of hints) {
      if (hint) objects.set(headKey, hint);
      else objects.delete(headKey);
      const log = await VolumeLog.open(direct, this.vid);
      await log.refresh();
      const who = hint ? "a reader at the end" : "a reader without a head at the end";
      this.refreshed(log, this.floor, who);
      if (log.nextRecord <= this.decided) fail(`${who} read to record ${log.nextRecord - 1} of ${this.decided}`);
      for (const chapter of log.chapters) this.#checkLeaf(await log.leaves.read(chapter), who);
    }
    if (head) objects.set(headKey, head);
    for (const { nonce, record } of this.#committed.values()) {
      if (this.#decisions[record]?.nonce !== nonce)
        fail(`${nonce} was committed as record ${record}, and is not there`);
    }
    for (let record = this.boundary + 1; record <= this.decided; record++) {
      if (!objects.has(recordKey(this.vid, record))) fail(`record ${record} is gone, the boundary is ${this.boundary}`);
    }
  }
}

function fail(what: string): never {
  throw new Violation(what);
}
