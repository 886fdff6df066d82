/** What can be wrong with an index, by the status that both probes give. The numbers are those of assembly/memory.ts. */
import { Corrupt } from "../core/errors.js";

export const BAD_CHECKSUM = 1;
export const BAD_VOLUME_TABLE = 2;
export const BAD_BLOCK = 3;
export const BAD_OFFSETS = 4;
export const BAD_COUNTS = 5;
export const BAD_RLSNS = 6;
export const BAD_LENGTH = 7;

const PROBLEMS: Record<number, readonly [what: string, expected: string, actual: string]> = {
  [BAD_CHECKSUM]: ["segment head damaged", "the head's XXH64", "another sum"],
  [BAD_VOLUME_TABLE]: ["bad volume table", "ascending volume ids", "another order, or too few bytes"],
  [BAD_BLOCK]: ["bad index block", "parameters that the spec allows, and their payload", "others"],
  [BAD_OFFSETS]: ["bad offset set", "ascending offsets within the span", "other bits"],
  [BAD_COUNTS]: ["bad version counts", "a version or more for each offset", "other bits"],
  [BAD_RLSNS]: ["bad rLSNs", "ascending rLSNs for each offset", "other bits"],
  [BAD_LENGTH]: ["bad index length", "blocks that fill the index and count every page", "more or fewer"],
};

/** The error for `status`, found at `byteOffset` of the segment that `key` names. */
export function indexProblem(status: number, byteOffset: number, key: string): Corrupt {
  const [what, expected, actual] = PROBLEMS[status];
  return new Corrupt(what, { key, byteOffset, expected, actual });
}
