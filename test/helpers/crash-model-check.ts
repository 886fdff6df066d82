/**
 * Holds a store against a crash model: every volume is in one of its possible states, byte for byte at every LSN, there is
 * nothing else, attempts resolve to what is there, and `verify` finds nothing. What was possible becomes what was found.
 */

import { createHash } from "node:crypto";
import { Corrupt, InvalidArgument, NotFound } from "../../src/core/errors.js";
import { verifyObjects } from "../../src/history/verify.js";
import type { ObjectStore } from "../../src/io/object-store.js";
import { Catalog } from "../../src/log/catalog.js";
import { VolumeLog } from "../../src/log/volume-log.js";
import type { PageStore } from "../../src/store/page-store.js";
import { type Platform, portablePlatform } from "../../src/store/platform.js";
import type { Volume } from "../../src/store/volume.js";
import { type CrashModel, type OpenAttempt, stampedPage, type Track, type VolumeState } from "./crash-model.js";

/** Storage is given when a store is opened on it. */
export const testPlatform: Platform = {
  ...portablePlatform,
  sha256: (bytes) => createHash("sha256").update(bytes).digest(),
};

/** The store broke a promise. */
export class Violation extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Violation";
  }
}

/** A volume as it is found. */
interface Seen {
  readonly id: string;
  readonly pageSize: number;
  readonly lsn: number;
  readonly isClosed: boolean;
}

type SeenVolumes = ReadonlyMap<string, Seen>;

/** What a store shows, by name. */
export async function seenInStore(store: PageStore): Promise<SeenVolumes> {
  const seen = new Map<string, Seen>();
  for await (const { name, id, pageSize } of store.volumes()) {
    const volume = await store.volume(name);
    let lsn = 0;
    let isClosed = false;
    try {
      lsn = (await volume.latest())?.lsn ?? 0;
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      isClosed = true;
    }
    seen.set(name, { id: id.toString(), pageSize, lsn, isClosed });
  }
  return seen;
}

/** The same from the catalog and the logs alone, which is cheaper. */
export async function seenInLogs(objects: ObjectStore): Promise<SeenVolumes> {
  const seen = new Map<string, Seen>();
  const catalog = await Catalog.open(objects);
  for (const { vid, name, pageSizeBytes } of catalog.entries) {
    const { lsn, closed } = await VolumeLog.open(objects, vid);
    seen.set(name, { id: vid.toString(), pageSize: pageSizeBytes, lsn, isClosed: closed });
  }
  return seen;
}

/** Each volume is in one of its possible states, which it is from now on. `mayBeLost`: in a power cut. */
export function adopt(model: CrashModel, seen: SeenVolumes, mayBeLost: boolean): void {
  const known = new Set<string>();
  for (const track of [...model.tracks.values()]) {
    const found = [...seen].find(([name, { id }]) =>
      track.id === undefined ? track.possible.some((state) => state?.name === name) : id === track.id,
    );
    if (found !== undefined) known.add(found[0]);
    adoptVolume(model, track, found?.[0], found?.[1], mayBeLost);
  }
  for (const name of seen.keys()) if (!known.has(name)) throw new Violation(`volume "${name}" should not exist`);
}

function adoptVolume(
  model: CrashModel,
  track: Track,
  name: string | undefined,
  seen: Seen | undefined,
  mayBeLost: boolean,
): void {
  const fits = (state: VolumeState | undefined) =>
    state === undefined || seen === undefined
      ? state === seen
      : state.name === name &&
        track.pageSize === seen.pageSize &&
        state.isClosed === seen.isClosed &&
        (state.isClosed || state.versions.length === seen.lsn);
  const index = track.possible.findIndex(fits);
  if (index === -1) {
    const wanted = track.possible.map((each) =>
      each ? `"${each.name}" at LSN ${each.versions.length}${each.isClosed ? ", closed" : ""}` : "absent",
    );
    const actual = seen ? `"${name}" at LSN ${seen.isClosed ? "?, closed" : seen.lsn}` : "absent";
    throw new Violation(`volume ${track.serial} is ${actual}, not ${wanted.join(" or ")}`);
  }
  model.seen(track.serial, track.possible[index], seen?.id ?? track.id, mayBeLost);
}

/** Every page of every LSN of every volume, and the page counts. */
export async function checkPages(store: PageStore, model: CrashModel): Promise<void> {
  for (const { track, state } of model.settled) {
    const volume = await store.volume(state.name);
    await checkVolume(store, volume, track, state);
  }
}

async function checkVolume(store: PageStore, volume: Volume, { pageSize }: Track, { name, versions }: VolumeState) {
  let lsn = 0;
  for await (const commit of volume.log()) {
    if (commit.lsn !== ++lsn) throw new Violation(`"${name}" has a gap: LSN ${commit.lsn} follows ${lsn - 1}`);
    const { pageCount, stamps } = versions[lsn - 1];
    if (commit.pageCount !== pageCount) {
      throw new Violation(`"${name}" has ${commit.pageCount} pages at LSN ${lsn}, not ${pageCount}`);
    }
    // One more than there are, so that what was dropped by shrinking is asked for too.
    for (let offset = 0; offset <= HIGHEST_OFFSET; offset++) {
      const stamp = stamps.get(offset);
      const page = store.readPageSync(volume.id, offset, lsn);
      const isRight = stamp === undefined ? page === undefined : page && equal(page, stampedPage(pageSize, stamp));
      if (isRight) continue;
      const actual = page === undefined ? "absent" : "another page";
      throw new Violation(`"${name}", LSN ${lsn}, offset ${offset}: ${actual}, not ${stamp ?? "absent"}`);
    }
  }
  if (lsn !== versions.length) throw new Violation(`"${name}" ends at LSN ${lsn}, not ${versions.length}`);
}

/** Every offset of a crash workload is below this. */
export const HIGHEST_OFFSET = 8;

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

export async function checkObjects(objects: ObjectStore): Promise<void> {
  const { problems } = await verifyObjects(objects, { sha256: testPlatform.sha256 });
  if (problems.length > 0) throw new Violation(`verify: ${problems.map(({ message }) => message).join("; ")}`);
}

/** Asks what became of an attempt; the answer must be what the store shows. Gives the answer. */
export async function resolveAttempt(
  store: PageStore,
  model: CrashModel,
  open: OpenAttempt,
): Promise<"committed" | "conflict"> {
  const track = model.tracks.get(open.serial)!;
  const names = track.possible.flatMap((state) => state?.name ?? []);
  const volume = await store.volume(track.id ?? names[0]);
  const outcome = await volume.resolve(open.attempt);
  if (outcome.status === "committed" && (outcome.firstLsn !== open.firstLsn || outcome.lastLsn !== open.lastLsn)) {
    throw new Violation(
      `the attempt at LSNs ${open.firstLsn} to ${open.lastLsn} resolved to ${outcome.firstLsn} to ${outcome.lastLsn}`,
    );
  }
  if (open.answer !== undefined && open.answer !== outcome.status) {
    throw new Violation(`the attempt at LSN ${open.firstLsn} resolved to ${outcome.status}, and it was ${open.answer}`);
  }
  if (open.answer === undefined) {
    const isSo = (state: VolumeState | undefined) =>
      (state?.versions.length ?? 0) >= open.lastLsn === (outcome.status === "committed");
    const possible = track.possible.filter(isSo);
    if (possible.length === 0) throw new Violation(`the attempt at LSN ${open.firstLsn}: ${outcome.status} cannot be`);
    // A commit that is there lasts, and so does its volume. One that was not made leaves open what lasts of the rest.
    model.resolved(open, outcome.status, possible, outcome.status === "committed" ? [] : track.revocable.filter(isSo));
  }
  return outcome.status;
}

/** Errors by which a store says that a request failed, rather than that it is broken. */
export function isDamage(error: unknown): boolean {
  return error instanceof Corrupt || error instanceof InvalidArgument;
}
