/** What all pictures share: their frame and caption, the parts they are drawn of, how wide text is. */
import { counted, sentences, tickText } from "./figures.js";
import { html, type Markup, type Part } from "./markup.js";
import type { Axis } from "./scale.js";

/** Width of one character of a picture's text, and of bold text: estimates, on the wide side. */
const CHARACTER = 7.4;
const BOLD_CHARACTER = 8.5;
export const LINE_HEIGHT = 15;

export const widthOf = (text: string): number => Math.ceil(text.length * CHARACTER);
export const boldWidthOf = (text: string): number => Math.ceil(text.length * BOLD_CHARACTER);

/** A coordinate. */
export const px = (value: number): string => String(Math.round(value * 10) / 10);

/** Breaks at spaces into lines of at most so many characters, where words allow it. */
export function wrapped(text: string, most: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= most) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  // A word of its own that does not fit is cut: names come from outside.
  return lines.map((one) => clipped(one, most));
}

/** At most so many characters. */
export const clipped = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;

export function text(x: number, y: number, content: Part, kind = "", anchor: "start" | "middle" | "end" = "start") {
  return html`<text x="${px(x)}" y="${px(y)}" class="${kind}" text-anchor="${anchor}">${content}</text>`;
}

export function segment(x1: number, y1: number, x2: number, y2: number, kind: string): Markup {
  return html`<line x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" class="${kind}"/>`;
}

/** A horizontal axis from `left` to `right` with its grid lines from `top` to `bottom`, and its name below. */
export function horizontalAxis(
  axis: Axis,
  unit: string,
  name: string,
  [left, right]: readonly [number, number],
  [top, bottom]: readonly [number, number],
): Markup {
  const ticks = axis.ticks.map((tick) => {
    const label = tickText(tick, unit);
    return { x: left + axis.place(tick) * (right - left), label, half: widthOf(label) / 2 + 3 };
  });
  const isFree = (every: number) => {
    const shown = ticks.filter((_, i) => i % every === 0);
    return shown.every(({ x, half }, i) => i === 0 || shown[i - 1].x + shown[i - 1].half <= x - half);
  };
  // Where not all have room, every second one has a label, or every third.
  let every = 1;
  while (!isFree(every)) every++;
  const parts = ticks.map(
    ({ x, label }, i) =>
      html`${segment(x, top, x, bottom, "grid")}${i % every === 0 ? text(x, bottom + 16, label, "soft", "middle") : undefined}`,
  );
  return html`${parts}${segment(left, bottom, right, bottom, "axis")}${text(right, bottom + 34, name, "soft", "end")}`;
}

/** The element of a picture; `about` says in words what it shows. */
export function svg(kind: "wide" | "panel", width: number, height: number, about: string, content: Part): Markup {
  return html`<svg class="${kind}" viewBox="0 0 ${px(width)} ${px(height)}" role="img" aria-label="${about}">
${content}
</svg>`;
}

export interface Caption {
  /** What the picture says, in one sentence from its figures; `undefined` where they say too little. */
  readonly takeaway: string | undefined;
  /** What is drawn, and how to read it. */
  readonly explanation: string;
  /** Figures that have no place in the picture. */
  readonly undrawn?: number;
}

/** A figure of one picture, or of several panels. */
export function picture(drawn: readonly Markup[], { takeaway, explanation, undrawn = 0 }: Caption): Markup {
  const isPanels = drawn.length > 1;
  const leftOut =
    undrawn > 0
      ? `${counted(undrawn, "figure")} of 0 or less ${undrawn === 1 ? "has" : "have"} no place on a logarithmic scale and ${undrawn === 1 ? "is" : "are"} not drawn`
      : undefined;
  const strong = takeaway && html`<strong>${sentences(takeaway)}</strong> `;
  return html`<figure>
<div class="${isPanels ? "panels" : "box"}"${isPanels ? undefined : html` role="region" tabindex="0" aria-label="${takeaway ?? explanation}"`}>${drawn}</div>
<figcaption>${strong}${sentences(explanation, leftOut)}</figcaption>
</figure>
`;
}
