/** What the names in rows say: who answers, in which language and way, and how many of what there are. */
import { colourOf, designOf, OURS } from "../palette.js";

/** An implementation of an index. */
export interface Asked {
  /** "a" to "g"; the shipped probe, named by its language alone, is g. */
  readonly design: string;
  readonly language: "wasm" | "js";
  /** What tells ways to ask it apart: "batched", "single", "16 lanes", or nothing. */
  readonly way: string;
}

/** "wasm batched", "js single", "d wasm, 16 lanes"; `undefined` of other names. */
export function askedOf(implementation: string): Asked | undefined {
  const words = implementation.split(/[ ,]+/);
  const design = designOf(implementation) ?? "g";
  if (words[0] === design) words.shift();
  const [language, ...way] = words;
  return language === "wasm" || language === "js" ? { design, language, way: way.join(" ") } : undefined;
}

export const colourOfAsked = (asked: Asked | undefined): string =>
  asked ? colourOf(asked.design) : colourOf(undefined);

export const languageName = (language: Asked["language"]): string =>
  language === "wasm" ? "WebAssembly" : "TypeScript";

/** A name with its last number of `noun`s taken out of it: "a page, 100 segments" is 100 of "a page". */
export interface Counted {
  readonly count: number;
  readonly rest: string;
}

/** `undefined` where the name has no such number. */
export function countIn(name: string, noun: RegExp): Counted | undefined {
  const pattern = new RegExp(String.raw`(\d[\d,]*)\s+((?:[a-z]+\s+)?(?:${noun.source}))\b`, "i");
  const match = pattern.exec(name);
  if (!match) return undefined;
  const count = Number(match[1].replaceAll(",", ""));
  const rest = `${name.slice(0, match.index)}${name.slice(match.index + match[0].length)}`
    .replace(/([,;:])\s*(?=[,;:]|$)/g, "")
    .replace(/^[\s,;:]+|[\s,;:]+$/g, "")
    .replace(/\s+/g, " ");
  return Number.isFinite(count) ? { count, rest } : undefined;
}

export const OUR_NAME = "palimpsest";
export const colourOfStore = (implementation: string): string =>
  implementation.startsWith(OUR_NAME) ? OURS : colourOf(undefined);
