/** The codecs of every log object: what goes in comes out, and no damage goes unnoticed. */
import { describe, expect, it } from "vitest";
import { Corrupt, PalimpsestError, UnsupportedFormat } from "../../../src/core/errors.js";
import { sha256 } from "../../../src/core/sha256.js";
import { Random, runSeed } from "../../helpers/random.js";
import { randomSamples, type Sample } from "./log-objects.js";

/** As plain data: ids as text, bytes as hexadecimal digits. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, inner) => (inner instanceof Uint8Array ? Buffer.from(inner).toString("hex") : inner)),
  );

const outcomeOf = (sample: Sample, bytes: Uint8Array): unknown => {
  try {
    return plain(sample.decode(bytes, sample.key));
  } catch (error) {
    return error;
  }
};

/** Puts the right checksum on changed bytes, as another release or an enemy would. */
function resealed(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const end = 32 + new DataView(copy.buffer).getUint32(12, true);
  const covered = new Uint8Array([...copy.subarray(0, 16), ...copy.subarray(32, end)]);
  copy.set(sha256(covered).subarray(0, 16), 16);
  return copy;
}

const seed = runSeed("log objects");

describe("log objects", () => {
  it("decode to what was encoded", () => {
    for (let i = 0; i < 300; i++) {
      for (const sample of randomSamples(new Random(seed + i))) {
        expect(outcomeOf(sample, sample.bytes), `${sample.name}, SEED=${seed + i}`).toEqual(plain(sample.value));
      }
    }
  });

  it("refuse every flip of a bit that the envelope covers, as damage", () => {
    for (let i = 0; i < 3; i++) {
      for (const sample of randomSamples(new Random(seed + i))) {
        // Each bit is a SHA-256 of the whole: of long objects, whose bytes are mostly heads of segments, every 7th.
        const step = sample.coveredBytes > 1500 ? 7 : 1;
        for (let bit = 0; bit < 8 * sample.coveredBytes; bit += step) {
          const bytes = sample.bytes.slice();
          bytes[bit >> 3] ^= 1 << (bit & 7);
          const outcome = outcomeOf(sample, bytes);
          expect(outcome instanceof Corrupt, `${sample.name}, bit ${bit}, SEED=${seed + i}: ${outcome}`).toBe(true);
          expect((outcome as Corrupt).key).toBe(sample.key);
          expect((outcome as Corrupt).byteOffset).toBeLessThanOrEqual(bytes.length);
        }
      }
    }
  });

  it("refuse every truncation and every extension", () => {
    for (let i = 0; i < 5; i++) {
      for (const sample of randomSamples(new Random(seed + i))) {
        for (let length = 0; length < sample.bytes.length; length++) {
          const outcome = outcomeOf(sample, sample.bytes.subarray(0, length));
          expect(outcome instanceof Corrupt, `${sample.name}, ${length} bytes, SEED=${seed + i}`).toBe(true);
        }
        const longer = new Uint8Array([...sample.bytes, 0]);
        expect(outcomeOf(sample, longer)).toBeInstanceOf(Corrupt);
      }
    }
  });

  it("refuse bytes that belong at another key or are of another kind", () => {
    const samples = randomSamples(new Random(seed));
    for (const sample of samples) {
      expect(() => sample.decode(sample.bytes, `${sample.key}0`)).toThrow(/another object's bytes/);
      for (const other of samples) {
        if (other !== sample) expect(() => sample.decode(other.bytes, other.key)).toThrow(/another kind of log object/);
      }
    }
  });

  it("refuse a newer version and unknown features by name", () => {
    for (const sample of randomSamples(new Random(seed))) {
      const newer = sample.bytes.slice();
      newer[8] = 7;
      expect(() => sample.decode(resealed(newer), sample.key)).toThrow(UnsupportedFormat);
      expect(() => sample.decode(resealed(newer), sample.key)).toThrow(/version 7/);
      const featured = sample.bytes.slice();
      featured[11] = 4;
      expect(() => sample.decode(resealed(featured), sample.key)).toThrow(/required features 0x4/);
    }
  });

  it("survive hostile bytes under a right checksum: a typed error or a value, and never a hang", () => {
    for (let i = 0; i < 400; i++) {
      const random = new Random(seed + i);
      for (const sample of randomSamples(random)) {
        const bytes = sample.bytes.slice();
        const body = sample.coveredBytes - 32;
        for (let left = random.between(1, 4); left > 0; left--) {
          bytes[32 + random.below(body)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
        }
        const outcome = outcomeOf(sample, resealed(bytes));
        if (outcome instanceof Error) {
          expect(outcome, `${sample.name}, SEED=${seed + i}`).toBeInstanceOf(PalimpsestError);
        }
      }
    }
  });
});
