/**
 * Runs a campaign, in which most errors are meant to be, with errors that carry no stack: taking one costs more than the call that
 * fails. What it lets through has to say by its message alone where it comes from, and by its seed how to run it again.
 *
 * @param run Synchronous or not: stacks are back when it has ended.
 */
export function withoutStacks<T>(run: () => T): T {
  const { stackTraceLimit } = Error;
  const restore = () => {
    Error.stackTraceLimit = stackTraceLimit;
  };
  Error.stackTraceLimit = 0;
  let result: T | undefined;
  try {
    result = run();
    return result instanceof Promise ? (result.finally(restore) as T) : result;
  } finally {
    if (!(result instanceof Promise)) restore();
  }
}
