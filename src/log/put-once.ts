/**
 * Putting one object of a sequence and finding out what became of it. The answer to a PUT can be lost while the PUT was
 * applied, so nothing but the bytes at the key says who won: "exists" alone is not a defeat, and an error is not a failure.
 */
import { Closed, Corrupt, InvalidArgument, NoSpace, ReadOnly, Unavailable, UnsupportedFormat } from "../core/errors.js";
import { compareBytes } from "../core/ids.js";
import { type BackoffPolicy, DEFAULT_BACKOFF, delayAfter, sleep } from "../io/backoff.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";

export type PutOutcome =
  | { readonly status: "ours" }
  /** Another's object is at the key: these bytes. */
  | { readonly status: "lost"; readonly bytes: Uint8Array }
  | { readonly status: "unknown"; readonly cause: unknown };

/** These say that nothing was written, once the key was read and found absent. */
const isRefusal = (error: unknown) =>
  error instanceof NoSpace || error instanceof ReadOnly || error instanceof Closed || error instanceof InvalidArgument;

/**
 * Puts the object of a sequence. Takes no signal: from the moment the bytes are on their way, the attempt ends by its outcome.
 *
 * @param isOurs Whether the object found at the key is this attempt's. May throw `Corrupt`: then the outcome is unknown.
 * @param policy How often the object is put, and how long to wait in between: by default as the store says.
 * @throws NoSpace, ReadOnly: refused, and nothing is at the key.
 */
export function putOnce(
  objects: ObjectStore,
  key: string,
  bytes: Uint8Array,
  isOurs: (found: Uint8Array) => boolean,
  policy: BackoffPolicy = policyOf(objects),
): Promise<PutOutcome> {
  return put(objects, key, bytes, isOurs, policy);
}

const policyOf = (objects: ObjectStore): BackoffPolicy => objects.backoff ?? DEFAULT_BACKOFF;

/**
 * Puts an object whose key only its writer knows, until it is there. "exists" does not say so: a storage may give that answer
 * while a PUT of the key is merely under way, and an object that something will name must be durable before.
 *
 * @throws what the storage threw; then the object may be there, and nothing names it. Corrupt where it is another.
 */
export async function putOwn(
  objects: ObjectStore,
  key: string,
  bytes: Uint8Array,
  options?: CallOptions,
): Promise<void> {
  const isOurs = (found: Uint8Array) => compareBytes(found, bytes) === 0;
  const outcome = await put(objects, key, bytes, isOurs, policyOf(objects), options);
  if (outcome.status === "unknown") throw outcome.cause;
  if (outcome.status === "ours") return;
  const [expected, actual] = [`these ${bytes.length} bytes`, `${outcome.bytes.length} others`];
  throw new Corrupt("object that was just put", { key, byteOffset: 0, expected, actual });
}

/** What lies at the key, `undefined` where nothing does. An answer that was cut short is asked for once more. */
async function readBack(
  objects: ObjectStore,
  key: string,
  isOurs: (found: Uint8Array) => boolean,
  options?: CallOptions,
): Promise<PutOutcome | undefined> {
  for (const refresh of [false, true]) {
    const found = await objects.get(key, { ...options, refresh, lasting: true });
    try {
      if (found === undefined) return undefined;
      return isOurs(found) ? { status: "ours" } : { status: "lost", bytes: found };
    } catch (error) {
      if (refresh || !(error instanceof Corrupt)) throw error;
    }
  }
  return undefined;
}

async function put(
  objects: ObjectStore,
  key: string,
  bytes: Uint8Array,
  isOurs: (found: Uint8Array) => boolean,
  policy: BackoffPolicy,
  options?: CallOptions,
): Promise<PutOutcome> {
  let mayLand = false;
  for (let tries = 1; ; tries++) {
    let error: unknown;
    try {
      if ((await objects.putIfAbsent(key, bytes, options)) === "created") return { status: "ours" };
    } catch (thrown) {
      error = thrown;
    }
    try {
      const outcome = await readBack(objects, key, isOurs, options);
      if (outcome) return outcome;
    } catch (cause) {
      // The object is of a version that is not known here: whoever wrote it, it was not this attempt.
      if (cause instanceof UnsupportedFormat) throw cause;
      return { status: "unknown", cause };
    }
    // A copy that an earlier try sent may still be on its way.
    if (isRefusal(error) && mayLand) return { status: "unknown", cause: error };
    if (isRefusal(error)) throw error;
    mayLand = true;
    // A collector took what was there, or the storage was wrong for a moment.
    error ??= new Unavailable(`${objects.url} said that ${key} exists, and then that it does not`);
    const delayMs = delayAfter(tries, error, policy);
    if (delayMs === undefined) return { status: "unknown", cause: error };
    await sleep(delayMs, `putting ${key}`, options?.signal);
    // Absent when it was read, though the first PUT may still land: the same bytes again can only make the same commit.
  }
}
