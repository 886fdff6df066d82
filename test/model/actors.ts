/** Who works on the log in the model: writers, readers, who closes it, collectors. They run the real code, and report to the oracle. */
import { NoSpace, NotFound, OutcomeUnknown, Unavailable } from "../../src/core/errors.js";
import { SegmentId, toHex, type VolumeId } from "../../src/core/ids.js";
import { encodeRecord } from "../../src/format/record.js";
import type { Range } from "../../src/format/record-range.js";
import { sleep } from "../../src/io/backoff.js";
import type { ObjectStore } from "../../src/io/object-store.js";
import { segmentKey } from "../../src/log/keys.js";
import { VolumeLog } from "../../src/log/volume-log.js";
import { collect } from "../helpers/collector.js";
import { type Oracle, type Told, Violation } from "./oracle.js";
import type { Process, Script } from "./world.js";

const TRAITS = { name: "model", pageSizeBytes: 512 };
const SEGMENT_BYTES = 80;
const HEADER_BYTES = 64;
/** How often anything is asked for again when the storage does not answer. */
const PATIENCE = 4;
/** How often a commit that has lost is tried again. */
const ATTEMPTS = 6;

export interface WriterOptions {
  readonly commits: number;
  /** What it does after each commit. */
  readonly publishes?: "manifest" | "head" | "by turns";
  /**
   * Before each commit, too, it publishes what it has read, which another may have published: after a rest, and with another one
   * behind it.
   */
  readonly publishesAfterMs?: number;
  readonly commitsAfterMs?: number;
  /** Where the segments of its commits lie; by default they have none, so that their records can be collected. */
  readonly segments?: "none" | "attached" | "objects" | "by turns";
  /** Its commits look like everybody's, but for their nonces. */
  readonly isAlike?: boolean;
  /** LSNs of each of its records. */
  readonly lsns?: number;
  /** It reads what is there before it is explored: it may be left behind from the first step. */
  readonly isOpen?: boolean;
  /** By how much its wall clock was set after that. */
  readonly clockMs?: number;
}

export function writer(oracle: Oracle, options: WriterOptions): Script {
  return async (objects, process) => {
    const log = await open(objects, oracle, process, options.isOpen && process.restarts === 0);
    process.wallShiftMs += options.clockMs ?? 0;
    for (let i = 0; i < options.commits; i++) {
      if (options.publishesAfterMs !== undefined) {
        await sleep(options.publishesAfterMs, "resting");
        await publish(log, "manifest");
        await sleep(options.commitsAfterMs ?? 0, "resting");
      }
      for (let tries = 0; tries < ATTEMPTS; tries++) {
        const outcome = await attempt(log, objects, oracle, { ...options, turn: i + process.restarts });
        if (outcome === "gone") return;
        if (outcome === "committed") break;
      }
      await publish(log, options.publishes === "by turns" ? (["manifest", "head"] as const)[i % 2] : options.publishes);
    }
  };
}

async function open(objects: ObjectStore, oracle: Oracle, process: Process, instantly = false): Promise<VolumeLog> {
  process.isInstant = instantly;
  const log = await insist(() => VolumeLog.open(objects, oracle.vid));
  oracle.watch(log, process.name);
  log.traits ??= TRAITS;
  if (instantly) await log.refresh();
  process.isInstant = false;
  return log;
}

/** Tries again while the storage does not answer. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (error) {
      const passes = error instanceof Unavailable || error instanceof NoSpace;
      if (!passes || tries === PATIENCE) throw error;
    }
  }
}

/** One attempt to commit, and what its writer was told in the end. */
async function attempt(
  log: VolumeLog,
  objects: ObjectStore,
  oracle: Oracle,
  { segments = "none", isAlike = false, lsns = 1, turn }: WriterOptions & { turn: number },
): Promise<"committed" | "lost" | "gone"> {
  const kind = segments === "by turns" ? (["none", "attached", "objects"] as const)[turn % 3] : segments;
  const segment = kind === "none" ? undefined : newSegment();
  if (segment && kind === "objects") {
    await insist(() => objects.putIfAbsent(segmentKey(oracle.vid, log.nextRecord, segment.id), segment.bytes));
  }
  let told: Told | undefined;
  try {
    const outcome = await log.append((record, key, nonce) => {
      const range = rangeOn(log, lsns, isAlike ? 1 : toNumber(nonce));
      told = { record, nonce: toHex(nonce), lsns: [range.firstLsn, log.lsn + lsns] };
      if (segment) range.references.push(segment.referenceIn(oracle.vid, log, kind === "objects", record));
      const attached = segment && kind === "attached" ? [segment.bytes] : [];
      return encodeRecord(key, oracle.vid, record, { nonce, range }, attached);
    });
    oracle[outcome](told!);
    return outcome;
  } catch (error) {
    if (error instanceof NotFound && log.closed) return "gone";
    if (error instanceof OutcomeUnknown) {
      if (error.attempt.nonce !== told?.nonce)
        throw new Violation(`another attempt is unknown: ${error.attempt.nonce}`);
      return await settle(log, oracle, told);
    }
    // Any other error says that nothing was done, and nothing will be.
    if (error instanceof Unavailable || error instanceof NoSpace) {
      if (told) oracle.lost(told);
      return "lost";
    }
    throw error;
  }
}

async function settle(log: VolumeLog, oracle: Oracle, told: Told): Promise<"committed" | "lost"> {
  oracle.counts.unknown++;
  const decided = await insist(() => log.settle(told.record));
  if (!decided) throw new Violation(`record ${told.record} was forgotten, though nothing was truncated`);
  const isOwn = decided.nonce === told.nonce;
  if (isOwn) oracle.committed({ ...told, lsns: [decided.firstLsn, decided.lastLsn] });
  else oracle.lost(told);
  return isOwn ? "committed" : "lost";
}

async function publish(log: VolumeLog, what: "manifest" | "head" | undefined): Promise<void> {
  if (what === undefined || log.lsn === 0) return;
  // A writer goes on without it.
  const call = what === "manifest" ? log.publish() : log.publishHead();
  await call.catch((error: unknown) => {
    if (!(error instanceof Unavailable || error instanceof NoSpace)) throw error;
  });
}

const toNumber = (nonce: Uint8Array): number => new DataView(nonce.buffer, nonce.byteOffset).getUint16(0);

function rangeOn(log: VolumeLog, count: number, pageCount: number): Range {
  const lsns = Array.from({ length: count }, (_, i) => i);
  return {
    firstLsn: log.lsn + 1,
    times: lsns.map((i) => log.time + i),
    pageCounts: lsns.map(() => pageCount),
    changed: lsns.map(() => 0),
    references: [],
    drops: [],
  };
}

/** The log looks at no byte of a segment but where it lies. */
function newSegment() {
  const id = SegmentId.random();
  const bytes = crypto.getRandomValues(new Uint8Array(SEGMENT_BYTES));
  const referenceIn = (vid: VolumeId, log: VolumeLog, isObject: boolean, record: number) => ({
    location: isObject ? ({ kind: "object", vid, record } as const) : ({ kind: "record", record, start: 0 } as const),
    segmentId: id,
    sha256: new Uint8Array(32),
    vid,
    baseLsn: log.lsn + 1,
    highestRlsn: 0,
    byteLength: SEGMENT_BYTES,
    bodyOffset: HEADER_BYTES,
    pageCount: 1,
    lowestOffset: 0,
    highestOffset: 0,
    head: undefined,
  });
  return { id, bytes, referenceIn };
}

export interface ReaderOptions {
  readonly times: number;
  /** It has read what is there before it is explored. */
  readonly isOpen?: boolean;
  /** By how much its wall clock was set after that. */
  readonly clockMs?: number;
}

/** Reads on `times` times. What it has read by then is what had been committed when it began. */
export function reader(oracle: Oracle, { times, isOpen = false, clockMs = 0 }: ReaderOptions): Script {
  return async (objects, process) => {
    const log = await open(objects, oracle, process, isOpen && process.restarts === 0);
    process.wallShiftMs += clockMs;
    oracle.refreshed(log, 0, `${process.name}, opening`);
    for (let i = 0; i < times; i++) {
      const { floor } = oracle;
      process.learns(floor);
      await insist(() => log.refresh());
      oracle.refreshed(log, floor, process.name);
    }
  };
}

export function closer(oracle: Oracle): Script {
  return async (objects, process) => {
    const log = await open(objects, oracle, process);
    await insist(() => log.close());
    oracle.refreshed(log, 0, process.name);
  };
}

/** Collects once. */
export type How = (objects: ObjectStore, vid: VolumeId, oracle: Oracle) => Promise<unknown>;

export function collector(oracle: Oracle, { rounds, how = collect }: { rounds: number; how?: How }): Script {
  return async (objects) => {
    for (let round = 0; round < rounds; round++) await insist(() => how(objects, oracle.vid, oracle));
  };
}
