/**
 * Reading the sequences of put-if-absent keys. They have no gaps, so the first absent number is the end, and the newest is
 * found by doubling steps; no listing.
 */
import type { CallOptions, ObjectStore } from "../io/object-store.js";

const MAX_WINDOW = 64;

/**
 * The objects from number `from` on, until one is absent. A window of keys is read in parallel and doubles, since one
 * object that is there makes more of them likely.
 */
export async function* readOnward(
  objects: ObjectStore,
  keyOf: (number: number) => string,
  from: number,
  firstWindow: number,
  options?: CallOptions,
): AsyncGenerator<{ number: number; bytes: Uint8Array }> {
  for (let number = from, window = firstWindow; ; window = Math.min(2 * window, MAX_WINDOW)) {
    const reads = Array.from({ length: window }, (_, i) => objects.get(keyOf(number + i), options));
    for (const bytes of await Promise.all(reads)) {
      if (bytes === undefined) return;
      yield { number: number++, bytes };
    }
  }
}

/** The newest object with a number of at least `from`, or `undefined` where there is none. */
export async function readNewest(
  objects: ObjectStore,
  keyOf: (number: number) => string,
  from: number,
  options?: CallOptions,
): Promise<{ number: number; bytes: Uint8Array } | undefined> {
  let bytes = await objects.get(keyOf(from), options);
  if (bytes === undefined) return undefined;
  let number = from;
  let absent = Number.POSITIVE_INFINITY;
  for (let step = 1; number + 1 < absent; ) {
    const next = Number.isFinite(absent) ? Math.floor((number + absent) / 2) : number + step;
    const found = await objects.get(keyOf(next), options);
    if (found === undefined) {
      absent = next;
    } else {
      bytes = found;
      number = next;
      step *= 2;
    }
  }
  return { number, bytes };
}
