/**
 * When, and on what, a suite was measured. Rows do not say it; it lies beside their file, `probe.run.json` beside
 * `probe.json`: `{ "when": "2026-01-31T12:00:00.000Z", "node": "v20.19.0", "processor": "…", "cores": 2, "quick": false }`.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";

export interface Conditions {
  /** ISO 8601, UTC. */
  readonly when: string;
  readonly node: string;
  readonly processor: string;
  readonly cores: number;
  /** Few rounds and small data. */
  readonly quick: boolean;
}

export const CONDITIONS_SUFFIX = ".run.json";

export function conditionsHere(quick: boolean): Conditions {
  const processors = cpus();
  return {
    when: new Date().toISOString(),
    node: process.version,
    processor: processors[0]?.model.trim() || "unknown processor",
    cores: processors.length,
    quick,
  };
}

const pathBeside = (rowsPath: string) => rowsPath.replace(/(\.json)?$/, CONDITIONS_SUFFIX);

/** Writes the conditions of this process beside the file of its rows. */
export function writeConditions(rowsPath: string, quick: boolean): void {
  writeFileSync(pathBeside(rowsPath), `${JSON.stringify(conditionsHere(quick), null, 1)}\n`);
}

/** What lies beside the file of the rows; `undefined` where nothing does, or nothing of that form. */
export function readConditions(rowsPath: string): Conditions | undefined {
  const path = pathBeside(rowsPath);
  if (!existsSync(path)) return undefined;
  try {
    const said = JSON.parse(readFileSync(path, "utf8")) as Partial<Conditions> | null;
    const { when, node, processor, cores, quick } = said ?? {};
    const isComplete =
      typeof when === "string" &&
      typeof node === "string" &&
      typeof processor === "string" &&
      typeof cores === "number" &&
      typeof quick === "boolean";
    return isComplete ? { when, node, processor, cores, quick } : undefined;
  } catch {
    return undefined;
  }
}
