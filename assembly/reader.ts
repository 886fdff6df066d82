// Readers on other threads: the part of the core that only the build with shared memory has. The owner (the host that
// loads and evicts) runs every other call; a reader runs these, in an instance of its own over the same memory.
//
// A reader has a mailbox, given to it by the owner, at the beginning of a cache line:
//
//     0  pin        u32  odd while the reader reads (src/probe/readers.ts): raised by one at each beginning and end
//    64  offsets    u32  for each query of a batch
//        found      u32  for each query of a batch
//
// A volume has a cell: a u32, the address of its table. What a reader finds from there while its pin is odd stays as it is
// until the pin is raised: the owner takes it out of the reader's way first, and reuses its memory after.
import { NEEDS_LOAD, NOT_RESIDENT, resolveOne } from "./resolve";

/** Queries in one batch of a reader. */
const READER_BATCH: u32 = 256;

const OFFSETS_AT: u32 = 64;
const FOUND_AT: u32 = OFFSETS_AT + READER_BATCH * 4;
const MAILBOX_BYTES: u32 = FOUND_AT + READER_BATCH * 4;

// In a table (resolve.ts).
const NEWEST_LSN: u32 = 8;
const OLDEST_LSN: u32 = 16;

/** Begins to read: returns the volume's table, or 0. An atomic load after an atomic store: neither can pass the other. */
// @ts-ignore: decorator
@inline
function pin(mailbox: u32, cell: u32): u32 {
  atomic.store<u32>(mailbox, load<u32>(mailbox) + 1);
  return atomic.load<u32>(cell);
}

// @ts-ignore: decorator
@inline
function isInReach(table: u32, lsn: f64): bool {
  return table != 0 && lsn <= load<f64>(table, NEWEST_LSN) && lsn >= load<f64>(table, OLDEST_LSN);
}

/** Ends what began with a call that left the reader pinned. */
export function unpin(mailbox: u32): void {
  atomic.store<u32>(mailbox, load<u32>(mailbox) + 1);
}

/**
 * The address of the page that a reader of `offset` at `lsn` sees: the reader is left pinned. Or, without a pin, `ABSENT`,
 * `NOT_RESIDENT`, or `NEEDS_LOAD`, also for an LSN that the owner has not published.
 */
export function readerResolve(mailbox: u32, cell: u32, offset: u32, lsn: f64): u32 {
  const table = pin(mailbox, cell);
  const found = isInReach(table, lsn) ? resolveOne(table, offset, lsn, 0) : NEEDS_LOAD;
  if (found <= NOT_RESIDENT) unpin(mailbox);
  return found;
}

/** `readerResolve` of the mailbox's first `count` offsets, an answer for each. Leaves the reader pinned. */
export function readerResolveMany(mailbox: u32, cell: u32, count: u32, lsn: f64): void {
  const table = pin(mailbox, cell);
  const reached = isInReach(table, lsn);
  const offsets = mailbox + OFFSETS_AT;
  const found = mailbox + FOUND_AT;
  for (let i: u32 = 0; i < count; i++) {
    const offset = load<u32>(offsets + (i << 2));
    store<u32>(found + (i << 2), reached ? resolveOne(table, offset, lsn, 0) : NEEDS_LOAD);
  }
}

/** The newest LSN of the volume that the owner has published, 0 where it has not. */
export function readerNewestLsn(mailbox: u32, cell: u32): f64 {
  const table = pin(mailbox, cell);
  const lsn = table == 0 ? 0 : load<f64>(table, NEWEST_LSN);
  unpin(mailbox);
  return lsn;
}

export function readerBatch(): u32 {
  return READER_BATCH;
}
export function mailboxBytes(): u32 {
  return MAILBOX_BYTES;
}
export function mailboxOffsetsAt(): u32 {
  return OFFSETS_AT;
}
export function mailboxFoundAt(): u32 {
  return FOUND_AT;
}
