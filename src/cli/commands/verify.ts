/** `palimpsest verify`: reads everything and checks it. */
import { PalimpsestError } from "../../core/errors.js";
import { type VerifyReport, verifyObjects } from "../../history/verify.js";
import { nodePlatform } from "../../node-platform.js";
import type { Command } from "../command.js";
import { Progress } from "../progress.js";
import { withObjects } from "../store-option.js";
import { escapeControls, formatBytes, formatCount } from "../terminal.js";

/** Damage was found, and reported on stdout: exit code 1. */
class DamageFound extends PalimpsestError {
  constructor(count: number) {
    super("Corrupt", `${formatCount(count, "problem")} found; restore the named objects from a copy of the store`);
  }
}

export const verifyCommand: Command = {
  name: "verify",
  summary: "check every checksum and every invariant of the log",
  help: `Reads every object of a volume, or of all, and checks every checksum and every invariant of the
log. Exit code 1 where anything is damaged; each damaged object is named.

Usage: palimpsest verify [<volume>] [options]

Examples:
  palimpsest verify
  palimpsest verify app --json

Options:
  --json           { volumes, lsns, records, segments, pages, bytesRead, problems },
                   problems: [{ volume, key, message }]`,
  options: { json: { type: "boolean" } },
  positionals: ["volume"],
  optionalLast: true,
  run: async (context) => {
    const { args, out, signal, surroundings } = context;
    const progress = new Progress(surroundings.stderr, "verifying");
    let report: VerifyReport;
    try {
      report = await withObjects(context, (objects) =>
        verifyObjects(objects, {
          volume: args.positionals[0],
          signal,
          sha256: nodePlatform.sha256,
          onProgress: (bytesRead) => progress.update(bytesRead, 0),
        }),
      );
    } finally {
      progress.clear();
    }
    await (args.flag("json") ? out.line(JSON.stringify(report)) : out.write(textOf(report)));
    if (report.problems.length > 0) throw new DamageFound(report.problems.length);
  },
};

function textOf(report: VerifyReport): string {
  const { volumes, lsns, records, segments, pages, bytesRead, problems } = report;
  const damage = problems.map(
    ({ volume, key, message }) =>
      `damaged: ${escapeControls(volume || "the catalog")}: ${escapeControls(key)}: ${escapeControls(message)}\n`,
  );
  const counts = [
    formatCount(volumes, "volume"),
    formatCount(lsns, "LSN"),
    formatCount(records, "record"),
    formatCount(segments, "segment"),
    formatCount(pages, "page"),
  ].join(", ");
  const verdict = problems.length === 0 ? "all sound" : formatCount(problems.length, "problem");
  return `${damage.join("")}${counts}; ${formatBytes(bytesRead)} read; ${verdict}\n`;
}
