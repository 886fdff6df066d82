/** What an operating system's error means to a caller of the file store, and what to do about it. */
import { NoSpace, ReadOnly, Unavailable } from "../core/errors.js";

/** The name of a system error such as "ENOENT"; `undefined` for any other value. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

/** A failed read. Absence (ENOENT) is no failure and is settled before. What no system call threw is given back. */
export function readFailure(error: unknown, path: string): unknown {
  const options = { cause: error };
  switch (systemCode(error)) {
    case "EACCES":
    case "EPERM":
      return new Unavailable(
        `reading ${path}: permission denied. Let this user read it, or run as one who may`,
        options,
      );
    default:
      return commonFailure(error, `reading ${path}`);
  }
}

/** A failed write, of which nothing is visible unless it is `Unavailable`. */
export function writeFailure(error: unknown, path: string): unknown {
  const options = { cause: error };
  switch (systemCode(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return new NoSpace(`writing ${path}: the disk or the quota is full. Free some space and try again`, options);
    case "EACCES":
    case "EPERM":
      return new ReadOnly(
        `writing ${path}: permission denied. Let this user write to the store's folder, or use another folder`,
        options,
      );
    case "EROFS":
      return new ReadOnly(
        `writing ${path}: the file system is mounted read-only. Remount it, or use another folder`,
        options,
      );
    default:
      return commonFailure(error, `writing ${path}`);
  }
}

function commonFailure(error: unknown, what: string): unknown {
  const code = systemCode(error);
  const options = { cause: error };
  if (!(error instanceof Error) || !("syscall" in error)) return error;
  if (code === "EMFILE" || code === "ENFILE") {
    return new Unavailable(`${what}: too many files are open. Raise the limit (ulimit -n) or try again`, options);
  }
  return new Unavailable(`${what} failed (${error.message}). Try again; if it goes on, look at the disk`, options);
}
