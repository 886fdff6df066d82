import { expect, test } from "vitest";
import { fromPlainError, toPlainError } from "../../../src/core/error-transfer.js";
import {
  Aborted,
  Closed,
  Conflict,
  Corrupt,
  InvalidArgument,
  NoSpace,
  NotFound,
  NotResident,
  OutcomeUnknown,
  PalimpsestError,
  ReadOnly,
  Truncated,
  Unavailable,
  UnsupportedFormat,
} from "../../../src/core/errors.js";

const place = { key: "segments/1", byteOffset: 4096, expected: "this", actual: "that" };

test.each([
  new Aborted("aborted"),
  new Closed("closed"),
  new Conflict("conflict", 7),
  new Corrupt("page damaged", place),
  new InvalidArgument("wrong"),
  new NoSpace("full"),
  new NotFound("nothing"),
  new NotResident("elsewhere"),
  new OutcomeUnknown("who knows", { volume: "v", record: 3, nonce: "n" }),
  new ReadOnly("read only"),
  new Truncated("forgotten", 12),
  new Unavailable("later"),
  new Unavailable("much later", { retryAfterMs: 1500 }),
  new UnsupportedFormat("new"),
])("$code keeps its class, its words and its fields", (error) => {
  const back = fromPlainError(structuredClone(toPlainError(error)));
  expect(back).toBeInstanceOf(PalimpsestError);
  expect(back.constructor).toBe(error.constructor);
  expect(back.message).toBe(error.message);
  expect({ ...back }).toEqual({ ...error });
  expect(back.stack).toContain(error.message);
});

test("a cause comes in words, an error of others as one without a class", () => {
  const caused = new Unavailable("later", { cause: new Error("socket hang up") });
  expect(fromPlainError(toPlainError(caused)).cause).toBe("Error: socket hang up");
  expect(fromPlainError(toPlainError(new TypeError("no function"))).message).toBe("TypeError: no function");
});
