/**
 * Real histories, made by the `sqlite3` program: one connection that stays open, so that its WAL stays too. Random
 * transactions insert, update, delete, change the schema, grow and shrink.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { runPython } from "./python.js";
import type { Random } from "./random.js";

/** A `sqlite3` process with a database open: an application that is running. */
export class LiveDatabase {
  readonly path: string;
  readonly #process: ChildProcess;
  #output = "";
  #errors = "";
  #marker = 0;
  #wake: () => void = () => {};

  constructor(path: string) {
    this.path = path;
    this.#process = spawn("sqlite3", ["-batch", path], { stdio: ["pipe", "pipe", "pipe"] });
    this.#process.stdin!.on("error", () => {});
    this.#process.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.#output += text;
      this.#wake();
    });
    this.#process.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#errors += text;
    });
    this.#process.on("close", () => this.#wake());
  }

  /** Runs statements and returns what they print. */
  async run(sql: string): Promise<string> {
    const mark = `-- mark ${++this.#marker} --\n`;
    this.#process.stdin!.write(`${sql}\n.print ${mark}`);
    while (!this.#output.endsWith(mark)) {
      if (this.#process.exitCode !== null) throw new Error(`sqlite3 ended: ${this.#errors}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const output = this.#output.slice(0, -mark.length);
    this.#output = "";
    if (this.#errors !== "") throw new Error(`sqlite3: ${this.#errors}`);
    return output;
  }

  /** Opens it in WAL mode, with the WAL left alone. */
  async useWal(pageSize: number, autoVacuum: "none" | "full" | "incremental" = "none"): Promise<void> {
    await this.run(
      `PRAGMA page_size=${pageSize}; PRAGMA auto_vacuum=${autoVacuum}; PRAGMA journal_mode=wal;
       PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=off;`,
    );
  }

  /** Copies the database and its WAL, as they are at this moment. */
  copyTo(path: string): void {
    copyDatabase(this.path, path);
  }

  /** Closes it as an application does: SQLite checkpoints and deletes the WAL. */
  async close(): Promise<void> {
    this.#process.stdin!.end();
    if (this.#process.exitCode === null) await once(this.#process, "close");
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, "close");
  }
}

/** Copies a database and, where there is one, its WAL. */
export function copyDatabase(from: string, to: string): void {
  copyFileSync(from, to);
  if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`);
}

const words = (random: Random, bytes: number) =>
  Array.from({ length: Math.ceil(bytes / 8) }, () =>
    random
      .below(2 ** 32)
      .toString(36)
      .padStart(8, "0"),
  ).join("");

/** SQL of one transaction on what the ones before it made; `i` counts them from 0. */
export function randomTransaction(random: Random, i: number, pageSize: number): string {
  if (i === 0) {
    return "BEGIN; CREATE TABLE item(id INTEGER PRIMARY KEY, name, body); CREATE INDEX item_name ON item(name); COMMIT;";
  }
  const rows = (count: number, bytes: number) =>
    Array.from({ length: count }, () => `('${words(random, 12)}','${words(random, 1 + random.below(bytes))}')`).join(
      ",",
    );
  const kind = random.below(100);
  if (kind < 45) return `INSERT INTO item(name, body) VALUES ${rows(1 + random.below(6), pageSize / 3)};`;
  if (kind < 70) {
    const modulo = 3 + random.below(40);
    return `UPDATE item SET body='${words(random, random.below(200))}' WHERE id%${modulo}=${random.below(modulo)} AND id%7=1;`;
  }
  if (kind < 80) return `DELETE FROM item WHERE id%${2 + random.below(9)}=1;`;
  if (kind < 85) return `INSERT INTO item(name, body) VALUES ${rows(2, 6 * pageSize)};`;
  if (kind < 88) return `CREATE TABLE extra${i}(a, b UNIQUE); `;
  if (kind < 90) return `ALTER TABLE item ADD COLUMN c${i} DEFAULT ${i};`;
  if (kind < 93) return "PRAGMA incremental_vacuum;";
  if (kind < 95) return "VACUUM;";
  if (kind < 97) return `BEGIN; DELETE FROM item; INSERT INTO item(name, body) VALUES ${rows(3, 100)}; COMMIT;`;
  return `BEGIN; INSERT INTO item(name, body) VALUES ${rows(4, 200)}; ROLLBACK; UPDATE item SET name='${i}' WHERE id=1;`;
}

/** A database with a WAL of about `transactions` transactions, and nothing of it checkpointed. */
export async function makeHistory(
  path: string,
  options: { pageSize: number; transactions: number; autoVacuum?: "none" | "full" | "incremental"; random: Random },
): Promise<void> {
  const live = new LiveDatabase(`${path}.live`);
  await live.useWal(options.pageSize, options.autoVacuum ?? "incremental");
  const sql = Array.from({ length: options.transactions }, (_, i) =>
    randomTransaction(options.random, i, options.pageSize),
  );
  await live.run(sql.join("\n"));
  live.copyTo(path);
  await live.kill();
}

export interface State {
  readonly frames: number;
  readonly pageCount: number;
  readonly sha256: string;
}

/** Tests and scripts run at the package's root. */
const oracle = resolve("test/helpers/wal_oracle.py");

/** What the database file was and became with each transaction of its WAL, by the Python oracle. */
export function statesOf(path: string): State[] {
  const { stdout, stderr } = runPython(oracle, path, `${path}-wal`);
  if (stderr !== "") throw new Error(stderr);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [frames, pageCount, sha256] = line.split(" ");
      return { frames: Number(frames), pageCount: Number(pageCount), sha256 };
    });
}

/** Rewrites a WAL with the checksums of the other byte order, as a machine of that order would have written it. */
export function swapChecksumOrder(path: string): void {
  const wal = readFileSync(path);
  const magic = wal.readUInt32BE(0) ^ 1;
  wal.writeUInt32BE(magic, 0);
  const read = magic & 1 ? (at: number) => wal.readUInt32BE(at) : (at: number) => wal.readUInt32LE(at);
  let s1 = 0;
  let s2 = 0;
  const add = (from: number, to: number) => {
    for (let at = from; at < to; at += 8) {
      s1 = (s1 + read(at) + s2) >>> 0;
      s2 = (s2 + read(at + 4) + s1) >>> 0;
    }
  };
  add(0, 24);
  wal.writeUInt32BE(s1, 24);
  wal.writeUInt32BE(s2, 28);
  const frameBytes = 24 + wal.readUInt32BE(8);
  for (let at = 32; at + frameBytes <= wal.length; at += frameBytes) {
    add(at, at + 8);
    add(at + 24, at + frameBytes);
    wal.writeUInt32BE(s1, at + 16);
    wal.writeUInt32BE(s2, at + 20);
  }
  writeFileSync(path, wal);
}
