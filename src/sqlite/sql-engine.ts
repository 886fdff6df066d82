/**
 * SQLite's C interface: open, prepare, step, columns. wa-sqlite's own JavaScript layer is not used, since it makes every
 * row a promise and adds a method to `BigInt` for the whole process.
 */
import { Closed, InvalidArgument, ReadOnly } from "../core/errors.js";
import { startSqlite, type WaSqlite } from "./sql-module.js";
import { DATABASE_PATH, SnapshotVfs } from "./vfs.js";
import type { SyncPages } from "./vfs-files.js";

const OK = 0;
const READONLY = 8;
const CORRUPT = 11;
const NOTADB = 26;
const ROW = 100;
const DONE = 101;
/** The snapshot opens read-only all the same; what is attached from `:memory:` can be written. */
const OPEN_READWRITE = 0x2;
/**
 * Where this build differs from the `sqlite3` program: string literals in double quotes, in statements and in the schema
 * (else a database with one in a view or an index would not open), and 15 digits where a REAL becomes text, as in every
 * release before 3.53 (an index over such text would not match its table).
 */
const DB_CONFIG = [
  { option: 1013, value: 1 }, // SQLITE_DBCONFIG_DQS_DML
  { option: 1014, value: 1 }, // SQLITE_DBCONFIG_DQS_DDL
  { option: 1023, value: 15 }, // SQLITE_DBCONFIG_FP_DIGITS
];

export const INTEGER = 1;
export const REAL = 2;
export const TEXT = 3;
export const BLOB = 4;
export const NULL = 5;

/** One open database, with a module and a memory of its own: two databases cannot disturb each other. */
export class SqlEngine {
  readonly #module: WaSqlite;
  readonly #vfs: SnapshotVfs;
  #db: number;

  static async open(pages: SyncPages): Promise<SqlEngine> {
    return new SqlEngine(await startSqlite(), pages);
  }

  private constructor(module: WaSqlite, pages: SyncPages) {
    this.#module = module;
    this.#vfs = new SnapshotVfs(pages);
    module._sqlite3_initialize();
    this.#vfs.register(module);
    this.#db = this.#withText(DATABASE_PATH, (name) =>
      this.#withWords(1, (out) => {
        const status = module._sqlite3_open_v2(name, out, OPEN_READWRITE, 0);
        this.#db = module.getValue(out, "*");
        this.#check(status);
        return this.#db;
      }),
    );
    module._sqlite3_extended_result_codes(this.#db, 1);
    module._RegisterExtensionFunctions(this.#db);
    for (const { option, value } of DB_CONFIG) {
      this.#withWords(2, (varargs) => {
        module.setValue(varargs, value, "i32");
        module.setValue(varargs + 4, 0, "i32");
        this.#check(module._sqlite3_db_config(this.#db, option, varargs));
      });
    }
  }

  /** Each statement of `sql` in turn, prepared when the one before it has been run; finalized by its end or the caller's. */
  *statements(sql: string): Generator<Statement> {
    const module = this.#module;
    if (sql.includes("\0")) throw new InvalidArgument("SQL: the text holds a NUL character; take it out");
    const text = this.#allocateText(sql);
    const out = module._malloc(8);
    try {
      let next = text;
      while (module.HEAPU8[next] !== 0) {
        this.#checkOpen();
        this.#check(module._sqlite3_prepare_v3(this.#db, next, -1, 0, out, out + 4));
        const pointer = module.getValue(out, "*");
        next = module.getValue(out + 4, "*");
        if (pointer === 0) continue; // a comment, or nothing but white space
        const statement = new Statement(this, module, pointer);
        try {
          if (module._sqlite3_bind_parameter_count(pointer) > 0) {
            throw new InvalidArgument(
              "SQL: a statement has parameters (?, :name), which sql does not take; write the values out",
            );
          }
          yield statement;
        } finally {
          module._sqlite3_finalize(pointer);
        }
      }
    } finally {
      module._free(text);
      module._free(out);
    }
  }

  /** Runs `statement` to its next row; false at its end. */
  step(pointer: number): boolean {
    this.#checkOpen();
    const status = this.#module._sqlite3_step(pointer);
    if (status !== ROW && status !== DONE) this.#check(status);
    return status === ROW;
  }

  close(): void {
    if (this.#db !== 0) this.#module._sqlite3_close_v2(this.#db);
    this.#db = 0;
  }

  #checkOpen(): void {
    if (this.#db === 0) throw new Closed("SQL: the database was closed; call openSql again");
  }

  /** Throws the typed error for a failed call: the store's own where reading a page failed, else what SQLite says. */
  #check(status: number): void {
    const kept = this.#vfs.takeError();
    if (status === OK) return;
    if (kept !== undefined) throw kept;
    const message = this.#module.UTF8ToString(this.#module._sqlite3_errmsg(this.#db));
    switch (status & 0xff) {
      case READONLY:
        throw new ReadOnly(`SQL: ${message}: a snapshot cannot be written; restore it and write to the restored file`);
      case NOTADB:
        throw new InvalidArgument(
          `SQL: ${message}: the volume does not hold a SQLite database at this LSN; "palimpsest read" gives its pages`,
        );
      case CORRUPT:
        throw new InvalidArgument(
          `SQL: ${message}: the pages are as they were committed, but no sound SQLite database; try another LSN, ` +
            `or restore it and run sqlite3's ".recover"`,
        );
      default:
        throw new InvalidArgument(`SQL: ${message}`);
    }
  }

  #allocateText(text: string): number {
    const bytes = new TextEncoder().encode(`${text}\0`);
    const pointer = this.#module._malloc(bytes.length);
    this.#module.HEAPU8.set(bytes, pointer);
    return pointer;
  }

  #withText<T>(text: string, use: (pointer: number) => T): T {
    const pointer = this.#allocateText(text);
    try {
      return use(pointer);
    } finally {
      this.#module._free(pointer);
    }
  }

  #withWords<T>(count: number, use: (pointer: number) => T): T {
    const pointer = this.#module._malloc(4 * count);
    try {
      return use(pointer);
    } finally {
      this.#module._free(pointer);
    }
  }
}

/** One prepared statement. Cells are those of the row that the last `step` gave. */
export class Statement {
  readonly columns: readonly string[];
  readonly #engine: SqlEngine;
  readonly #module: WaSqlite;
  readonly #pointer: number;

  constructor(engine: SqlEngine, module: WaSqlite, pointer: number) {
    this.#engine = engine;
    this.#module = module;
    this.#pointer = pointer;
    this.columns = Array.from({ length: module._sqlite3_column_count(pointer) }, (_, column) =>
      module.UTF8ToString(module._sqlite3_column_name(pointer, column)),
    );
  }

  step(): boolean {
    return this.#engine.step(this.#pointer);
  }

  /** `INTEGER`, `REAL`, `TEXT`, `BLOB` or `NULL`. Ask before anything else of the cell. */
  type(column: number): number {
    return this.#module._sqlite3_column_type(this.#pointer, column);
  }

  number(column: number): number {
    return this.#module._sqlite3_column_double(this.#pointer, column);
  }

  /** The bytes of a BLOB, or of any other cell as UTF-8 text: the caller's copy. */
  bytes(column: number): Uint8Array {
    const module = this.#module;
    const pointer =
      this.type(column) === BLOB
        ? module._sqlite3_column_blob(this.#pointer, column)
        : module._sqlite3_column_text(this.#pointer, column);
    return module.HEAPU8.slice(pointer, pointer + module._sqlite3_column_bytes(this.#pointer, column));
  }

  text(column: number): string {
    return decoder.decode(this.bytes(column));
  }
}

/** Invalid UTF-8 becomes U+FFFD; a leading byte order mark is data. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
