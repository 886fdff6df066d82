/** What a command line may say: options, and the strict reading of numbers and times. Anything else is wrong usage. */
import { parseArgs } from "node:util";
import { isPageSize, MAX_OFFSET, MAX_PAGE_SIZE, MIN_PAGE_SIZE } from "../core/numbers.js";

/** The command line cannot be what was meant: exit code 2. */
export class UsageError extends Error {}

export interface OptionSpec {
  readonly type: "string" | "boolean";
  readonly short?: string;
}

export interface ParsedArguments {
  readonly positionals: readonly string[];
  /** The option's value, or `undefined` where it was not given. */
  text(option: string): string | undefined;
  flag(option: string): boolean;
}

/** @throws UsageError for an option that is not in `options`, given twice, or without its value. */
export function parseArguments(
  argv: readonly string[],
  options: Readonly<Record<string, OptionSpec>>,
): ParsedArguments {
  let parsed: ReturnType<typeof parseTokens>;
  try {
    parsed = parseTokens(argv, options);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const seen = new Set<string>();
  for (const token of parsed.tokens ?? []) {
    if (token.kind !== "option") continue;
    if (seen.has(token.name)) throw new UsageError(`--${token.name} is given twice`);
    seen.add(token.name);
  }
  return {
    positionals: parsed.positionals,
    text: (option) => parsed.values[option] as string | undefined,
    flag: (option) => parsed.values[option] === true,
  };
}

function parseTokens(argv: readonly string[], options: Readonly<Record<string, OptionSpec>>) {
  return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true, tokens: true });
}

/** Decimal digits alone: no sign, point, exponent, other base, or leading zero. */
export function parseWhole(what: string, text: string, min: number, max: number): number {
  const value = /^(0|[1-9][0-9]*)$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(`${what} ${JSON.stringify(text)}: must be a whole number from ${min} to ${max}`);
  }
  return value;
}

export const parseLsn = (text: string, what = "LSN") => parseWhole(what, text, 1, Number.MAX_SAFE_INTEGER);

export const parseOffset = (text: string) => parseWhole("offset", text, 0, MAX_OFFSET);

export function parsePageSize(text: string): number {
  const value = parseWhole("page size", text, MIN_PAGE_SIZE, MAX_PAGE_SIZE);
  if (!isPageSize(value)) {
    throw new UsageError(`page size ${value}: must be a power of two from ${MIN_PAGE_SIZE} to ${MAX_PAGE_SIZE}`);
  }
  return value;
}

const TIME = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})(:\d{2})?(\.\d{1,3})?Z$/;

/** ISO 8601 in UTC, to the minute, the second or the millisecond: `2026-03-01T12:00Z`, `2026-03-01T12:00:05.250Z`. */
export function parseTime(text: string): Date {
  const match = TIME.exec(text);
  const time = new Date(match === null ? Number.NaN : text);
  // A day that the month does not have would silently become one of the next month.
  if (match === null || Number.isNaN(time.getTime()) || !time.toISOString().startsWith(match[1])) {
    throw new UsageError(`time ${JSON.stringify(text)}: must be ISO 8601 in UTC, like 2026-03-01T12:00:00Z`);
  }
  return time;
}
