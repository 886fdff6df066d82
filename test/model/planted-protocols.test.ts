/**
 * Protocols that were not taken, put into the real code: each loses or doubles a commit, or shows what is not so, and the oracle sees
 * it. What is kept does not, in many more schedules.
 */
import { afterEach, describe, expect, it, vi } from "vitest";
import { compareBytes } from "../../src/core/ids.js";
import { ENVELOPE_BYTES, isOfKind, Kind } from "../../src/format/envelope.js";
import { isStub } from "../../src/format/manifest-stub.js";
import { sleep } from "../../src/io/backoff.js";
import { StoreWrapper } from "../../src/io/store-wrapper.js";
import { numberIn, recordKey } from "../../src/log/keys.js";
import { GRACE_MS } from "../../src/log/look.js";
import { VolumeLog } from "../../src/log/volume-log.js";
import { collect } from "../helpers/collector.js";
import type { How } from "./actors.js";
import { HARSH, type RandomRun, runRandomly } from "./explorer.js";
import { type Cast, EVERYBODY, scenario } from "./scenarios.js";

/** What is planted now. */
const planted = vi.hoisted(() => ({ exists: false, content: false, nonces: false, age: false }));

vi.mock(import("../../src/log/put-once.js"), async (importOriginal) => {
  const real = await importOriginal();
  const putOnce: typeof real.putOnce = async (objects, key, bytes, isOurs, policy) => {
    if (planted.content) return real.putOnce(objects, key, bytes, (found) => isAlike(found, bytes), policy);
    if (!planted.exists) return real.putOnce(objects, key, bytes, isOurs, policy);
    for (let tries = 0; ; tries++) {
      try {
        if ((await objects.putIfAbsent(key, bytes)) === "created") return { status: "ours" };
        const found = await objects.get(key);
        return found ? { status: "lost", bytes: found } : { status: "unknown", cause: new Error("absent") };
      } catch (cause) {
        if (tries > 3) return { status: "unknown", cause };
      }
    }
  };
  return { ...real, putOnce };
});

vi.mock(import("../../src/log/attempts.js"), async (importOriginal) => {
  const real = await importOriginal();
  const decidedIn: typeof real.decidedIn = (leaf, record) => {
    const decided = real.decidedIn(leaf, record);
    return decided && planted.nonces ? { ...decided, nonce: "another" } : decided;
  };
  return { ...real, decidedIn };
});

vi.mock(import("../../src/log/look.js"), async (importOriginal) => {
  const real = await importOriginal();
  const isOld: typeof real.isOld = (began) => (planted.age ? began === real.NEVER : real.isOld(began));
  return { ...real, isOld };
});

const KEY_AND_NONCE = 1 + 57 + 16;

/** Whether two records say the same, but for who put them. */
function isAlike(a: Uint8Array, b: Uint8Array): boolean {
  const at = isOfKind(a, Kind.record) ? ENVELOPE_BYTES + KEY_AND_NONCE : 0;
  return compareBytes(a.subarray(at), b.subarray(at)) === 0;
}

/** Deletes what is old, and tells nobody before. */
const withoutBoundary: How = async (objects, vid, oracle) => {
  const log = await VolumeLog.open(objects, vid);
  await log.refresh();
  const last = log.nextRecord - 1;
  if (!(await log.publish())) return;
  await sleep(GRACE_MS, "waiting");
  oracle.assumeBoundary(last);
  for await (const { key } of objects.list(`v/${vid}/l/`)) {
    const record = numberIn(key, (k) => recordKey(vid, k))!;
    if (record <= last) await objects.delete(key);
  }
};

class DeletesManifests extends StoreWrapper {
  override put(key: string, bytes: Uint8Array): Promise<void> {
    return isStub(bytes) ? this.inner.delete(key) : this.inner.put(key, bytes);
  }
}

const withoutStubs: How = (objects, vid) => collect(new DeletesManifests(objects), vid);

const writers: Cast["writers"] = [
  { commits: 3, isOpen: true },
  { commits: 3, publishes: "manifest" },
  { commits: 3, isOpen: true, publishes: "by turns" },
];
const CAST: Cast = { ...EVERYBODY, writers };

const PROTOCOLS: { name: string; plant: () => void; cast: Cast }[] = [
  { name: "“exists” read as a defeat", plant: () => (planted.exists = true), cast: CAST },
  {
    name: "equal content read as one's own",
    plant: () => (planted.content = true),
    cast: { ...CAST, writers: writers.map((options) => ({ ...options, isAlike: true })) },
  },
  {
    name: "no boundary",
    plant: () => undefined,
    cast: { ...CAST, isLenient: true, collectors: [{ rounds: 2, how: withoutBoundary }] },
  },
  { name: "a boundary without nonces", plant: () => (planted.nonces = true), cast: CAST },
  { name: "a look of any age", plant: () => (planted.age = true), cast: CAST },
  {
    name: "old manifests deleted",
    plant: () => undefined,
    cast: { ...CAST, isLenient: true, collectors: [{ rounds: 2, how: withoutStubs }] },
  },
];

const HOURS_MS = 24 * 60 * 60 * 1000;
const SCHEDULES = Number(process.env.MODEL_SCHEDULES ?? 100);

afterEach(() => {
  Object.assign(planted, { exists: false, content: false, nonces: false, age: false });
});

describe("protocols", () => {
  it("other than the one that is kept are seen to fail", { timeout: HOURS_MS }, async () => {
    // The same seeds always: a protocol that fails seldom must not pass by chance.
    const base = Number(process.env.SEED ?? 1);
    const table: string[] = [];
    const failures = new Map<string, number>();
    for (const { name, plant, cast } of [...PROTOCOLS, { name: "what is kept", plant: () => undefined, cast: CAST }]) {
      Object.assign(planted, { exists: false, content: false, nonces: false, age: false });
      plant();
      const bad: RandomRun[] = [];
      for (let seed = base; seed < base + SCHEDULES; seed++) {
        const run = await runRandomly(scenario(name, cast), seed, HARSH);
        if (run.counterexample) bad.push(run);
      }
      failures.set(name, bad.length);
      const shortest = bad.toSorted((a, b) => a.steps - b.steps)[0];
      table.push(`| ${name} | ${bad.length} of ${SCHEDULES} | ${shortest?.counterexample?.problem ?? ""} |`);
    }
    console.log(["", "| protocol | schedules that fail | for instance |", "|---|---|---|", ...table].join("\n"));
    expect(failures.get("what is kept")).toBe(0);
    for (const { name } of PROTOCOLS) expect(failures.get(name), name).toBeGreaterThan(0);
  });
});
