/** `palimpsest log`: a volume's commits, as they come from the log. */
import type { CommitInfo } from "../../store/types.js";
import type { Command, CommandContext } from "../command.js";
import { withStore } from "../store-option.js";
import { parseLsn, UsageError } from "../usage.js";

export const logCommand: Command = {
  name: "log",
  summary: "list a volume's commits",
  help: `Lists a volume's commits, oldest first: LSN, time (UTC), pages changed, page count after it,
bytes written.

Usage: palimpsest log <volume> [options]

Examples:
  palimpsest log app
  palimpsest log app --from 100 --to 120
  palimpsest log app --json | jq '.[-1]'

Options:
  --from N         begin with this LSN
  --to N           end with this LSN
  --json           an array of { lsn, time, pagesChanged, pageCount, bytes }`,
  options: { from: { type: "string" }, to: { type: "string" }, json: { type: "boolean" } },
  positionals: ["volume"],
  run: async (context) => {
    const range = { from: lsnOption(context, "from"), to: lsnOption(context, "to") };
    if (range.from !== undefined && range.to !== undefined && range.from > range.to) {
      throw new UsageError(`--from ${range.from} is above --to ${range.to}`);
    }
    await withStore(context, async (store) => {
      const volume = await store.volume(context.args.positionals[0], { signal: context.signal });
      const commits = volume.log({ ...range, signal: context.signal });
      await (context.args.flag("json") ? printJson(context, commits) : printTable(context, commits));
    });
  },
};

function lsnOption(context: CommandContext, option: string): number | undefined {
  const text = context.args.text(option);
  return text === undefined ? undefined : parseLsn(text, `--${option}`);
}

async function printJson({ out }: CommandContext, commits: AsyncIterable<CommitInfo>): Promise<void> {
  let separator = "[";
  for await (const { lsn, time, pagesChanged, pageCount, bytes } of commits) {
    await out.write(`${separator}${JSON.stringify({ lsn, time: time.toISOString(), pagesChanged, pageCount, bytes })}`);
    separator = ",\n";
  }
  await out.line(separator === "[" ? "[]" : "]");
}

async function printTable({ out }: CommandContext, commits: AsyncIterable<CommitInfo>): Promise<void> {
  const row = (...[lsn, time, ...rest]: (string | number)[]) =>
    out.line(
      `${String(lsn).padStart(8)}  ${String(time).padEnd(24)}${rest.map((cell) => String(cell).padStart(14)).join("")}`,
    );
  await row("lsn", "time", "pages changed", "page count", "bytes");
  for await (const { lsn, time, pagesChanged, pageCount, bytes } of commits) {
    await row(lsn, time.toISOString(), pagesChanged, pageCount, bytes);
  }
}
