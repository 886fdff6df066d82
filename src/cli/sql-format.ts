/**
 * Rows as text: JSON and CSV byte for byte as the `sqlite3` program writes them (a REAL in JSON with the fewest digits
 * that give it back), and a table for people. Rows go out as they come.
 */
import { BLOB, INTEGER, NULL, REAL, type Statement } from "../sqlite/sql-engine.js";
import type { Output } from "./output.js";
import { escapeControls, escapeJson } from "./terminal.js";

export interface RowFormat {
  begin(statement: Statement): Promise<void>;
  row(statement: Statement): Promise<void>;
  end(): Promise<void>;
}

export class JsonFormat implements RowFormat {
  readonly #out: Output;
  #keys: readonly string[] = [];
  #separator = "[";

  constructor(out: Output) {
    this.#out = out;
  }

  async begin(statement: Statement): Promise<void> {
    this.#keys = statement.columns.map((name) => `${escapeJson(JSON.stringify(name))}:`);
  }

  async row(statement: Statement): Promise<void> {
    const cells = this.#keys.map((key, column) => key + jsonCell(statement, column));
    await this.#out.write(`${this.#separator}{${cells.join(",")}}`);
    this.#separator = ",\n";
  }

  async end(): Promise<void> {
    await this.#out.line(this.#separator === "[" ? "[]" : "]");
  }
}

function jsonCell(statement: Statement, column: number): string {
  switch (statement.type(column)) {
    case NULL:
      return "null";
    case INTEGER:
      return statement.text(column);
    case REAL:
      return jsonReal(statement.number(column), statement.text(column));
    case BLOB:
      // One character for each byte.
      return escapeJson(JSON.stringify(Buffer.from(statement.bytes(column)).toString("latin1"))).replace(
        /[\xa0-\xff]/g,
        (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
      );
    default:
      return escapeJson(JSON.stringify(statement.text(column)));
  }
}

/** SQLite's text of a REAL has 15 digits: enough for most, and it shows that the number is no INTEGER. */
function jsonReal(value: number, text: string): string {
  if (!Number.isFinite(value)) return value > 0 ? "1e999" : "-1e999";
  return Number(text) === value ? text : String(value);
}

/** A cell is quoted if it is empty, or holds the separator or one of these: SQLite's `needCsvQuote`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
const CSV_QUOTED = /^$|[\x00-\x20"',\x7f-\xff]/;

export class CsvFormat implements RowFormat {
  readonly #out: Output;

  constructor(out: Output) {
    this.#out = out;
  }

  begin(statement: Statement): Promise<void> {
    return this.#line(statement.columns.map((name) => Buffer.from(name).toString("latin1")).map(csvCell));
  }

  row(statement: Statement): Promise<void> {
    return this.#line(
      statement.columns.map((_, column) =>
        statement.type(column) === NULL ? "" : csvCell(Buffer.from(statement.bytes(column)).toString("latin1")),
      ),
    );
  }

  async end(): Promise<void> {}

  /** Cells are bytes, one a character, so that text in any encoding and blobs go through unchanged. */
  #line(cells: string[]): Promise<void> {
    const line = Buffer.from(cells.join(","), "latin1");
    if (this.#out.isTerminal) return this.#out.line(escapeControls(line.toString("utf8")));
    return this.#out.write(Buffer.concat([line, Buffer.from("\n")]));
  }
}

const csvCell = (cell: string) => (CSV_QUOTED.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** Column widths come from this many rows; a wider cell in a later row moves the rest of its line. */
const MEASURED_ROWS = 500;

export class TableFormat implements RowFormat {
  readonly #out: Output;
  /** Rows not yet written, while columns are measured; `undefined` from then on. */
  #held: string[][] | undefined;
  #widths: number[] = [];

  constructor(out: Output) {
    this.#out = out;
  }

  async begin(statement: Statement): Promise<void> {
    this.#held = [statement.columns.map(escapeControls)];
  }

  async row(statement: Statement): Promise<void> {
    const cells = statement.columns.map((_, column) => tableCell(statement, column));
    if (this.#held === undefined) return this.#line(cells);
    this.#held.push(cells);
    if (this.#held.length > MEASURED_ROWS) await this.#release();
  }

  end(): Promise<void> {
    return this.#release();
  }

  async #release(): Promise<void> {
    if (this.#held === undefined) return;
    const [names, ...rows] = this.#held;
    this.#held = undefined;
    this.#widths = names.map((name, column) =>
      rows.reduce((width, row) => Math.max(width, lengthOf(row[column])), lengthOf(name)),
    );
    await this.#line(names);
    await this.#line(this.#widths.map((width) => "-".repeat(width)));
    for (const row of rows) await this.#line(row);
  }

  #line(cells: string[]): Promise<void> {
    const padded = cells.map((cell, column) => cell + " ".repeat(Math.max(0, this.#widths[column] - lengthOf(cell))));
    return this.#out.line(padded.join("  ").trimEnd());
  }
}

/** In characters, not UTF-16 units. */
const lengthOf = (cell: string) => [...cell].length;

/** A NULL is empty; a BLOB is the text it holds, or `X'…'` where it holds none. */
function tableCell(statement: Statement, column: number): string {
  switch (statement.type(column)) {
    case NULL:
      return "";
    case BLOB: {
      const bytes = statement.bytes(column);
      try {
        return escapeControls(strictUtf8.decode(bytes));
      } catch {
        return `X'${Buffer.from(bytes).toString("hex").toUpperCase()}'`;
      }
    }
    default:
      return escapeControls(statement.text(column));
  }
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
