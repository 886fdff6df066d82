/**
 * What a key may look like, checked by every store that turns one into a path or a URL. `src/log/keys.ts` makes no
 * others; this is the second lock on the door: no `..`, no empty or overlong part, nothing that a file system folds
 * (capitals), reserves (a leading dot is for the store's own temporary files) or decodes.
 */
import { InvalidArgument } from "../core/errors.js";

const MAX_KEY_LENGTH = 512;
const MAX_PART_LENGTH = 128;
const PART = `[a-z0-9_-][a-z0-9._-]{0,${MAX_PART_LENGTH - 1}}`;
const ONE_PART = new RegExp(`^${PART}$`);
const PARTS = new RegExp(`^${PART}(?:/${PART})*$`);

/** Whether `part` may stand between two slashes of a key. */
export function isKeyPart(part: string): boolean {
  return ONE_PART.test(part);
}

/** @throws InvalidArgument unless `key` is `/`-separated parts of lower-case letters, digits, `.`, `_` and `-`. */
export function checkKey(key: string): void {
  if (typeof key !== "string" || key.length > MAX_KEY_LENGTH || !PARTS.test(key)) refuse("key", key);
}

/** @throws InvalidArgument unless `prefix` is the beginning of some key; empty for all. */
export function checkPrefix(prefix: string): void {
  if (prefix === "") return;
  const parts = typeof prefix === "string" ? prefix.split("/") : [""];
  const last = parts.pop()!;
  const whole = parts.every(isKeyPart) && (last === "" || isKeyPart(last));
  if (!whole || prefix.length > MAX_KEY_LENGTH) refuse("prefix", prefix);
}

/** @throws InvalidArgument unless both are whole numbers from 0 that a file position can be. */
export function checkRange(start: number, length: number): void {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(length) || start < 0 || length < 0) {
    throw new InvalidArgument(
      `range of ${String(length)} bytes from ${String(start)}: both must be whole numbers from 0`,
    );
  }
}

function refuse(what: string, value: unknown): never {
  throw new InvalidArgument(
    `object ${what} ${JSON.stringify(String(value).slice(0, 80))}: must be "/"-separated parts of a-z, 0-9, ".", "_" and "-", ` +
      `no part empty, beginning with a dot or over ${MAX_PART_LENGTH} characters, at most ${MAX_KEY_LENGTH} in all`,
  );
}
