/**
 * An object store that fails as real ones do, where a plan says so: before the call has any effect, after it was
 * applied (the answer is lost), late, or by giving back fewer bytes, other bytes, or nothing.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Unavailable } from "../../src/core/errors.js";
import type { CallOptions, ObjectStore, RangeOptions, SyncReads } from "../../src/io/object-store.js";
import type { Operation } from "./counting-store.js";

/**
 * `fail`: no effect. `lose-answer`: applied, then reported as failed. `late`: reported as failed, and applied some time
 * after that. The last three are of reads alone.
 */
export type Fault = "fail" | "lose-answer" | "late" | "delay" | "short" | "corrupt" | "absent";

/** Says what happens to the `index`-th call (from 0) of the store. */
export type FaultPlan = (call: { operation: Operation; key: string; index: number }) => Fault | undefined;

export const WRITES: readonly Operation[] = ["put", "putIfAbsent", "delete"];

/** Each call fails with `probability`, in one of the ways of `faults` that fit it. `random` gives fractions in [0, 1). */
export function randomFaults(random: () => number, probability: number, faults: readonly Fault[]): FaultPlan {
  const fits = (fault: Fault, isWrite: boolean) =>
    fault === "fail" || fault === "delay" || (fault === "late" || fault === "lose-answer") === isWrite;
  return ({ operation }) => {
    const fitting = faults.filter((fault) => fits(fault, WRITES.includes(operation)));
    const hit = random() < probability;
    const choice = Math.floor(random() * fitting.length);
    return hit ? fitting[choice] : undefined;
  };
}

export class FaultStore implements ObjectStore {
  readonly inner: ObjectStore;
  readonly sync?: SyncReads;
  /** Exchange it at any time: `() => undefined` ends the faults. */
  plan: FaultPlan;
  /** Calls made so far, and how many of them were hit. */
  calls = 0;
  hits = 0;
  readonly #late: Promise<unknown>[] = [];

  constructor(inner: ObjectStore, plan: FaultPlan) {
    this.inner = inner;
    this.plan = plan;
    const { sync } = inner;
    if (sync === undefined) return;
    this.sync = {
      get: (key) => this.#damage(this.#plan("syncGet", key), sync.get(key)),
      readRange: (key, start, target) => {
        const fault = this.#plan("syncReadRange", key);
        const count = sync.readRange(key, start, target);
        if (count <= 0) return count;
        const damaged = this.#damage(fault, target.slice(0, count));
        if (damaged === undefined) return -1;
        target.set(damaged);
        return damaged.length;
      },
    };
  }

  get url() {
    return this.inner.url;
  }

  get stats() {
    return this.inner.stats;
  }

  async get(key: string, options?: CallOptions) {
    const fault = await this.#start("get", key);
    return this.#damage(fault, await this.inner.get(key, options));
  }

  async getRange(key: string, start: number, length: number, options?: RangeOptions) {
    const fault = await this.#start("getRange", key);
    const damaged = this.#damage(fault, await this.inner.getRange(key, start, length, options));
    if (damaged === undefined || options?.into === undefined) return damaged;
    options.into.set(damaged);
    return options.into.subarray(0, damaged.length);
  }

  put(key: string, bytes: Uint8Array, options?: CallOptions) {
    return this.#change("put", key, () => this.inner.put(key, bytes, options));
  }

  putIfAbsent(key: string, bytes: Uint8Array, options?: CallOptions) {
    return this.#change("putIfAbsent", key, () => this.inner.putIfAbsent(key, bytes, options));
  }

  delete(key: string, options?: CallOptions) {
    return this.#change("delete", key, () => this.inner.delete(key, options));
  }

  async *list(prefix: string, options?: CallOptions) {
    await this.#start("list", prefix);
    yield* this.inner.list(prefix, options);
  }

  checkWritable(options?: CallOptions) {
    return this.inner.checkWritable(options);
  }

  close() {
    return this.inner.close();
  }

  /** When every late request has arrived. */
  async settled(): Promise<void> {
    await Promise.all(this.#late);
  }

  #plan(operation: Operation, key: string): Fault | undefined {
    const fault = this.plan({ operation, key, index: this.calls++ });
    if (fault !== undefined) this.hits++;
    if (fault === "fail") throw new Unavailable(`injected: ${operation} ${key} failed`);
    return fault;
  }

  async #start(operation: Operation, key: string): Promise<Fault | undefined> {
    const fault = this.#plan(operation, key);
    if (fault === "delay") await sleep(2);
    return fault;
  }

  async #change<T>(operation: Operation, key: string, apply: () => Promise<T>): Promise<T> {
    const fault = await this.#start(operation, key);
    if (fault === "late") {
      this.#late.push(sleep(2 + (this.calls % 5)).then(apply));
      throw new Unavailable(`injected: ${operation} ${key} timed out`);
    }
    const answer = await apply();
    if (fault === "lose-answer") throw new Unavailable(`injected: the answer to ${operation} ${key} was lost`);
    return answer;
  }

  #damage(fault: Fault | undefined, bytes: Uint8Array | undefined): Uint8Array | undefined {
    if (bytes === undefined || fault === "absent") return undefined;
    if (fault === "short") return bytes.slice(0, bytes.length >> 1);
    if (fault === "corrupt" && bytes.length > 0) {
      const damaged = bytes.slice();
      damaged[(this.calls * 7919) % damaged.length] ^= 1 << (this.calls % 8);
      return damaged;
    }
    return bytes;
  }
}
