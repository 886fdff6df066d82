/** The benchmark report: what it shows comes from the rows, all of it and nothing else, whatever the rows say. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Row } from "../../../bench/measure.js";
import { writeConditions } from "../../../bench/report/conditions.js";
import { figure, quantity, range, roundFigure } from "../../../bench/report/figures.js";
import { html } from "../../../bench/report/markup.js";
import { page } from "../../../bench/report/page.js";
import { type Results, Rows, readFolder } from "../../../bench/report/rows.js";
import { linearAxis, logAxis } from "../../../bench/report/scale.js";
import { sections } from "../../../bench/report/sections/all.js";
import { countIn } from "../../../bench/report/sections/names.js";
import { Random } from "../../helpers/random.js";

const folder = mkdtempSync(join(tmpdir(), "palimpsest-report-test-"));
const main = "build/bench/main.js";
afterAll(() => rmSync(folder, { recursive: true }));

const resultsOf = (rows: readonly Row[], more: Partial<Results> = {}): Results => ({
  rows: new Rows(rows),
  conditions: new Map(),
  absences: new Map(),
  notes: [],
  ...more,
});

const row = (
  suite: string,
  workload: string,
  implementation: string,
  metric: string,
  value: number,
  unit: string,
): Row => ({ suite, workload, implementation, metric, value, unit });

const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)];

/** The figures of a page's tables, unrounded. */
const tableValues = (text: string) => matches(text, /<data value="([^"]*)">/g).map(([, value]) => Number(value));

/** Elements that have no end tag. */
const VOID = new Set(["meta", "br", "circle", "line", "rect", "polyline"]);

/** Fails unless every tag is closed in its order; returns the names of all elements. */
function elements(text: string): Set<string> {
  const open: string[] = [];
  const names = new Set<string>();
  const body = text.replace("<!DOCTYPE html>", "").replace(/<style>.*?<\/style>/s, "");
  for (const [, end, name] of matches(body, /<(\/?)([a-z0-9]+)(?:\s+[a-z0-9-]+(?:="[^"<>]*")?)*\s*\/?>/gi)) {
    names.add(name);
    if (end) {
      const last = open.pop();
      if (last !== name) throw new Error(`</${name}> ends <${last}>`);
    } else if (!VOID.has(name)) open.push(name);
  }
  expect(open).toEqual([]);
  // What is left has no bracket that is not a tag's.
  expect(body.replace(/<\/?[a-z0-9]+(?:\s+[a-z0-9-]+(?:="[^"<>]*")?)*\s*\/?>/gi, "")).not.toMatch(/[<>]/);
  return names;
}

/** What holds for every page. */
function expectSound(text: string, { rows }: Results): void {
  const names = elements(text);
  for (const name of ["script", "img", "iframe", "link", "object", "form", "input", "base"]) {
    expect(names).not.toContain(name);
  }
  expect(text.match(/.{0,80}(\b(NaN|undefined|Infinity|null)\b|\[object).{0,20}/)?.[0]).toBeUndefined();
  expect(text.match(/.{0,80}(\s(src|on[a-z]+|style)=|url\(|@import|javascript:).{0,20}/)?.[0]).toBeUndefined();
  for (const [, href] of matches(text, /href="([^"]*)"/g)) {
    expect(href.startsWith("#")).toBe(true);
    expect(matches(text, new RegExp(`id="${href.slice(1)}"`, "g")).length).toBe(1);
  }
  const known = new Set(rows.all.map(({ value }) => value));
  expect(tableValues(text).filter((value) => !known.has(value))).toEqual([]);
  expect(matches(text, /<table /g).length).toBe(
    matches(text, /<figcaption>[^<]+<\/figcaption>\n<div class="box"/g).length,
  );
  for (const [svg] of matches(text, /<svg [^>]*>/g)) expect(svg).toMatch(/role="img" aria-label="[^"]+"/);
}

/** Marks of the picture, or panels, whose descriptions match. */
function pointsOf(text: string, about: RegExp): number {
  const pictures = matches(text, /<svg [^>]*aria-label="([^"]*)">(.*?)<\/svg>/gs).filter(([, label]) =>
    about.test(label),
  );
  expect(pictures.length).toBeGreaterThan(0);
  return pictures.reduce((sum, [, , drawn]) => sum + matches(drawn, /<g class="point/g).length, 0);
}

describe("rows by hand", () => {
  const sizes = ["dense", "sparse"].flatMap((workload, i) => [
    row("sizes", workload, "bound", "inline size", 1 + i, "bytes/page"),
    row("sizes", workload, "d u16", "inline size", 4 + i, "bytes/page"),
    row("sizes", workload, "d u8", "inline size", 3 + i, "bytes/page"),
    row("sizes", workload, "f u16", "inline size", 6 - 5 * i, "bytes/page"),
    row("sizes", workload, "g u16", "inline size", 2.5, "bytes/page"),
    row("sizes", workload, "g as shipped", "inline size", 2 + i, "bytes/page"),
    row("sizes", workload, "d u8", "most inline", 1234 + i, "pages"),
    row("sizes", workload, "g as shipped", "most inline", 2468 + 2 * i, "pages"),
  ]);

  test("the winner is computed: it changes with the rows", () => {
    const text = page(resultsOf(sizes));
    expect(text).toContain("Design g is the smallest, or as small as any, in 1 of 2 workloads (not: f on “sparse”)");
    expect(text).toContain("takes 1.50 times its bytes");
    expect(text).toContain("Design g takes 1.50 to 2.00 times the bound");
    expect(text).toContain("it holds 2.00 times as many as the next");
    const turned = page(resultsOf(sizes.map((one) => (one.implementation === "d u8" ? { ...one, value: 0.5 } : one))));
    expect(turned).toContain("Design d is the smallest, or as small as any, in 2 of 2 workloads");
    expectSound(text, resultsOf(sizes));
  });

  test("each design is one mark at its best width, and the shipped encoder stands for g", () => {
    const text = page(resultsOf(sizes));
    expect(pointsOf(text, /^Index bytes a page/)).toBe(6);
    expect(text).toContain("<title>dense, d u8: 3.00 bytes/page</title>");
    expect(text).toContain("<title>dense, g as shipped: 2.00 bytes/page</title>");
    expect(text).not.toContain("<title>dense, g u16");
  });

  test("suites that are missing are named, with the reason where one is known", () => {
    const text = page(resultsOf(sizes, { absences: new Map([["peers", "no peer is <installed>"]]) }));
    for (const { suite } of sections) {
      if (suite !== "sizes") expect(text).toContain(`There are no rows of the suite “${suite}”`);
    }
    expect(text).toContain("“peers”: no peer is &lt;installed&gt;");
    expect(text).not.toContain("no rows of the suite “sizes”");
    const empty = page(resultsOf([]));
    expect(empty).toContain("no suite left any rows");
    expectSound(empty, resultsOf([]));
  });

  test("names that look like markup, or are endless, or unprintable, do not break the page", () => {
    const hostile = [
      `</title><script>alert(1)</script>`,
      `" onload="alert(1)`,
      `<img src=x onerror=alert(1)>`,
      "x".repeat(500),
      "\u202eright to left\u0000\u0007",
      "a & b; 3 segments; hits",
      "",
      "d",
    ];
    const metrics = ["time", "inline size", "most inline", "resident", "rate", "saved", "segments per offset", "<b>"];
    const suites = [...sections.map(({ suite }) => suite), `<svg onload="alert(1)">`];
    const rows = suites.flatMap((suite, s) =>
      hostile.flatMap((workload, w) =>
        hostile.map((implementation, i) =>
          row(suite, workload, implementation, metrics[(w + i) % metrics.length], s + w + i + 1, hostile[(w + s) % 8]),
        ),
      ),
    );
    const results = resultsOf(rows, { notes: ["<u>"], absences: new Map([["x", "<x>"]]) });
    const text = page(results);
    expectSound(text.replaceAll("onload=", "").replaceAll("onerror=", "").replaceAll("src=", ""), results);
    expect(text).not.toMatch(/<(script|img|u|b)\b/);
    for (const character of "\u202e\u0000\u0007") expect(text).not.toContain(character);
    expect(text).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
  });

  test("odd values: nothing, next to nothing, everything, less than nothing", () => {
    const odd = [0, -1, 5e-324, 1e-9, 0.1 + 0.2, 1e21, 1.7e308, -1.7e308, 1];
    const names: Record<string, readonly [workload: string, implementation: string]> = {
      sizes: ["dense", "g as shipped"],
      probe: ["dense; 1 segment; hits", "wasm batched"],
      segments: ["dense; 4 segments; scattered", "g wasm"],
      resolve: ["10 overlapping segments", "merged: latest"],
      "read-page": ["hot", "borrowed"],
      peers: ["tiny; exact", "palimpsest borrowPage"],
      open: ["dense", "wasm"],
      cold: ["a page, 10 segments", "inline index"],
      shared: ["4 workers", "shared"],
      import: ["WAL", "import"],
    };
    const metrics = ["time", "spread", "resident", "rate", "inline size", "most inline", "processor", "empty calls"];
    const rows = Object.entries(names).flatMap(([suite, [workload, implementation]]) =>
      odd.flatMap((_, i) =>
        metrics.map((metric, k) =>
          row(
            suite,
            `${i % 3 === 0 ? workload : `${i}${workload}`}`,
            implementation,
            metric,
            odd[(i + k) % odd.length],
            "ns",
          ),
        ),
      ),
    );
    const results = resultsOf(rows);
    expectSound(page(results), results);
    expect(page(results)).toContain("no place on a logarithmic scale");
  });

  test("random rows of every suite's metrics never break the page", () => {
    const seed = Number(process.env.SEED ?? 1);
    console.log(`SEED=${seed}`);
    const random = new Random(seed);
    const words = [
      "dense",
      "1 segment",
      "100 segments",
      "hits",
      "scattered",
      "wasm",
      "js",
      "batched",
      "g",
      "d u16",
      "merged",
    ];
    const glue = ["; ", ", ", " ", ": "];
    const name = () => Array.from({ length: random.below(4) }, () => random.pick(words)).join(random.pick(glue));
    const units = ["ns", "ms", "x", "bytes", "B", "pages", "", "bytes/page", "% of segments", "of the median", "MB/s"];
    const metrics = [
      "time",
      "spread",
      "empty calls",
      "ratio",
      "resident",
      "of g wasm",
      "inline size",
      "most inline",
      "saved",
      "inline",
      "rate",
      "processor",
      "/ palimpsest x",
      "gaps fit u8",
      "segments per offset",
      "build",
      "bytes a version",
    ];
    for (let round = 0; round < 40; round++) {
      const rows = Array.from({ length: 120 }, () =>
        row(
          random.pick(sections).suite,
          name(),
          name(),
          random.pick(metrics),
          random.below(1000) / 10 - 1,
          random.pick(units),
        ),
      );
      expectSound(page(resultsOf(rows)), resultsOf(rows));
    }
  });

  test("an unknown suite is shown as it is", () => {
    const rows = [1, 2, 4].map((count) => row("warp", `${count} workers`, "engine", "time", 10 * count, "ns"));
    const text = page(resultsOf(rows));
    expect(text).toContain("Also measured: warp");
    expect(tableValues(text)).toEqual([10, 20, 40]);
    expect(pointsOf(text, /^: time against count|^time/)).toBe(3);
    expect(text).toContain("Time, from 1 to 4 count: engine: 10.0 ns to 40.0 ns");
  });
});

describe("files", () => {
  const rows = [row("probe", "dense; 1 segment; hits", "wasm batched", "time", 12.5, "ns")];

  test("what is not a row is left out, and said; the newest file of a suite counts", () => {
    const here = join(folder, "files");
    mkdirSync(here);
    const put = (name: string, value: unknown, seconds: number) => {
      writeFileSync(join(here, name), typeof value === "string" ? value : JSON.stringify(value));
      utimesSync(join(here, name), seconds, seconds);
    };
    put("new.json", [...rows, { suite: "probe" }, { ...rows[0], value: null }, 7], 2000);
    put("old.json", [{ ...rows[0], value: 99 }], 1000);
    put("broken.json", "[{", 1000);
    put("object.json", {}, 1000);
    writeConditions(join(here, "new.json"), true);
    const { rows: read, notes, conditions } = readFolder(here);
    expect(read.all).toEqual(rows);
    expect(notes).toHaveLength(4);
    expect(notes.join(" ")).toContain("new.json: 3 of 4 entries are not rows");
    expect(conditions.get("probe")).toMatchObject({ node: process.version, quick: true });
    const text = page({ rows: read, notes, conditions, absences: new Map() });
    expect(text).toContain(`<td class="words">${process.version}</td>`);
    expect(text).toContain("Quick run:");
  });

  test("conditions that are damaged are as good as none", () => {
    const here = join(folder, "damaged");
    mkdirSync(here);
    writeFileSync(join(here, "probe.json"), JSON.stringify(rows));
    for (const text of ["", "null", "[]", '{"when":1}']) {
      writeFileSync(join(here, "probe.run.json"), text);
      const results = readFolder(here);
      expect(results.conditions.size).toBe(0);
      expect(page(results)).toContain("The files do not say when or on what they were measured.");
    }
  });
});

describe("a quick run", () => {
  const from = join(folder, "quick");
  const out = join(folder, "page", "report.html");
  const rowsOf = (suite: string) => JSON.parse(readFileSync(join(from, `${suite}.json`), "utf8")) as Row[];
  let text: string;

  beforeAll(() => {
    execFileSync(process.execPath, ["scripts/build.mjs", "bench"], { stdio: "inherit" });
    mkdirSync(from);
    for (const suite of ["probe", "segments", "resolve", "read-page"]) {
      const json = join(from, `${suite}.json`);
      execFileSync(process.execPath, [main, suite, "--quick", "--json", json], { stdio: "ignore" });
    }
    execFileSync(process.execPath, [main, "report", "--from", from, "--out", out]);
    text = readFileSync(out, "utf8");
  });

  test("is one sound page with its figures and its conditions", () => {
    expectSound(text, readFolder(from));
    expect(text).toMatch(/^<!DOCTYPE html>\n<html lang="en">/);
    expect(text).toContain("<title>Palimpsest: the index laboratory, measured</title>");
    expect(text).toContain("prefers-color-scheme: dark");
    expect(text).toContain(`<td class="words">${process.version}</td>`);
    expect(text).toContain("quick: few rounds, little data");
    expect(matches(text, /<h1>/g)).toHaveLength(1);
  });

  test("shows every row of every suite in a table", () => {
    const shown = new Map<number, number>();
    for (const value of tableValues(text)) shown.set(value, 1 + (shown.get(value) ?? 0));
    for (const suite of ["probe", "segments", "resolve", "read-page"]) {
      for (const { value } of rowsOf(suite)) expect(shown.get(value)).toBeGreaterThan(0);
    }
  });

  test("draws a point for each row", () => {
    const times = (suite: string) => rowsOf(suite).filter(({ metric }) => metric === "time");
    const isRival = ({ implementation }: Row) => implementation !== "empty call";
    const probes = times("probe").filter(
      ({ workload, implementation }) => workload.endsWith("; hits") && / batched$/.test(implementation),
    );
    expect(pointsOf(text, /^Time of a batched look-up/)).toBe(probes.length);
    // Of an index of which nothing is resident, a logarithmic axis has no place.
    const resident = rowsOf("segments").filter(({ metric, value }) => metric === "resident" && value > 0);
    expect(pointsOf(text, /time of a look-up against the bytes/)).toBe(resident.length);
    expect(pointsOf(text, /^Time to resolve a page/)).toBe(times("resolve").filter(isRival).length);
    expect(pointsOf(text, /^Time to read a page/)).toBe(times("read-page").filter(isRival).length);
  });

  test("a folder that is not there is told", () => {
    const { status, stderr } = spawnSync(process.execPath, [main, "report", "--from", join(folder, "no")], {
      encoding: "utf8",
    });
    expect(status).toBe(2);
    expect(stderr).toContain("no folder");
  });
});

describe("parts", () => {
  test("figures have three significant digits", () => {
    expect([0, 1, 1.2567, 0.0039062, 25.66, 999.9, 1234.5, 223_996, -0.5, 1e-7, 2.5e12].map(figure)).toEqual([
      "0",
      "1.00",
      "1.26",
      "0.00391",
      "25.7",
      "1,000",
      "1,230",
      "224,000",
      "-0.500",
      "1.00 × 10^-7",
      "2.50 × 10^12",
    ]);
    expect([0, 100, 14.2857, 99.999, 2e9].map(roundFigure)).toEqual(["0", "100", "14.3", "100", "2.00 × 10^9"]);
    expect(quantity(999.7, "ns")).toBe("1.00 µs");
    expect(quantity(12_300, "ns")).toBe("12.3 µs");
    expect(quantity(250, "ms")).toBe("250 ms");
    expect(quantity(1024, "B")).toBe("1 KiB");
    expect(quantity(4087, "pages")).toBe("4,087 pages");
    expect(range([2, 1, 3], figure)).toBe("1.00 to 3.00");
    expect(range([1, 1.001], figure)).toBe("1.00");
    expect(range([], figure)).toBeUndefined();
  });

  test("markup escapes what is put into it, and markup once", () => {
    expect(html`<p title="${`"'<>&`}">${[html`<b>${"<"}</b>`, undefined, 1]}</p>`.text).toBe(
      '<p title="&quot;&#39;&lt;&gt;&amp;"><b>&lt;</b>1</p>',
    );
  });

  test("axes keep what is given to them between their ends, in order", () => {
    for (const values of [[1], [1, 1], [3, 4], [0.004, 27], [1, 1e6], [5e-324, 1.7e308], [], [-1, 0]]) {
      for (const axis of [logAxis(values), logAxis(values, 2)]) {
        const places = [...values]
          .filter((value) => value > 0)
          .sort((a, b) => a - b)
          .map(axis.place);
        expect(places).toEqual([...places].sort((a, b) => a - b));
        for (const place of [...places, ...axis.ticks.map(axis.place)]) {
          expect(place).toBeGreaterThanOrEqual(0);
          expect(place).toBeLessThanOrEqual(1);
        }
      }
      const axis = linearAxis(values);
      expect(axis.ticks.length).toBeGreaterThan(1);
      for (const value of values) expect(Number.isFinite(axis.place(value))).toBe(true);
    }
    expect(logAxis([1, 1000]).ticks).toEqual([1, 10, 100, 1000]);
    expect(linearAxis([149, 4087]).ticks).toEqual([0, 1000, 2000, 3000, 4000, 5000]);
  });

  test("counts are found in names, and leave the rest", () => {
    expect(countIn("a page at random, 10,000 segments", /segments?/)).toEqual({
      count: 10_000,
      rest: "a page at random",
    });
    expect(countIn("1 overlapping segment", /segments?/)).toEqual({ count: 1, rest: "" });
    expect(countIn("4 workers, shared", /workers?/)).toEqual({ count: 4, rest: "shared" });
    expect(countIn("hot", /segments?/)).toBeUndefined();
  });
});
