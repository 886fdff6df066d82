/** The whole page, one file that needs no other: no script, no font, no picture from elsewhere, and none is allowed. */
import { listing, sentences } from "./figures.js";
import { html, type Markup } from "./markup.js";
import { about, opening } from "./opening.js";
import type { Results } from "./rows.js";
import { sections } from "./sections/all.js";
import { unknownSection } from "./sections/others.js";
import type { Findings, Section } from "./sections/section.js";
import { style } from "./style.js";

interface Shown {
  readonly section: Section;
  /** An anchor; suites' names come from outside. */
  readonly id: string;
  /** `undefined` where there are no rows. */
  readonly findings: Findings | undefined;
}

function missing(suite: string, { absences }: Results): Markup {
  const reason = absences.get(suite);
  return html`<p class="note missing"><strong>Not measured.</strong> There are no rows of the suite “${suite}”${reason === undefined ? "." : `: ${reason}`}</p>\n`;
}

/** Its heading, its question, what was found or that nothing was. */
function drawSection({ section, id, findings }: Shown, results: Results): Markup {
  const { suite, title, intro } = section;
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${intro}
${findings ? findings.body : missing(suite, results)}
</section>
`;
}

function summary(shown: readonly Shown[]): Markup {
  const told = shown.flatMap(({ id, findings }) => (findings?.takeaways ?? []).map((text) => ({ id, text })));
  const absent = shown.filter(({ findings }) => !findings).map(({ section }) => section.suite);
  return html`<h2 id="short">In short</h2>
<ul>
${told.map(({ id, text }) => html`<li>${sentences(text)} <a href="#${id}">Figures</a></li>\n`)}</ul>
${absent.length === 0 ? undefined : html`<p class="note missing"><strong>Missing here:</strong> ${listing(absent)}.</p>\n`}`;
}

function contents(shown: readonly Shown[]): Markup {
  return html`<nav aria-label="Contents"><ul>
<li><a href="#short">In short</a></li>
<li><a href="#measured">What was measured, and on what</a></li>
<li><a href="#question">The question</a></li>
<li><a href="#words">Ten terms</a></li>
<li><a href="#designs">Seven designs</a></li>
${shown.map(({ id, section }) => html`<li><a href="#${id}">${section.title}</a></li>\n`)}</ul></nav>
`;
}

export function page(results: Results): string {
  const { rows } = results;
  const known = sections.map(({ suite }) => suite);
  const unknown = rows.distinct("suite").filter((suite) => !known.includes(suite));
  const shown = [...sections, ...unknown.map(unknownSection)].map((section, i): Shown => {
    const here = rows.where({ suite: section.suite });
    return { section, id: `part-${i + 1}`, findings: here.isEmpty ? undefined : section.show(here) };
  });
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Palimpsest: the index laboratory, measured</title>
<style>${style}</style>
</head>
<body>
<header><h1>Palimpsest: the index laboratory, measured</h1></header>
<main>
${about}
${contents(shown)}
${summary(shown)}
${opening(results)}
${shown.map((one) => drawSection(one, results))}
</main>
<footer><p>Made by <code>npm run bench -- report</code>.</p></footer>
</body>
</html>
`.text;
}
