/**
 * Every object of a small store, damaged in many ways: a bit flipped, cut short, made longer, emptied, deleted, put in
 * another's place. Whatever is read then is either right or a typed error that names the object; a damaged page is never
 * another page, and never absent.
 */
import { describe, expect, it } from "vitest";
import { Corrupt, NotFound, UnsupportedFormat } from "../../src/core/errors.js";
import { verifyObjects } from "../../src/history/verify.js";
import { MemoryStore } from "../../src/io/memory-store.js";
import type { ObjectStore } from "../../src/io/object-store.js";
import { TraceStore } from "../../src/io/trace-store.js";
import { nodePlatform } from "../../src/node-platform.js";
import { KNOWN_OFFSETS, KNOWN_PAGE_SIZE, KnownHistory, knownCommit } from "../helpers/known-history.js";
import { openOn } from "../helpers/open-on.js";
import { runSeed, seededRandom } from "../helpers/random.js";

const NAMES = ["app", "other"];
const LAST = 40;
const random = seededRandom(runSeed("damaged objects"));
const below = (bound: number) => Math.floor(random() * bound);
/** As `palimpsest verify` does it, with the faster SHA-256. */
const verify = (objects: MemoryStore) => verifyObjects(objects, { sha256: nodePlatform.sha256 });

/** Two volumes with the same history, the first commits of which share segments. */
async function makeObjects(): Promise<MemoryStore> {
  const objects = new MemoryStore();
  const store = await openOn(objects);
  const volumes = [];
  for (const name of NAMES) volumes.push(await store.createVolume({ name, pageSize: KNOWN_PAGE_SIZE }));
  for (let lsn = 1; lsn <= 3; lsn++) {
    const outcomes = await store.commitEach(volumes.map((volume) => ({ volume, ...knownCommit(lsn) })));
    for (const outcome of outcomes) expect(outcome.status).toBe("committed");
  }
  for (const volume of volumes) {
    for (let lsn = 4; lsn <= LAST - 5; lsn++) await volume.commit(knownCommit(lsn));
    await volume.commitBatch(Array.from({ length: 5 }, (_, i) => knownCommit(LAST - 4 + i)));
  }
  await store.close();
  return objects;
}

/** What every page is at the LSNs that are looked at. */
const expected = new Map<number, { pageCount: number; pages: (Uint8Array | undefined)[] }>();
{
  const known = new KnownHistory();
  while (known.lsn < LAST) {
    known.advance();
    const pages = Array.from({ length: KNOWN_OFFSETS }, (_, offset) => known.page(offset));
    if (known.lsn % 6 === 1 || known.lsn > LAST - 2) expected.set(known.lsn, { pageCount: known.pageCount, pages });
  }
}

interface Answers {
  right: number;
  /** Errors by which something was refused. */
  readonly errors: Error[];
  /** Answers that are neither right nor refused. */
  readonly wrong: string[];
}

/** Opens the store afresh and reads both volumes, by promise and in place. */
async function readAll(objects: ObjectStore): Promise<Answers> {
  const answers: Answers = { right: 0, errors: [], wrong: [] };
  const attempt = async (call: () => unknown): Promise<void> => {
    try {
      await call();
    } catch (error) {
      answers.errors.push(error as Error);
    }
  };
  await attempt(async () => {
    await using store = await openOn(objects);
    for (const name of NAMES) {
      await attempt(async () => {
        const volume = await store.volume(name);
        for (const [lsn, { pageCount, pages }] of expected) {
          await attempt(async () => {
            const at = await volume.snapshot(lsn);
            if (at.pageCount !== pageCount) answers.wrong.push(`${name} has ${at.pageCount} pages at LSN ${lsn}`);
          });
          for (let offset = lsn % 29; offset < KNOWN_OFFSETS; offset += 29) {
            await attempt(async () => {
              const sync = offset % 2 === 0;
              const found = sync
                ? store.readPageSync(volume.id, offset, lsn)
                : await store.readPage(volume.id, offset, lsn);
              const page = pages[offset];
              if (found && page ? Buffer.compare(found, page) === 0 : found === page) answers.right++;
              else answers.wrong.push(`${name}, offset ${offset}, LSN ${lsn}: ${found ? "another page" : "absent"}`);
            });
          }
        }
      });
    }
  });
  return answers;
}

const isTyped = (error: Error) =>
  error instanceof Corrupt || error instanceof UnsupportedFormat || error instanceof NotFound;

describe("a store with a damaged object", async () => {
  const objects = await makeObjects();
  const originals = new Map<string, Uint8Array>();
  for await (const { key } of objects.list("")) {
    // Of the many small records some will do: those that share segments, a large one, the first and last ones.
    const record = /l\/(\d+)$/.exec(key);
    if (record && ![1, 3, 4, 7, 20, LAST - 5, LAST - 4].includes(Number(record[1]))) continue;
    originals.set(key, (await objects.get(key))!);
  }
  // Where reads begin as long as all is whole: damage elsewhere, in pages that are not asked for, is met by verify alone.
  const readAt = new Map<string, number[]>();
  const sound = await readAll(
    new TraceStore(objects, (event) => {
      if (event.type !== "request" || event.start === undefined || !originals.has(event.key)) return;
      readAt.set(event.key, [...(readAt.get(event.key) ?? []), event.start]);
    }),
  );

  /** Damages one object, hands over what is read then, and restores it. */
  async function damaged(key: string, bytes: Uint8Array | undefined, look: (answers: Answers) => Promise<void>) {
    if (bytes) await objects.put(key, bytes);
    else await objects.delete(key);
    await look(await readAll(objects));
    await objects.put(key, originals.get(key)!);
  }

  /** Right, or refused by an error that names the object. */
  function expectDetected(key: string, what: string, { wrong, errors }: Answers): void {
    expect(wrong, `${key}: ${what}`).toEqual([]);
    for (const error of errors) {
      expect(error, `${key}: ${what}: ${error.stack}`).toBeInstanceOf(Corrupt);
      expect((error as Corrupt).key, `${key}: ${what}: ${error}`).toBe(key);
    }
  }

  it("is read right as long as it is whole, and holds objects of every kind", async () => {
    expect(sound.wrong).toEqual([]);
    expect(sound.errors).toEqual([]);
    const kinds = new Set(
      [...originals.keys()].map((key) => key.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "*").replace(/\d{16}/, "N")),
    );
    expect([...kinds].sort()).toEqual([
      "c/N",
      "c/head",
      "s/*/N/*",
      "s/shared/*/*",
      "s/shared/*/records",
      "v/*/l/N",
      "v/*/m/N",
      "v/*/m/head",
    ]);
    expect((await verify(objects)).problems).toEqual([]);
  });

  it("refuses or survives any flipped bit", { timeout: 600_000 }, async () => {
    let detected = 0;
    for (const [key, bytes] of originals) {
      const places = new Set([0, 8, 10, 12, 16, 31, 32, 33, 40, 64, bytes.length - 1]);
      const starts = readAt.get(key);
      if (starts) places.add(starts[below(starts.length)]);
      while (places.size < 15) places.add(below(bytes.length));
      for (const place of places) {
        if (place >= bytes.length) continue;
        const flipped = bytes.slice();
        flipped[place] ^= 1 << below(8);
        await damaged(key, flipped, async (answers) => {
          expectDetected(key, `byte ${place}`, answers);
          if (answers.errors.length > 0) detected++;
          const { problems } = await verify(objects);
          expect(
            problems.map((problem) => problem.key),
            `${key}: byte ${place}`,
          ).toContain(key);
        });
      }
    }
    expect(readAt.size).toBeGreaterThan(3);
    expect(detected).toBeGreaterThan(readAt.size / 2);
  });

  it("refuses or survives any truncation, and any object that grew", async () => {
    for (const [key, bytes] of originals) {
      const lengths = [0, 1, 31, 32, 63, 64, 100, 4096, bytes.length >> 1, bytes.length - 8, bytes.length - 1];
      for (const length of lengths) {
        if (length >= bytes.length) continue;
        await damaged(key, bytes.slice(0, length), async (answers) => expectDetected(key, `cut to ${length}`, answers));
      }
      const grown = new Uint8Array(bytes.length + 7);
      grown.set(bytes);
      await damaged(key, grown, async (answers) => expectDetected(key, "7 bytes longer", answers));
      await damaged(key, new Uint8Array(bytes.length), async (answers) => expectDetected(key, "zeroed", answers));
    }
  });

  it("refuses or survives an object in another's place", async () => {
    for (const [key] of originals) {
      for (const [other, bytes] of originals) {
        if (other === key || below(8) > 0) continue;
        await damaged(key, bytes, async (answers) => expectDetected(key, `replaced by ${other}`, answers));
      }
    }
  });

  it("never shows another page when an object is gone", async () => {
    for (const key of originals.keys()) {
      await damaged(key, undefined, async ({ wrong, errors }) => {
        expect(wrong, key).toEqual([]);
        for (const error of errors) expect(isTyped(error), `${key}: ${error.stack}`).toBe(true);
      });
    }
  });
});
