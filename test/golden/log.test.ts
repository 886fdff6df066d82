/**
 * Objects of the log that were assembled from the spec by a program of their own (log-v1/assemble.py), of every kind with every
 * optional part: each file in the folders is a test. Those in `refused` break one rule of the spec each.
 * `spec/log_reader.py`, written from the spec alone, has to say the same of them.
 */
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readLogObject, verdictOf } from "../helpers/describe-log-object.js";
import { readInPython } from "../helpers/log-reader.js";
import { runPython } from "../helpers/python.js";
import { needs } from "../helpers/requires.js";

interface Golden {
  /** The key that the object is read from. */
  readonly at: string;
  readonly says: { readonly formatVersion: number; readonly kind: string };
}

interface Refused {
  readonly at: string;
  /** The rule that the object breaks. */
  readonly must: string;
  readonly class: "Corrupt" | "UnsupportedFormat";
}

const HERE = fileURLToPath(new URL("./", import.meta.url));
const FOLDERS = ["log-v0", "log-v1", "log-v1/refused"];

/** Every object of a folder, with the facts beside it. */
function objectsIn<Facts>(folder: string): { name: string; bytes: Uint8Array; facts: Facts }[] {
  const names = readdirSync(join(HERE, folder)).filter((name) => name.endsWith(".obj"));
  return names.map((name) => ({
    name: `${folder}/${name}`,
    bytes: new Uint8Array(readFileSync(join(HERE, folder, name))),
    facts: JSON.parse(readFileSync(join(HERE, folder, name.replace(".obj", ".json")), "utf8")) as Facts,
  }));
}

const golden = [...objectsIn<Golden>("log-v0"), ...objectsIn<Golden>("log-v1")];
const refused = objectsIn<Refused>("log-v1/refused");

test("there are golden objects of every kind, and hostile ones", () => {
  const kinds = golden.map(({ facts: { says } }) => `${says.kind} ${says.formatVersion}`);
  expect([...new Set(kinds)].sort()).toEqual([
    "catalog 0",
    "catalog 1",
    "leaf 0",
    "leaf 1",
    "manifest 0",
    "manifest 1",
    "record 0",
    "record 1",
    "shared-list 0",
    "shared-list 1",
    "stub 1",
  ]);
  expect(refused.length).toBeGreaterThan(250);
});

test("no golden file was changed, removed or added unsaid", () => {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(HERE, folder))
      .filter((name) => /\.(obj|json)$/.test(name))
      .map((name) => `${folder}/${name}`),
  );
  const sums = files.sort().map((file) => {
    const digest = createHash("sha256")
      .update(readFileSync(join(HERE, file)))
      .digest("hex");
    return `${digest}  ${file}`;
  });
  expect(sums).toEqual(readFileSync(join(HERE, "log-sums.txt"), "utf8").trimEnd().split("\n"));
});

test.each(golden)("$name says what it was made to say, and is encoded so again", ({ bytes, facts }) => {
  const { says, encode } = readLogObject(facts.at, bytes);
  expect(says()).toEqual(facts.says);
  // What is written is of version 1.
  if (facts.says.formatVersion === 1) expect(Buffer.compare(encode(), bytes)).toBe(0);
});

test.each(refused)("$name breaks: $facts.must", ({ bytes, facts }) => {
  expect(verdictOf(facts.at, bytes)).toEqual({ accepted: false, class: facts.class });
});

describe("in Python", needs("python3"), () => {
  test("the reader that was written from the spec says the same", () => {
    const said = readInPython([...golden, ...refused].map(({ bytes, facts }) => ({ key: facts.at, bytes })));
    for (const [i, { name, facts }] of golden.entries()) {
      expect(said[i], name).toEqual({ accepted: true, ...facts.says });
    }
    for (const [i, { name, facts }] of refused.entries()) {
      expect(said[golden.length + i], `${name}: ${facts.must}`).toEqual({ accepted: false, class: facts.class });
    }
  });

  test("the files are what is assembled today", () => {
    // A copy, since what is missing would be written.
    const folder = mkdtempSync(join(tmpdir(), "palimpsest-golden-"));
    try {
      for (const name of ["log-v0", "log-v1", "v1"]) cpSync(join(HERE, name), join(folder, name), { recursive: true });
      const before = readdirSync(join(folder, "log-v1/refused")).length;
      const done = runPython(join(folder, "log-v1/assemble.py"));
      expect(done.stderr).toBe("");
      expect(readdirSync(join(folder, "log-v1/refused")).length).toBe(before);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
