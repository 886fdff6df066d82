/** `palimpsest drop`: takes a volume, with its whole history, out of the store. */
import { createInterface } from "node:readline/promises";
import type { Command, CommandContext } from "../command.js";
import { withStore } from "../store-option.js";
import { escapeControls } from "../terminal.js";
import { UsageError } from "../usage.js";

export const dropCommand: Command = {
  name: "drop",
  summary: "remove a volume and its history",
  help: `Removes a volume with its whole history. Asks first on a terminal; elsewhere it needs --yes.
This cannot be undone.

Usage: palimpsest drop <volume> [--yes]

Examples:
  palimpsest drop app-2025
  palimpsest drop app-2025 --yes

Options:
  --yes            do not ask`,
  options: { yes: { type: "boolean" } },
  positionals: ["volume"],
  run: async (context) => {
    const [name] = context.args.positionals;
    const { signal, surroundings } = context;
    const ask = !context.args.flag("yes");
    if (ask && !(surroundings.stdin.isTTY && surroundings.stderr.isTTY)) {
      throw new UsageError(
        `drop removes ${JSON.stringify(name)} and its whole history; where nobody can be asked, say --yes`,
      );
    }
    await withStore(context, async (store) => {
      const volume = await store.volume(name, { signal });
      const lsn = (await volume.latest({ signal }))?.lsn ?? 0;
      if (ask && !(await confirm(context, `Drop ${escapeControls(name)} and its history of ${lsn} LSNs? [y/N] `))) {
        return context.out.line("nothing dropped");
      }
      await store.dropVolume(name, { signal });
      await context.out.line(`dropped ${escapeControls(name)}`);
    });
  },
};

async function confirm({ surroundings, signal }: CommandContext, question: string): Promise<boolean> {
  const prompt = createInterface({ input: surroundings.stdin, output: surroundings.stderr });
  try {
    return /^y(es)?$/i.test((await prompt.question(question, { signal })).trim());
  } finally {
    prompt.close();
  }
}
