/**
 * A storage and several processes that use it, in which nothing happens until it is chosen: every request waits to be applied and
 * answered, every timer waits to fire, and whoever explores says what comes next. Answers can come late or never, requests can
 * be applied late or twice, a process can stop, and time stands still but when a timer fires or somebody lets it jump.
 *
 * A process's code runs in the real runtime. Only one thing is released at a time, and all that follows from it runs before the
 * next choice, so it is always known whose code is running, and a run is the same again for the same choices.
 */
import { Closed, NoSpace, type PalimpsestError, Unavailable } from "../../src/core/errors.js";
import { newIoStats, type ObjectInfo, type ObjectStore, type RangeOptions } from "../../src/io/object-store.js";
import { Random } from "../helpers/random.js";
import { type Host, installGlobals, quiescence } from "./virtual-globals.js";

export type Write = "put" | "putIfAbsent" | "delete";
export type Operation = "get" | "getRange" | "list" | Write;

const SHORT_MS = 60_000;

const isWrite = (operation: Operation): operation is Write =>
  operation === "put" || operation === "putIfAbsent" || operation === "delete";

type Answer =
  /** `hash` tells it from other contents. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array | undefined; readonly hash: number }
  | { readonly kind: "infos"; readonly infos: ObjectInfo[] }
  | { readonly kind: "created" | "exists" | "done" };

/** One request on its way. */
interface Request {
  /** Counted by its process. */
  readonly id: number;
  readonly process: Process;
  readonly operation: Operation;
  readonly key: string;
  readonly bytes: Uint8Array | undefined;
  readonly start: number;
  readonly length: number;
  /** Once it was applied while its answer is still on the way. */
  answer: Answer | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: PalimpsestError) => void;
}

/** A copy of a write that nobody waits for any more. It may still be applied, once. */
type Stray = Pick<Request, "operation" | "key" | "bytes" | "start" | "length">;

interface Timer {
  readonly id: number;
  readonly process: Process;
  readonly dueMs: number;
  readonly wake: () => void;
}

/** What a process does. Faults of the storage that it does not catch end it, as an error ends a program. */
export type Script = (objects: ObjectStore, process: Process) => Promise<void>;

export class Process {
  readonly name: string;
  readonly script: Script;
  readonly random: Random;
  /** How fast its clocks run. */
  readonly rate: number;
  status: "new" | "running" | "ended" | "crashed" = "new";
  /** By how much its wall clock was set. */
  wallShiftMs = 0;
  /** Of everything that it was ever told: with the same, it is in the same state. */
  history = 0;
  restarts = 0;
  /** Requests that it has sent. */
  sent = 0;
  /** Its requests are answered at once: before anything is explored. */
  isInstant = false;

  constructor(name: string, script: Script, random: Random, rate: number) {
    this.name = name;
    this.script = script;
    this.random = random;
    this.rate = rate;
  }

  learns(what: number | string): void {
    this.history = mix(this.history, typeof what === "number" ? what : hashText(what));
  }
}

/** What may come next. Plain data: many are made for each one that is taken. */
export interface Choice {
  readonly kind: /** A request is applied, unless it was, and answered. */
    | "go"
    /** A timer fires. */
    | "wake"
    /** A request is applied, and its answer is under way. */
    | "hold"
    /** A request fails; a write may still land. */
    | "lose"
    /** A write is applied, its answer is lost, and a copy of it may land, too. */
    | "apply-lose"
    /** A write is refused. */
    | "refuse"
    /** A copy of a write lands. */
    | "stray"
    | "crash"
    | "restart"
    | "jump"
    | "set-clock";
  /** Of a process's own doing, or of what is done to it. */
  readonly process: Process | undefined;
  /** Whether it is not the oldest thing that its process waits for. */
  readonly outOfOrder: boolean;
  readonly request?: Stray;
  /** Of an answer that was under way for as long as one likes. */
  readonly isLate?: boolean;
  readonly timer?: Timer;
  readonly ms?: number;
}

/** Told of every change that is applied. */
export interface Watcher {
  changed(
    operation: Write,
    key: string,
    bytes: Uint8Array | undefined,
    effect: boolean,
    before: Uint8Array | undefined,
  ): void;
}

export class World implements Host {
  readonly objects = new Map<string, Uint8Array>();
  readonly processes: Process[] = [];
  watcher: Watcher | undefined;
  /** Seconds pass only by choice. */
  timeMs = 1_000_000;
  /** Of everything that happened, in its order. */
  trace = 0;
  /** Requests that were sent. */
  requests = 0;
  #timers = 0;
  #pending: Request[] = [];
  #strays: Stray[] = [];
  #waiting: Timer[] = [];
  #current: Process | undefined;
  #objectsHash = 0;
  #objectsSum = 0;
  readonly #contentHashes = new Map<string, number>();
  /** For code that runs for no process. */
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  add(name: string, script: Script, { rate = 1 } = {}): Process {
    const process = new Process(name, script, new Random(hashText(name) ^ this.#random.seed), rate);
    this.processes.push(process);
    return process;
  }

  // --- Host

  monotonicMs(): number {
    return this.timeMs * (this.#current?.rate ?? 1);
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.monotonicMs() + (this.#current?.wallShiftMs ?? 0);
  }

  u32(): number {
    return (this.#current?.random ?? this.#random).u32();
  }

  setTimer(wake: () => void, delayMs: number): number {
    const process = this.#current!;
    const id = ++this.#timers;
    // The waits between two tries take no time: they are short against all that a clock decides.
    const waitMs = delayMs < SHORT_MS ? 0 : Math.ceil(delayMs / process.rate) + 1;
    this.#waiting.push({ id, process, dueMs: this.timeMs + waitMs, wake });
    return id;
  }

  clearTimer(timer: number): void {
    this.#waiting = this.#waiting.filter(({ id }) => id !== timer);
  }

  // --- running

  /** Runs `drive` with this world's time and chance in place of the real ones. */
  async inside<T>(drive: () => Promise<T>): Promise<T> {
    const restore = installGlobals(this);
    try {
      return await drive();
    } finally {
      restore();
    }
  }

  async start(process: Process): Promise<void> {
    await this.#as(process, () => this.#launch(process));
  }

  #launch(process: Process): void {
    process.status = "running";
    const { restarts } = process;
    const isStill = () => process.restarts === restarts && process.status === "running";
    process.script(this.storeOf(process), process).then(
      () => isStill() && this.#end(process, "ended"),
      (error: unknown) => isStill() && this.#end(process, "ended", error),
    );
  }

  /** What ended a process that was not an error of the storage: a failure of the run. */
  failure: unknown;

  #end(process: Process, status: "ended", error?: unknown): void {
    process.status = status;
    if (error !== undefined && !(error instanceof Unavailable || error instanceof NoSpace || error instanceof Closed)) {
      this.failure ??= error;
    }
  }

  async #as(process: Process | undefined, act: () => void): Promise<void> {
    this.#current = process;
    act();
    await quiescence();
    this.#current = undefined;
  }

  /** @returns what was done, in words. */
  async take(choice: Choice): Promise<string> {
    const words = inWords(choice);
    this.trace = mix(this.trace, hashText(words));
    await this.#as(choice.process, () => this.#do(choice));
    return words;
  }

  #do({ kind, process, request: stray, timer, ms = 0 }: Choice): void {
    const request = stray as Request;
    switch (kind) {
      case "go":
        this.#answer(request, request.answer ?? this.#apply(request));
        break;
      case "wake":
        this.#fire(timer!);
        break;
      case "hold":
        request.answer = this.#apply(request);
        break;
      case "lose":
        if (isWrite(request.operation)) this.#strays.push(request);
        this.#fail(request, new Unavailable(`the storage did not answer ${labelOf(request)}`));
        break;
      case "apply-lose":
        this.#apply(request);
        this.#strays.push(request);
        this.#fail(request, new Unavailable(`the storage did not answer ${labelOf(request)}`));
        break;
      case "refuse":
        this.#fail(request, new NoSpace("the storage is full"));
        break;
      case "stray":
        this.#strays.splice(this.#strays.indexOf(stray!), 1);
        this.#apply(stray!);
        break;
      case "crash":
        this.#crash(process!);
        break;
      case "restart":
        this.#launch(process!);
        break;
      case "jump":
        this.timeMs += ms;
        break;
      case "set-clock":
        process!.wallShiftMs += ms;
        break;
    }
  }

  /** Whether nobody waits for anything. Who has crashed may still start again. */
  get isOver(): boolean {
    return this.#pending.length === 0 && this.#waiting.length === 0;
  }

  /** Everything that may come next without a fault, in a fixed order. */
  steps(): Choice[] {
    const choices: Choice[] = [];
    for (const process of this.processes) {
      let outOfOrder = false;
      for (const request of this.#pending) {
        if (request.process !== process) continue;
        const isLate = request.answer !== undefined;
        choices.push({ kind: "go", process, outOfOrder: outOfOrder && !isLate, request, isLate });
        outOfOrder ||= !isLate;
      }
      for (const timer of this.#waiting) {
        if (timer.process !== process) continue;
        choices.push({ kind: "wake", process, outOfOrder, timer });
        outOfOrder = true;
      }
    }
    return choices;
  }

  /** Copies of writes that may still land. */
  strays(): Choice[] {
    return this.#strays.map((request) => ({ kind: "stray", process: undefined, outOfOrder: false, request }));
  }

  /** What may go wrong with requests. */
  faults(): Choice[] {
    const choices: Choice[] = [];
    for (const request of this.#pending) {
      if (request.answer) continue;
      const { process, operation } = request;
      const add = (kind: Choice["kind"]) => choices.push({ kind, process, outOfOrder: false, request });
      add("hold");
      add("lose");
      if (operation === "put" || operation === "putIfAbsent") add("refuse");
      if (isWrite(operation)) add("apply-lose");
    }
    return choices;
  }

  /** What may happen to whole processes. */
  accidents(): Choice[] {
    const choices: Choice[] = [];
    for (const process of this.processes) {
      if (process.status === "running") choices.push({ kind: "crash", process, outOfOrder: false });
      else if (process.status === "crashed") choices.push({ kind: "restart", process, outOfOrder: false });
    }
    return choices;
  }

  /** All that the future depends on, but for what is still allowed to go wrong. */
  stateHash(): string {
    let processes = 0;
    for (const { history, status, restarts, wallShiftMs } of this.processes) {
      processes = mix(processes, history);
      processes = mix(processes, hashText(status) + restarts);
      processes = mix(processes, wallShiftMs);
    }
    // In any order: those of one process are known by its history, but for how far they are.
    let open = 0;
    for (const { process, id, answer } of this.#pending) {
      open = (open + mix(mix(hashText(process.name), id), answer ? mix(1, hashAnswer(answer)) : 0)) | 0;
    }
    for (const { process, dueMs } of this.#waiting) open = (open + mix(hashText(process.name), dueMs)) | 0;
    // In any order: they are not one after another.
    let late = 0;
    for (const { operation, key, bytes } of this.#strays) {
      late = (late + mix(hashText(`${operation} ${key}`), bytes ? hashBytes(bytes) : 0)) | 0;
    }
    return `${this.#objectsHash}/${this.#objectsSum}/${processes}/${open}/${late}/${this.timeMs}`;
  }

  #answer(request: Request, answer: Answer): void {
    this.#forget(request);
    request.process.learns(mix(request.id, hashAnswer(answer)));
    request.process.learns(this.timeMs);
    request.resolve(answer);
  }

  #fail(request: Request, error: PalimpsestError): void {
    this.#forget(request);
    request.process.learns(mix(request.id, hashText(error.code)));
    request.process.learns(this.timeMs);
    request.reject(error);
  }

  #forget(request: Request): void {
    this.#pending = this.#pending.filter((other) => other !== request);
  }

  #fire(timer: Timer): void {
    this.timeMs = Math.max(this.timeMs, timer.dueMs);
    this.clearTimer(timer.id);
    timer.process.learns(this.timeMs);
    timer.wake();
  }

  /** Whatever it sent may land for ever after. */
  #crash(process: Process): void {
    process.status = "crashed";
    process.restarts++;
    for (const request of this.#pending) {
      if (request.process === process && !request.answer && isWrite(request.operation)) {
        this.#strays.push(request);
      }
    }
    this.#pending = this.#pending.filter((request) => request.process !== process);
    this.#waiting = this.#waiting.filter((timer) => timer.process !== process);
  }

  #apply({ operation, key, bytes, start, length }: Stray): Answer {
    const before = this.objects.get(key);
    switch (operation) {
      case "get":
        return { kind: "bytes", bytes: before?.slice(), hash: this.#contentHashes.get(key) ?? 0 };
      case "getRange":
        return { kind: "bytes", bytes: before?.slice(start, start + length), hash: this.#contentHashes.get(key) ?? 0 };
      case "list": {
        const keys = [...this.objects.keys()].filter((each) => each.startsWith(key)).sort();
        const infos = keys.map((each) => ({
          key: each,
          sizeBytes: this.objects.get(each)!.length,
          modifiedMs: this.timeMs,
        }));
        return { kind: "infos", infos };
      }
      case "putIfAbsent":
        if (before === undefined) this.#set(key, bytes);
        this.watcher?.changed(operation, key, bytes, before === undefined, before);
        return { kind: before === undefined ? "created" : "exists" };
      case "put":
        this.#set(key, bytes);
        this.watcher?.changed(operation, key, bytes, true, before);
        return { kind: "done" };
      case "delete":
        this.#set(key, undefined);
        this.watcher?.changed(operation, key, undefined, before !== undefined, before);
        return { kind: "done" };
    }
  }

  #set(key: string, bytes: Uint8Array | undefined): void {
    const old = this.#contentHashes.get(key) ?? 0;
    this.#objectsHash ^= old;
    this.#objectsSum = (this.#objectsSum - Math.imul(old, old)) | 0;
    this.#contentHashes.delete(key);
    this.objects.delete(key);
    if (bytes === undefined) return;
    const hash = mix(hashText(key), hashBytes(bytes));
    this.#objectsHash ^= hash;
    this.#objectsSum = (this.#objectsSum + Math.imul(hash, hash)) | 0;
    this.#contentHashes.set(key, hash);
    this.objects.set(key, bytes);
    this.trace = mix(this.trace, hash);
  }

  // --- what processes use

  /** The storage as one process sees it. */
  storeOf(process: Process): ObjectStore {
    const { restarts } = process;
    const send = <T>(
      operation: Operation,
      key: string,
      bytes: Uint8Array | undefined,
      take: (answer: Answer) => T,
      { start = 0, length = 0 } = {},
    ): Promise<T> => {
      // Nothing is sent by what a crash has left behind.
      if (process.restarts !== restarts) return new Promise(() => undefined);
      this.requests++;
      if (process.isInstant) {
        const answer = this.#apply({ operation, key, bytes: bytes && new Uint8Array(bytes), start, length });
        process.learns(hashAnswer(answer));
        return Promise.resolve(take(answer));
      }
      return new Promise<Answer>((resolve, reject) => {
        const id = ++process.sent;
        const copy = bytes && new Uint8Array(bytes);
        this.#pending.push({
          id,
          process,
          operation,
          key,
          bytes: copy,
          start,
          length,
          answer: undefined,
          resolve,
          reject,
        });
      }).then(take);
    };
    const bytesOf = (answer: Answer) => (answer.kind === "bytes" ? answer.bytes : undefined);
    return {
      url: "model:",
      stats: newIoStats(),
      get: (key) => send("get", key, undefined, bytesOf),
      getRange: (key: string, start: number, length: number, options?: RangeOptions) =>
        send("getRange", key, undefined, (answer) => into(bytesOf(answer), options), { start, length }),
      put: (key, bytes) => send("put", key, bytes, () => undefined),
      putIfAbsent: (key, bytes) =>
        send("putIfAbsent", key, bytes, ({ kind }) => (kind === "created" ? "created" : "exists")),
      delete: (key) => send("delete", key, undefined, () => undefined),
      async *list(prefix) {
        yield* await send("list", prefix, undefined, (answer) => (answer.kind === "infos" ? answer.infos : []));
      },
      checkWritable: async () => undefined,
      close: async () => undefined,
    };
  }

  /** The storage without any waiting, for whoever looks on from outside. */
  get direct(): ObjectStore {
    const get = (key: string) => this.objects.get(key)?.slice();
    const apply = (operation: Operation, key: string, bytes?: Uint8Array) =>
      this.#apply({ operation, key, bytes: bytes && new Uint8Array(bytes), start: 0, length: 0 });
    return {
      url: "model:",
      stats: newIoStats(),
      get: async (key) => get(key),
      getRange: async (key, start, length, options) => into(get(key)?.subarray(start, start + length), options),
      put: async (key, bytes) => void apply("put", key, bytes),
      putIfAbsent: async (key, bytes) => (apply("putIfAbsent", key, bytes).kind === "created" ? "created" : "exists"),
      delete: async (key) => void apply("delete", key),
      async *list(prefix) {
        const answer = apply("list", prefix);
        yield* answer.kind === "infos" ? answer.infos : [];
      },
      checkWritable: async () => undefined,
      close: async () => undefined,
    };
  }
}

function into(bytes: Uint8Array | undefined, options: RangeOptions | undefined): Uint8Array | undefined {
  if (!bytes || !options?.into) return bytes;
  options.into.set(bytes);
  return options.into.subarray(0, bytes.length);
}

const shortKeys = new Map<string, string>();

/** `l/2` is enough of `v/<vid>/l/0000000000000002`. */
function shortKey(key: string): string {
  let short = shortKeys.get(key);
  if (short === undefined) {
    short = key
      .replace(/^v\/[0-9a-f-]{36}\//, "")
      .replace(/^s\/[0-9a-f-]{36}/, "s")
      .replace(/\/0{4,}/, "/");
    if (shortKeys.size < 1 << 16) shortKeys.set(key, short);
  }
  return short;
}

const labelOf = ({ operation, key }: Pick<Request, "operation" | "key">): string => `${operation} ${shortKey(key)}`;

/** A choice, for whoever reads a counterexample. */
function inWords({ kind, process, request, ms = 0 }: Choice): string {
  const name = process?.name ?? "";
  const hours = `${Math.round(ms / 360_000) / 10} h`;
  switch (kind) {
    case "go":
      return `${name}: ${labelOf(request!)}${(request as Request).answer ? " is answered" : ""}`;
    case "wake":
      return `${name} wakes`;
    case "hold":
      return `${name}: ${labelOf(request!)} is applied, its answer under way`;
    case "lose":
      return `${name}: ${labelOf(request!)} fails, and may land late`;
    case "apply-lose":
      return `${name}: ${labelOf(request!)} is applied, its answer is lost, and it may land twice`;
    case "refuse":
      return `${name}: ${labelOf(request!)} is refused`;
    case "stray":
      return `${labelOf(request!)} lands late`;
    case "crash":
      return `${name} crashes`;
    case "restart":
      return `${name} starts again`;
    case "jump":
      return `${hours} pass`;
    case "set-clock":
      return `${name}'s wall clock is set by ${hours}`;
  }
}

export function mix(hash: number, value: number): number {
  let z = Math.imul(hash ^ (value | 0) ^ Math.floor(value / 2 ** 32), 0x9e3779b1);
  z = Math.imul(z ^ (z >>> 15), 0x85ebca6b) + 0x632be59b;
  return (z ^ (z >>> 13)) | 0;
}

const texts = new Map<string, number>();

export function hashText(text: string): number {
  let hash = texts.get(text);
  if (hash === undefined) {
    hash = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i));
    if (texts.size < 1 << 16) texts.set(text, hash);
  }
  return hash;
}

/** The envelope's checksum, in the first 32 bytes, is of all that follows; of a segment, the first bytes are its own alone. */
function hashBytes(bytes: Uint8Array): number {
  let hash = bytes.length;
  for (let i = 0; i < bytes.length && i < 32; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash;
}

function hashAnswer(answer: Answer): number {
  if (answer.kind === "bytes") return answer.hash;
  if (answer.kind === "infos") return answer.infos.reduce((hash, { key }) => mix(hash, hashText(key)), 2);
  return hashText(answer.kind);
}
