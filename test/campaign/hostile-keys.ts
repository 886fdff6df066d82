/** Strings that want to be a key, an id or a name: good ones with a bite taken, and what has fooled others. */
import type { Random } from "../helpers/random.js";

const GOOD = [
  "c/0000000000000017",
  "c/head",
  "v/01890a5d-ac96-774b-bcce-b302099a8057/l/0000000000000001",
  "v/01890a5d-ac96-774b-bcce-b302099a8057/m/head",
  "s/shared/01890a5d-ac96-774b-bcce-b302099a8057/records",
  "01890a5d-ac96-774b-bcce-b302099a8057",
  "my volume",
  "büro-€-😀",
  "0000000000000001",
  "9007199254740991",
];
const PARTS = [
  ...'/.-_ \\:*?"<>|%\0\n\r\t\x1b\x7f\x85\u00a0\u2028\u200b\ufeff\u202e\u0130\u212a\uff0f\uff0e٠١１',
  "..",
  "../",
  "./",
  "//",
  "%2e%2e%2f",
  "%00",
  "\ud800",
  "\udc00",
  "A",
  "ſ",
  "e\u0301",
  "😀",
  "CON",
  "nul",
  ".tmp-",
  "C:",
  "file:",
  "?x=1",
  "#",
  "x".repeat(127),
  "x".repeat(128),
  "x".repeat(129),
  "a/".repeat(200),
];

export function hostileText(random: Random): string {
  let text = random.pick(GOOD);
  for (let left = random.below(4); left > 0; left--) {
    const at = random.below(text.length + 1);
    const part = random.chance(0.8) ? random.pick(PARTS) : String.fromCharCode(random.below(0x10000));
    switch (random.below(4)) {
      case 0:
        text = text.slice(0, at) + part + text.slice(at);
        break;
      case 1:
        text = text.slice(0, at) + part + text.slice(at + 1);
        break;
      case 2:
        text = text.slice(0, at) + text.slice(at + 1 + random.below(3));
        break;
      default:
        text = random.chance(0.5) ? text.toUpperCase() : text.slice(0, at);
    }
  }
  return text;
}
