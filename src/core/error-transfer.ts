/** Errors as plain data, for messages between threads: a structured clone keeps neither their class nor their fields. */
import {
  Aborted,
  Closed,
  Conflict,
  Corrupt,
  type ErrorCode,
  InvalidArgument,
  NoSpace,
  NotFound,
  NotResident,
  OutcomeUnknown,
  PalimpsestError,
  ReadOnly,
  Truncated,
  Unavailable,
  UnsupportedFormat,
} from "./errors.js";

export interface PlainError {
  /** `undefined` where it was none of ours. */
  readonly code: ErrorCode | undefined;
  readonly message: string;
  /** In words. */
  readonly cause: string | undefined;
  /** What the class adds. */
  readonly fields: Readonly<Record<string, unknown>>;
}

const CLASSES: Record<ErrorCode, { prototype: PalimpsestError }> = {
  Aborted,
  Closed,
  Conflict,
  Corrupt,
  InvalidArgument,
  NoSpace,
  NotFound,
  NotResident,
  OutcomeUnknown,
  ReadOnly,
  Truncated,
  Unavailable,
  UnsupportedFormat,
};

export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof PalimpsestError)) {
    return { code: undefined, message: String(error), cause: undefined, fields: {} };
  }
  const { code, name, ...fields } = error;
  const cause = error.cause === undefined ? undefined : String(error.cause);
  return { code, message: error.message, cause, fields };
}

export function fromPlainError({ code, message, cause, fields }: PlainError): Error {
  if (code === undefined) return new Error(message);
  // As the class's own constructor would, which takes other arguments in each.
  const error = Reflect.construct(PalimpsestError, [code, message, { cause }], CLASSES[code] as never);
  return Object.assign(error, fields);
}
