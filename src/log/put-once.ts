/**
 * Putting one object of a sequence and finding out what became of it. The answer to a PUT can be lost while the PUT was
 * applied, so nothing but the bytes at the key says who won: "exists" alone is not a defeat, and an error is not a failure.
 */
import { Closed, InvalidArgument, NoSpace, ReadOnly, Unavailable } from "../core/errors.js";
import { type BackoffPolicy, DEFAULT_BACKOFF, delayAfter, sleep } from "../io/backoff.js";
import type { ObjectStore } from "../io/object-store.js";

export type PutOutcome =
  | { readonly status: "ours" }
  /** Another's object is at the key: these bytes. */
  | { readonly status: "lost"; readonly bytes: Uint8Array }
  | { readonly status: "unknown"; readonly cause: unknown };

/** These say that nothing was written, once the key was read and found absent. */
const isRefusal = (error: unknown) =>
  error instanceof NoSpace || error instanceof ReadOnly || error instanceof Closed || error instanceof InvalidArgument;

/**
 * Takes no signal: from the moment the bytes are on their way, the attempt ends by its outcome.
 *
 * @param isOurs Whether the object found at the key is this attempt's. May throw `Corrupt`.
 * @param policy How often the object is put, and how long to wait in between: by default as the store says.
 * @throws NoSpace, ReadOnly: refused, and nothing is at the key.
 */
export async function putOnce(
  objects: ObjectStore,
  key: string,
  bytes: Uint8Array,
  isOurs: (found: Uint8Array) => boolean,
  policy: BackoffPolicy = objects.backoff ?? DEFAULT_BACKOFF,
): Promise<PutOutcome> {
  let mayLand = false;
  for (let tries = 1; ; tries++) {
    let error: unknown;
    try {
      if ((await objects.putIfAbsent(key, bytes)) === "created") return { status: "ours" };
    } catch (thrown) {
      error = thrown;
    }
    let found: Uint8Array | undefined;
    try {
      found = await objects.get(key);
    } catch (thrown) {
      return { status: "unknown", cause: thrown };
    }
    if (found !== undefined) return isOurs(found) ? { status: "ours" } : { status: "lost", bytes: found };
    // A copy that an earlier try sent may still be on its way.
    if (isRefusal(error) && mayLand) return { status: "unknown", cause: error };
    if (isRefusal(error)) throw error;
    mayLand = true;
    // A collector took what was there, or the storage was wrong for a moment.
    error ??= new Unavailable(`${objects.url} said that ${key} exists, and then that it does not`);
    const delayMs = delayAfter(tries, error, policy);
    if (delayMs === undefined) return { status: "unknown", cause: error };
    await sleep(delayMs, `putting ${key}`);
    // Absent when it was read, though the first PUT may still land: the same bytes again can only make the same commit.
  }
}
