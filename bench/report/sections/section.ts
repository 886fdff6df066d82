/** A part of the page: what one suite measured. */
import type { Markup } from "../markup.js";
import type { Rows } from "../rows.js";

export interface Findings {
  /** Sentences from the figures, the most telling first: it also stands in the page's summary. */
  readonly takeaways: readonly string[];
  readonly body: Markup;
}

export interface Section {
  /** Whose rows it shows. */
  readonly suite: string;
  readonly title: string;
  /** What is asked and how it is measured: it stands there even where rows are missing. */
  readonly intro: Markup;
  /** From the suite's rows, of which there is at least one. */
  show(rows: Rows): Findings;
}

/** The takeaways there are. */
export const told = (...takeaways: readonly (string | undefined)[]): string[] =>
  takeaways.filter((takeaway) => takeaway !== undefined);
