/** `palimpsest volumes`: what the store holds. */
import type { Command } from "../command.js";
import { withStore } from "../store-option.js";
import { escapeControls } from "../terminal.js";

export const volumesCommand: Command = {
  name: "volumes",
  summary: "list the store's volumes",
  help: `Lists the store's volumes: name, newest LSN, page count, page size, id.

Usage: palimpsest volumes [options]

Examples:
  palimpsest volumes
  palimpsest volumes --store /backups/pages --json

Options:
  --json           an array of { name, id, pageSize, lsn, pageCount }`,
  options: { json: { type: "boolean" } },
  positionals: [],
  run: async (context) => {
    const { out, args, signal } = context;
    await withStore(context, async (store) => {
      const rows = [];
      for await (const { name, id, pageSize } of store.volumes({ signal })) {
        const latest = await (await store.volume(id, { signal })).latest({ signal });
        rows.push({ name, id, pageSize, lsn: latest?.lsn ?? 0, pageCount: latest?.pageCount ?? 0 });
      }
      if (args.flag("json")) return out.line(`[${rows.map((row) => JSON.stringify(row)).join(",\n")}]`);
      const named = rows.map((row) => ({ ...row, name: out.isTerminal ? escapeControls(row.name) : row.name }));
      const width = Math.max(4, ...named.map((row) => row.name.length));
      const line = (name: string, ...[lsn, pageCount, pageSize, id]: (string | number)[]) =>
        out.line(
          `${name.padEnd(width)}${String(lsn).padStart(10)}${String(pageCount).padStart(12)}${String(pageSize).padStart(11)}  ${id}`,
        );
      await line("name", "lsn", "page count", "page size", "id");
      for (const row of named) await line(row.name, row.lsn, row.pageCount, row.pageSize, row.id.toString());
    });
  },
};
