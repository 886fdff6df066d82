/** Strips of designs in both languages: a filled mark in WebAssembly, a ring in TypeScript. */
import { quantity } from "../figures.js";
import { colourOf } from "../palette.js";
import type { Rows } from "../rows.js";
import type { Mark, Strip } from "../strip-chart.js";
import { type Asked, askedOf, languageName } from "./names.js";

/** Asked in batches, but not in the plain way: a capital letter on a strip. */
export const isOtherWay = ({ way }: Asked): boolean => way !== "" && way !== "batched" && way !== "single";

/** A strip for each workload of `shown`, whose implementations are all designs; their spreads are among `rows`. */
export function askedStrips(shown: Rows, rows: Rows, nameOf: (workload: string) => string): Strip[] {
  return shown.distinct("workload").map((workload) => ({
    name: nameOf(workload),
    marks: shown.where({ workload }).all.map((row): Mark => {
      const asked = askedOf(row.implementation)!;
      const { design, language, way } = asked;
      return {
        letter: isOtherWay(asked) ? design.toUpperCase() : design,
        colour: colourOf(design),
        isHollow: language === "js",
        value: row.value,
        spread: rows.spreadOf(row),
        about: `${workload}, design ${design} in ${languageName(language)}${way && `, ${way}`}: ${quantity(row.value, row.unit)}`,
      };
    }),
  }));
}

/** For each workload of both, how many times the first takes of the second. */
export function ratios(first: Rows, second: Rows): number[] {
  return first.all.flatMap(({ workload, value }) => {
    const other = second.find({ workload })?.value;
    return other !== undefined && other > 0 ? [value / other] : [];
  });
}
