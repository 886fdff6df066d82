/** What a test of a failed request asks of the error: its class, its words, and that it gives no secret away. */
import { inspect } from "node:util";
import { expect } from "vitest";
import type { PalimpsestError } from "../../src/core/errors.js";

export type ErrorClass = new (...args: never[]) => PalimpsestError;

/** The error that `promise` ends with; a test fails where it does not. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.fail(`expected an error, got ${inspect(value).slice(0, 200)}`),
    (error) => error,
  );
}

/** Everything that somebody may see of a value: messages, stacks, causes, properties shown and hidden. */
export function everythingShown(value: unknown): string {
  const seen = [inspect(value, { depth: 12, showHidden: true, maxArrayLength: 1000, maxStringLength: 100_000 })];
  try {
    seen.push(JSON.stringify(value));
  } catch {
    // It refers to itself; `inspect` has shown it.
  }
  for (let at: unknown = value, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    seen.push(String(at), at.message, at.stack ?? "");
  }
  return seen.join("\n");
}

export function expectNoSecrets(value: unknown, secrets: readonly string[]): void {
  const shown = everythingShown(value);
  for (const secret of secrets) {
    for (const form of [secret, encodeURIComponent(secret)]) {
      if (shown.includes(form)) expect.fail(`"${form}" is given away in: ${shown.slice(0, 2000)}`);
    }
  }
}
