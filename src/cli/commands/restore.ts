/** `palimpsest restore`: a volume as it stood, as a file. */
import { restore } from "../../sqlite/restore.js";
import type { Command } from "../command.js";
import { Progress } from "../progress.js";
import { LSN_HELP, LSN_OPTIONS, lsnChoice, openSnapshot, withStore } from "../store-option.js";
import { escapeControls, formatBytes } from "../terminal.js";
import { UsageError } from "../usage.js";

export const restoreCommand: Command = {
  name: "restore",
  summary: "write the file as it stood, byte for byte",
  help: `Writes a volume as it stood at an LSN to a file: for a SQLite database, the file as a checkpoint
at that commit would have left it, byte for byte. The file appears whole or not at all.

Usage: palimpsest restore <volume> -o <file> [options]

Examples:
  palimpsest restore app -o app-copy.db
  palimpsest restore app --lsn 7 -o app-at-7.db
  palimpsest restore app --at 2026-03-01T12:00:00Z -o app.db --force

Options:
  -o, --output F   the file to write; "-" for stdout
  --force          overwrite it
${LSN_HELP}`,
  options: { ...LSN_OPTIONS, output: { type: "string", short: "o" }, force: { type: "boolean" } },
  positionals: ["volume"],
  run: async (context) => {
    const { args, out, signal, surroundings } = context;
    const [name] = args.positionals;
    const output = args.text("output");
    if (output === undefined || output === "")
      throw new UsageError("-o is missing: name the file to write, or - for stdout");
    if (output === "-" && out.isTerminal)
      throw new UsageError("a database is bytes, not text: name a file, or use a pipe");
    lsnChoice(context);
    const progress = new Progress(surroundings.stderr, "restoring");
    await withStore(context, async (store) => {
      const volume = await store.volume(name, { signal });
      const { lsn } = await openSnapshot(context, volume);
      const target =
        output === "-"
          ? { sink: (bytes: Uint8Array) => out.writeNow(bytes) }
          : { path: output, force: args.flag("force") };
      try {
        const result = await restore(volume, {
          ...target,
          lsn,
          signal,
          onProgress: ({ doneBytes, totalBytes }) => progress.update(doneBytes, totalBytes),
        });
        if (output === "-") return;
        await out.line(
          `${escapeControls(output)}: ${escapeControls(name)} at LSN ${lsn}, ${formatBytes(result.bytes)}`,
        );
      } finally {
        progress.clear();
      }
    });
  },
};
