/** Text made safe for a terminal: names and data come from outside and must not move the cursor, ring, or hide themselves. */

/** C0 and C1 controls, DEL, and the marks that change the direction of text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

const hex = (character: string, digits: number) => character.charCodeAt(0).toString(16).padStart(digits, "0");

/** Replaces each unsafe character by its escape: `\n`, `\x1b`, `\u202e`. */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, (character) => {
    return SHORT[character] ?? (character <= "\xff" ? `\\x${hex(character, 2)}` : `\\u${hex(character, 4)}`);
  });
}

/** The same for the text of a JSON document, whose own escape it uses: parsed, the document is unchanged. */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE, (character) => `\\u${hex(character, 4)}`);
}

/** `1536` as `1.5 KB`: powers of 1000, as disks and networks are sold. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["KB", "MB", "GB", "TB", "PB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

export function formatCount(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
}
