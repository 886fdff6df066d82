/**
 * The peers' packages. They are installed in this folder and nowhere else, so neither the build nor the types of the
 * project know them: they are looked for when the suite runs, and the few calls that it makes are declared here.
 */
import { createRequire } from "node:module";

/** This file's folder and that of the bundle it becomes part of are equally deep. */
const require = createRequire(new URL("../../bench/peers/package.json", import.meta.url));

export const INSTALL_COMMAND = "npm ci --prefix bench/peers";

export const packageNames = ["lmdb", "better-sqlite3", "classic-level"] as const;
export type PackageName = (typeof packageNames)[number];

export function isInstalled(name: PackageName): boolean {
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}

export function versionOf(name: PackageName): string {
  return (require(`./node_modules/${name}/package.json`) as { version: string }).version;
}

type Bytes = Uint8Array<ArrayBufferLike>;

export interface LmdbDatabase<Key> {
  putSync(key: Key, value: Bytes, options?: { append: boolean }): void;
  transactionSync(work: () => void): void;
  getBinaryFast(key: Key): Bytes | undefined;
  getRange(options: { start: Key; limit?: number }): Iterable<{ key: Key; value: Bytes }>;
  close(): Promise<void>;
}

export interface Lmdb {
  open<Key>(options: object): LmdbDatabase<Key>;
}

export interface SqliteStatement {
  run(...values: unknown[]): unknown;
  get(...values: unknown[]): unknown;
  pluck(): SqliteStatement;
}

export interface SqliteDatabase {
  pragma(text: string): unknown;
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

export type Sqlite = new (file: string, options?: { readonly: boolean }) => SqliteDatabase;

export interface LevelIterator {
  seek(key: Bytes): void;
  next(): Promise<[key: Buffer, value: Buffer] | undefined>;
  close(): Promise<void>;
}

export interface LevelDatabase {
  open(): Promise<void>;
  batch(operations: { type: "put"; key: Bytes; value: Bytes }[]): Promise<void>;
  compactRange(from: Bytes, to: Bytes): Promise<void>;
  getSync(key: Bytes): Bytes | undefined;
  iterator(options: { fillCache: boolean }): LevelIterator;
  close(): Promise<void>;
}

export interface Level {
  readonly ClassicLevel: new (folder: string, options: object) => LevelDatabase;
}

interface Packages {
  lmdb: Lmdb;
  "better-sqlite3": Sqlite;
  "classic-level": Level;
}

export function load<Name extends PackageName>(name: Name): Packages[Name] {
  return require(name) as Packages[Name];
}
