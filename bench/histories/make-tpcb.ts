/**
 * The history `tpcb`: the transactions of TPC-B (an account, its teller and its branch change, and a line goes into the
 * history table), as `pgbench` runs them, on 100,000 accounts. The long one: more LSNs than a u16 can tell apart.
 */
import { join } from "node:path";
import { Random } from "../../test/helpers/random.js";
import { LiveDatabase } from "../../test/helpers/sqlite-history.js";
import { Recorder } from "./recorder.js";
import type { Trace } from "./trace.js";

const ACCOUNTS = 100_000;
const TELLERS = 10;
const TRANSACTIONS = 70_000;
/** Transactions between two resets of the WAL. */
const CHUNK = 5000;

const SCHEMA = `
  CREATE TABLE branches(bid INTEGER PRIMARY KEY, bbalance INT, filler CHAR(88));
  CREATE TABLE tellers(tid INTEGER PRIMARY KEY, bid INT, tbalance INT, filler CHAR(84));
  CREATE TABLE accounts(aid INTEGER PRIMARY KEY, bid INT, abalance INT, filler CHAR(84));
  CREATE TABLE history(tid INT, bid INT, aid INT, delta INT, mtime TEXT, filler CHAR(22));
  INSERT INTO branches VALUES (1, 0, printf('%88s', ''));
  INSERT INTO tellers SELECT value, 1, 0, printf('%84s', '') FROM generate_series(1, ${TELLERS});
  INSERT INTO accounts SELECT value, 1, 0, printf('%84s', '') FROM generate_series(1, ${ACCOUNTS});
  PRAGMA wal_checkpoint(TRUNCATE);`;

function transaction(random: Random, i: number): string {
  const aid = 1 + random.below(ACCOUNTS);
  const tid = 1 + random.below(TELLERS);
  const delta = random.between(-5000, 5000);
  const time = new Date(Date.UTC(2026, 0, 1) + i * 1000).toISOString();
  return `BEGIN;
    UPDATE accounts SET abalance = abalance + ${delta} WHERE aid = ${aid};
    UPDATE tellers SET tbalance = tbalance + ${delta} WHERE tid = ${tid};
    UPDATE branches SET bbalance = bbalance + ${delta} WHERE bid = 1;
    INSERT INTO history VALUES (${tid}, 1, ${aid}, ${delta}, '${time}', printf('%22s', ''));
    COMMIT;`;
}

export async function makeTpcb(folder: string): Promise<Trace> {
  const random = new Random(1);
  const live = new LiveDatabase(join(folder, "tpcb.db"));
  await live.useWal(4096);
  await live.run(SCHEMA);
  const recorder = new Recorder();
  for (let from = 0; from < TRANSACTIONS; from += CHUNK) {
    await live.run(Array.from({ length: CHUNK }, (_, i) => transaction(random, from + i)).join("\n"));
    await recorder.recordAndReset(live);
  }
  await live.close();
  return recorder.trace;
}
