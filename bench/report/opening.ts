/** The page's opening: what was measured and on what, the question, the words that are needed. */
import type { Conditions } from "./conditions.js";
import { listing } from "./figures.js";
import { html, type Markup } from "./markup.js";
import { colourOf, DESIGNS } from "./palette.js";
import type { Results } from "./rows.js";
import { sections } from "./sections/all.js";
import { table, words } from "./table.js";

/** What stands before everything else. */
export const about: Markup = html`<p>Palimpsest is a page store that keeps every version of every page. It answers one question, <code>readPage(vid, offset, lsn)</code>: what did the page at this offset of this volume hold as of this commit? Pages lie in immutable files, and each file carries an index. This page is about that index: which design is the smallest, which is the fastest, and what becomes of it in a whole store. It was made by a program from measured figures: every number here, in sentences too, was computed from them.</p>`;

const dated = (when: string) => (Number.isNaN(Date.parse(when)) ? when : `${when.slice(0, 16).replace("T", " ")} UTC`);

/** As the page shows them. */
function inOrder(suites: readonly string[]): string[] {
  const known = sections.map(({ suite }) => suite);
  return [...known.filter((suite) => suites.includes(suite)), ...suites.filter((suite) => !known.includes(suite))];
}

/** One line for all suites that were measured alike. */
function conditionLines({ rows, conditions }: Results): Markup[] {
  const groups = new Map<string, { said: Conditions | undefined; suites: string[]; times: string[] }>();
  for (const suite of inOrder(rows.distinct("suite"))) {
    const said = conditions.get(suite);
    const key = said ? JSON.stringify([said.node, said.processor, said.cores, said.quick]) : "";
    const group = groups.get(key) ?? { said, suites: [], times: [] };
    group.suites.push(suite);
    if (said) group.times.push(said.when);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ said, suites, times }) => {
    if (!said) {
      return html`<tr><th scope="row">${listing(suites)}</th><td class="words" colspan="4">The files do not say when or on what they were measured.</td></tr>\n`;
    }
    const sorted = times.map(dated).sort();
    const [first, last] = [sorted[0], sorted[sorted.length - 1]];
    const extent = said.quick ? "quick: few rounds, little data" : "full";
    return html`<tr><th scope="row">${listing(suites)}</th>${words(first === last ? first : `${first} to ${last}`)}${words(said.node)}${words(`${said.processor}, ${said.cores} cores`)}${words(extent)}</tr>\n`;
  });
}

function warning({ conditions }: Results): Markup | undefined {
  const quick = inOrder([...conditions].filter(([, said]) => said.quick).map(([suite]) => suite));
  if (quick.length === 0) return undefined;
  return html`<p class="note"><strong>Quick run:</strong> ${listing(quick)} ran with few rounds and little data. Sizes are exact all the same, for the workloads that are shown; times show that everything runs, not how fast.</p>\n`;
}

function machine(results: Results): Markup {
  return html`<h2 id="measured">What was measured, and on what</h2>
${
  results.rows.isEmpty
    ? html`<p>There are no figures: no suite left any rows.</p>`
    : table("Who measured what", ["suites", "when", "Node", "processor", "extent"], conditionLines(results), "worded")
}
${warning(results)}
<p>Rivals take turns in one process, round by round, so that what slows the machine slows them all, and their answers are compared. A time is the median of the rounds; ± is the spread, half the distance between the quartiles as a part of the median: of two times that differ by less, neither is the faster. Figures are rounded to three significant digits, counts are exact; a table’s markup has the unrounded figure.</p>
${results.notes.map((note) => html`<p class="note">${note}</p>\n`)}`;
}

const QUESTION = html`<h2 id="question">The question</h2>
<p>The project began with a note. It had planned hash tables on disk, and saw that they cannot answer the question: the page that is wanted is not the one at a known LSN, but the newest <em>at or below</em> an LSN, so that an index must find the largest of many, not match one. The note then asks which index to build instead:</p>
<ul>
<li>a hash table, a B-tree, a radix tree, or something special for this one question?</li>
<li>two levels, first the volume and then its offsets, or one level with both in the key, which takes an indirection less and more storage?</li>
<li>in the segment’s first bytes (inline), so that one small read has it, or in a place of its own? How many pages can each form index?</li>
<li>how wide must the number be that says how recent a version is (the rLSN): 16 bits, or even 8? Or the differences from one to the next, or the differences of those?</li>
<li>since pages can lie in the order of their LSNs, is it enough to store where an offset’s first page lies?</li>
</ul>
<p>The indexes never change once they are written. What counts is simplicity, read speed and size.</p>
`;

const TERMS: readonly (readonly [term: string, meaning: string])[] = [
  [
    "volume, offset, page",
    "A volume is an array of pages with its own history, say one SQLite database; a page is a block of 4096 bytes; its offset is its position in the volume, counted in pages.",
  ],
  ["LSN", "The number of a commit: 1, 2, 3 … in each volume."],
  ["rLSN", "An LSN counted from where a segment begins. It is smaller, so it takes fewer bits."],
  [
    "segment",
    "A file of at most 16 MiB that never changes: a header of 64 bytes, the index, then pages in the order of volume, offset and LSN.",
  ],
  ["index", "What says at which place in its segment the wanted version of a page lies, or that it is not there."],
  [
    "inline",
    "Header and index end within the segment’s first 4096 bytes, so that the first small read has both; 4032 bytes are left for the index.",
  ],
  ["look-up, probe", "One question to one index."],
  ["resolve", "To find a version among all segments of a volume."],
  [
    "bound",
    "The fewest bits, on average, by which one segment’s index can be told from all others of its shape: no design can be smaller.",
  ],
  [
    "empty call",
    "A call from JavaScript into WebAssembly that does nothing: a unit of time that goes with the machine.",
  ],
];

const GLOSSARY = html`<h2 id="words">Ten terms</h2>
<dl>
${TERMS.map(([term, meaning]) => html`<dt>${term}</dt><dd>${meaning}</dd>\n`)}</dl>
`;

const RIVALS = html`<h2 id="designs">Seven designs</h2>
<p>Each has its letter and its colour on the whole page. Most can keep an offset’s rLSNs in several ways: as u32, u16 or u8 (4, 2 or 1 bytes each), as byte deltas (differences, a byte each where they fit), as deltas of deltas, or by Elias-Fano coding (a few bits each, by how dense they are).</p>
${table(
  "The designs of the laboratory",
  ["", "name", "what it is"],
  DESIGNS.map(
    ({ letter, name, about }) =>
      html`<tr><th scope="row"><span class="swatch ${colourOf(letter)}">${letter}</span></th>${words(name)}${words(about)}</tr>\n`,
  ),
  "worded",
)}`;

export function opening(results: Results): Markup {
  return html`${machine(results)}\n${QUESTION}\n${GLOSSARY}\n${RIVALS}`;
}
