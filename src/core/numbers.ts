/**
 * Branded numbers, so that an offset, an LSN and an rLSN cannot change places inside the library, and the checks that
 * make them from a caller's plain numbers.
 */
import { InvalidArgument } from "./errors.js";

declare const brand: unique symbol;
/** A page's position in its volume, in pages: 0 to `MAX_OFFSET`. */
export type Offset = number & { readonly [brand]: "Offset" };
/** A volume's commit number: 1 and up, a safe integer. */
export type Lsn = number & { readonly [brand]: "Lsn" };
/** An LSN relative to the base that the commit log gives a volume in a segment: 0 to `MAX_RLSN`. */
export type Rlsn = number & { readonly [brand]: "Rlsn" };

/** The largest offset, 2^32 - 2, so that page counts fit 32 bits. */
export const MAX_OFFSET = 0xffff_fffe;
/** The largest page count, 2^32 - 1. */
export const MAX_PAGE_COUNT = 0xffff_ffff;
export const MAX_RLSN = 0xffff_ffff;
export const MIN_PAGE_SIZE = 512;
export const MAX_PAGE_SIZE = 65536;
export const DEFAULT_PAGE_SIZE = 4096;

const isWholeUpTo = (value: unknown, max: number): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max;

export function toOffset(value: number): Offset {
  if (!isWholeUpTo(value, MAX_OFFSET)) {
    throw new InvalidArgument(`offset ${String(value)}: must be a whole number of pages from 0 to ${MAX_OFFSET}`);
  }
  return value as Offset;
}

export function toLsn(value: number): Lsn {
  if (!isWholeUpTo(value, Number.MAX_SAFE_INTEGER) || value === 0) {
    throw new InvalidArgument(`LSN ${String(value)}: must be a whole number from 1 (LSNs count a volume's commits)`);
  }
  return value as Lsn;
}

export function toRlsn(value: number): Rlsn {
  if (!isWholeUpTo(value, MAX_RLSN)) {
    throw new InvalidArgument(`rLSN ${String(value)}: must be a whole number from 0 to ${MAX_RLSN}`);
  }
  return value as Rlsn;
}

export function toPageCount(value: number): number {
  if (!isWholeUpTo(value, MAX_PAGE_COUNT)) {
    throw new InvalidArgument(`page count ${String(value)}: must be a whole number from 0 to ${MAX_PAGE_COUNT}`);
  }
  return value;
}

export function isPageSize(value: number): boolean {
  return Number.isInteger(value) && value >= MIN_PAGE_SIZE && value <= MAX_PAGE_SIZE && (value & (value - 1)) === 0;
}

export function toPageSize(value: number): number {
  if (!isPageSize(value)) {
    throw new InvalidArgument(
      `page size ${String(value)}: must be a power of two from ${MIN_PAGE_SIZE} to ${MAX_PAGE_SIZE}`,
    );
  }
  return value;
}
