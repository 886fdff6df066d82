/** The text of rows, against what the `sqlite3` program prints for the same query. */
import { execFileSync } from "node:child_process";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { Output } from "../../../src/cli/output.js";
import { CsvFormat, JsonFormat, type RowFormat, TableFormat } from "../../../src/cli/sql-format.js";
import { openSqlOn } from "../../../src/sqlite/sql.js";
import { needs } from "../../helpers/requires.js";

async function print(query: string, newFormat: (out: Output) => RowFormat, isTTY = false): Promise<Buffer> {
  const stream = Object.assign(new PassThrough({ highWaterMark: 1 << 26 }), { isTTY });
  const out = new Output(stream);
  const sql = await openSqlOn({ pageSize: 4096, pageCount: 0, readPageIntoSync: () => false });
  for (const statement of sql.statements(query)) {
    const format = newFormat(out);
    await format.begin(statement);
    while (statement.step()) await format.row(statement);
    await format.end();
  }
  await out.flush();
  return stream.read() ?? Buffer.alloc(0);
}

const sqlite3 = (query: string, ...options: string[]) => execFileSync("sqlite3", [...options, ":memory:", query]);
const csv = (out: Output) => new CsvFormat(out);
const json = (out: Output) => new JsonFormat(out);
const table = (out: Output) => new TableFormat(out);

const VALUES = [
  "0, 1, -1, 9223372036854775807, -9223372036854775808, 9007199254740993",
  "1.0, 0.1, -0.5, 1.0/3, 1e15, 2.5e15, 1e16, 1e21, 1e-7, 123456789.123456789, 1.7976931348623157e308, 5e-324, 100.0",
  "null, '', ' ', 'a', 'a b', 'a,b', 'a''b', 'a\"b', 'a\\b', 'é', '日本', '👍', char(10), char(13) || char(9), char(127), char(1)",
  "x'', x'4142', cast('blob' as blob)",
  "1e999, -1e999",
  '1 as "a b", 2 as "q""q", 3 as "é", 4 as "x,y"',
];

describe("as the sqlite3 program writes it", needs("sqlite3"), () => {
  test.each(VALUES)("--csv of %s", async (values) => {
    const query = `select ${values}`;
    expect((await print(query, csv)).toString("latin1")).toBe(
      sqlite3(query, "-csv", "-header").toString("latin1").replaceAll("\r\n", "\n"),
    );
  });

  test("--csv passes text that is not UTF-8 and binary blobs through, byte by byte", async () => {
    const query = "select cast(x'ff41' as text) as t, x'80fe' as b, cast('é' as blob) as c";
    expect((await print(query, csv)).equals(sqlite3(query, "-csv", "-header"))).toBe(true);
  });

  test.each(VALUES)("--json of %s", async (values) => {
    // A REAL may differ in digits but not in value.
    const query = `select ${values}; select 1 as a union select 2`;
    const lines = (text: Buffer) =>
      text
        .toString()
        .replaceAll("}]\n[{", "}]\n\n[{")
        .split("\n\n")
        .map((part) => JSON.parse(part));
    expect(lines(await print(query, json))).toEqual(lines(sqlite3(query, "-json")));
  });

  test("--json is the same text but for the digits of a REAL", async () => {
    const query = "select 1 as a, 1.0 as b, 'x\"y' as c, null as d union select 2, 0.5, 'é', x'41'";
    expect((await print(query, json)).toString()).toBe(sqlite3(query, "-json").toString());
  });

  test("the table's cells are those of -column", async () => {
    const query = `select 1 as a, 0.1 as bb, 'long text here' as c, null as d, 1e21 as e union all select 22, 1.0/3, 'é', x'4142', 9223372036854775807`;
    const cells = (text: Buffer) =>
      text
        .toString()
        .split("\n")
        .map((line) => line.trimEnd().split(/ {2,}/));
    expect(cells(await print(query, table))).toEqual(cells(sqlite3(query, "-column", "-header")));
  });
});

describe("where it is our own", () => {
  test("no rows are an empty array in JSON, a line of names in CSV and in the table", async () => {
    const query = "select 1 as one, 2 as two where 0";
    expect(String(await print(query, json))).toBe("[]\n");
    expect(String(await print(query, csv))).toBe("one,two\n");
    expect(String(await print(query, table))).toBe("one  two\n---  ---\n");
  });

  test("a REAL in JSON gives back the same number", async () => {
    const values = [0.1, 1 / 3, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, 123456789.12345679, 1e23, -2.5];
    const text = String(await print(`select ${values.map((value, i) => `${value} as v${i}`).join()}`, json));
    expect(Object.values(JSON.parse(text)[0])).toEqual(values);
    expect(text).toContain('"v0":0.1,');
  });

  test("a blob in JSON is one character a byte, and the document is sound", async () => {
    const bytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0")).join("");
    const [{ b }] = JSON.parse(String(await print(`select x'${bytes}' as b`, json)));
    expect(Buffer.from(b, "latin1").toString("hex")).toBe(bytes);
  });

  test("the table shows a binary blob in hexadecimal and never sends a control character", async () => {
    const text = String(
      await print("select x'00ff' as b, char(27) || '[2J' as evil, 'a' || char(10) || 'b' as \"n\nn\"", table),
    );
    expect(text).toBe("b        evil     n\\nn\n-------  -------  ----\nX'00FF'  \\x1b[2J  a\\nb\n");
  });

  test("CSV and JSON are escaped on a terminal alone", async () => {
    const query = "select char(27) || '[2J' as a";
    expect(String(await print(query, csv))).toBe('a\n"\x1b[2J"\n');
    expect(String(await print(query, csv, true))).toBe('a\n"\\x1b[2J"\n');
    expect(String(await print(query, json, true))).toBe('[{"a":"\\u001b[2J"}]\n');
  });

  test("a million rows go out as they come: the table measures the first ones", async () => {
    const query =
      "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000) select i, 'x' as x from n";
    const lines = String(await print(query, table)).split("\n");
    expect(lines.length).toBe(100_003);
    expect(lines[2]).toBe("1    x");
    expect(lines[100_001]).toBe("100000  x");
  });
});
