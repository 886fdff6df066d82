/** `palimpsest read`: one page's bytes. */
import { NotFound } from "../../core/errors.js";
import type { Command } from "../command.js";
import { LSN_HELP, LSN_OPTIONS, lsnChoice, openSnapshot, withStore } from "../store-option.js";
import { parseOffset, UsageError } from "../usage.js";

export const readCommand: Command = {
  name: "read",
  summary: "write one page's bytes to stdout",
  help: `Writes the bytes of the page at an offset (in pages, from 0) to stdout.

Usage: palimpsest read <volume> <offset> [options]

Examples:
  palimpsest read app 0 | xxd | head
  palimpsest read app 17 --lsn 7 > page-17

Options:
${LSN_HELP}`,
  options: LSN_OPTIONS,
  positionals: ["volume", "offset"],
  run: async (context) => {
    const [name, offsetText] = context.args.positionals;
    const offset = parseOffset(offsetText);
    const choice = lsnChoice(context);
    const { signal } = context;
    if (context.out.isTerminal) {
      throw new UsageError("a page is bytes, not text: send them to a file (> page) or through a pipe (| xxd)");
    }
    await withStore(context, async (store) => {
      const volume = await store.volume(name, { signal });
      const isNewest = choice.lsn === undefined && choice.at === undefined;
      const latest = isNewest ? await volume.readLatest(offset, { signal }) : undefined;
      const snapshot = latest?.snapshot ?? (await openSnapshot(context, volume));
      const page = latest ? latest.page : await snapshot.readPage(offset, { signal });
      if (page === undefined) {
        throw new NotFound(
          `${name} has no page at offset ${offset} at LSN ${snapshot.lsn}; its page count there is ${snapshot.pageCount}`,
        );
      }
      await context.out.write(page);
    });
  },
};
