/** Opening an index: checking it once, and deriving what makes look-ups fast. */
import { median } from "../../measure.js";
import { figure, quantity, range } from "../figures.js";
import { html } from "../markup.js";
import { picture } from "../picture.js";
import type { Rows } from "../rows.js";
import { stripChart } from "../strip-chart.js";
import { metricTables } from "../table.js";
import { askedStrips, ratios } from "./asked-strips.js";
import { askedOf } from "./names.js";
import { type Section, told } from "./section.js";

/** Segments of 4096-byte pages; the others' names give their page counts. */
const isFull = (workload: string) => !workload.includes("; ");

function inWords(times: Rows): string | undefined {
  const full = times.filter(({ workload }) => isFull(workload));
  const of = (language: string) =>
    full.filter(({ implementation }) => {
      const asked = askedOf(implementation);
      return asked?.design === "g" && asked.language === language;
    });
  const [wasm, js] = [of("wasm"), of("js")];
  if (wasm.isEmpty) return undefined;
  const { unit } = wasm.all[0];
  const time = range(
    wasm.all.map(({ value }) => value),
    (value) => quantity(value, unit),
  );
  const slower = ratios(js, wasm);
  const twin =
    slower.length === 0
      ? ""
      : `; TypeScript takes ${range(slower, figure)} times as long (median ${figure(median(slower))})`;
  return `Opening the index of a full segment of 4096-byte pages takes WebAssembly ${time}, by workload${twin}`;
}

export const openSection: Section = {
  suite: "open",
  title: "What does opening a segment cost?",
  intro: html`<p>Opening an index checks the structure of all its bytes once, so that no look-up has to, and derives the tables that make look-ups fast. They are not stored: that is what keeps the index small, and this is its price.</p>`,
  show(rows) {
    const times = rows.where({ metric: "time" });
    const drawable = times.filter(({ implementation }) => askedOf(implementation) !== undefined);
    const takeaway = inWords(times);
    const { drawn, undrawn } = stripChart({
      about: "Time to open an index by workload, in WebAssembly and in TypeScript. The tables below have the figures.",
      axisName: "time to open, logarithmic",
      unit: times.all[0]?.unit ?? "",
      scale: "log",
      strips: askedStrips(drawable, rows, (workload) => workload),
    });
    const tables = metricTables(rows, {
      down: "workload",
      across: "implementation",
      captions: { head: "bytes of header and index as stored", resident: "bytes in memory once the index is open" },
    });
    return {
      takeaways: told(takeaway),
      body: html`${
        drawable.isEmpty
          ? undefined
          : picture([drawn], {
              takeaway,
              explanation:
                "Filled: WebAssembly; ring: TypeScript; the stroke through a mark is its spread; further left is faster",
              undrawn,
            })
      }
<details><summary>Figures</summary>
${tables}</details>`,
    };
  },
};
