/**
 * wa-sqlite's Emscripten module, its synchronous build: SQLite's C functions over a memory of its own. The one file that
 * starts it. Pointers are byte positions in `HEAPU8`.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import start from "@journeyapps/wa-sqlite/dist/wa-sqlite.mjs";

/** The part of the module that is used here. */
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

/** Read once a process; compiled for each module, which takes 35 ms. */
let wasmBinary: Uint8Array | undefined;

/** A module of its own for each database: two of them cannot disturb each other. */
export async function startSqlite(): Promise<WaSqlite> {
  wasmBinary ??= readFileSync(createRequire(import.meta.url).resolve("@journeyapps/wa-sqlite/dist/wa-sqlite.wasm"));
  const quiet = () => {};
  return (await start({ wasmBinary, print: quiet, printErr: quiet })) as WaSqlite;
}
