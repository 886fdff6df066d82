/** SQL at an LSN: queries on a snapshot of a SQLite database, read page by page from the store, without restoring it. */

import { InvalidArgument, throwIfAborted } from "../core/errors.js";
import type { Snapshot } from "../store/snapshot.js";
import type { CallOptions } from "../store/types.js";
import { BLOB, INTEGER, NULL, REAL, SqlEngine, type Statement } from "./sql-engine.js";
import type { SyncPages } from "./vfs-files.js";

/** An INTEGER is a `bigint` where a `number` could not hold it exactly. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** What one statement gave. A statement that gives no columns, like `CREATE TEMP TABLE`, has no result. */
export interface SqlResult {
  readonly columns: readonly string[];
  readonly rows: SqlValue[][];
}

/**
 * Opens the SQLite database that `snapshot` holds. Queries run on the caller's thread and block it. `close` it after use.
 *
 * @throws NotResident where the storage cannot read in place (`file:` and `memory:` can), and what reading a page throws.
 */
export function openSql(snapshot: Snapshot): Promise<Sql> {
  return openSqlOn({
    pageSize: snapshot.volume.pageSize,
    pageCount: snapshot.pageCount,
    readPageIntoSync: (offset, target) => snapshot.readPageIntoSync(offset, target),
  });
}

/** `openSql` on pages from anywhere. */
export async function openSqlOn(pages: SyncPages): Promise<Sql> {
  return new Sql(await SqlEngine.open(pages));
}

export class Sql {
  readonly #engine: SqlEngine;

  /** Made by `openSql`. */
  constructor(engine: SqlEngine) {
    this.#engine = engine;
  }

  /**
   * Runs every statement of `sql` and returns all results. `signal` is looked at between rows.
   * @throws InvalidArgument for wrong SQL, ReadOnly for a write, and whatever reading a page throws.
   */
  query(sql: string, options: CallOptions = {}): SqlResult[] {
    const results: SqlResult[] = [];
    for (const statement of this.statements(sql)) {
      const rows: SqlValue[][] = [];
      while (statement.step()) {
        throwIfAborted(options.signal, "the query");
        rows.push(statement.columns.map((_, column) => cellValue(statement, column)));
      }
      if (statement.columns.length > 0) results.push({ columns: statement.columns, rows });
    }
    return results;
  }

  /** The statements of `sql` one by one, for results too large to hold: step each to its end before asking for the next. */
  *statements(sql: string): Generator<Statement> {
    let count = 0;
    for (const statement of this.#engine.statements(sql)) {
      count++;
      yield statement;
    }
    if (count === 0) throw new InvalidArgument('SQL: there is no statement; write one, like "select 1"');
  }

  close(): void {
    this.#engine.close();
  }
}

function cellValue(statement: Statement, column: number): SqlValue {
  switch (statement.type(column)) {
    case NULL:
      return null;
    case REAL:
      return statement.number(column);
    case BLOB:
      return statement.bytes(column);
    case INTEGER: {
      const value = statement.number(column);
      return Number.isSafeInteger(value) ? value : BigInt(statement.text(column));
    }
    default:
      return statement.text(column);
  }
}
