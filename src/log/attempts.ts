/** What a run of records says of one of them: which attempt it was, and the LSNs that it took. */
import type { Leaf } from "../format/manifest-leaf.js";

export interface DecidedRecord {
  /** 32 hexadecimal digits. */
  readonly nonce: string;
  readonly firstLsn: number;
  /** One less than `firstLsn` where it took none. */
  readonly lastLsn: number;
}

/** `undefined` where the leaf does not hold the record's nonce. */
export function decidedIn(leaf: Leaf, record: number): DecidedRecord | undefined {
  let lastLsn = leaf.firstLsn + leaf.times.length - 1;
  for (let i = leaf.attempts.length - 1, k = leaf.firstRecord + leaf.recordCount - 1; i >= 0; i--, k--) {
    const { nonce, lsnCount } = leaf.attempts[i];
    if (k === record) return { nonce, firstLsn: lastLsn - lsnCount + 1, lastLsn };
    lastLsn -= lsnCount;
  }
  return undefined;
}
