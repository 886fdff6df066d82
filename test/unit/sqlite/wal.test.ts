/** The WAL parser against an oracle in Python and, for what is valid of a damaged WAL, against SQLite itself. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InputFile } from "../../../src/sqlite/input-file.js";
import { decodeWalHeader, Wal } from "../../../src/sqlite/wal.js";
import { WalChecksum } from "../../../src/sqlite/wal-checksum.js";
import type { WalFrames } from "../../../src/sqlite/wal-frames.js";
import { Random, runSeed } from "../../helpers/random.js";
import { needs } from "../../helpers/requires.js";
import { makeHistory, type State, statesOf, swapChecksumOrder } from "../../helpers/sqlite-history.js";

const random = new Random(runSeed("wal"));
const folder = mkdtempSync(join(tmpdir(), "palimpsest-wal-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function openWal(path: string): Promise<Wal | undefined> {
  const file = await InputFile.open(path, "WAL");
  const header = decodeWalHeader(readFileSync(path).subarray(0, 32), path);
  if (header !== undefined) return new Wal(file, header);
  await file.close();
  return undefined;
}

async function scan(path: string): Promise<WalFrames | undefined> {
  const wal = await openWal(path);
  const frames = await wal?.scan(wal.start);
  await wal?.file.close();
  return frames;
}

const ends = (frames: WalFrames | undefined) =>
  Array.from(
    { length: frames?.transactionCount ?? 0 },
    (_, i) => `${frames!.firstFrame(i + 1)} ${frames!.pageCount(i)}`,
  );
const endsOf = (states: State[]) => states.slice(1).map((state) => `${state.frames} ${state.pageCount}`);

describe.each([512, 4096, 65536])("a WAL of %d-byte pages", needs("sqlite3", "python3"), (pageSize) => {
  const path = join(folder, `${pageSize}.db`);
  let states: State[];

  beforeAll(async () => {
    await makeHistory(path, { pageSize, transactions: 40, random });
    states = statesOf(path);
  });

  test("its transactions are the oracle's, in both checksum byte orders", async () => {
    expect(states.length).toBeGreaterThan(20);
    const frames = await scan(`${path}-wal`);
    expect(ends(frames)).toEqual(endsOf(states));
    expect(frames!.ended).toBe("whole");
    const swapped = join(folder, `${pageSize}-swapped.db`);
    copyFileSync(path, swapped);
    copyFileSync(`${path}-wal`, `${swapped}-wal`);
    swapChecksumOrder(`${swapped}-wal`);
    const other = await scan(`${swapped}-wal`);
    expect(ends(other)).toEqual(endsOf(states));
    // SQLite reads the rewritten WAL too: the last state is the oracle's.
    execFileSync("sqlite3", [swapped, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA integrity_check;"]);
    expect(statesOf(swapped)[0]).toMatchObject({ ...states.at(-1)!, frames: 0 });
  });

  test("digests of frames are the checksums of their pages alone", async () => {
    const wal = (await openWal(`${path}-wal`))!;
    const frames = await wal.scan(wal.start);
    const bytes = readFileSync(`${path}-wal`);
    for (let frame = 0; frame < frames.frameCount; frame++) {
      const at = wal.framePosition(frame) + 24;
      const sum = new WalChecksum(wal.header.bigEndian);
      sum.add(new Int32Array(new Uint8Array(bytes.subarray(at, at + pageSize)).buffer), 0, pageSize);
      expect(frames.digestIs(frame, sum.s1, sum.s2)).toBe(true);
      expect(frames.digestIs(frame, sum.s1 ^ 1, sum.s2)).toBe(false);
    }
    await wal.file.close();
  });

  test("goes on from any place that it held", async () => {
    const wal = (await openWal(`${path}-wal`))!;
    const all = await wal.scan(wal.start);
    for (let done = -1; done < all.transactionCount; done += 7) {
      const place = all.positionAfter(done);
      expect(await wal.holds(place)).toBe(true);
      const rest = await wal.scan(place);
      expect(rest.transactionCount).toBe(all.transactionCount - done - 1);
      expect(rest.positionAfter(rest.transactionCount - 1)).toEqual(all.positionAfter(all.transactionCount - 1));
      expect(await wal.holds({ ...place, s2: place.s2 ^ 1 })).toBe(false);
      expect(await wal.holds({ ...place, frame: place.frame + 1 })).toBe(false);
    }
    expect(await wal.holds({ frame: 1 << 30, s1: 0, s2: 0 })).toBe(false);
    await wal.file.close();
  });

  test("the newest frames of transactions are each page's last", async () => {
    const wal = (await openWal(`${path}-wal`))!;
    const frames = await wal.scan(wal.start);
    const count = frames.transactionCount;
    for (const [from, to] of [
      [0, 0],
      [0, 1],
      [0, count],
      [count >> 1, count],
    ] as const) {
      const newest = new Map<number, number>();
      for (let frame = frames.firstFrame(from); frame < frames.firstFrame(to); frame++) {
        newest.set(frames.pageNumber(frame), frame);
      }
      const length = to > from ? frames.pageCount(to - 1) : 0;
      const expected = [...newest].filter(([page]) => page <= length).sort((a, b) => a[0] - b[0]);
      expect([...frames.newestFrames(from, to)]).toEqual(expected.map(([, frame]) => frame));
    }
    await wal.file.close();
  });
});

describe("a damaged WAL", needs("sqlite3", "python3"), () => {
  const path = join(folder, "small.db");
  const damaged = join(folder, "damaged.db");
  const pageSize = 512;
  const frameBytes = pageSize + 24;

  beforeAll(async () => {
    await makeHistory(path, { pageSize, transactions: 8, random });
    copyFileSync(path, damaged);
  });

  test("cut anywhere: whole transactions before the cut, and what was left out is said", async () => {
    const whole = readFileSync(`${path}-wal`);
    const states = statesOf(path);
    const frameCount = (whole.length - 32) / frameBytes;
    const cuts = Array.from({ length: frameCount }, (_, i) => 32 + (i + 1) * frameBytes);
    for (const cut of [0, 1, 31, 32, ...cuts].flatMap((at) => [at - 1, at, at + 1])) {
      if (cut < 0 || cut > whole.length) continue;
      writeFileSync(`${damaged}-wal`, whole.subarray(0, cut));
      const frames = await scan(`${damaged}-wal`);
      const complete = Math.floor((cut - 32) / frameBytes);
      expect(ends(frames)).toEqual(endsOf(states.filter(({ frames }) => frames <= complete)));
      if (frames === undefined) {
        expect(cut).toBeLessThan(32);
        continue;
      }
      expect(frames.uncommittedCount).toBe(complete - frames.frameCount);
      expect(frames.ended).toBe((cut - 32) % frameBytes === 0 ? "whole" : "cut short");
    }
  });

  test("with any bit flipped: exactly the transactions that the oracle and SQLite keep", async () => {
    const whole = readFileSync(`${path}-wal`);
    for (let round = 0; round < 24; round++) {
      const bytes = Buffer.from(whole);
      // Half of the flips hit a header: the WAL's or a frame's.
      const frame = random.below((whole.length - 32) / frameBytes);
      const at =
        round % 2 === 0
          ? random.below(whole.length)
          : round < 20
            ? random.below(32)
            : 32 + frame * frameBytes + random.below(24);
      bytes[at] ^= 1 << random.below(8);
      copyFileSync(path, damaged);
      writeFileSync(`${damaged}-wal`, bytes);
      const states = statesOf(damaged);
      const version = at >= 4 && at < 8;
      const frames = await scan(`${damaged}-wal`);
      expect(ends(frames), `byte ${at}`).toEqual(endsOf(states));
      // A last frame of other salts is what a WAL that was started over looks like: nothing tells it from a stale one.
      const inLast = at - (whole.length - frameBytes);
      const ended = inLast >= 8 && inLast < 16 ? "stale" : "damaged";
      if (frames !== undefined) expect(frames.ended, `byte ${at}`).toBe(ended);
      if (version || round % 6 !== 0) continue;
      execFileSync("sqlite3", [damaged, "PRAGMA wal_checkpoint(TRUNCATE);"]);
      rmSync(`${damaged}-wal`, { force: true });
      expect(statesOf(damaged)[0].sha256, `byte ${at}`).toBe(states.at(-1)!.sha256);
    }
  });
});
