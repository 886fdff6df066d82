/** Which store a command works on, and the opening of it, of a volume in it, and of a volume at an LSN. */
import { stat } from "node:fs/promises";
import { NotFound } from "../core/errors.js";
import { FileStore } from "../io/file-store.js";
import type { ObjectStore } from "../io/object-store.js";
import { PageStore } from "../node.js";
import { nodePlatform } from "../node-platform.js";
import { openObjectStack } from "../store/object-stack.js";
import type { Snapshot } from "../store/snapshot.js";
import type { Volume } from "../store/volume.js";
import type { CommandContext } from "./command.js";
import { parseLsn, parseTime, UsageError } from "./usage.js";

const DEFAULT_FOLDER = ".palimpsest";
/** At least two characters before the colon: `C:\pages` is a path. */
const URL_SCHEME = /^[a-z][a-z0-9+.-]+:/i;

/** The URL for what `--store` says: a URL as it is, anything else a folder. */
export function storeUrl(option: string | undefined): string {
  if (option === undefined || option === "") return `file:${DEFAULT_FOLDER}`;
  return URL_SCHEME.test(option) ? option : `file:${option}`;
}

export const LSN_OPTIONS = { lsn: { type: "string" }, at: { type: "string" } } as const;

export const LSN_HELP = `  --lsn N          as it stood at LSN N; default the newest
  --at TIME        as it stood at a time, ISO 8601 in UTC, like 2026-03-01T12:00:00Z`;

/** Bytes of linear memory: more than a command gains from, and little enough for a small machine. */
const MEMORY_BYTES = 64 << 20;

/** Opens the store, which must be there, for `use`, and closes it. */
export async function withStore<T>(context: CommandContext, use: (store: PageStore) => Promise<T>): Promise<T> {
  await checkExists(context.storeUrl);
  return withNewStore(context, use);
}

/** As `withStore`, for commands that may make the store. */
export async function withNewStore<T>(context: CommandContext, use: (store: PageStore) => Promise<T>): Promise<T> {
  const store = await PageStore.open(context.storeUrl, { memory: MEMORY_BYTES, signal: context.signal });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** Opens the store's bare storage, which must be there, for `use`, and closes it. */
export async function withObjects<T>(context: CommandContext, use: (objects: ObjectStore) => Promise<T>): Promise<T> {
  await checkExists(context.storeUrl);
  const stack = await openObjectStack(nodePlatform, context.storeUrl, {});
  try {
    return await use(stack.objects);
  } finally {
    await stack.close();
  }
}

/** A folder that is not there reads as an empty store: worse than saying so, for a command that only reads. */
async function checkExists(url: string): Promise<void> {
  if (!url.startsWith("file:")) return;
  const { folder } = FileStore.open(url);
  if (await stat(folder).catch(() => undefined)) return;
  throw new NotFound(
    `there is no store at ${folder}: "palimpsest import <database>" makes one, and --store names another`,
  );
}

/** The snapshot that `--lsn` or `--at` names: by default the newest. */
export async function openSnapshot(context: CommandContext, volume: Volume): Promise<Snapshot> {
  const choice = lsnChoice(context);
  const { signal } = context;
  if (choice.lsn !== undefined) return volume.snapshot(choice.lsn, { signal });
  if (choice.at !== undefined) {
    const lsn = await volume.lsnAt(choice.at, { signal });
    if (lsn === undefined) {
      throw new NotFound(
        `${volume.name} has no commit at or before ${choice.at.toISOString()}; "palimpsest log" lists them`,
      );
    }
    return volume.snapshot(lsn, { signal });
  }
  const latest = await volume.latest({ signal });
  if (latest === undefined) throw new NotFound(`${volume.name} has no commits yet`);
  return latest;
}

/** Checks `--lsn` and `--at` without any I/O, so that wrong usage is told before anything is opened. */
export function lsnChoice(context: CommandContext): { readonly lsn?: number; readonly at?: Date } {
  const lsn = context.args.text("lsn");
  const at = context.args.text("at");
  if (lsn !== undefined && at !== undefined) throw new UsageError("--lsn and --at both name a commit; give one");
  return {
    lsn: lsn === undefined ? undefined : parseLsn(lsn),
    at: at === undefined ? undefined : parseTime(at),
  };
}
