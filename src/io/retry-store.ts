/**
 * An object store that sends a request again when it failed in a way that may pass (`Unavailable`), where sending it twice
 * is as good as once:
 *
 * - reads and lists, which change nothing;
 * - deletes: an absent object is no error, and no key is used a second time, so there is nothing newer to delete;
 * - `put`: only hints (`head`) and stubs of a sequence are put. A hint may be older than what it points at, so a first PUT
 *   that lands after the second, or after another writer's, is what readers expect anyway (spec/log.md, "Keys").
 *
 * Never `putIfAbsent`: after a lost answer the second PUT is told "exists" by its own first. Whoever puts a record reads back who
 * won (src/log/put-once.ts). Nor `checkWritable`, which is made of such calls.
 *
 * A retry costs a token of a budget that answered requests fill: a dead storage gets `SAVED_RETRIES` in all, and after that one
 * request for each call.
 */
import { throwIfAborted } from "../core/errors.js";
import { type BackoffPolicy, DEFAULT_BACKOFF, delayAfter, sleep } from "./backoff.js";
import { Budget } from "./budget.js";
import type { IoListener, IoOperation } from "./io-events.js";
import { notify } from "./notify.js";
import type { CallOptions, IoStats, ObjectInfo, ObjectStore, RangeOptions } from "./object-store.js";
import { StoreWrapper } from "./store-wrapper.js";

/** As the AWS SDKs have it: five answered requests earn a retry, a hundred retries can be saved up. */
const EARNED_RETRIES = 0.2;
const SAVED_RETRIES = 100;

export interface RetryOptions {
  /** What is not given is `DEFAULT_BACKOFF`'s. */
  readonly policy?: Partial<BackoffPolicy>;
  readonly onEvent?: IoListener | undefined;
}

export class RetryStore extends StoreWrapper {
  readonly #policy: BackoffPolicy;
  readonly #onEvent: IoListener | undefined;
  readonly #budget = new Budget(EARNED_RETRIES, SAVED_RETRIES, SAVED_RETRIES);
  #retries = 0;

  constructor(inner: ObjectStore, { policy, onEvent }: RetryOptions = {}) {
    super(inner);
    this.#policy = { ...DEFAULT_BACKOFF, ...policy };
    this.#onEvent = onEvent;
  }

  override get backoff(): BackoffPolicy {
    return this.#policy;
  }

  override get stats(): Readonly<IoStats> {
    const { stats } = this.inner;
    return { ...stats, retries: stats.retries + this.#retries };
  }

  override get(key: string, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.#insist("get", key, options, () => this.inner.get(key, options));
  }

  override getRange(
    key: string,
    start: number,
    length: number,
    options?: RangeOptions,
  ): Promise<Uint8Array | undefined> {
    return this.#insist("getRange", key, options, () => this.inner.getRange(key, start, length, options));
  }

  override put(key: string, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    return this.#insist("put", key, options, () => this.inner.put(key, bytes, options));
  }

  override delete(key: string, options?: CallOptions): Promise<void> {
    return this.#insist("delete", key, options, () => this.inner.delete(key, options));
  }

  /** A listing that failed half-way is begun again, and goes on behind the last key that it gave. */
  override async *list(prefix: string, options?: CallOptions): AsyncGenerator<ObjectInfo> {
    let last: string | undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        for await (const info of this.inner.list(prefix, options)) {
          if (last !== undefined && info.key <= last) continue;
          last = info.key;
          // It got further than before: what failed then did pass.
          attempt = 1;
          yield info;
        }
        return this.#budget.earn();
      } catch (error) {
        await this.#waitAfter(error, "list", prefix, attempt, options?.signal);
      }
    }
  }

  async #insist<T>(
    operation: IoOperation,
    key: string,
    options: CallOptions | undefined,
    request: () => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await request();
        this.#budget.earn();
        return answer;
      } catch (error) {
        await this.#waitAfter(error, operation, key, attempt, options?.signal);
      }
    }
  }

  /** Waits until it is time for the next request, or throws the error where there is to be none. */
  async #waitAfter(
    error: unknown,
    operation: IoOperation,
    key: string,
    attempt: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    throwIfAborted(signal, `${operation} ${key}`);
    const delayMs = delayAfter(attempt, error, this.#policy);
    if (delayMs === undefined || !this.#budget.spend()) throw error;
    notify(this.#onEvent, { type: "retry", operation, key, attempt, delayMs, error: "Unavailable" });
    await sleep(delayMs, `${operation} ${key}`, signal);
    this.#retries++;
  }
}
