/**
 * The socket fault campaign: several clients, each a `PageStore` on S3 behind a proxy that fails (fault-proxy.ts), commit to
 * volumes that they share, read, list and open again. Whatever the network did, a commit's outcome must be the truth, a page
 * the one that a `Map` says, and no call may hang. At the end, with the faults gone, a fresh store must hold every LSN as it
 * was promised, and nothing else, and verify clean.
 *
 * A failure is thrown. The seed decides operations and faults; the order in which sockets deliver is the machine's.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Conflict, InvalidArgument, OutcomeUnknown, Unavailable } from "../../src/core/errors.js";
import { verifyObjects } from "../../src/history/verify.js";
import { S3Store, type S3StoreOptions } from "../../src/io/s3-store.js";
import { PageStore } from "../../src/node.js";
import type { Volume } from "../../src/store/volume.js";
import { FaultPairs } from "../helpers/fault-pairs.js";
import { FaultProxy, NO_FAULTS } from "../helpers/fault-proxy.js";
import { openOn } from "../helpers/open-on.js";
import { pageOf } from "../helpers/page-oracle.js";
import { Random } from "../helpers/random.js";

export interface SocketFaultOptions {
  /** The bucket; the proxy is put before its endpoint. */
  readonly store: S3StoreOptions & { readonly endpoint: string };
  readonly operations: number;
  readonly seed: number;
  readonly clients?: number;
  /** Requests between two runs of faults, at most. */
  readonly longestGap?: number;
}

export interface SocketFaultReport {
  readonly pairs: FaultPairs;
  /** How often each thing was seen. */
  readonly seen: Record<string, number>;
  /** Faults that hit a write which was applied. */
  readonly applied: Record<string, number>;
}

const PAGE_SIZE = 512;
const OFFSETS = 48;
/** So many pages do not fit into a record: they get a segment of their own. */
const WIDE = 600;
/** Small, so that pages are read again and again. */
const MEMORY_BYTES = 2 << 20;
/** What the proxy holds back is held until this. Shorter, and a loaded machine fails by itself. */
const REQUEST_TIMEOUT_MS = 1000;
/** Fewer than by default, so that outcomes are unknown now and then. */
const RETRY = { attempts: 4, baseMs: 2, capMs: 40 };
/** No call takes this long unless it hangs. */
const HANG_MS = 120_000;
/** A call that is told "unavailable" so often in a row gets nowhere. */
const MAX_TRIES = 500;
const LONGEST_PAUSE_MS = 100;

/** An S3 server never answers a range with the whole object; a store refuses that by name. */
const isWholeForRange = (error: unknown) => error instanceof InvalidArgument && error.message.includes("(status 200)");

type Commit = ReadonlyMap<number, number>;

/** What a volume must hold: which page (by its tag) each LSN wrote at each offset. */
class SharedVolume {
  readonly name: string;
  readonly #commits: Commit[] = [];
  /** Every LSN up to this one is known; those of other clients may be under way behind it. */
  known = 0;
  /** By offset: LSNs in ascending order, with their tags. */
  readonly #versions = new Map<number, { lsn: number; tag: number }[]>();

  constructor(name: string) {
    this.name = name;
  }

  get lsn(): number {
    return this.#commits.length;
  }

  at(lsn: number): Commit {
    return this.#commits[lsn - 1];
  }

  committed(lsn: number, commit: Commit): void {
    if (this.#commits[lsn - 1] !== undefined) throw new Error(`LSN ${lsn} of ${this.name} was won twice`);
    this.#commits[lsn - 1] = commit;
    while (this.#commits[this.known] !== undefined) this.known++;
    for (const [offset, tag] of commit) {
      const versions = this.#versions.get(offset) ?? [];
      this.#versions.set(offset, versions);
      const at = versions.findLastIndex((version) => version.lsn < lsn) + 1;
      versions.splice(at, 0, { lsn, tag });
    }
  }

  tag(offset: number, lsn: number): number | undefined {
    return this.#versions.get(offset)?.findLast((version) => version.lsn <= lsn)?.tag;
  }

  check(offset: number, lsn: number, page: Uint8Array | undefined): void {
    const tag = this.tag(offset, lsn);
    const expected = tag === undefined ? undefined : pageOf(tag, PAGE_SIZE);
    const same = page && expected ? Buffer.compare(page, expected) === 0 : page === expected;
    if (same) return;
    const found = page ? `tag ${new DataView(page.buffer, page.byteOffset).getUint32(0, true)}` : "none";
    throw new Error(`wrong page: ${this.name} at LSN ${lsn}, offset ${offset}: tag ${tag ?? "none"}, found ${found}`);
  }
}

export async function runSocketFaults(options: SocketFaultOptions): Promise<SocketFaultReport> {
  const { seed, store, operations, clients = 4, longestGap = 50 } = options;
  const campaign = new Campaign(seed, store, await FaultProxy.start(store.endpoint, new Random(seed + 1)), longestGap);
  await using _ = campaign.proxy;
  await campaign.run(operations, clients);
  return campaign.report();
}

class Campaign {
  readonly proxy: FaultProxy;
  readonly #store: S3StoreOptions;
  readonly #seed: number;
  readonly #pairs: FaultPairs;
  /** One for each client, which works on it mostly, and on its neighbour's now and then. */
  #volumes: SharedVolume[] = [];
  readonly #seen = new Map<string, number>();
  #tags = 0;
  #left = 0;
  #retries = 0;
  /** The first failure ends every client. */
  #failed = false;

  constructor(seed: number, store: S3StoreOptions, proxy: FaultProxy, longestGap: number) {
    this.proxy = proxy;
    this.#store = store;
    this.#seed = seed;
    this.#pairs = new FaultPairs(new Random(seed), longestGap);
  }

  async run(operations: number, clients: number): Promise<void> {
    const direct = new S3Store(this.#store);
    this.#volumes = Array.from({ length: clients }, (_, i) => new SharedVolume(`client-${i}`));
    const maker = await openOn(direct);
    for (const { name } of this.#volumes) await maker.createVolume({ name, pageSize: PAGE_SIZE });
    await maker.close();
    // The probe that decides whether a store may be written at all is another test's: here it would refuse at random.
    this.proxy.plan = (kind, path) => (path.includes("/check-") ? undefined : this.#pairs.next(kind));
    this.#left = operations;
    await Promise.all(this.#volumes.map((_, i) => this.#client(i, new Random(this.#seed + 100 + i))));
    this.proxy.plan = NO_FAULTS;
    await this.proxy.settled();
    await this.#verify(direct);
  }

  async #client(home: number, random: Random): Promise<void> {
    const client = new Client(this.proxy.endpoint, this.#store);
    try {
      await this.#insist("opening", () => client.open());
      while (this.#left-- > 0 && !this.#failed) await this.#operation(client, home, random);
    } catch (error) {
      this.#failed = true;
      throw error;
    } finally {
      await client.close();
      this.#retries += client.retries;
    }
  }

  async #operation(client: Client, home: number, random: Random): Promise<void> {
    this.#count("operations");
    // Stretches in which all mostly write, so that failing writes follow each other, and stretches of everything.
    if ((this.#left >> 4) % 2 === 0 && random.chance(0.8)) {
      return this.#commit(client, this.#volumeFor(home, random), random);
    }
    const volume = this.#volumeFor(home, random);
    const kind = random.below(100);
    if (kind < 15) return this.#commit(client, volume, random);
    if (kind < 75) return this.#read(client, volume, random);
    if (kind < 83) return this.#latest(client, volume);
    if (kind < 99) return this.#list(client, volume);
    this.#count("opens");
    await this.#insist("opening", () => client.open());
  }

  #volumeFor(home: number, random: Random): SharedVolume {
    return this.#volumes[(home + (random.chance(0.2) ? 1 : 0)) % this.#volumes.length];
  }

  async #commit(client: Client, shared: SharedVolume, random: Random): Promise<void> {
    const volume = await this.#insist("opening a volume", () => client.volume(shared.name));
    const commit = new Map<number, number>();
    const isWide = random.chance(0.02);
    for (let left = isWide ? WIDE : 1 + random.below(5); left > 0; left--) {
      commit.set(isWide ? left : random.below(OFFSETS), ++this.#tags);
    }
    const pages = [...commit].map(([offset, tag]): [number, Uint8Array] => [offset, pageOf(tag, PAGE_SIZE)]);
    // Now and then without an expectation: then it takes whatever LSN comes next.
    const base = random.chance(0.2) ? undefined : shared.known;
    const expected = base === undefined ? undefined : base + 1;
    const won = (lsn: number) => {
      if (expected !== undefined && lsn !== expected) throw new Error(`committed LSN ${lsn}, expected ${expected}`);
      shared.committed(lsn, commit);
    };
    try {
      won((await this.#inTime("commit", volume.commit({ expectedLsn: base, pages }))).lsn);
      this.#count("commits");
    } catch (error) {
      if (error instanceof OutcomeUnknown) {
        this.#count("unknown");
        // By this client, or by one that starts afresh, as after a crash.
        if (random.chance(0.5)) await this.#insist("opening", () => client.open());
        const resolve = async () => (await client.volume(shared.name)).resolve(error.attempt);
        const outcome = await this.#insist("resolve", resolve);
        if (outcome.status === "committed") won(outcome.firstLsn);
        // Nobody need come before a PUT that is still on its way: what was said must stay true when it has landed.
        else if (random.chance(0.7)) await this.proxy.settled();
        this.#count(outcome.status === "committed" ? "unknown, was committed" : "unknown, was not");
      } else if (error instanceof Conflict) {
        this.#count("conflicts");
        if (expected !== undefined && error.winningLsn < expected) {
          throw new Error(`conflict at LSN ${error.winningLsn}, though ${expected} was tried`, { cause: error });
        }
      } else if (error instanceof Unavailable || isWholeForRange(error)) {
        this.#count("unavailable commits");
      } else {
        throw error;
      }
    }
  }

  async #read(client: Client, shared: SharedVolume, random: Random): Promise<void> {
    if (shared.known === 0) return;
    this.#count("reads");
    const lsn = random.chance(0.3) ? shared.known : 1 + random.below(shared.known);
    const volume = await this.#insist("opening a volume", () => client.volume(shared.name));
    const far = () => random.below(random.chance(0.1) ? WIDE : OFFSETS);
    if (random.chance(0.6)) {
      const offset = far();
      shared.check(offset, lsn, await this.#insist("readPage", () => volume.readPage(offset, lsn)));
    } else {
      const offsets = Array.from({ length: 1 + random.below(6) }, far);
      const pages = await this.#insist("readPages", () => volume.readPages(offsets, lsn));
      for (const [i, offset] of offsets.entries()) shared.check(offset, lsn, pages[i]);
    }
  }

  async #latest(client: Client, shared: SharedVolume): Promise<void> {
    this.#count("looks for the latest");
    const known = shared.known;
    const latest = await this.#insist("latest", async () => (await client.volume(shared.name)).latest());
    if ((latest?.lsn ?? 0) < known) throw new Error(`latest: LSN ${latest?.lsn}, though ${known} was committed`);
  }

  /** A listing may be stale; what it names must be in order, and be objects of this volume. */
  async #list(client: Client, shared: SharedVolume): Promise<void> {
    this.#count("lists");
    const volume = await this.#insist("opening a volume", () => client.volume(shared.name));
    const prefix = `v/${volume.id}/m/`;
    await this.#insist("list", async () => {
      let last = "";
      for await (const { key, sizeBytes } of client.objects.list(prefix)) {
        if (!key.startsWith(prefix) || key <= last || sizeBytes <= 0) throw new Error(`listed ${key} after ${last}`);
        last = key;
      }
    });
  }

  /** Everything, from outside, without faults. */
  async #verify(direct: S3Store): Promise<void> {
    await using store = await openOn(direct);
    for (const shared of this.#volumes) {
      const volume = await store.volume(shared.name);
      const lsn = (await volume.latest())?.lsn ?? 0;
      if (lsn !== shared.known || lsn !== shared.lsn) {
        throw new Error(`${shared.name} is at LSN ${lsn}; ${shared.known} of ${shared.lsn} commits are known`);
      }
      for (let at = 1; at <= lsn; at++) {
        // What it wrote, and what lies beside it.
        const written = [...shared.at(at).keys()].slice(0, 8);
        const offsets = [...written, ...written.map((offset) => (offset + 7) % OFFSETS)];
        const pages = await volume.readPages(offsets, at);
        for (const [i, offset] of offsets.entries()) shared.check(offset, at, pages[i]);
      }
    }
    const { problems } = await verifyObjects(direct);
    if (problems.length > 0) throw new Error(`verify: ${problems.map(({ message }) => message).join("; ")}`);
  }

  /** Tries a call until the storage lets it through. Only `Unavailable` says that trying again is safe. */
  async #insist<T>(what: string, call: () => Promise<T>): Promise<T> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      try {
        return await this.#inTime(what, call());
      } catch (error) {
        // A reader who insists gets through.
        if (isWholeForRange(error)) this.#count("refused 200 for a range");
        else if (error instanceof Unavailable) this.#count("unavailable");
        else throw error;
      }
      // Without a pause a busy machine, on which requests take too long, is only made busier.
      await sleep(Math.min(tries, LONGEST_PAUSE_MS));
    }
    throw new Error(`${what} failed ${MAX_TRIES} times in a row`);
  }

  async #inTime<T>(what: string, promise: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const hang = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what} has not settled in ${HANG_MS / 1000} s`)), HANG_MS);
    });
    try {
      return await Promise.race([promise, hang]);
    } finally {
      clearTimeout(timer);
    }
  }

  #count(what: string): void {
    this.#seen.set(what, (this.#seen.get(what) ?? 0) + 1);
  }

  report(): SocketFaultReport {
    const { requests, hits, applied } = this.proxy;
    const faults = [...hits.values()].reduce((sum, count) => sum + count, 0);
    const seen = { ...Object.fromEntries(this.#seen), requests, faults, retries: this.#retries };
    return { pairs: this.#pairs, seen, applied: Object.fromEntries(applied) };
  }
}

/** One process, so to speak: a page store on the proxied bucket, opened again at will. */
class Client {
  objects: S3Store;
  readonly #options: S3StoreOptions;
  #pages: PageStore | undefined;
  #volumes = new Map<string, Volume>();
  /** Of stores that were closed. */
  #retries = 0;

  constructor(endpoint: string, store: S3StoreOptions) {
    this.#options = { ...store, endpoint, requestTimeoutMs: REQUEST_TIMEOUT_MS };
    this.objects = new S3Store(this.#options);
  }

  /** Opens the store afresh, as another process would. */
  async open(): Promise<void> {
    await this.close();
    this.objects = new S3Store(this.#options);
    this.#pages = await PageStore.open("test:", { objects: this.objects, memory: MEMORY_BYTES, retry: RETRY });
    this.#volumes = new Map();
  }

  async volume(name: string): Promise<Volume> {
    const open = this.#volumes.get(name);
    if (open) return open;
    const volume = await this.#pages!.volume(name);
    this.#volumes.set(name, volume);
    return volume;
  }

  get retries(): number {
    return this.#retries + (this.#pages?.stats().io.retries ?? 0);
  }

  async close(): Promise<void> {
    await this.#pages?.close();
    this.#retries = this.retries;
    this.#pages = undefined;
  }
}
