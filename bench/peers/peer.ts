/** What the comparison asks of a store: to take a history commit by commit, to be compact, to answer. */
import type { History } from "./history.js";

/** `newest`: the version with the highest LSN at or below the one asked for. `exact`: the caller knows that LSN. */
export type Question = "newest" | "exact";

/** One way to get a page from an open store. The page is good at least until the next call. */
export interface Way {
  /** The store's own name for it. */
  readonly call: string;
  readonly question: Question;
  read(offset: number, lsn: number): Uint8Array | undefined;
}

/** A way that gives a promise. */
export interface AsyncWay extends Omit<Way, "read"> {
  readAsync(offset: number, lsn: number): Promise<Uint8Array | undefined>;
}

/** A way to get the newest versions of many pages at one LSN, in the order of `offsets`. */
export interface BatchWay extends Omit<Way, "read" | "question"> {
  readMany(offsets: Uint32Array, lsn: number): Promise<(Uint8Array | undefined)[]>;
}

export type AnyWay = Way | AsyncWay | BatchWay;

export interface OpenPeer {
  readonly ways: readonly AnyWay[];
  close(): Promise<void>;
}

/** Folders that do not exist yet. A store makes one of them or both. */
export interface Places {
  /** The history as it was written, commit by commit. */
  readonly written: string;
  /** The same history, rewritten by the store as small as it can. */
  readonly compacted: string;
}

export interface Peer {
  readonly name: string;
  write(history: History, places: Places): Promise<void>;
  /** Opens the compacted history, or else the written one; `memoryBytes` are for what the store itself keeps in memory. */
  open(places: Places, memoryBytes: number): Promise<OpenPeer>;
}
