/** The page's style: light and dark by the reader's preference, wide tables and pictures in boxes of their own, print. */
import { Markup } from "./markup.js";

const light = `
  --page: #ffffff; --panel: #f5f6f8; --ink: #1a1a1a; --soft: #55595f; --line: #d4d7dc; --grid: #e6e8ec; --link: #0b4fa8;
  --a: #6b6b6b; --b: #0076c1; --c: #204b0b; --d: #921c80; --e: #a06800; --f: #bc5545; --g: #3335b1; --other: #6b6b6b;`;
const dark = `
  --page: #15181c; --panel: #1e2228; --ink: #ececec; --soft: #a9aeb6; --line: #3a4048; --grid: #2a2f36; --link: #8db9ff;
  --a: #a3a3a3; --b: #32deff; --c: #4bb46b; --d: #c262b2; --e: #e2c044; --f: #e44d3c; --g: #7889ff; --other: #a3a3a3;`;

const colours = ["a", "b", "c", "d", "e", "f", "g", "other"].map((name) => `.c-${name} { --colour: var(--${name}); }`);

export const style = new Markup(`
:root { color-scheme: light dark; ${light} }
@media screen and (prefers-color-scheme: dark) { :root { ${dark} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main, header, footer { max-width: 58rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.4rem; line-height: 1.25; margin: 3rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 1.8rem 0 .4rem; }
p, ul, ol, dl, figcaption { max-width: 44rem; }
a { color: var(--link); }
li { margin: .3rem 0; }
dt { font-weight: 600; margin-top: .5rem; }
dd { margin: 0 0 0 1.2rem; }
code { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: anywhere; }
nav ul { columns: 16rem; padding-left: 1.2rem; }
.note { background: var(--panel); border-left: 4px solid var(--e); padding: .6rem 1rem; max-width: 44rem; }
.missing { border-left-color: var(--f); }
.box { overflow-x: auto; max-width: 100%; }
.box:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
figure { margin: 1.2rem 0 1.6rem; }
figcaption { margin-top: .5rem; color: var(--soft); font-size: .92rem; }
figcaption strong { color: var(--ink); }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
.tabled { margin: 1rem 0 1.4rem; }
.tabled figcaption { margin: 0 0 .3rem; }
th, td { padding: .22rem .6rem; border-bottom: 1px solid var(--grid); text-align: right; vertical-align: top; }
thead th { border-bottom: 1px solid var(--line); vertical-align: bottom; font-weight: 600; }
th[scope=row], thead th:first-child, td.words, .worded th { text-align: left; }
th[scope=row] { font-weight: 400; min-width: 8.5rem; }
.worded th[scope=row] { min-width: 0; }
td small { color: var(--soft); white-space: nowrap; }
td.best { font-weight: 700; }
td.none { color: var(--soft); }
details { margin: .8rem 0; }
summary { cursor: pointer; color: var(--link); }
.swatch { display: inline-block; width: 1.5em; border-radius: 1em; text-align: center; font-weight: 700;
  background: var(--colour); color: var(--page); }
svg { display: block; width: 100%; height: auto; font-family: system-ui, sans-serif; font-size: 13px; }
svg.wide { min-width: 38rem; max-width: 58rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); gap: 1rem; }
.panels svg { max-width: 27rem; }
svg text { fill: var(--ink); }
svg .soft { fill: var(--soft); }
svg .head { font-weight: 600; }
svg .grid { stroke: var(--grid); stroke-width: 1; }
svg .axis { stroke: var(--line); stroke-width: 1; }
svg .least { stroke: var(--ink); stroke-width: 2; }
svg .series { fill: none; stroke: var(--colour); stroke-width: 2; }
svg .series.heavy { stroke-width: 3; }
svg .dashed { stroke-dasharray: 6 4; }
svg .dotted { stroke-dasharray: 1.5 4; stroke-linecap: round; }
svg .leader { stroke: var(--colour); stroke-width: 1; opacity: .5; }
svg .spread { stroke: var(--colour); stroke-width: 1.5; opacity: .6; }
svg .bars .spread { stroke: var(--ink); opacity: .55; }
svg .mark { fill: var(--colour); stroke: var(--page); stroke-width: 1; }
svg .hollow .mark { fill: var(--page); stroke: var(--colour); stroke-width: 2; }
svg .letter { fill: var(--page); font-size: 11px; font-weight: 700; text-anchor: middle; }
svg .hollow .letter { fill: var(--colour); }
svg text.name { fill: var(--colour); font-weight: 600; }
footer { margin-top: 3rem; padding-bottom: 2rem; color: var(--soft); font-size: .9rem; }
@media print {
  body { font-size: 10pt; }
  main, header, footer { max-width: none; padding: 0; }
  .box { overflow: visible; }
  svg.wide { min-width: 0; }
  figure, tr, .note { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  table { font-size: 7pt; }
  th[scope=row] { min-width: 0; }
  th, td { padding: .1rem .3rem; }
  nav { display: none; }
}
${colours.join("\n")}
`);
