/** One run of the command line: finds the command, runs it, turns what comes of it into an exit code and a message. */
import { inspect } from "node:util";
import { Aborted } from "../core/errors.js";
import type { Command, Surroundings } from "./command.js";
import { dropCommand } from "./commands/drop.js";
import { importCommand } from "./commands/import.js";
import { inspectCommand } from "./commands/inspect.js";
import { logCommand } from "./commands/log.js";
import { readCommand } from "./commands/read.js";
import { renameCommand } from "./commands/rename.js";
import { restoreCommand } from "./commands/restore.js";
import { sqlCommand } from "./commands/sql.js";
import { verifyCommand } from "./commands/verify.js";
import { volumesCommand } from "./commands/volumes.js";
import { Output, ReaderGone } from "./output.js";
import { storeUrl } from "./store-option.js";
import { escapeControls } from "./terminal.js";
import { parseArguments, UsageError } from "./usage.js";
import { VERSION } from "./version.js";

const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;
/** 128 + SIGINT, as shells count. */
const INTERRUPTED = 130;

export const COMMANDS: readonly Command[] = [
  importCommand,
  logCommand,
  volumesCommand,
  renameCommand,
  dropCommand,
  readCommand,
  restoreCommand,
  sqlCommand,
  inspectCommand,
  verifyCommand,
];

const COMMON_OPTIONS = {
  store: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

const COMMON_HELP = `  --store URL      the store, a folder or a URL; default $PALIMPSEST_STORE, then .palimpsest
  -h, --help       this text`;

function overview(): string {
  const width = Math.max(...COMMANDS.map((command) => command.name.length));
  return `palimpsest keeps every version of every page of a database, and gives any of them back.

Usage: palimpsest <command> [options]

${COMMANDS.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`).join("\n")}

"palimpsest <command> --help" shows a command's options and examples.

Examples:
  palimpsest import app.db                            an LSN for the file and for each transaction in its -wal
  palimpsest log app                                  what was committed when
  palimpsest sql app "select count(*) from users" --lsn 7
  palimpsest restore app --lsn 7 -o app-at-7.db
`;
}

export function helpOf(command: Command): string {
  return `${command.help}\n${COMMON_HELP}\n`;
}

/** Runs one command line and returns its exit code. Everything is written when it resolves. */
export async function run(surroundings: Surroundings): Promise<number> {
  const out = new Output(surroundings.stdout);
  // What cannot be said to a reader who has gone is not said.
  surroundings.stderr.on("error", () => {});
  const [name, ...rest] = surroundings.argv;
  const command = COMMANDS.find((candidate) => candidate.name === name);
  try {
    if (name === "--version" || name === "-V") await out.line(VERSION);
    else if (name === "--help" || name === "-h" || name === "help") await out.write(overview());
    else await runCommand(command, name, rest, surroundings, out);
    await out.flush();
    return DONE;
  } catch (error) {
    if (error instanceof ReaderGone) return DONE;
    await out.flush().catch(() => {});
    return report(error, name, command, surroundings);
  }
}

async function runCommand(
  command: Command | undefined,
  name: string | undefined,
  argv: readonly string[],
  surroundings: Surroundings,
  out: Output,
): Promise<void> {
  if (name === undefined) throw new UsageError("no command");
  if (command === undefined) {
    throw new UsageError(
      name.startsWith("-") ? `${name}: a command comes first` : `unknown command ${JSON.stringify(name)}`,
    );
  }
  const args = parseArguments(argv, { ...COMMON_OPTIONS, ...command.options });
  if (args.flag("help")) return out.write(helpOf(command));
  const most = command.positionals.length;
  const least = command.optionalLast ? most - 1 : most;
  const given = args.positionals.length;
  if (given < least) throw new UsageError(`<${command.positionals[given]}> is missing`);
  if (given > most) throw new UsageError(`unexpected argument ${JSON.stringify(args.positionals[most])}`);
  await command.run({
    args,
    out,
    surroundings,
    signal: surroundings.signal,
    storeUrl: storeUrl(args.text("store") ?? surroundings.env.PALIMPSEST_STORE),
  });
}

function report(
  error: unknown,
  name: string | undefined,
  command: Command | undefined,
  surroundings: Surroundings,
): number {
  // Messages quote names and data, and stderr is mostly a terminal: always escaped.
  const say = (text: string) => surroundings.stderr.write(`palimpsest: ${escapeControls(text)}\n`);
  if (error instanceof UsageError) {
    const help = command === undefined ? "palimpsest --help" : `palimpsest ${name} --help`;
    say(`${error.message}; see "${help}"`);
    return WRONG_USAGE;
  }
  if (surroundings.signal.aborted && (error instanceof Aborted || (error as Error)?.name === "AbortError")) {
    say("interrupted; whatever was committed before stays, and nothing else");
    return INTERRUPTED;
  }
  say(error instanceof Error ? error.message : String(error));
  if (surroundings.env.PALIMPSEST_DEBUG === "1") {
    const details = inspect(error).split("\n").map(escapeControls);
    surroundings.stderr.write(`${details.join("\n")}\n`);
  }
  return FAILED;
}
