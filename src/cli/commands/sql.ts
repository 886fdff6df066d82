/** `palimpsest sql`: queries at an LSN, row by row. */
import { openSql } from "../../sqlite/sql.js";
import type { Command } from "../command.js";
import { CsvFormat, JsonFormat, type RowFormat, TableFormat } from "../sql-format.js";
import { LSN_HELP, LSN_OPTIONS, lsnChoice, openSnapshot, withStore } from "../store-option.js";
import { UsageError } from "../usage.js";

export const sqlCommand: Command = {
  name: "sql",
  summary: "query a SQLite database as it stood at an LSN",
  help: `Runs SQL on the SQLite database that a volume holds, as it stood at an LSN, without restoring it.
The snapshot cannot be written; temporary tables can.

Usage: palimpsest sql <volume> <sql> [options]

Examples:
  palimpsest sql app "select count(*) from users" --lsn 7
  palimpsest sql app "select * from users" --at 2026-03-01T12:00:00Z --csv > users.csv
  palimpsest sql app "pragma integrity_check"

Options:
${LSN_HELP}
  --json           an array of objects, as of sqlite3 -json; [] where there is no row
  --csv            with a line of column names, as of sqlite3 -csv -header`,
  options: { ...LSN_OPTIONS, json: { type: "boolean" }, csv: { type: "boolean" } },
  positionals: ["volume", "sql"],
  run: async (context) => {
    const { args, out, signal } = context;
    const [name, text] = args.positionals;
    lsnChoice(context);
    if (args.flag("json") && args.flag("csv")) throw new UsageError("--json and --csv are two formats; give one");
    const newFormat = (): RowFormat =>
      args.flag("json") ? new JsonFormat(out) : args.flag("csv") ? new CsvFormat(out) : new TableFormat(out);
    await withStore(context, async (store) => {
      const sql = await openSql(await openSnapshot(context, await store.volume(name, { signal })));
      try {
        for (const statement of sql.statements(text)) {
          if (statement.columns.length === 0) {
            while (statement.step());
            continue;
          }
          const format = newFormat();
          await format.begin(statement);
          while (statement.step()) await format.row(statement);
          await format.end();
        }
      } finally {
        sql.close();
      }
    });
  },
};
