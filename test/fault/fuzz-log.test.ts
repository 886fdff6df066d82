/**
 * Hostile objects of the log under right checksums, and hostile strings where a key, an id or a name belongs. `npm run soak` runs
 * the former for longer. `spec/log_reader.py` reads a sample, and agrees on which are refused and on what the others say.
 */
import { posix } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { Corrupt, InvalidArgument } from "../../src/core/errors.js";
import { SegmentId, VolumeId } from "../../src/core/ids.js";
import { decodeCatalogRecord, encodeCatalogRecord } from "../../src/format/catalog.js";
import { checkKey, checkPrefix } from "../../src/io/object-key.js";
import { checkName } from "../../src/log/catalog.js";
import { catalogKey, manifestKey, numberIn } from "../../src/log/keys.js";
import { LogFuzz } from "../campaign/fuzz-log.js";
import { hostileText } from "../campaign/hostile-keys.js";
import { HostileLog } from "../campaign/hostile-log.js";
import { verdictOf } from "../helpers/describe-log-object.js";
import { readInPython } from "../helpers/log-reader.js";
import { Random, runSeed } from "../helpers/random.js";
import { needs } from "../helpers/requires.js";
import { withoutStacks } from "../helpers/without-stacks.js";

const CASES = Number(process.env.FUZZ_ROUNDS ?? 1_000_000);
const SAMPLE = 10_000;
const TEXTS = 100_000;

test(`${CASES} hostile objects: refused by name, or of one encoding`, { timeout: 1_000_000 }, () => {
  const fuzz = new LogFuzz(runSeed("fuzz log"));
  fuzz.run(CASES);
  const { cases, accepted, refused } = fuzz.report;
  const list = (counts: Map<string, number>) =>
    [...counts].sort(([, a], [, b]) => b - a).map(([what, count]) => `${count} ${what}`);
  console.log(`accepted: ${list(accepted).join(", ")}; refused: ${list(refused).join("; ")}`);
  // The campaign reaches both sides, every kind, and every check.
  expect(cases).toBe(CASES);
  for (const kind of ["c/N", "v/*/l/N", "v/*/m/N", "v/*/f/N", "s/shared/*/records"]) {
    expect(accepted.get(kind) ?? 0, kind).toBeGreaterThan(CASES / 200);
  }
  const most = [...accepted.values()].reduce((a, b) => a + b);
  expect(most).toBeLessThan(CASES * 0.75);
  const reasons = ["damaged log object", "unsupported", "truncated", "trailing bytes", "reference outside its range"];
  reasons.push(
    "number out of range",
    "gap before the tail",
    "LSNs of the records",
    "table of volumes",
    "catalog state",
  );
  reasons.push("attachments", "another object's bytes", "another kind of log object", "stub", "drop out of order");
  for (const reason of reasons) expect(refused.get(reason) ?? 0, reason).toBeGreaterThan(CASES / 10_000);
});

describe("in Python", needs("python3"), () => {
  test(`${SAMPLE} hostile objects: both readers agree`, { timeout: 300_000 }, () => {
    const seed = runSeed("fuzz log in Python");
    const objects = new HostileLog(new Random(seed));
    const drawn = Array.from({ length: SAMPLE }, () => objects.next());
    const said = readInPython(drawn);
    let accepted = 0;
    const verdicts = withoutStacks(() => drawn.map(({ key, bytes }) => verdictOf(key, bytes)));
    for (const [i, { key, bytes }] of drawn.entries()) {
      const ours = verdicts[i];
      const theirs = said[i];
      if (ours.accepted) accepted++;
      // Where two rules are broken, it may be another one that is found first; but a newer version is known before all.
      const isClear = ours.accepted || (bytes.length > 11 && (bytes[8] > 1 || bytes[9] > 0 || bytes[11] > 0));
      if (theirs.accepted === ours.accepted && (!isClear || isDeepStrictEqual(theirs, ours))) continue;
      const which = `seed ${seed}, object ${i}, ${key}: ${Buffer.from(bytes).toString("hex")}`;
      expect(theirs, which).toEqual(ours);
    }
    expect(accepted).toBeGreaterThan(SAMPLE / 10);
    expect(accepted).toBeLessThan(SAMPLE * 0.75);
  });
});

/** What `action` returns, unless it refuses its argument. */
function unlessRefused<T>(action: () => T): T | "refused" {
  try {
    return action();
  } catch (error) {
    if (error instanceof InvalidArgument) return "refused";
    throw error;
  }
}

/** The first thing that does not hold of a string that was taken for a key, an id, a number or a name. */
function problemWith(text: string, vid: VolumeId, accepted: Record<string, number>): string | undefined {
  if (unlessRefused(() => checkKey(text)) !== "refused") {
    accepted.keys++;
    // No path, no URL and no file system makes anything else of it, and it stays where it was put.
    if (posix.normalize(text) !== text || posix.resolve("/store", text) !== `/store/${text}`) return "another path";
    if (new URL(text, "https://host/store/").href !== `https://host/store/${text}`) return "another URL";
    if (text.toLowerCase().normalize("NFKC") !== text) return "another file";
    if (/[^a-z0-9._/-]|(^|\/)\.|\/\/|^\/|\/$|^$/.test(text)) return "no key";
    if (text.length > 512 || text.split("/").some((part) => part.length > 128)) return "a key that is too long";
    checkPrefix(text);
    checkPrefix(text.slice(0, text.lastIndexOf("/") + 1));
  }
  for (const id of [VolumeId, SegmentId]) {
    const parsed = unlessRefused(() => id.parse(text));
    const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(asciiLower(text));
    if ((parsed !== "refused") !== isId) return "an id taken for none, or the other way round";
    if (parsed === "refused") continue;
    accepted.ids++;
    if (parsed.toString() !== asciiLower(text)) return "another id";
    if (id.fromBytes(parsed.bytes).toString() !== parsed.toString()) return "an id that its bytes do not give";
  }
  for (const keyOf of [catalogKey, (g: number) => manifestKey(vid, g), (n: number) => String(n).padStart(16, "0")]) {
    const number = numberIn(text, keyOf);
    if (number === undefined) continue;
    accepted.numbers++;
    if (keyOf(number) !== text || number < 1 || !Number.isSafeInteger(number + 1)) return `number ${number}`;
  }
  const named = unlessRefused(() => checkName(text)) !== "refused";
  // Half a surrogate pair is another character once it is encoded.
  if (!named && /[\ud800-\udfff]/.test(text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ""))) return undefined;
  if (named) accepted.names++;
  const key = catalogKey(2);
  const change = { kind: "rename", vid, name: text } as const;
  const bytes = encodeCatalogRecord(key, new Uint8Array(16), { timeMs: 1, change, state: undefined });
  try {
    // What a caller may not say, a catalog may not hold.
    const found = decodeCatalogRecord(bytes, key).record.change;
    return named && found.kind === "rename" && found.name === text ? undefined : "a name that only a catalog may hold";
  } catch (error) {
    if (!named && error instanceof Corrupt) return undefined;
    throw error;
  }
}

test(`${TEXTS} hostile strings as keys, ids, numbers and names`, { timeout: 300_000 }, () => {
  const seed = runSeed("fuzz keys");
  const random = new Random(seed);
  const vid = VolumeId.fromBytes(random.bytes(16));
  const accepted = { keys: 0, ids: 0, numbers: 0, names: 0 };
  withoutStacks(() => {
    for (let i = 0; i < TEXTS; i++) {
      const text = hostileText(random);
      const problem = problemWith(text, vid, accepted);
      if (problem) throw new Error(`seed ${seed}, string ${i}, ${JSON.stringify(text)}: ${problem}`);
    }
  });
  console.log(`accepted: ${JSON.stringify(accepted)}`);
  for (const [what, count] of Object.entries(accepted)) expect(count, what).toBeGreaterThan(TEXTS / 100);
});

/** Nothing but A to Z: what folds to other letters is not one of ours. */
function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
