/**
 * Every error that the library throws. A class exists only where a caller would act differently; `code` says the same
 * for callers who cannot use `instanceof` (another realm, JSON). Messages name the thing, the place and the next step.
 */

export type ErrorCode =
  | "InvalidArgument"
  | "NotFound"
  | "Conflict"
  | "OutcomeUnknown"
  | "Unavailable"
  | "Corrupt"
  | "UnsupportedFormat"
  | "NotResident"
  | "ReadOnly"
  | "Truncated"
  | "NoSpace"
  | "Aborted"
  | "Closed";

/** The base of all of them. */
export class PalimpsestError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = code;
  }
}

/** The caller passed something that can never work: a wrong type, a number out of range, a page of the wrong length. */
export class InvalidArgument extends PalimpsestError {
  constructor(message: string, options?: ErrorOptions) {
    super("InvalidArgument", message, options);
  }
}

/** The store, volume, LSN or object that was asked for does not exist. */
export class NotFound extends PalimpsestError {
  constructor(message: string, options?: ErrorOptions) {
    super("NotFound", message, options);
  }
}

/** Another writer committed first. Nothing of this attempt is visible; read again and commit on top of `winningLsn`. */
export class Conflict extends PalimpsestError {
  /** The newest LSN of the volume when the attempt lost, or 0 where the conflict is not about an LSN. */
  readonly winningLsn: number;

  constructor(message: string, winningLsn: number, options?: ErrorOptions) {
    super("Conflict", message, options);
    this.winningLsn = winningLsn;
  }
}

/** Names one attempt to commit: enough to ask later what became of it. Plain data, safe to store as JSON. */
export interface Attempt {
  /** The volume's id, 36 characters. */
  readonly volume: string;
  /** The log position that the attempt's record was written to. */
  readonly record: number;
  /** The attempt's nonce, 32 hexadecimal digits. */
  readonly nonce: string;
}

/** The store did not say whether the commit was applied. `volume.resolve(attempt)` finds out. */
export class OutcomeUnknown extends PalimpsestError {
  readonly attempt: Attempt;

  constructor(message: string, attempt: Attempt, options?: ErrorOptions) {
    super("OutcomeUnknown", message, options);
    this.attempt = attempt;
  }
}

/** The storage failed in a way that may pass; `cause` keeps its own error. Trying again is safe. */
export class Unavailable extends PalimpsestError {
  /** Where the storage asked to be left alone for so long (`Retry-After`). Declared, so that it is no field where it is not known. */
  declare readonly retryAfterMs?: number;

  constructor(message: string, options?: ErrorOptions & { readonly retryAfterMs?: number | undefined }) {
    super("Unavailable", message, options);
    if (options?.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}

/** Where a stored object is not what its checksum, its spec or the log says. */
export interface CorruptPlace {
  /** The object: a key of the store, a file's path, or `segment <id>` where bytes came without a name. */
  readonly key: string;
  /** Where in the object, in bytes from its beginning. */
  readonly byteOffset: number;
  readonly expected: string;
  readonly actual: string;
}

/** Stored bytes are damaged. Never reported as an absent page. */
export class Corrupt extends PalimpsestError implements CorruptPlace {
  readonly key: string;
  readonly byteOffset: number;
  readonly expected: string;
  readonly actual: string;

  constructor(what: string, place: CorruptPlace, options?: ErrorOptions) {
    super(
      "Corrupt",
      `${what}: ${place.key}, byte ${place.byteOffset}: expected ${place.expected}, found ${place.actual}. ` +
        `Restore the object from a copy; "palimpsest verify" lists everything that is damaged.`,
      options,
    );
    this.key = place.key;
    this.byteOffset = place.byteOffset;
    this.expected = place.expected;
    this.actual = place.actual;
  }
}

/** The bytes are of a format version or need a feature that this release does not know. */
export class UnsupportedFormat extends PalimpsestError {
  constructor(message: string, options?: ErrorOptions) {
    super("UnsupportedFormat", message, options);
  }
}

/** A synchronous call would have needed I/O that the storage cannot do in place. Use the async call. */
export class NotResident extends PalimpsestError {
  constructor(message: string, options?: ErrorOptions) {
    super("NotResident", message, options);
  }
}

/** The store cannot be written: opened over HTTP, or the folder or file system does not allow it. */
export class ReadOnly extends PalimpsestError {
  constructor(message: string, options?: ErrorOptions) {
    super("ReadOnly", message, options);
  }
}

/** The LSN lies below the volume's cutoff: its history was forgotten by a truncation. */
export class Truncated extends PalimpsestError {
  readonly oldestLsn: number;

  constructor(message: string, oldestLsn: number, options?: ErrorOptions) {
    super("Truncated", message, options);
    this.oldestLsn = oldestLsn;
  }
}

/** The disk, the quota or the memory limit is full. */
export class NoSpace extends PalimpsestError {
  constructor(message: string, options?: ErrorOptions) {
    super("NoSpace", message, options);
  }
}

/** The caller's `AbortSignal` fired; its reason is the `cause`. */
export class Aborted extends PalimpsestError {
  constructor(message: string, options?: ErrorOptions) {
    super("Aborted", message, options);
  }
}

/** The store, snapshot or segment was closed before the call. */
export class Closed extends PalimpsestError {
  constructor(message: string, options?: ErrorOptions) {
    super("Closed", message, options);
  }
}

/** Throws `Aborted` when `signal` has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new Aborted(`${what} was aborted`, { cause: signal.reason });
}
