/**
 * The catalog: which volumes there are, and their names. One sequence of records `c/<n>`, each a change; every 16th carries
 * the whole set. The hint `c/head` is the newest record, with the whole set in any case, so that opening most often reads it and
 * finds nothing behind it.
 */
import { Conflict, Corrupt, InvalidArgument, NotFound, Unavailable } from "../core/errors.js";
import { toHex, VolumeId } from "../core/ids.js";
import {
  type CatalogChange,
  type CatalogEntry,
  decodeCatalogRecord,
  encodeCatalogRecord,
  isVolumeId,
  problemWithName,
} from "../format/catalog.js";
import { NONCE_BYTES } from "../format/record.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";
import { CATALOG_HEAD_KEY, catalogKey, numberIn } from "./keys.js";
import { Mutex } from "./mutex.js";
import { putOnce } from "./put-once.js";
import { CATCHING_UP, readNewest, readOnward } from "./sequence.js";

const STATE_EVERY = 16;
const LONG_HEAD_BYTES = 64 << 10;
const MAX_ATTEMPTS = 32;
const carriesState = (n: number) => n % STATE_EVERY === 1;

const textOf = ({ vid, name, pageSizeBytes, createdMs }: CatalogEntry) =>
  JSON.stringify([vid, name, pageSizeBytes, createdMs]);

function isSameState(a: readonly CatalogEntry[], b: readonly CatalogEntry[]): boolean {
  const expected = new Set(b.map(textOf));
  return a.length === b.length && a.every((entry) => expected.has(textOf(entry)));
}

export { isVolumeId };

/** @throws InvalidArgument for what cannot name a volume. */
export function checkName(name: string): string {
  const problem = problemWith(name);
  if (problem) throw new InvalidArgument(`volume name ${JSON.stringify(name)}: ${problem}`);
  return name;
}

function problemWith(name: unknown): string | undefined {
  if (typeof name !== "string") return "must be a text of at least one character";
  const bytes = new TextEncoder().encode(name);
  if (new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes) !== name) return "holds half a surrogate pair";
  return problemWithName(name);
}

export class Catalog {
  readonly #objects: ObjectStore;
  readonly #mutex = new Mutex();
  #byId = new Map<string, CatalogEntry>();
  #byName = new Map<string, CatalogEntry>();
  #next = 1;

  #isLoaded = false;

  /** Reads nothing: the first call does. */
  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  static async open(objects: ObjectStore, options?: CallOptions): Promise<Catalog> {
    const catalog = new Catalog(objects);
    await catalog.refresh(options);
    return catalog;
  }

  /** Makes sure that something is known, by the hint: it may be old. */
  load(options?: CallOptions): Promise<void> {
    return this.#mutex.run(() => this.#load(options), options?.signal);
  }

  async #load(options?: CallOptions): Promise<void> {
    if (this.#isLoaded) return;
    const base = (await readHead(this.#objects, options)) ?? (await readNewestState(this.#objects, options));
    if (base) this.#adopt(base.state, base.n);
    this.#isLoaded = true;
  }

  /** As of the last refresh. */
  get entries(): CatalogEntry[] {
    return [...this.#byId.values()];
  }

  /** The volume with this id, or else with this name, as of the last refresh. */
  find(nameOrId: string | VolumeId): CatalogEntry | undefined {
    const text = nameOrId.toString();
    if (nameOrId instanceof VolumeId) return this.#byId.get(text);
    return isVolumeId(text) ? this.#byId.get(text.toLowerCase()) : this.#byName.get(text);
  }

  /** Reads what was written since. */
  refresh(options?: CallOptions): Promise<void> {
    return this.#mutex.run(() => this.#refresh(options), options?.signal);
  }

  /** @throws Conflict where the name is taken. */
  async create(name: string, pageSizeBytes: number, options?: CallOptions): Promise<CatalogEntry> {
    const vid = VolumeId.random();
    await this.#change(options, () => {
      this.#checkFree(name);
      return { kind: "create", vid, name, pageSizeBytes };
    });
    return this.get(vid);
  }

  /** @throws NotFound, Conflict where the new name is taken. */
  rename(nameOrId: string | VolumeId, name: string, options?: CallOptions): Promise<void> {
    return this.#change(options, () => {
      const { vid, name: old } = this.get(nameOrId);
      if (old === name) return undefined;
      this.#checkFree(name);
      return { kind: "rename", vid, name };
    });
  }

  /** Takes the volume out of the catalog, whose log is closed by then; nothing to do where it is gone. */
  drop(vid: VolumeId, options?: CallOptions): Promise<void> {
    return this.#change(options, () => (this.#byId.has(vid.toString()) ? { kind: "drop", vid } : undefined));
  }

  /** @throws NotFound */
  get(nameOrId: string | VolumeId): CatalogEntry {
    const entry = this.find(nameOrId);
    if (entry) return entry;
    throw new NotFound(
      `no volume ${JSON.stringify(nameOrId.toString())} in ${this.#objects.url}. List the volumes to see what is there.`,
    );
  }

  #checkFree(name: string): void {
    if (!this.#byName.has(name)) return;
    throw new Conflict(
      `a volume named ${JSON.stringify(name)} is already in ${this.#objects.url}; take another name`,
      0,
    );
  }

  #adopt(state: readonly CatalogEntry[], n: number): void {
    this.#byId = new Map(state.map((entry) => [entry.vid.toString(), entry]));
    this.#byName = new Map(state.map((entry) => [entry.name, entry]));
    this.#next = n + 1;
  }

  async #refresh(options?: CallOptions): Promise<void> {
    await this.#load(options);
    for await (const { number, bytes } of readOnward(this.#objects, catalogKey, this.#next, CATCHING_UP, options)) {
      this.#apply(number, bytes);
    }
  }

  #apply(n: number, bytes: Uint8Array): void {
    const key = catalogKey(n);
    const { record } = decodeCatalogRecord(bytes, key);
    const { change } = record;
    const old = this.#byId.get(change.vid.toString());
    const contradiction = (expected: string, actual: string) =>
      new Corrupt("catalog record against the ones before it", { key, byteOffset: 0, expected, actual });
    if (change.kind === "create" ? old : !old) {
      throw contradiction(change.kind === "create" ? "a new id" : "a volume that exists", change.vid.toString());
    }
    if (old) this.#byName.delete(old.name);
    if (change.kind === "drop") {
      this.#byId.delete(change.vid.toString());
    } else {
      if (this.#byName.has(change.name)) throw contradiction("a free name", JSON.stringify(change.name));
      const entry: CatalogEntry =
        change.kind === "create"
          ? { vid: change.vid, name: change.name, pageSizeBytes: change.pageSizeBytes, createdMs: record.timeMs }
          : { ...old!, name: change.name };
      this.#byId.set(entry.vid.toString(), entry);
      this.#byName.set(entry.name, entry);
    }
    this.#next = n + 1;
    if (carriesState(n) && !record.state) throw contradiction("the whole state", "none");
    if (record.state && !isSameState(record.state, this.entries)) {
      throw contradiction("the state that the records before it lead to", "another");
    }
  }

  /** Publishes what `decide` says on top of the newest catalog; `undefined` changes nothing. */
  #change(options: CallOptions | undefined, decide: () => CatalogChange | undefined): Promise<void> {
    return this.#mutex.run(async () => {
      await this.#refresh(options);
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const change = decide();
        if (!change || (await this.#put(change))) return;
      }
      throw new Unavailable(`the catalog of ${this.#objects.url} changed ${MAX_ATTEMPTS} times meanwhile; try again`);
    }, options?.signal);
  }

  /** One attempt; false where another's record took the place (it is applied then). */
  async #put(change: CatalogChange): Promise<boolean> {
    const n = this.#next;
    const key = catalogKey(n);
    const timeMs = Math.max(0, Date.now());
    const state = this.#stateAfter(change, timeMs);
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const whole = encodeCatalogRecord(key, nonce, { timeMs, change, state });
    const bytes = carriesState(n) ? whole : encodeCatalogRecord(key, nonce, { timeMs, change, state: undefined });
    const outcome = await putOnce(
      this.#objects,
      key,
      bytes,
      (found) => decodeCatalogRecord(found, key).record.nonce === toHex(nonce),
    );
    if (outcome.status === "unknown") {
      throw new Unavailable(
        `${this.#objects.url} did not say whether the ${change.kind} of a volume was applied; list the volumes to see`,
        { cause: outcome.cause },
      );
    }
    this.#apply(n, outcome.status === "ours" ? bytes : outcome.bytes);
    if (outcome.status !== "ours") return false;
    // A hint: without it opening looks for the newest state by itself. A long one is not worth writing for each change.
    const isDue = carriesState(n) || whole.length <= LONG_HEAD_BYTES;
    if (isDue) await this.#objects.put(CATALOG_HEAD_KEY, whole).catch(() => undefined);
    return true;
  }

  #stateAfter(change: CatalogChange, timeMs: number): CatalogEntry[] {
    const { vid } = change;
    if (change.kind === "create") {
      return [...this.entries, { vid, name: change.name, pageSizeBytes: change.pageSizeBytes, createdMs: timeMs }];
    }
    if (change.kind === "drop") return this.entries.filter((entry) => !entry.vid.equals(vid));
    return this.entries.map((entry) => (entry.vid.equals(vid) ? { ...entry, name: change.name } : entry));
  }
}

type Base = { readonly state: readonly CatalogEntry[]; readonly n: number };

/** The hint's state, or `undefined` where it is missing or damaged. */
async function readHead(objects: ObjectStore, options?: CallOptions): Promise<Base | undefined> {
  const bytes = await objects.get(CATALOG_HEAD_KEY, { ...options, probing: true });
  if (!bytes) return undefined;
  try {
    const { record, key } = decodeCatalogRecord(bytes, CATALOG_HEAD_KEY, true);
    const n = numberIn(key, catalogKey);
    return n !== undefined && record.state ? { state: record.state, n } : undefined;
  } catch (error) {
    if (error instanceof Corrupt) return undefined;
    throw error;
  }
}

async function readNewestState(objects: ObjectStore, options?: CallOptions): Promise<Base | undefined> {
  const numberOf = (i: number) => 1 + STATE_EVERY * i;
  const end = Math.floor(Number.MAX_SAFE_INTEGER / STATE_EVERY);
  const newest = await readNewest(objects, (i) => catalogKey(numberOf(i)), 0, options, end);
  if (!newest) return undefined;
  const n = numberOf(newest.number);
  const key = catalogKey(n);
  const { record } = decodeCatalogRecord(newest.bytes, key);
  if (record.state) return { state: record.state, n };
  throw new Corrupt("catalog record", { key, byteOffset: 0, expected: "the whole state", actual: "none" });
}
