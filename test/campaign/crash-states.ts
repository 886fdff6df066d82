/**
 * Crashes the file store at every point of seeded histories, in every state that a disk may be left in, and lets it
 * recover: see `MemoryDisk` for what a power cut may leave, `CrashModel` for what must be there after it. Recoveries crash
 * too, and what recovers from them. The same seed makes the same run: `report.trace` is a hash of all that happened.
 *
 * `node:fs` must be `test/helpers/memory-disk-fs.ts` where this runs.
 */
import { CrashModel } from "../helpers/crash-model.js";
import { Violation } from "../helpers/crash-model-check.js";
import { SeededWorld } from "../helpers/crash-model-clock.js";
import { type Call, type CallName, CHANGES, type Failure, type Loss, MemoryDisk } from "../helpers/memory-disk.js";
import { mount } from "../helpers/memory-disk-fs.js";
import { Random } from "../helpers/random.js";
import { CrashSession, DISK_FOLDER, type Kind, type Outcomes } from "./crash-session.js";

export interface CrashReport extends Outcomes {
  /** Runs of the store that began on a sound disk. */
  histories: number;
  /** System calls that a process was stopped at. */
  points: number;
  /** States that a recovery began in, different ones, and those that a recovery had left. */
  states: number;
  distinct: number;
  nested: number;
  /** Of the states: the process was killed, and its disk lived on. */
  kills: number;
  /** States that differ from one that was recovered from in temporary files alone: only looked at. */
  looks: number;
  /** System calls that failed, once or from then on. */
  faults: number;
  trace: string;
}

/** How a process was stopped. */
interface Stop {
  readonly disk: MemoryDisk;
  readonly model: CrashModel;
  readonly call: Call | undefined;
}

interface Plan {
  readonly calls: number;
  readonly depth: number;
  readonly path: string;
  /** Whether it is stopped at each of its changes. */
  readonly stops: boolean;
  readonly kinds?: readonly Kind[];
  readonly isSynced: boolean;
  readonly fault?: (call: Call, index: number) => Failure | undefined;
  /** The fault goes away: the process must come to its end. */
  readonly isPassing?: boolean;
}

const MAX_DEPTH = 3;
/** After so many records a manifest is published (src/store/volume.ts). */
const RECORDS_PER_MANIFEST = 64;
/** Subsets of pending names that are all tried; of more, so many are. After faults and in recoveries fewer are. */
const SUBSETS = 64;
const FEWER_SUBSETS = 16;
/** Random tears of unsynced files at each point. */
const TEARS = 4;
/** What the names of temporary files begin with. */
const TEMPORARY = ".tmp-";
/** Turns of the loop are given away after so many sessions, or the caller cannot be stopped. */
const SESSIONS_PER_TURN = 64;
const CODES = ["EIO", "ENOSPC", "EDQUOT", "EMFILE"] as const;

const isChange = (name: CallName) => (CHANGES as readonly string[]).includes(name);

export class CrashStates {
  readonly report: CrashReport = {
    histories: 0,
    points: 0,
    states: 0,
    distinct: 0,
    nested: 0,
    kills: 0,
    looks: 0,
    faults: 0,
    acknowledged: 0,
    failed: 0,
    unknown: 0,
    committed: 0,
    conflict: 0,
    trace: "",
  };
  readonly #seed: number;
  readonly #count: number;
  readonly #world = new SeededWorld();
  readonly #distinct = new Set<string>();
  readonly #seen = new Set<string>();
  readonly #recovered = new Set<string>();
  readonly #chance = new Random(0);
  readonly #looked = new Set<string>();
  #trace = 0;
  #sessions = 0;

  /** @param count How many different states to recover from. */
  constructor(seed: number, count: number) {
    this.#seed = seed;
    this.#count = count;
  }

  async run(): Promise<CrashReport> {
    this.#world.enter();
    try {
      while (!this.#isDone) await this.#history(new Random(this.#seed + this.report.histories++));
    } finally {
      this.#world.leave();
    }
    this.report.trace = (this.#trace >>> 0).toString(16).padStart(8, "0");
    return this.report;
  }

  get #isDone(): boolean {
    return this.#distinct.size >= this.#count;
  }

  async #history(random: Random): Promise<void> {
    const empty = MemoryDisk.empty();
    empty.mkdir(DISK_FOLDER);
    const path = `seed ${random.seed}`;
    const start = await this.#begin({ disk: allKept(empty), model: CrashModel.empty(), call: undefined }, random, path);
    const seed = random.u32();
    const calls = start.model.boots === 0 ? random.between(3, 7) : random.between(2, 4);
    const plan = { calls, depth: 0, path, stops: true, isSynced: true };
    const { stops, callCount } = await this.#session(start.disk.fork(), start.model.copy(), new Random(seed), plan);
    for (const stop of stops) await this.#crash(stop, random, 1, `${path}, at ${describe(stop.call)}`);
    await this.#faults(start, seed, random, plan, callCount);
  }

  /** Mostly nothing; else a volume with nearly as many records as a manifest is published after. */
  async #begin(empty: Stop, random: Random, path: string): Promise<Stop> {
    if (!random.chance(0.05)) return empty;
    const plan = { depth: 0, path: `${path}, beginning`, stops: true, isSynced: true };
    const calls = { calls: RECORDS_PER_MANIFEST - 1, kinds: ["commit"] as const };
    const { stops } = await this.#session(empty.disk.fork(), empty.model.copy(), random, { ...plan, ...calls });
    const last = stops.at(-1)!;
    return { ...last, disk: allKept(last.disk) };
  }

  /** Runs a process on a disk. Gives where it could have been stopped, and the number of calls that it made. */
  async #session(
    disk: MemoryDisk,
    model: CrashModel,
    random: Random,
    plan: Plan,
  ): Promise<{ stops: Stop[]; callCount: number }> {
    const session = new CrashSession(model, random, this.report);
    const stops: Stop[] = [];
    let index = 0;
    disk.before = (call) => {
      if (plan.stops && isChange(call.name)) stops.push({ disk: disk.fork(), model: model.copy(), call });
      const at = index++;
      return plan.fault?.(call, at);
    };
    mount(disk, random.chance(0.2) ? () => random.below(3) : undefined);
    // Ids differ from one process of a history to the next, and not between histories that do the same.
    this.#world.reset(model.boots + 1);
    try {
      const finished = await session.run({
        calls: plan.calls,
        kinds: plan.kinds,
        isSynced: plan.isSynced,
        isFaulty: plan.fault !== undefined,
        isThorough: plan.depth <= 1,
        isNew: () => this.#isNew(disk, model),
      });
      if (plan.isPassing && !finished) throw new Violation("a single fault ended it");
      if (disk.openFiles > 0) throw new Violation(`${disk.openFiles} files were left open`);
      this.#note(`${finished} ${index} ${model.key} ${disk.treeHash()}`);
    } catch (cause) {
      throw new Violation(`${plan.path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
    disk.before = undefined;
    if (plan.stops) stops.push({ disk: disk.fork(), model: model.copy(), call: undefined });
    if (++this.#sessions % SESSIONS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    return { stops, callCount: index };
  }

  /** States that differ in temporary files alone, which no reader sees, hold the same objects. */
  #isNew(disk: MemoryDisk, model: CrashModel): boolean {
    const key = `${disk.treeHash(TEMPORARY)} ${model.key}`;
    if (this.#looked.has(key)) return false;
    this.#looked.add(key);
    return true;
  }

  /** Recovers from each state that the disk may be left in. */
  async #crash(stop: Stop, random: Random, depth: number, path: string, limit = SUBSETS): Promise<void> {
    if (this.#isDone) return;
    this.report.points++;
    let index = 0;
    for (const disk of this.#left(stop.disk, random, limit)) {
      const model = index === 0 ? stop.model : stop.model.afterPowerCut();
      await this.#recover(disk, model, random, depth, `${path}, state ${index}`, index === 0);
      index++;
    }
  }

  async #recover(
    disk: MemoryDisk,
    model: CrashModel,
    random: Random,
    depth: number,
    path: string,
    isKill: boolean,
  ): Promise<void> {
    const hash = disk.fullHash();
    const key = `${hash} ${model.key}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#distinct.add(hash);
    this.report.distinct = this.#distinct.size;
    this.report.states++;
    if (depth > 1) this.report.nested++;
    if (isKill) this.report.kills++;
    this.#note(key);
    // Recovery never reads temporary files: where they alone differ from a state that was recovered from, a look at the
    // log will do.
    const like = `${disk.fullHash(TEMPORARY)} ${model.key}`;
    if (this.#recovered.has(like)) return await this.#look(disk, model, isKill, path);
    this.#recovered.add(like);
    const isStopped = depth < MAX_DEPTH && random.chance(depth === 1 ? 0.15 : 0.05);
    const calls = isStopped ? random.between(1, 2) : depth < MAX_DEPTH || random.chance(0.5) ? 1 : 0;
    const plan = {
      calls,
      depth,
      path: `${path}, recovery ${depth}`,
      stops: isStopped,
      isSynced: !isKill,
    };
    const { stops } = await this.#session(disk.fork(), model.copy(), random, plan);
    for (const each of stops)
      await this.#crash(each, random, depth + 1, `${plan.path}, at ${describe(each.call)}`, FEWER_SUBSETS);
  }

  async #look(disk: MemoryDisk, model: CrashModel, isKill: boolean, path: string): Promise<void> {
    this.report.looks++;
    const fork = disk.fork();
    mount(fork);
    try {
      await new CrashSession(model.copy(), this.#chance, this.report).look(!isKill);
    } catch (cause) {
      throw new Violation(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }

  /**
   * First the disk of a process that was killed; then those after a power cut: every subset of the pending names, or some
   * of very many, and for each file with unsynced bytes nothing, all, zeros, and tears.
   */
  #left(disk: MemoryDisk, random: Random, limit: number): MemoryDisk[] {
    const names = disk.pendingNames;
    const files = disk.pendingFiles;
    const left = [disk.fork()];
    const losses = (): Loss[] => Array.from({ length: files }, () => randomLoss(random));
    const cut = (keepsName: (index: number) => boolean, loss: readonly Loss[]) =>
      left.push(disk.cut({ keepsName, loss: (index) => loss[index] }));
    for (const loss of ["none", "all", "zeros"] as const) {
      cut(() => true, Array(files).fill(loss));
      if (files === 0) break;
    }
    for (let i = 0; i < Math.min(TEARS, files * TEARS); i++) cut(() => true, losses());
    if (2 ** names <= limit) {
      for (let set = 0; set < 2 ** names - 1; set++) cut((index) => ((set >> index) & 1) === 1, losses());
      return left;
    }
    cut(() => false, losses());
    for (let tries = 0; tries < limit / 4; tries++) {
      const only = random.below(names);
      cut((index) => index === only, losses());
      cut((index) => index !== only, losses());
      const bits = [random.u32(), random.u32()];
      cut((index) => ((bits[(index >> 5) & 1] >> (index & 31)) & 1) === 1, losses());
    }
    return left;
  }

  /** The same history with a system call that fails: once, or it and every change after it. */
  async #faults(start: Stop, seed: number, random: Random, plan: Plan, callCount: number): Promise<void> {
    const every = this.report.histories % 32 === 1;
    for (let point = 0; point < callCount; point++) {
      if (this.#isDone) return;
      if (!every && !random.chance(8 / callCount)) continue;
      const code = random.pick(CODES);
      const fromThenOn = random.chance(0.3);
      const effect = random.pick(["none", "none", "some", "all"] as const);
      const forgets = random.chance(0.5);
      const fault = (call: Call, index: number): Failure | undefined => {
        if (index < point || (index > point && !(fromThenOn && isChange(call.name)))) return undefined;
        return failure(call.name, code, effect, forgets);
      };
      this.report.faults++;
      const path = `${plan.path}, ${code} ${fromThenOn ? "from" : "at"} call ${point}, effect ${effect}${forgets ? ", forgets" : ""}`;
      const { stops } = await this.#session(start.disk.fork(), start.model.copy(), new Random(seed), {
        ...plan,
        isPassing: !fromThenOn,
        path,
        fault,
      });
      for (let i = 0; i < 3; i++) {
        const stop = i === 0 ? stops.at(-1)! : random.pick(stops);
        await this.#crash(stop, random, 1, `${path}, at ${describe(stop.call)}`, FEWER_SUBSETS);
      }
    }
  }

  #note(text: string): void {
    let trace = this.#trace;
    for (let i = 0; i < text.length; i++) trace = Math.imul(trace ^ text.charCodeAt(i), 0x01000193) ^ (trace >>> 13);
    this.#trace = trace;
  }
}

/** Only what the call can fail with: a read has no room to run out of, and only opening runs out of descriptors. */
function failure(name: CallName, code: string, effect: Failure["effect"], forgets: boolean): Failure {
  const opens = name === "create" || name === "open" || name === "openFolder";
  const grows = name === "create" || name === "mkdir" || name === "write" || name === "link" || name === "rename";
  const fits = code === "EMFILE" ? opens : code === "EIO" || grows || name === "sync" || name === "close";
  if (!fits) return { code: "EIO", effect: "none" };
  if (name === "write") return { code, effect: effect === "all" ? "some" : effect };
  if (name === "sync") return { code, effect, forgets };
  if (!isChange(name) || name === "create") return { code, effect: "none" };
  // A change of names that was made all the same: over NFS the answer can be lost.
  const isMade = effect === "all" && (name === "syncFolder" || code === "EIO");
  return { code, effect: isMade ? "all" : "none" };
}

function randomLoss(random: Random): Loss {
  switch (random.below(5)) {
    case 0:
      return "none";
    case 1:
      return "all";
    case 2:
      return "zeros";
    case 3: {
      const end = random.below(8);
      return { kept: (sector) => sector < end, filler: 0 };
    }
    default: {
      const bits = random.u32();
      return { kept: (sector) => ((bits >> (sector & 31)) & 1) === 1, filler: random.pick([0, 0x5a]) };
    }
  }
}

/** The disk once all that was pending has been written. */
const allKept = (disk: MemoryDisk) => disk.cut({ keepsName: () => true, loss: () => "none" });

const describe = (call: Call | undefined) => (call ? `${call.name} ${call.path}` : "the end");
