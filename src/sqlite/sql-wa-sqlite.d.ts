/** The part of wa-sqlite's Emscripten module that `sql-engine.ts` calls. Pointers are byte positions in `HEAPU8`. */
declare module "@journeyapps/wa-sqlite/dist/wa-sqlite.mjs" {
  export interface WaSqlite {
    /** The module's memory. A new array whenever the memory grows: never keep it over a call. */
    readonly HEAPU8: Uint8Array;
    UTF8ToString(pointer: number): string;
    getValue(pointer: number, type: "*" | "i32"): number;
    setValue(pointer: number, value: number, type: "*" | "i32"): void;
    vfs_register(vfs: object, makeDefault: boolean): number;
    _sqlite3_initialize(): number;
    _RegisterExtensionFunctions(db: number): void;
    _malloc(sizeBytes: number): number;
    _free(pointer: number): void;
    _sqlite3_open_v2(name: number, dbOut: number, flags: number, vfsName: number): number;
    _sqlite3_close_v2(db: number): number;
    _sqlite3_db_config(db: number, option: number, varargs: number): number;
    _sqlite3_extended_result_codes(db: number, on: number): number;
    _sqlite3_errmsg(db: number): number;
    _sqlite3_prepare_v3(db: number, sql: number, size: number, flags: number, stmtOut: number, tailOut: number): number;
    _sqlite3_finalize(stmt: number): number;
    _sqlite3_step(stmt: number): number;
    _sqlite3_bind_parameter_count(stmt: number): number;
    _sqlite3_column_count(stmt: number): number;
    _sqlite3_column_name(stmt: number, column: number): number;
    _sqlite3_column_type(stmt: number, column: number): number;
    _sqlite3_column_double(stmt: number, column: number): number;
    _sqlite3_column_text(stmt: number, column: number): number;
    _sqlite3_column_blob(stmt: number, column: number): number;
    _sqlite3_column_bytes(stmt: number, column: number): number;
  }

  export default function factory(options: {
    readonly wasmBinary: Uint8Array;
    readonly print?: (line: string) => void;
    readonly printErr?: (line: string) => void;
  }): Promise<WaSqlite>;
}
