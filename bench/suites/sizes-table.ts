/** Prints the rows of the suite `sizes`: a table for each workload, then all designs side by side. */
import type { Row } from "../measure.js";

const digits = (value: number, unit: string) => {
  if (unit === "pages" || unit === "") return Number.isInteger(value) ? String(value) : value.toFixed(1);
  if (unit.startsWith("%")) return value.toFixed(0);
  return value < 0.1 ? value.toFixed(4) : value < 10 ? value.toFixed(3) : value.toFixed(1);
};

/** Columns under their heads, right-aligned but for the first. */
function printTable(heads: readonly (readonly string[])[], lines: readonly (readonly string[])[]): void {
  const all = [...heads, ...lines];
  const widths = heads[0].map((_, column) => Math.max(...all.map((line) => line[column].length)));
  for (const line of all) {
    console.log(`  ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ")}`);
  }
}

/** Implementations down, metrics across. */
function printByImplementation(rows: readonly Row[]): void {
  const metrics = [...new Set(rows.map(({ metric }) => metric))];
  const implementations = [...new Set(rows.map(({ implementation }) => implementation))];
  const cell = (implementation: string, metric: string) => {
    const row = rows.find((one) => one.implementation === implementation && one.metric === metric);
    return row ? digits(row.value, row.unit) : "-";
  };
  const units = metrics.map((metric) => rows.find((row) => row.metric === metric)!.unit);
  printTable(
    [
      ["", ...metrics],
      ["", ...units],
    ],
    implementations.map((implementation) => [implementation, ...metrics.map((metric) => cell(implementation, metric))]),
  );
}

/** Of each design's widths the best one, workloads down. */
function printBest(rows: readonly Row[], metric: string, better: (a: number, b: number) => number): void {
  const of = rows.filter((row) => row.metric === metric);
  const designOf = (implementation: string) =>
    implementation.endsWith("as shipped") || implementation === "bound" ? implementation : implementation.split(" ")[0];
  const designs = [...new Set(of.map(({ implementation }) => designOf(implementation)))];
  const columns = [
    ...designs.filter((design) => design !== "bound"),
    ...designs.filter((design) => design === "bound"),
  ];
  const lines = [...new Set(of.map(({ workload }) => workload))].map((workload) => [
    workload,
    ...columns.map((design) => {
      const values = of
        .filter((row) => row.workload === workload && designOf(row.implementation) === design)
        .map(({ value }) => value);
      return values.length === 0 ? "-" : digits(values.reduce(better), of[0].unit);
    }),
  ]);
  printTable([["", ...columns]], lines);
}

export function printSizes(rows: readonly Row[]): void {
  for (const workload of new Set(rows.map((row) => row.workload))) {
    const of = rows.filter((row) => row.workload === workload);
    console.log(`\n${workload}`);
    printByImplementation(of.filter(({ metric }) => metric !== "saved"));
    const saved = of.filter(({ metric }) => metric === "saved");
    if (saved.length > 0) printByImplementation(saved);
  }
  const least = (a: number, b: number) => Math.min(a, b);
  const most = (a: number, b: number) => Math.max(a, b);
  console.log("\nIndex bytes per page, inline form, each design at its best width");
  printBest(rows, "inline size", least);
  console.log("\nMost pages inline, each design at its best width");
  printBest(rows, "most inline", most);
  console.log("\nMost pages in 16 MiB, inline form, each design at its best width");
  printBest(rows, "inline most in 16 MiB", most);
}
