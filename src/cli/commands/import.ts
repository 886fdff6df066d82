/** `palimpsest import`: a database's file and transactions, or any file's pages, into a volume. */
import { type ImportResult, importDatabase } from "../../sqlite/import.js";
import { importFile } from "../../sqlite/import-file.js";
import type { Command, CommandContext } from "../command.js";
import { Progress } from "../progress.js";
import { withNewStore } from "../store-option.js";
import { escapeControls, formatCount } from "../terminal.js";
import { parsePageSize, UsageError } from "../usage.js";

const PHASES = { scan: "checking the WAL", pages: "reading the file", transactions: "committing transactions" };

export const importCommand: Command = {
  name: "import",
  summary: "import a SQLite database: its file, then each transaction of its -wal",
  help: `Imports a SQLite database into a volume: the file as LSN 1, then an LSN for each transaction in
its -wal. Run again, it goes on where it stopped. The database is only read, and may be in use.
Makes the store and the volume if they are not there.

Usage: palimpsest import <database> [options]
       palimpsest import --raw --page-size N <file> [options]

Examples:
  palimpsest import app.db
  palimpsest import /var/lib/app/data.sqlite --name app --store /backups/pages
  palimpsest import --raw --page-size 4096 disk.img

Options:
  --name NAME      the volume's name; default the file's name without its extension
  --raw            any file, as pages: each import commits the pages that differ
  --page-size N    of a raw import, a power of two from 512 to 65536`,
  options: { name: { type: "string" }, raw: { type: "boolean" }, "page-size": { type: "string" } },
  positionals: ["database"],
  run: async (context) => {
    const { args, signal, surroundings } = context;
    const [path] = args.positionals;
    const pageSize = rawPageSize(context);
    const progress: Partial<Record<keyof typeof PHASES, Progress>> = {};
    const options = {
      name: args.text("name"),
      signal,
      onProgress: ({
        phase,
        doneBytes,
        totalBytes,
      }: {
        phase: keyof typeof PHASES;
        doneBytes: number;
        totalBytes: number;
      }) => {
        progress[phase] ??= new Progress(surroundings.stderr, PHASES[phase]);
        progress[phase].update(doneBytes, totalBytes);
      },
    };
    try {
      await withNewStore(context, async (store) => {
        const result =
          pageSize === undefined
            ? await importDatabase(store, path, options)
            : await importFile(store, path, { ...options, pageSize });
        await report(context, result);
      });
    } finally {
      for (const line of Object.values(progress)) line.clear();
    }
  },
};

function rawPageSize({ args }: CommandContext): number | undefined {
  const text = args.text("page-size");
  if (!args.flag("raw")) {
    if (text === undefined) return undefined;
    throw new UsageError("--page-size is for --raw; a SQLite file says its own");
  }
  if (text === undefined) throw new UsageError("--raw needs --page-size");
  return parsePageSize(text);
}

async function report({ out, surroundings }: CommandContext, result: ImportResult): Promise<void> {
  for (const warning of result.warnings) surroundings.stderr.write(`palimpsest: warning: ${escapeControls(warning)}\n`);
  const { volume, firstLsn, lastLsn, transactions, pages } = result;
  const name = escapeControls(volume.name);
  if (firstLsn === undefined) return out.line(`${name}: nothing new since LSN ${lastLsn}`);
  const lsns = firstLsn === lastLsn ? `LSN ${lastLsn}` : `LSNs ${firstLsn} to ${lastLsn}`;
  await out.line(`${name}: ${lsns}: ${formatCount(transactions, "transaction")}, ${formatCount(pages, "page")}`);
}
