/** `palimpsest rename`: another name for a volume. */
import type { Command } from "../command.js";
import { withStore } from "../store-option.js";
import { escapeControls } from "../terminal.js";

export const renameCommand: Command = {
  name: "rename",
  summary: "give a volume another name",
  help: `Gives a volume another name. Its id and its history stay.

Usage: palimpsest rename <volume> <new name>

Example:
  palimpsest rename app app-2025

Options:`,
  options: {},
  positionals: ["volume", "new name"],
  run: async (context) => {
    const [from, to] = context.args.positionals;
    await withStore(context, (store) => store.renameVolume(from, to, { signal: context.signal }));
    await context.out.line(`renamed ${escapeControls(from)} to ${escapeControls(to)}`);
  },
};
