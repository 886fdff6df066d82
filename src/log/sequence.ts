/**
 * Reading the sequences of put-if-absent keys. They have no gaps, so the first absent number is the end, and the newest is
 * found by steps that grow and narrow; no listing. What may be the end is asked for as such (`probing`), and several keys at once.
 */
import { Unavailable } from "../core/errors.js";
import type { CallOptions, ObjectStore } from "../io/object-store.js";

/** No number of a sequence is this large, whatever a store shows. */
const END = Number.MAX_SAFE_INTEGER;
const MAX_WINDOW = 64;
/** By how much a window grows for those who may be far behind: fewer rounds. */
export const CATCHING_UP = 4;
/**
 * And for those who looked not long ago and find little, since what is asked for beyond the end is for nothing: sixteen writers
 * that race send a fifth fewer requests.
 */
export const FOLLOWING = 2;

/** The objects from number `from` on, until one is absent. A window of keys is read in parallel, and grows from one. */
export async function* readOnward(
  objects: ObjectStore,
  keyOf: (number: number) => string,
  from: number,
  growth: typeof CATCHING_UP | typeof FOLLOWING,
  options?: CallOptions,
): AsyncGenerator<{ number: number; bytes: Uint8Array }> {
  const probing = { ...options, probing: true };
  for (let number = from, window = 1; number < END; window = Math.min(growth * window, MAX_WINDOW)) {
    const count = Math.min(window, END - number);
    const reads: Promise<Uint8Array | undefined>[] = [];
    for (let i = 0; i < count; i++) reads.push(objects.get(keyOf(number + i), probing));
    for (const bytes of await Promise.all(reads)) {
      if (bytes === undefined) return;
      yield { number: number++, bytes };
    }
  }
}

/** So many numbers are asked for at once on the way to the newest, a few bytes of each. */
const PROBES = 8;
const PROBE_BYTES = 32;

/**
 * The newest object with a number of at least `from`, or `undefined` where there is none.
 *
 * @param end No number is this large.
 */
export async function readNewest(
  objects: ObjectStore,
  keyOf: (number: number) => string,
  from: number,
  options?: CallOptions,
  end = END,
): Promise<{ number: number; bytes: Uint8Array } | undefined> {
  const probing = { ...options, probing: true };
  const first = from < end ? await objects.get(keyOf(from), probing) : undefined;
  if (first === undefined) return undefined;
  let present = from;
  let absent = end;
  for (let step = 1; present + 1 < absent; step *= 2 ** PROBES) {
    const ahead = absent === end ? beyond(present, step).filter((number) => number < end) : [];
    const numbers = ahead.length > 0 ? ahead : between(present, absent);
    const found = await Promise.all(numbers.map((number) => objects.getRange(keyOf(number), 0, PROBE_BYTES, probing)));
    // One may have appeared while those before it were asked for: the first absent one counts.
    const gap = found.indexOf(undefined);
    if (gap !== 0) present = numbers[(gap < 0 ? numbers.length : gap) - 1];
    if (gap >= 0) absent = numbers[gap];
  }
  if (present === from) return { number: from, bytes: first };
  const bytes = await objects.get(keyOf(present), options);
  if (bytes !== undefined) return { number: present, bytes };
  throw new Unavailable(
    `${objects.url} had ${keyOf(present)} a moment ago, and now says that it is absent. Try again.`,
  );
}

/** Numbers above `present` at distances that double. */
const beyond = (present: number, step: number): number[] =>
  Array.from({ length: PROBES }, (_, i) => present + step * 2 ** i);

/** Numbers between two, evenly spread. */
function between(present: number, absent: number): number[] {
  const count = Math.min(PROBES, absent - present - 1);
  return Array.from({ length: count }, (_, i) => present + Math.ceil(((i + 1) * (absent - present)) / (count + 1)));
}
