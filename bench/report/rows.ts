/** The rows that suites left as JSON: reading them, and picking from them. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Row } from "../measure.js";
import { CONDITIONS_SUFFIX, type Conditions, readConditions } from "./conditions.js";

export type Field = "suite" | "workload" | "implementation" | "metric" | "unit";
export type Pick = { readonly [field in Field]?: string };

/** Some rows, in the order in which they were measured. */
export class Rows {
  readonly all: readonly Row[];

  constructor(all: readonly Row[]) {
    this.all = all;
  }

  get isEmpty(): boolean {
    return this.all.length === 0;
  }

  /** Those that have every given field. */
  where(pick: Pick): Rows {
    const wanted = Object.entries(pick) as [Field, string][];
    return this.filter((row) => wanted.every(([field, value]) => row[field] === value));
  }

  filter(holds: (row: Row) => boolean): Rows {
    return new Rows(this.all.filter(holds));
  }

  /** The different values of a field. */
  distinct(field: Field): string[] {
    return [...new Set(this.all.map((row) => row[field]))];
  }

  /** The first such row. */
  find(pick: Pick): Row | undefined {
    return this.where(pick).all[0];
  }

  /** Half the distance between the quartiles, relative to the median, of the round that measured `row`. */
  spreadOf({ workload, implementation }: Row): number | undefined {
    return this.find({ workload, implementation, metric: "spread" })?.value;
  }
}

/** Why a suite has no rows. */
export type Absence = string;

/** What a report is made from. */
export interface Results {
  readonly rows: Rows;
  /** By suite: when, and on what, its rows were measured; without those whose files do not say. */
  readonly conditions: ReadonlyMap<string, Conditions>;
  /** By suite: why it is missing, where more is known than that it is. */
  readonly absences: ReadonlyMap<string, Absence>;
  /** What was left out of the files, and why. */
  readonly notes: readonly string[];
}

const FIELDS = ["suite", "workload", "implementation", "metric", "unit"] as const;

function isRow(value: unknown): value is Row {
  if (typeof value !== "object" || value === null) return false;
  const row = value as Record<string, unknown>;
  return FIELDS.every((field) => typeof row[field] === "string") && Number.isFinite(row.value);
}

function parse(text: string): unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Reads every JSON file of a folder. Of a suite that several have rows of, the newest file's are kept. */
export function readFolder(folder: string, absences: ReadonlyMap<string, Absence> = new Map()): Results {
  const notes: string[] = [];
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".json") && !name.endsWith(CONDITIONS_SUFFIX))
    .map((name) => ({ name, time: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.time - a.time || a.name.localeCompare(b.name));
  const bySuite = new Map<string, { name: string; rows: Row[] }>();
  const conditions = new Map<string, Conditions>();
  for (const { name } of files) {
    const path = join(folder, name);
    const values = parse(readFileSync(path, "utf8"));
    if (!values) {
      notes.push(`${name} is not a JSON list and was left out.`);
      continue;
    }
    const rows = values.filter(isRow);
    const others = values.length - rows.length;
    if (others > 0) notes.push(`${name}: ${others} of ${values.length} entries are not rows and were left out.`);
    const said = readConditions(path);
    for (const suite of new Set(rows.map((row) => row.suite))) {
      const newer = bySuite.get(suite);
      if (newer) {
        notes.push(`${name} also has rows of "${suite}"; those of ${newer.name} are newer and are shown.`);
        continue;
      }
      bySuite.set(suite, { name, rows: rows.filter((row) => row.suite === suite) });
      if (said) conditions.set(suite, said);
    }
  }
  const rows = new Rows([...bySuite.values()].flatMap((entry) => entry.rows));
  return { rows, conditions, absences, notes };
}
