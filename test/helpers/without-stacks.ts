/**
 * Runs `action` with errors that carry no stack, as those of a campaign, which are many and which nobody reads. What it lets
 * through has to say by its message alone where it comes from.
 */
export function withoutStacks<T>(action: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return action();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
