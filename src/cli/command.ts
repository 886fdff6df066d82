/** What a command is, and what it gets to work with. */
import type { Readable, Writable } from "node:stream";
import type { Output } from "./output.js";
import type { OptionSpec, ParsedArguments } from "./usage.js";

/** The process, or a test in its place. */
export interface Surroundings {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface CommandContext {
  readonly args: ParsedArguments;
  readonly out: Output;
  readonly surroundings: Surroundings;
  readonly signal: AbortSignal;
  /** The store that `--store`, `PALIMPSEST_STORE` or the default names. */
  readonly storeUrl: string;
}

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Usage, options and examples, as `--help` prints them. */
  readonly help: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** The names of the positional arguments, for messages. The last may be left out where `optionalLast` is set. */
  readonly positionals: readonly string[];
  readonly optionalLast?: boolean;
  run(context: CommandContext): Promise<void>;
}
