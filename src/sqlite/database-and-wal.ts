/** A SQLite database file and, where there is one, its WAL: opened together, and looked at as a pair. */
import { realpath } from "node:fs/promises";
import { InvalidArgument } from "../core/errors.js";
import { type DatabaseFile, readDatabaseFile } from "./database-file.js";
import { fileError, InputFile } from "./input-file.js";
import { checkNoHotJournal } from "./rollback-journal.js";
import { decodeWalHeader, WAL_HEADER_BYTES, Wal } from "./wal.js";

export class DatabaseAndWal {
  /** The file's path with no symbolic links: beside it lie its WAL and its journal. */
  readonly realPath: string;
  readonly #file: InputFile;
  readonly #walFile: InputFile | undefined;
  #database!: DatabaseFile;
  #wal: Wal | undefined;
  #pageSize = 0;

  private constructor(realPath: string, file: InputFile, walFile: InputFile | undefined) {
    this.realPath = realPath;
    this.#file = file;
    this.#walFile = walFile;
  }

  /**
   * @throws NotFound for no such file; InvalidArgument where it is not a whole SQLite database or has a WAL of other
   *   pages; Unavailable where it has a hot journal.
   */
  static async open(path: string): Promise<DatabaseAndWal> {
    const file = await InputFile.open(path, "database");
    let walFile: InputFile | undefined;
    try {
      const real = await realpath(path).catch((error) => {
        throw fileError(error, "database", path);
      });
      walFile = await InputFile.openIfPresent(`${real}-wal`, "WAL");
      const pair = new DatabaseAndWal(real, file, walFile);
      await pair.#read(await file.state());
      return pair;
    } catch (error) {
      await walFile?.close();
      await file.close();
      throw error;
    }
  }

  get database(): DatabaseFile {
    return this.#database;
  }

  /** `undefined` where there is none, or where SQLite would ignore it. */
  get wal(): Wal | undefined {
    return this.#wal;
  }

  get pageSize(): number {
    return this.#pageSize;
  }

  /**
   * Looks at both again, the file first and at rest: what is then read of the WAL and, unless the file has changed, of the
   * file, belongs together.
   */
  async settle(): Promise<void> {
    await this.#read(await this.#file.settledState());
  }

  async #read(state: DatabaseFile["state"]): Promise<void> {
    this.#database = await readDatabaseFile(this.#file, state);
    await checkNoHotJournal(this.realPath, state.sizeBytes);
    this.#wal = await this.#readWal();
    const { header } = this.#database;
    const wal = this.#wal;
    if (header !== undefined && wal !== undefined && header.pageSize !== wal.header.pageSize) {
      throw new InvalidArgument(
        `WAL ${wal.file.path} has pages of ${wal.header.pageSize} bytes, ${this.#file.path} of ${header.pageSize}: it is ` +
          "the WAL of another database. Put the right one beside it, or none.",
      );
    }
    const pageSize = header?.pageSize ?? wal?.header.pageSize;
    if (pageSize === undefined) {
      throw new InvalidArgument(`${this.#file.path} is empty: there is no database in it yet.`);
    }
    this.#pageSize = pageSize;
  }

  async #readWal(): Promise<Wal | undefined> {
    const file = this.#walFile;
    if (file === undefined) return undefined;
    const bytes = new Uint8Array(WAL_HEADER_BYTES);
    const count = await file.read(bytes, 0);
    const header = decodeWalHeader(bytes.subarray(0, count), file.path);
    return header && new Wal(file, header);
  }

  /** A sentence about a WAL that is left out as a whole, where there is one. */
  async ignoredWal(): Promise<string | undefined> {
    if (this.#walFile === undefined || this.#wal !== undefined) return undefined;
    const { sizeBytes } = await this.#walFile.state();
    if (sizeBytes === 0) return undefined;
    return `${this.#walFile.path}: left out all of its ${sizeBytes} bytes, since it has no valid header; SQLite ignores it too.`;
  }

  async close(): Promise<void> {
    await this.#walFile?.close();
    await this.#file.close();
  }
}
