/** Checks a promise that our own code makes. Bytes and arguments from outside never reach it: they get typed errors. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`palimpsest bug: ${message}`);
}
