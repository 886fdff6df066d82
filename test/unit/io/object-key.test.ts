import { describe, expect, it } from "vitest";
import { InvalidArgument } from "../../../src/core/errors.js";
import { checkKey, checkPrefix, checkRange, isKeyPart } from "../../../src/io/object-key.js";

describe("object keys", () => {
  it("accepts what keys.ts makes and its neighbours", () => {
    for (const key of ["c/1", "head", "v/01890a5d-ac96-774b-bcce-b302099a8057/l/12", "a.b_c-d", "x".repeat(128)]) {
      checkKey(key);
      checkPrefix(key);
      checkPrefix(`${key}/`);
    }
    checkPrefix("");
  });

  it("accepts 512 characters and not one more", () => {
    const key = Array.from({ length: 4 }, () => "x".repeat(127)).join("/");
    expect(key.length).toBe(511);
    checkKey(`${key}y`);
    expect(() => checkKey(`${key}/y`)).toThrow(InvalidArgument);
    expect(() => checkKey("x".repeat(129))).toThrow(InvalidArgument);
  });

  it("names the key in its message, shortened and escaped", () => {
    expect(() => checkKey("../etc/passwd")).toThrow(/"\.\.\/etc\/passwd"/);
    expect(() => checkKey("\u001b[2J")).toThrow(/"\\u001b\[2J"/);
    expect(() => checkKey("y".repeat(10_000))).toThrow(/^.{1,300}$/);
  });

  it("keeps the file store's temporary names out of reach", () => {
    expect(isKeyPart(".tmp-0123456789abcdef")).toBe(false);
  });

  it("takes ranges of whole numbers alone", () => {
    checkRange(0, 0);
    checkRange(Number.MAX_SAFE_INTEGER, 1);
    for (const [start, length] of [
      [-1, 0],
      [0, -1],
      [1.5, 0],
      [0, Number.NaN],
      [Number.POSITIVE_INFINITY, 1],
    ]) {
      expect(() => checkRange(start, length)).toThrow(InvalidArgument);
    }
  });
});
