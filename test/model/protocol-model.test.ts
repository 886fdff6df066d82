/**
 * Which protocols are safe in every schedule of a small configuration, and the shortest way in which each of the others fails.
 * `MODEL_LONG=1` checks larger configurations.
 */
import { describe, expect, it } from "vitest";
import { check, SAFE, type Size, UNSAFE } from "./protocol-model.js";

const SMALL: Size = { attempts: [1, 1], records: 2, collections: 2 };
/** With a manifest after the collector's own, so that this one is an old one. */
const MORE_MANIFESTS: Size = { attempts: [1, 1], records: 1, collections: 1, checkpoints: 1 };
const LARGER: readonly Size[] = [
  { attempts: [2, 0], records: 2, collections: 2 },
  { attempts: [1, 1, 0], records: 1, collections: 1 },
  { attempts: [2, 1], records: 2, collections: 2 },
];
const HOURS_MS = 24 * 60 * 60 * 1000;

describe("the model of the protocol", () => {
  it("finds no schedule in which what is kept, or a stub for each record, loses or doubles a commit", {
    timeout: HOURS_MS,
  }, () => {
    for (const protocol of SAFE) {
      for (const size of process.env.MODEL_LONG ? [SMALL, ...LARGER] : [SMALL]) {
        const { states, counterexample, problem } = check(protocol, size);
        console.log(`${protocol.name}: ${states} states, ${problem ?? "safe"}`);
        expect(counterexample, problem).toBeUndefined();
      }
    }
  });

  it("finds how each of the others fails", { timeout: HOURS_MS }, () => {
    for (const protocol of UNSAFE) {
      const { states, counterexample, problem } = check(
        protocol,
        protocol.manifests === "deleted" ? MORE_MANIFESTS : SMALL,
      );
      expect(counterexample, protocol.name).toBeDefined();
      const steps = counterexample!.map((step, i) => `${i + 1}. ${step}`);
      console.log([`${protocol.name}: after ${states} states: ${problem}`, ...steps].join("\n    "));
    }
  });
});
