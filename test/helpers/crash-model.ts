/**
 * What a store may hold after a crash, as whoever wrote to it knows: for each volume every state that is still possible.
 * A call that is under way makes two of one (a drop three), its answer one again. Pages are known by a stamp that their
 * bytes follow from.
 */
import type { Attempt } from "../../src/core/errors.js";

export interface CrashCommit {
  /** Offsets, and the stamps of the pages written there. */
  readonly pages: readonly (readonly [offset: number, stamp: number])[];
  readonly drops?: readonly (readonly [from: number, to: number])[];
  readonly pageCount?: number;
}

/** A volume at one LSN. */
export interface Version {
  readonly pageCount: number;
  readonly stamps: ReadonlyMap<number, number>;
}

export interface VolumeState {
  readonly name: string;
  /** Of LSN 1, 2, … */
  readonly versions: readonly Version[];
  /** Its log was closed: a drop that went half-way, to be called again. */
  readonly isClosed: boolean;
}

/** A volume that may exist. */
export interface Track {
  /** Counts the volumes of this history. */
  readonly serial: number;
  readonly pageSize: number;
  /** Its id, once it is known. */
  readonly id: string | undefined;
  /** Where no call is open, one. `undefined`: it does not exist. */
  readonly possible: Possible;
  /**
   * What a power cut may take it back to, besides: a process that was killed left what it had not synced to be seen, and
   * nothing was acknowledged on top of that yet.
   */
  readonly revocable: Possible;
}

type Possible = readonly (VolumeState | undefined)[];

/** A commit whose outcome was unknown, and the answer once it is known. */
export interface OpenAttempt {
  readonly serial: number;
  readonly attempt: Attempt;
  readonly firstLsn: number;
  readonly lastLsn: number;
  readonly answer: "committed" | "conflict" | undefined;
}

/** Immutable parts in two lists: copying it is cheap. */
export class CrashModel {
  readonly tracks: Map<number, Track>;
  readonly attempts: OpenAttempt[];
  /** Processes that wrote so far. */
  boots: number;
  nextSerial: number;

  private constructor(tracks: Map<number, Track>, attempts: OpenAttempt[], boots: number, nextSerial: number) {
    this.tracks = tracks;
    this.attempts = attempts;
    this.boots = boots;
    this.nextSerial = nextSerial;
  }

  static empty(): CrashModel {
    return new CrashModel(new Map(), [], 0, 1);
  }

  copy(): CrashModel {
    return new CrashModel(new Map(this.tracks), [...this.attempts], this.boots, this.nextSerial);
  }

  /** Equal keys on equal disks: the same is to be expected of both. */
  get key(): string {
    let key = `${this.boots}`;
    for (const { serial, possible, revocable } of this.tracks.values()) {
      key += `|${serial}`;
      for (const state of [...possible, null, ...revocable]) {
        if (state === null) {
          key += ";";
          continue;
        }
        key += state ? `,${state.name}:${state.versions.length}${state.isClosed ? "closed" : ""}` : ",-";
      }
    }
    for (const { serial, lastLsn, answer } of this.attempts) key += `|${serial}@${lastLsn}=${answer ?? "?"}`;
    return key;
  }

  /** Those that exist for certain, open, and no call on them is open. */
  get settled(): { track: Track; state: VolumeState }[] {
    return [...this.tracks.values()].flatMap((track) => {
      const state = track.possible.length === 1 ? track.possible[0] : undefined;
      return state === undefined || state.isClosed ? [] : [{ track, state }];
    });
  }

  /** Those that a drop left with a closed log. */
  get halfDropped(): Track[] {
    return [...this.tracks.values()].filter(({ possible }) => possible.length === 1 && possible[0]?.isClosed);
  }

  add(pageSize: number, possible: Possible): number {
    const serial = this.nextSerial++;
    this.tracks.set(serial, { serial, pageSize, id: undefined, possible, revocable: [] });
    return serial;
  }

  /** A call may make any of these of the volume, or a failed one did not. A name changes whatever the log goes back to. */
  open(serial: number, possible: Possible): void {
    const { revocable } = this.tracks.get(serial)!;
    const all = [...revocable];
    for (const name of new Set(possible.flatMap((each) => each?.name ?? []))) {
      for (const each of revocable) {
        const isKnown = all.some((other) => other?.name === name && other.versions === each?.versions);
        if (each && !isKnown) all.push({ ...each, name });
      }
    }
    this.#set(serial, { possible, revocable: all });
  }

  identify(serial: number, id: string): void {
    this.#set(serial, { id });
  }

  /** A commit was acknowledged: this state lasts, whatever a power cut does to the volume's name. */
  committed(serial: number, state: VolumeState): void {
    const { revocable } = this.tracks.get(serial)!;
    const names = revocable.flatMap((each) => (each === undefined ? [] : [{ ...state, name: each.name }]));
    this.#set(serial, { possible: [state], revocable: names });
  }

  /** A change of the catalog was acknowledged: the volume lasts under this name, or is gone. */
  catalogued(serial: number, state: VolumeState | undefined): void {
    const { revocable } = this.tracks.get(serial)!;
    const logs = revocable.flatMap((each) => (each && state ? [{ ...each, name: state.name }] : []));
    this.#set(serial, { possible: [state], revocable: logs });
  }

  /** An attempt was resolved: these remain, and those that a power cut can still bring back. */
  resolved(open: OpenAttempt, answer: "committed" | "conflict", possible: Possible, revocable: Possible): void {
    this.attempts[this.attempts.indexOf(open)] = { ...open, answer };
    this.#set(open.serial, { possible, revocable });
  }

  /** The volume was seen in this state; `mayBeLost` in a power cut. */
  seen(serial: number, state: VolumeState | undefined, id: string | undefined, mayBeLost: boolean): void {
    const { possible, revocable } = this.tracks.get(serial)!;
    const others = [...possible, ...revocable].filter((each) => each !== state);
    this.#set(serial, { id, possible: [state], revocable: mayBeLost ? others : revocable });
  }

  /** What is possible after a power cut. */
  afterPowerCut(): CrashModel {
    const model = this.copy();
    for (const track of model.tracks.values()) {
      if (track.revocable.length === 0) continue;
      model.tracks.set(track.serial, { ...track, possible: [...track.possible, ...track.revocable], revocable: [] });
    }
    return model;
  }

  #set(serial: number, change: Partial<Track>): void {
    const track = { ...this.tracks.get(serial)!, ...change };
    const isKnown = track.possible.length === 1 && track.revocable.length === 0;
    if (isKnown && track.possible[0] === undefined) this.tracks.delete(serial);
    else this.tracks.set(serial, track);
    if (isKnown) this.#answer(serial, track.possible[0]);
  }

  /** Once a volume's state is known, so is what became of each attempt at it. */
  #answer(serial: number, state: VolumeState | undefined): void {
    this.attempts.forEach((open, i) => {
      if (open.serial !== serial || open.answer !== undefined) return;
      const answer = state !== undefined && state.versions.length >= open.lastLsn ? "committed" : "conflict";
      this.attempts[i] = { ...open, answer };
    });
  }
}

export function afterCommits(state: VolumeState, commits: readonly CrashCommit[]): VolumeState {
  const versions = [...state.versions];
  for (const commit of commits) versions.push(afterCommit(versions.at(-1), commit));
  return { ...state, versions };
}

function afterCommit(last: Version | undefined, { pages, drops = [], pageCount }: CrashCommit): Version {
  const stamps = new Map(last?.stamps);
  for (const [from, to] of drops)
    for (const offset of stamps.keys()) if (offset >= from && offset < to) stamps.delete(offset);
  let count = last?.pageCount ?? 0;
  for (const [offset, stamp] of pages) {
    stamps.set(offset, stamp);
    count = Math.max(count, offset + 1);
  }
  count = pageCount ?? count;
  for (const offset of stamps.keys()) if (offset >= count) stamps.delete(offset);
  return { pageCount: count, stamps };
}

/** The page of a stamp; not to be written to. */
export function stampedPage(pageSize: number, stamp: number): Uint8Array {
  const key = stamp * 256 + Math.log2(pageSize);
  let page = cache.get(key);
  if (page === undefined) {
    page = new Uint8Array(pageSize);
    const words = new Uint32Array(page.buffer);
    for (let i = 0; i < words.length; i++) words[i] = Math.imul(stamp + i, 2_654_435_761) ^ (stamp << 7);
    if (cache.size > 4096) cache.clear();
    cache.set(key, page);
  }
  return page;
}

const cache = new Map<number, Uint8Array>();
